import { mkdirSync } from "node:fs";
import path from "node:path";
import { openAdminKubeconfig } from "./setup/admin-kubeconfig.ts";
import { setUpAdmission } from "./setup/admission-setup.ts";
import { awaitNode, nodeAddresses, setUpAgent } from "./setup/agent-setup.ts";
import { gitCertificate, serveApi } from "./setup/api-setup.ts";
import { writeAtStart, writeOnChange } from "./setup/write-at-start.ts";
import { approvedSigning } from "./setup/auth-setup.ts";
import { API_SERVER_NAME } from "./apimachinery/names.ts";
import { ClusterPki } from "./auth/cluster-pki.ts";
import { API_SERVER_USER, AUTHENTICATED_GROUP } from "./apimachinery/known-users.ts";
import { openSharedPki } from "./auth/shared-pki.ts";
import { during } from "./cli/progress.ts";
import type { Client } from "./client/client.ts";
import { createLocalClient } from "./client/local-client.ts";
import type { ServerConfig } from "./options/config.ts";
import { createControlSocket } from "./control-socket.ts";
import { setUpControlPlane } from "./setup/control-plane-setup.ts";
import { setUpStore } from "./setup/store-setup.ts";
import { setUpGit, type ClientsByUser } from "./setup/git-setup.ts";
import { setUpEgress } from "./setup/egress-setup.ts";
import { createNodeRole } from "./setup/node-role.ts";
import { setUpMetrics } from "./setup/metrics-setup.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { GitOps } from "./gitops/gitops.ts";
import { awaitFirstSync } from "./first-sync.ts";
import type { Clock } from "./lib/clock.ts";
import { lockDirectory } from "./lib/directory-lock.ts";
import { hostAndPort, urlHost } from "./lib/net/ip-address.ts";
import { loadHttpsServer } from "./lib/late-modules.ts";
import { isUnspecified, loopbackOf } from "./lib/net/loopback.ts";
import { ServiceScope } from "./lib/service-scope.ts";
import { chooseStore, describeStore, openStore } from "./open-store.ts";
import { serviceResource } from "./resources/core/service.ts";
import { createApiPresence } from "./server/bootstrap/api-presence.ts";
import { bootstrapCluster, publishFacts } from "./server/bootstrap/bootstrap.ts";

/** A running engine, as its command line sees it. */
export interface Engine {
  /** Whether the first commit was healthy when the start ended; the Git part's `firstSyncHealthy` resolves when it becomes so. */
  readonly isHealthy: boolean;
  /** Undefined when this server follows no repository; `gitNote` says why. */
  readonly gitops: Pick<GitOps, "gitUrl" | "statusBranch" | "applications" | "firstSyncHealthy"> | undefined;
  readonly gitNote: string;
  readonly kubeconfigFile: string;
  /** Address of the first Service that was deployed, for the user to try. */
  readonly firstService: string | undefined;
  /** Resolves when everything has ended after the signal; rejects when a part failed. */
  readonly ended: Promise<void>;
}

/**
 * The composition root, which loads the code of parts that not every server has only where it has them: opens the store, serves the API,
 * starts controllers, scheduler, Git and the machine's agent, each as a client of the API and of nothing else. Resolves when all is up and
 * the first sync is healthy, or has failed to become so in time.
 */
export async function startEngine(config: ServerConfig, parts: EngineParts, signal: AbortSignal): Promise<Engine> {
  const scope = new ServiceScope(signal);
  try {
    return await assemble(config, parts, scope);
  } catch (error) {
    // What runs already must not outlive a start that failed; and a service's own failure says more than what failed after it.
    await scope.end();
    await scope.ended;
    throw error;
  }
}

async function assemble(config: ServerConfig, parts: EngineParts, scope: ServiceScope): Promise<Engine> {
  const { clock, random, logger, progress } = parts;
  // Wrong files are refused before anything is written.
  const signing = approvedSigning(config);
  const admission = setUpAdmission(config, parts);
  const metrics = setUpMetrics(config);
  const egress = setUpEgress(config, { metrics, clock });
  const tracing =
    config.tracingConfigFile === undefined
      ? undefined
      : (await import("./setup/tracing-setup.ts")).setUpTracing(config, { clock, random, logger, metrics, egress });
  const scheduling = config.schedulerConfig === undefined ? undefined : (await import("./setup/scheduler-setup.ts")).setUpScheduling(config, logger);
  const lock = lockDirectory(config.dataDir);
  scope.defer(() => lock.release());
  if (tracing !== undefined) scope.start(tracing.service);
  const serverDir = path.join(config.dataDir, "server");
  mkdirSync(serverDir, { recursive: true, mode: 0o700 });
  const nodeIps = nodeAddresses(config);
  const [nodeIp] = nodeIps;

  const up = Promise.withResolvers<void>();
  const { storage, quorum, pki, isShared } = await openState(config, parts, { serverDir, nodeIp, isUp: up.promise }, scope);
  const { store, healthChecks } = await setUpStore(config, parts, { storage, metrics, tracer: tracing?.tracer }, scope);

  const { server, port, authenticationFacts, presented, started } = await during(
    progress,
    "serve the Kubernetes API",
    `https://${hostAndPort(config.bindAddress, config.apiPort)}`,
    () => serveApi(config, parts, { store, metrics, pki, nodeIps, quorum, healthChecks, admission, egress, tracer: tracing?.tracer }, scope),
  );
  const kubeconfigFile = path.join(config.dataDir, "kubeconfig.yaml");
  const apiHost = isUnspecified(config.bindAddress) ? loopbackOf(config.bindAddress) : config.bindAddress;
  const apiUrl = `https://${hostAndPort(apiHost, port)}`;
  const adminAccess = await openAdminKubeconfig(
    kubeconfigFile,
    { server: apiUrl, ...(presented === undefined ? {} : { serverName: API_SERVER_NAME }), clusterName: config.clusterName },
    pki,
    parts,
  );
  const writing = { clock, logger, scope };
  await writeAtStart(
    "what every cluster has",
    () =>
      bootstrapCluster(server, {
        serviceCidr: config.serviceCidr,
        apiPort: port,
        authenticationFacts: authenticationFacts.current,
        flowControlClock: clock,
        registersApis: true,
        hasMachines: config.agent,
      }),
    writing,
  );
  started();
  // What only looks on may look whatever the operator lets others do.
  const own = createLocalClient(server, API_SERVER_USER, "kube-apiserver");
  writeOnChange("whom servers behind the API trust", () => publishFacts(own, authenticationFacts.current), authenticationFacts, writing);
  const presence = createApiPresence({
    client: own,
    clock,
    logger,
    name: config.nodeName,
    address: config.advertiseAddress ?? nodeIp,
    port,
    isAlone: !isShared,
    isUnpublished: config.endpointReconcilerType === "none",
  });
  await writeAtStart("this server's presence", () => presence.announce(), writing);

  const as: ClientsByUser = (username, groups = [AUTHENTICATED_GROUP]) => createLocalClient(server, { username, groups }, username.replace(/^.*:/, ""));
  const { gitops, services, gitNote } = await setUpGit(
    config,
    parts,
    as,
    {
      storage,
      isShared,
      nodeIp,
      scheduling,
      gitFields: server.parts.gitFields,
      certificate: await gitCertificate(presented, config, { pki, nodeIps }, parts, scope),
    },
    scope.signal,
  );
  const saved = { storage, dataDir: config.dataDir, cluster: config.clusterName, clock };
  const control = createControlSocket(config.dataDir, async (file) => (await import("./backup/backup-cluster.ts")).backupCluster(saved, file), logger);
  const backups =
    config.backupDir === undefined && config.backupRepo === undefined
      ? []
      : (await import("./setup/backup-setup.ts")).setUpBackups(config, parts, as, saved, isShared);
  const agent = config.agent
    ? [await setUpAgent(config, parts, pki, nodeIps, apiUrl), createNodeRole({ client: own, clock, logger, nodeName: config.nodeName })]
    : [];
  scope.start(
    control,
    adminAccess,
    presence.service,
    ...backups,
    ...services,
    ...(await setUpControlPlane(config, parts, { as, metrics, scheduling, pki, signing, presented, tokens: server.parts.tokens, isShared }, scope.signal)),
    ...agent,
  );
  up.resolve();
  if (config.agent) await awaitNode(config, parts, own, scope.signal);
  const followed = await gitops();
  const isHealthy = followed === undefined || (await awaitFirstSync({ gitops: followed, progress, clock, awaitHealth: config.agent }, scope.signal));
  return { isHealthy, gitops: followed, gitNote, kubeconfigFile, firstService: await firstService(own, scope.signal), ended: scope.ended };
}

/** The store and the keys of the cluster; the scope closes what it opens. */
async function openState(
  config: ServerConfig,
  { clock, logger, progress }: EngineParts,
  { serverDir, nodeIp, isUp }: { readonly serverDir: string; readonly nodeIp: string; readonly isUp: Promise<void> },
  scope: ServiceScope,
) {
  const choice = chooseStore(config, serverDir);
  const isShared = choice !== "sqlite";
  const pkiDir = path.join(serverDir, "pki");
  const opening = during(progress, "open the store", describeStore(config, choice), () =>
    openStore(config, { serverDir, nodeIp }, { clock, logger, isUp }, scope.signal),
  );
  // Both come to their ends, whichever fails.
  const preparing = prepare(isShared ? undefined : pkiDir, clock);
  await Promise.allSettled([opening, preparing]);
  const { storage, quorum } = await opening;
  if (quorum !== undefined) {
    scope.defer(() => quorum.stop());
    scope.start(quorum.service);
  }
  scope.defer(() => storage.close());
  // Before the store is followed: over etcd it takes seconds to hear that nothing has happened to objects since keys were written.
  const pki = (await preparing) ?? (await openSharedPki(storage, pkiDir, clock));
  return { storage, quorum, pki, isShared };
}

/** What can be done without the store: the keys of a cluster that has one server, and loading what the API is served with. */
async function prepare(pkiDir: string | undefined, clock: Clock): Promise<ClusterPki | undefined> {
  const pki = pkiDir === undefined ? undefined : await ClusterPki.open(pkiDir, clock);
  loadHttpsServer();
  return pki;
}

async function firstService(client: Client, signal: AbortSignal): Promise<string | undefined> {
  if (signal.aborted) return undefined;
  const { items } = await client.for(serviceResource).list("");
  const own = items.find(
    (candidate) =>
      candidate.metadata.labels?.["mainstay.dev/application"] !== undefined && candidate.spec?.clusterIP !== undefined && candidate.spec.clusterIP !== "None",
  );
  const port = own?.spec?.ports?.[0]?.port;
  const host = own?.spec?.clusterIP ?? "";
  return own === undefined ? undefined : port === 80 || port === undefined ? urlHost(host) : hostAndPort(host, port);
}
