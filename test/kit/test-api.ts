import type { Egress } from "../../engine/apimachinery/egress.ts";
import type { UserInfo } from "../../engine/apimachinery/api-request.ts";
import type { AuthenticationOptions } from "../../engine/auth/authenticate.ts";
import { generateTokenKey, type TokenSettings } from "../../engine/auth/service-account-token.ts";
import type { Client } from "../../engine/client/client.ts";
import { createLocalClient } from "../../engine/client/local-client.ts";
import { ChangingValue } from "../../engine/lib/changing-value.ts";
import { systemClock, type Clock } from "../../engine/lib/clock.ts";
import { silentLogger, type Logger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemRandom, type Random } from "../../engine/lib/random.ts";
import type { Tracer } from "../../engine/lib/tracing/tracer.ts";
import { catalog } from "../../engine/resources/catalog.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { serviceAccountResource } from "../../engine/resources/core/service-account.ts";
import type { ApiServer } from "../../engine/server/api-server.ts";
import { createApiServer, type ApiServerOptions, type ModeChoice } from "../../engine/server/create-api-server.ts";
import { bootstrapCluster } from "../../engine/server/bootstrap/bootstrap.ts";
import { openMemoryStorage } from "../../engine/storage/memory-storage.ts";
import { ObjectStore } from "../../engine/storage/object-store.ts";
import type { Storage } from "../../engine/storage/storage.ts";

export interface TestApiOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  readonly storage?: Storage;
  readonly serviceCidr?: string;
  /** Whether it has what comes with the first machine; yes by default. */
  readonly hasMachines?: boolean;
  /**
   * Whether the `default` service account is made in the `default` namespace, which without a running controller nobody would do,
   * and without which no pod can be created. True when absent.
   */
  readonly defaultAccounts?: boolean;
  readonly authentication?: AuthenticationOptions;
  readonly authorization?: readonly ModeChoice[] | NonNullable<ApiServerOptions["authorization"]>;
  readonly tokenSettings?: TokenSettings;
  readonly tokenSigner?: ApiServerOptions["tokenSigner"];
  readonly webhooks?: ApiServerOptions["webhooks"];
  readonly admissionChoice?: ApiServerOptions["admissionChoice"];
  readonly admissionSettings?: ApiServerOptions["admissionSettings"];
  readonly askImagePolicy?: ApiServerOptions["askImagePolicy"];
  readonly webhookUsers?: ApiServerOptions["webhookUsers"];
  readonly allowsPrivileged?: boolean;
  readonly allowsRemoteRedirects?: boolean;
  readonly egress?: Egress;
  readonly disabledFeatures?: ApiServerOptions["disabledFeatures"];
  readonly loopback?: NonNullable<ApiServerOptions["loopback"]>;
  readonly serviceNodePorts?: ApiServerOptions["serviceNodePorts"];
  readonly frontProxy?: ApiServerOptions["frontProxy"];
  readonly auditor?: ApiServerOptions["auditor"];
  readonly tracer?: Tracer;
  readonly requestLimits?: ApiServerOptions["requestLimits"];
  /** How agents are asked for what their nodes use; nobody is when absent. */
  readonly nodes?: ApiServerOptions["nodes"];
}

export interface TestApi extends AsyncDisposable {
  readonly server: ApiServer;
  readonly store: ObjectStore;
  readonly storage: Storage;
  /** A cluster admin. */
  readonly client: Client;
  /** Anyone else: `as("system:node:n1", ["system:nodes"])`. */
  as(username: string, groups?: readonly string[], userAgent?: string): Client;
  stop(): Promise<void>;
}

export const adminUser: UserInfo = { username: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] };

/** One signing key for all tests of a process: making one takes longer than most tests. */
let tokenKey: string | undefined;

/** An API server in this process over memory storage, bootstrapped, without any listener. */
export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const { clock = systemClock, random = systemRandom, logger = silentLogger, serviceCidr = "10.43.0.0/16" } = options;
  const storage = options.storage ?? openMemoryStorage();
  const store = new ObjectStore({ storage, resources: catalog, clock, logger, tracer: options.tracer });
  const running = new AbortController();
  const storeEnded = store.run(running.signal);
  tokenKey ??= generateTokenKey();
  const server = createApiServer({ store, catalog, clock, random, logger, metrics: new MetricsRegistry(), serviceCidr, tokenKey, ...given(options) });
  const client = createLocalClient(server, adminUser, "test");
  await bootstrapCluster(server, { serviceCidr, apiPort: 6443, hasMachines: options.hasMachines ?? true });
  if (options.defaultAccounts !== false) await ensureDefaultAccount(client, "default");
  const stop = async () => {
    running.abort();
    await storeEnded;
    await storage.close();
  };
  return {
    server,
    store,
    storage,
    client,
    as: (username, groups = [], userAgent = "test") => createLocalClient(server, { username, groups: [...groups, "system:authenticated"] }, userAgent),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

type Given =
  | "authentication"
  | "authorization"
  | "tokenSettings"
  | "tokenSigner"
  | "webhooks"
  | "requestLimits"
  | "auditor"
  | "tracer"
  | "admissionChoice"
  | "admissionSettings"
  | "askImagePolicy"
  | "webhookUsers"
  | "allowsPrivileged"
  | "allowsRemoteRedirects"
  | "egress"
  | "disabledFeatures"
  | "serviceNodePorts"
  | "frontProxy"
  | "loopback"
  | "nodes";

function given({
  authentication,
  authorization,
  tokenSettings,
  tokenSigner,
  webhooks,
  requestLimits,
  auditor,
  tracer,
  admissionChoice,
  admissionSettings,
  askImagePolicy,
  webhookUsers,
  allowsPrivileged,
  allowsRemoteRedirects,
  egress,
  disabledFeatures,
  serviceNodePorts,
  frontProxy,
  loopback,
  nodes,
}: TestApiOptions): Pick<ApiServerOptions, Given> {
  return {
    ...(authentication === undefined ? {} : { authentication }),
    ...(authorization === undefined ? {} : { authorization: "current" in authorization ? authorization : new ChangingValue(authorization) }),
    ...(tokenSettings === undefined ? {} : { tokenSettings }),
    ...(tokenSigner === undefined ? {} : { tokenSigner }),
    ...(webhooks === undefined ? {} : { webhooks }),
    ...(frontProxy === undefined ? {} : { frontProxy }),
    ...(loopback === undefined ? {} : { loopback }),
    ...(requestLimits === undefined ? {} : { requestLimits }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(auditor === undefined ? {} : { auditor }),
    ...(tracer === undefined ? {} : { tracer }),
    ...(admissionChoice === undefined ? {} : { admissionChoice }),
    ...(admissionSettings === undefined ? {} : { admissionSettings }),
    ...(askImagePolicy === undefined ? {} : { askImagePolicy }),
    ...(allowsPrivileged === undefined ? {} : { allowsPrivileged }),
    ...(allowsRemoteRedirects === undefined ? {} : { allowsRemoteRedirects }),
    ...(egress === undefined ? {} : { egress }),
    ...(disabledFeatures === undefined ? {} : { disabledFeatures }),
    ...(serviceNodePorts === undefined ? {} : { serviceNodePorts }),
    ...(webhookUsers === undefined ? {} : { webhookUsers }),
  };
}

/** A namespace with the service account that pods need, as the controllers would leave it. */
export async function createTestNamespace(client: Client, name: string): Promise<void> {
  await client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  await ensureDefaultAccount(client, name);
}

async function ensureDefaultAccount(client: Client, namespace: string): Promise<void> {
  await client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } });
}
