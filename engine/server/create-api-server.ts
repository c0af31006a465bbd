import { GitFieldPlaces } from "../admission/plugins/git-owned-fields.ts";
import type { AdmissionSettings } from "../admission/admission-configuration.ts";
import type { AskImagePolicy } from "../admission/plugins/image-policy.ts";
import type { PluginChoice } from "../admission/choose-plugins.ts";
import { disabledFeatures, type FeatureGates } from "../apimachinery/feature-gates.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import type { WebhookTransport } from "../apimachinery/webhook-call.ts";
import { API_SERVER_USER } from "../apimachinery/known-users.ts";
import { Authenticator, type AuthenticationOptions } from "../auth/authenticate.ts";
import { Impersonator } from "../auth/authentication/impersonate.ts";
import { AuthenticationMetrics, AuthorizationMetrics, ImpersonationMetrics } from "../auth/auth-metrics.ts";
import { createAuthorizer, type AuthorizationMode } from "../auth/authorize.ts";
import { nodeMode } from "../auth/node-authorizer.ts";
import { rbacMode } from "../auth/rbac-authorizer.ts";
import { followRbac, type RbacIndex } from "../auth/rbac-index.ts";
import { ServiceAccountTokens, type TokenSettings } from "../auth/service-account-token.ts";
import type { TokenSigner } from "../auth/token-signer.ts";
import type { Egress } from "../apimachinery/egress.ts";
import type { KubeconfigUsers } from "../client/kubeconfig.ts";
import { createLocalClient } from "../client/local-client.ts";
import { NEVER } from "../lib/abort.ts";
import type { Following } from "../lib/changing-value.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import { Tracer } from "../lib/tracing/tracer.ts";
import { ServiceAddresses } from "../registry/cluster-ip.ts";
import { USUAL_NODE_PORTS, type PortRange } from "../registry/port-range.ts";
import type { KeyPair } from "../auth/certificates.ts";
import { apiServiceResource } from "../resources/apiregistration/api-service.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import { namespaceResource } from "../resources/core/namespace.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { ServerParts } from "./exchange.ts";
import type { Auditor } from "./audit/auditor.ts";
import { Fairness, type RequestOrder } from "./fairness/fairness.ts";
import { followFlowControl } from "./fairness/follow-flow-control.ts";
import { MaxInFlight } from "./fairness/max-in-flight.ts";
import { Aggregator } from "./aggregation/aggregator.ts";
import { CustomKinds } from "./custom-resources/custom-kinds.ts";
import { computedResources } from "./virtual-resources/computed-resources.ts";
import { UsageReader } from "./metrics/usage-reader.ts";
import type { NodeTransport } from "./nodes/node-proxy.ts";
import { nodeObjects } from "./nodes/node-objects.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { ResourceIndex } from "./resource-index.ts";
import { followServiceRanges } from "./bootstrap/service-range.ts";
import { SigningDurations } from "./signing-durations.ts";
import { tokenLookup } from "./tokens/token-lookup.ts";
import { virtualResources } from "./virtual-resources/virtual-resources.ts";
import { serviceResolver } from "./webhooks/resolve-service.ts";
import { WebhookClient, type Loopback } from "./webhooks/webhook-client.ts";
import { ApiServer } from "./api-server.ts";
import { createAdmission } from "./admission/server-admission.ts";

export interface ApiServerOptions {
  readonly store: ObjectStore;
  /** The stored kinds; the store was opened with the same ones. */
  readonly catalog: readonly ResourceDefinition[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** Addresses for Services, such as 10.43.0.0/16. */
  readonly serviceCidr: string;
  /** Ports of nodes for Services; upstream's when absent. */
  readonly serviceNodePorts?: PortRange;
  /** Whether containers may be privileged at all; they may when absent. */
  readonly allowsPrivileged?: boolean;
  /** Signs service account tokens: PEM, PKCS #8, P-256. See `generateTokenKey`. */
  readonly tokenKey: string;
  /** Who signs them in place of that key. */
  readonly tokenSigner?: TokenSigner;
  readonly tokenSettings?: TokenSettings;
  /** How callers prove who they are, beside service account tokens. */
  readonly authentication?: AuthenticationOptions;
  /** The certificate that API servers behind this one know it by. */
  readonly frontProxy?: () => Promise<KeyPair>;
  /** Whether these may send clients elsewhere; they may not when absent. */
  readonly allowsRemoteRedirects?: boolean;
  /** By which ways connections leave this server; directly when absent. */
  readonly egress?: Egress | undefined;
  /** How this server calls itself; by its Service when absent. */
  readonly loopback?: () => Promise<Loopback>;
  /** How webhooks are asked; over HTTPS when absent. */
  readonly webhooks?: WebhookTransport;
  /** How agents are asked for what their nodes and pods use. */
  readonly nodes?: NodeTransport;
  /** Who decides, in this order, which may change. Node and RBAC when absent. */
  readonly authorization?: Following<readonly ModeChoice[]>;
  /** Features of upstream's that are switched off; none is when absent. */
  readonly disabledFeatures?: FeatureGates;
  /** How many requests are served at once; upstream's figures when absent. */
  readonly requestLimits?: RequestLimits;
  /** Parts of the control plane that can be asked how they are. */
  readonly components?: ServerParts["components"];
  /** What must work beside the store for the server to be well. */
  readonly healthChecks?: ServerParts["healthChecks"];
  /** Who keeps a record of requests; nobody when absent. */
  readonly auditor?: Auditor;
  /** Who measures requests from outside; nobody when absent. */
  readonly tracer?: Tracer;
  /** Which plugins of admission run; the usual ones when absent. */
  readonly admissionChoice?: PluginChoice;
  /** What the plugins are told to do; the usual when absent. */
  readonly admissionSettings?: AdmissionSettings;
  /** Asks the server of `admissionSettings.imagePolicy`. */
  readonly askImagePolicy?: AskImagePolicy;
  /** As whom admission webhooks of each form are called; as nobody when absent. */
  readonly webhookUsers?: { readonly mutating?: KubeconfigUsers; readonly validating?: KubeconfigUsers };
}

/** Those that live in the server are named only. */
export type ModeChoice = "Node" | "RBAC" | AuthorizationMode;

export interface RequestLimits {
  readonly readingMax: number;
  readonly writingMax: number;
  /** Whether priority levels share the sum of both; else each is a plain bound. */
  readonly isFair: boolean;
}

const REQUEST_LIMITS: RequestLimits = { readingMax: 400, writingMax: 200, isFair: true };

/** Builds the server from its parts; the store must be running before requests can be answered. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, clock, random, logger, tracer = Tracer.passive({ clock, random }) } = options;
  const rbac = followRbac(store);
  const authorizer = createAuthorizer(currentModes(options, rbac), new AuthorizationMetrics(options.metrics, clock));
  const tokens = new ServiceAccountTokens(options.tokenSigner ?? options.tokenKey, clock, random, options.tokenSettings);
  const webhookClient = (users?: KubeconfigUsers) =>
    new WebhookClient({
      resolveService: serviceResolver(store, random),
      clock,
      loopback: options.loopback,
      egress: options.egress,
      tracer,
      ...(users === undefined ? {} : { users }),
    });
  const webhooks = options.webhooks ?? webhookClient();
  const resources = new ResourceIndex(
    options.catalog,
    [...virtualResources, ...computedResources].map(({ definition }) => definition),
  );
  if (options.catalog.includes(customResourceDefinitionResource as unknown as ResourceDefinition))
    new CustomKinds({ store, resources, webhooks, tracer, random, logger }).follow();
  const gitFields = new GitFieldPlaces();
  const aggregator = new Aggregator({
    resolveService: serviceResolver(store, random),
    allowsRedirects: options.allowsRemoteRedirects === true,
    dial: options.egress?.get("cluster"),
    ...(options.frontProxy === undefined ? {} : { certificate: options.frontProxy }),
  });
  if (options.catalog.includes(apiServiceResource as unknown as ResourceDefinition)) aggregator.follow(store);
  const makeNamespace = async (name: string) => {
    await createLocalClient(server, API_SERVER_USER, "kube-apiserver")
      .for(namespaceResource)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name } })
      .catch((error: unknown) => {
        if (!hasReason(error, "AlreadyExists")) throw error;
      });
  };
  const parts: ServerParts = {
    store,
    webhooks,
    gitFields,
    aggregator,
    ...(options.egress === undefined ? {} : { egress: options.egress }),
    resources,
    disabled: options.disabledFeatures ?? disabledFeatures(),
    authorizer,
    impersonator: new Impersonator(authorizer, new ImpersonationMetrics(options.metrics, clock)),
    rbac,
    admission: createAdmission(options, { authorizer, rbac, resources, gitFields, webhooks, webhookClient, tracer, makeNamespace }),
    addresses: new ServiceAddresses(
      store.storage,
      followServiceRanges(store, options.serviceCidr),
      options.serviceNodePorts ?? USUAL_NODE_PORTS,
      random,
      clock,
    ),
    tokens,
    authenticator: new Authenticator({
      ...options.authentication,
      tokens,
      lookup: tokenLookup(store, clock, logger, options.metrics),
      clock,
      metrics: new AuthenticationMetrics(options.metrics, clock),
    }),
    order: requestOrder(options),
    ...(options.auditor === undefined ? {} : { auditor: options.auditor }),
    tracer,
    ...(options.healthChecks === undefined ? {} : { healthChecks: options.healthChecks }),
    ...(options.components === undefined ? {} : { components: options.components }),
    ...(options.nodes === undefined ? {} : { usage: new UsageReader({ store, nodes: options.nodes, clock }) }),
    requests: new RequestMetrics(options.metrics),
    signings: new SigningDurations(options.metrics),
    clock,
    random,
    logger,
  };
  const server = new ApiServer(parts, options.metrics);
  return server;
}

/** Gives the modes of the moment. What follows the store for one of them is begun once, when it is first among them. */
function currentModes({ store, catalog, authorization }: ApiServerOptions, rbac: RbacIndex): () => readonly AuthorizationMode[] {
  const known = new Map<string, AuthorizationMode>();
  const own = { Node: () => nodeMode(nodeObjects(store, catalog)), RBAC: () => rbacMode(rbac, () => store.caughtUp()) };
  const modeOf = (choice: ModeChoice): AuthorizationMode => {
    if (typeof choice !== "string") return choice;
    const mode = known.get(choice) ?? own[choice]();
    known.set(choice, mode);
    return mode;
  };
  const resolve = () => (authorization?.current ?? (["Node", "RBAC"] as const)).map(modeOf);
  let modes = resolve();
  authorization?.onChange(() => void (modes = resolve()), NEVER);
  return () => modes;
}

function requestOrder({ store, clock, metrics, requestLimits = REQUEST_LIMITS }: ApiServerOptions): RequestOrder {
  const { readingMax, writingMax, isFair } = requestLimits;
  // Without any seat to share out there is no bound, as there is none for a plain one.
  if (!isFair || readingMax + writingMax === 0) return new MaxInFlight(readingMax, writingMax);
  const fairness = new Fairness({ clock, metrics, seats: readingMax + writingMax });
  followFlowControl(store, fairness);
  return fairness;
}
