import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { machineAddress } from "../node-agent/config.ts";
import { createAgentProcess } from "./agent-process.ts";
import { setUpAudit } from "./audit-setup.ts";
import { FRONT_PROXY_NAME, setUpAuth, type AuthSetup } from "./auth-setup.ts";
import { ClusterPki } from "./auth/cluster-pki.ts";
import { API_SERVER_USER, GITOPS_USER } from "./auth/known-users.ts";
import { openSharedPki } from "./auth/shared-pki.ts";
import { backupCluster, type BackupSource } from "./backup/backup-cluster.ts";
import { backupFolder, type BackupPlace } from "./backup/backup-place.ts";
import { backupRepository } from "./backup/backup-repository.ts";
import { createBackupSchedule } from "./backup/backup-schedule.ts";
import type { Progress } from "./cli/progress.ts";
import type { Client } from "./client/client.ts";
import { formatKubeconfig } from "./client/kubeconfig.ts";
import { createLocalClient } from "./client/local-client.ts";
import type { ServerConfig } from "./config.ts";
import { createControlSocket } from "./control-socket.ts";
import { createControlPlane, elected, type ElectedOptions } from "./control-plane.ts";
import { claimGitHome, shareGitOps } from "./git-leadership.ts";
import { setUpEncryption } from "./encryption-setup.ts";
import { createGitOps, type GitOps } from "./gitops/gitops.ts";
import { awaitFirstSync } from "./first-sync.ts";
import { isAbort } from "./lib/abort.ts";
import { sleep, type Clock } from "./lib/clock.ts";
import { lockDirectory } from "./lib/directory-lock.ts";
import type { Logger } from "./lib/log.ts";
import { MetricsRegistry } from "./lib/metrics.ts";
import type { Random } from "./lib/random.ts";
import { service, type Service } from "./lib/service.ts";
import { ServiceScope } from "./lib/service-scope.ts";
import { chooseStore, describeStore, openStore } from "./open-store.ts";
import type { Quorum } from "./quorum/open-quorum.ts";
import { createPodForecast } from "./pod-forecast.ts";
import { firstAddress, parseIpRange } from "./registry/ip-range.ts";
import { catalog } from "./resources/catalog.ts";
import { nodeResource } from "./resources/core/node.ts";
import { serviceResource } from "./resources/core/service.ts";
import { createApiPresence } from "./server/api-presence.ts";
import { availabilityService } from "./server/aggregation/availability.ts";
import { createApiServer, type ApiServer, type RequestLimits } from "./server/api-server.ts";
import { bootstrapCluster } from "./server/bootstrap.ts";
import { createFlowControlKeeper } from "./server/fairness/maintain-flow-control.ts";
import { openHttpListener } from "./server/http-listener.ts";
import { writeKubeconfigFile } from "./server/kubeconfig-file.ts";
import { createNodeTransport } from "./server/node-proxy.ts";
import { createCompactor } from "./storage/compactor.ts";
import { ObjectStore } from "./storage/object-store.ts";
import type { Storage } from "./storage/storage.ts";

export interface EngineParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly progress: Progress;
}

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

const seedFolder = fileURLToPath(new URL("../examples/quickstart", import.meta.url));

/**
 * The composition root: opens the store, serves the API, starts controllers, scheduler, Git and the machine's agent, each as a
 * client of the API and of nothing else. Resolves when all is up and the first sync is healthy, or has failed to become so in time.
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
  const lock = lockDirectory(config.dataDir);
  scope.defer(() => lock.release());
  const serverDir = path.join(config.dataDir, "server");
  mkdirSync(serverDir, { recursive: true, mode: 0o700 });
  const nodeIp = config.nodeIp ?? (config.bindAddress === "127.0.0.1" || config.bindAddress === "0.0.0.0" ? machineAddress(defaultRoute()) : config.bindAddress);

  const choice = chooseStore(config, serverDir);
  const { storage, quorum } = await during(progress, "open the store", describeStore(config, choice), () => openStore(config, { serverDir, nodeIp }, parts, scope.signal));
  const isShared = choice !== "sqlite";
  if (quorum !== undefined) {
    scope.defer(() => quorum.stop());
    scope.start(quorum.service);
  }
  scope.defer(() => storage.close());
  const encryption = setUpEncryption(config, storage, clock, logger);
  const store = new ObjectStore({ storage: encryption.storage, resources: catalog, clock, logger });
  const metrics = new MetricsRegistry();
  // The store must run before the API can answer, and until nothing asks it any more.
  scope.start(service("store", (running) => store.run(running)), createCompactor(storage, clock, logger), ...encryption.services);

  const pkiDir = path.join(serverDir, "pki");
  const pki = isShared ? await openSharedPki(storage, pkiDir, clock) : await ClusterPki.open(pkiDir, clock);
  const { server, port, authenticationFacts } = await during(progress, "serve the Kubernetes API", `https://${config.bindAddress}:${config.apiPort}`, () => serveApi(config, parts, { store, metrics, pki, nodeIp, quorum }, scope));
  const admin = await pki.certificate("admin", { commonName: "kubernetes-admin", organizations: ["system:masters"], usage: "client" });
  const kubeconfigFile = path.join(config.dataDir, "kubeconfig.yaml");
  const apiHost = config.bindAddress === "0.0.0.0" ? "127.0.0.1" : config.bindAddress;
  const apiUrl = `https://${apiHost}:${port}`;
  await writeKubeconfigFile(kubeconfigFile, { server: apiUrl, ca: pki.ca, credentials: admin, clusterName: config.clusterName, userName: "admin" });
  await bootstrapCluster(server, { serviceCidr: config.serviceCidr, apiPort: port, authenticationFacts, flowControlClock: clock, registersApis: true });
  const presence = createApiPresence({ client: createLocalClient(server, API_SERVER_USER, "kube-apiserver"), clock, logger, name: config.nodeName, address: nodeIp, port });
  await presence.announce();

  const as = (username: string): Client => createLocalClient(server, { username, groups: ["system:authenticated"] }, username.replace(/^.*:/, ""));
  const { gitops, services, gitNote } = await composeGit(config, parts, as, { storage, isShared }, scope);
  const saved = { storage, dataDir: config.dataDir, cluster: config.clusterName, clock };
  const control = createControlSocket(config.dataDir, (file) => backupCluster(saved, file), logger);
  const backups = composeBackups(config, parts, as, saved, isShared);
  const agent = config.agent ? [await agentService(config, parts, pki, nodeIp, apiUrl)] : [];
  const keys = { signApproved: pki.signApproved.bind(pki), issueAccountToken: server.parts.tokens.issueLegacy.bind(server.parts.tokens) };
  const controlPlane = () => createControlPlane({ as, clock, random, logger, metrics, rootCa: pki.ca, clusterCidr: config.clusterCidr, keys });
  scope.start(control, presence.service, ...backups, ...services, ...(isShared ? [elected("mainstay-control-plane", async () => controlPlane(), electedOptions(config, parts, as))] : controlPlane()), ...agent);
  if (config.agent) await awaitNode(config, parts, as(GITOPS_USER), scope.signal);
  const followed = await gitops();
  const isHealthy = followed === undefined || (await awaitFirstSync({ gitops: followed, progress, clock, awaitHealth: config.agent }, scope.signal));
  return { isHealthy, gitops: followed, gitNote, kubeconfigFile, firstService: await firstService(as(GITOPS_USER), scope.signal), ended: scope.ended };
}

/** Every server fills its own folder; a repository is everybody's, and one server's task. */
function composeBackups(config: ServerConfig, parts: EngineParts, as: (username: string) => Client, saved: BackupSource, isShared: boolean): readonly Service[] {
  const { backupDir, backupRepo: url, backupRecipient: recipients, backupSchedule: schedule, backupKeep: keep } = config;
  const { clock, logger } = parts;
  const to = (place: BackupPlace) => createBackupSchedule({ ...saved, place, schedule, keep, recipients, logger });
  const services = backupDir === undefined ? [] : [to(backupFolder(backupDir))];
  if (url === undefined) return services;
  const repository = to(backupRepository({ url, cluster: config.clusterName, gitDir: path.join(config.dataDir, "server", "backups.git"), clock }));
  return [...services, isShared ? elected("mainstay-backups", async () => [repository], electedOptions(config, parts, as)) : repository];
}

function electedOptions(config: ServerConfig, { clock, random, logger }: EngineParts, as: (username: string) => Client): ElectedOptions {
  return { as, clock, random, logger, identity: `${config.nodeName}_${random.uuid()}` };
}

interface GitPart {
  readonly services: readonly Service[];
  /** What this server follows, once that is decided. */
  readonly gitops: () => Promise<GitOps | undefined>;
  /** Why it follows nothing, when it does not. */
  readonly gitNote: string;
}

/** A repository is followed by one server: the only one, the one that hosts it, or the one that leads. */
async function composeGit(config: ServerConfig, parts: EngineParts, as: (username: string) => Client, { storage, isShared }: { readonly storage: Storage; readonly isShared: boolean }, scope: ServiceScope): Promise<GitPart> {
  const none = (gitNote: string): GitPart => ({ services: [], gitops: async () => undefined, gitNote });
  if (!config.git) return none("no repository is followed");
  if (isShared && config.repo !== undefined) {
    const leadership = shareGitOps(() => openGitOps(config, parts, as(GITOPS_USER)), electedOptions(config, parts, as));
    return { services: [leadership.service], gitops: () => leadership.decided(scope.signal), gitNote: "another server follows the repository" };
  }
  const home = isShared ? await claimGitHome(storage, config.nodeName) : config.nodeName;
  if (home !== config.nodeName) return none(`server ${home} hosts the repository`);
  const gitops = await openGitOps(config, parts, as(GITOPS_USER));
  return { services: gitops.services, gitops: async () => gitops, gitNote: "" };
}

function openGitOps(config: ServerConfig, { clock, random, logger, progress }: EngineParts, client: Client): Promise<GitOps> {
  const { clusterName, dataDir, branch, path, gitPort, repo, repoSecret, webhookPort, webhookAddress } = config;
  return during(progress, repo === undefined ? "host the Git repository" : "follow the Git repository", repo ?? `port ${gitPort}`, () =>
    createGitOps({ client, clock, random, logger, forecastPods: createPodForecast(client), config: { clusterName, dataDir, branch, path, gitPort, ageKeys: { file: config.sopsAgeKeyFile, secret: config.sopsAgeSecret }, ...(repo === undefined ? { seedFolder } : { repo, repoSecret, ...(webhookPort === undefined ? {} : { webhook: { address: webhookAddress, port: webhookPort } }) }) } }),
  );
}

interface ApiParts {
  readonly store: ObjectStore;
  readonly metrics: MetricsRegistry;
  readonly pki: ClusterPki;
  readonly nodeIp: string;
  readonly quorum: Quorum | undefined;
}

async function serveApi(config: ServerConfig, { clock, random, logger }: EngineParts, { store, metrics, pki, nodeIp, quorum }: ApiParts, scope: ServiceScope): Promise<{ server: ApiServer; port: number; authenticationFacts: AuthSetup["authenticationFacts"] }> {
  await store.ready(scope.signal);
  const auth = setUpAuth(config, { clusterCa: pki.ca, joinToken: await pki.joinToken(), serverToken: await pki.serverSecret(), tokenKey: await pki.tokenKey(), clock, logger });
  const auditor = await setUpAudit(config, { clock, logger, metrics });
  scope.defer(async () => auditor?.close());
  const toAgents = () => pki.certificate("apiserver-kubelet-client", { commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"], usage: "client" });
  const nodes = createNodeTransport(pki.ca, toAgents);
  const { frontProxy: ownFrontProxy, ...given } = auth;
  const frontProxy = async () => ownFrontProxy ?? pki.certificate(FRONT_PROXY_NAME, { commonName: FRONT_PROXY_NAME, organizations: [], usage: "client" });
  const server = createApiServer({ nodes, store, catalog, clock, random, logger, metrics, serviceCidr: config.serviceCidr, ...given, frontProxy, requestLimits: requestLimits(config), admissionChoice: { enabled: config.enableAdmissionPlugins, disabled: config.disableAdmissionPlugins }, ...(auditor === undefined ? {} : { auditor }) });
  scope.start(availabilityService({ aggregator: server.parts.aggregator, store, client: createLocalClient(server, API_SERVER_USER, "kube-aggregator"), clock, logger }));
  if (config.enablePriorityAndFairness) scope.start(createFlowControlKeeper({ handler: server, store, clock, logger }));
  const dnsNames = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost", os.hostname()];
  const ipAddresses = [...new Set(["127.0.0.1", nodeIp, config.bindAddress, firstAddress(parseIpRange(config.serviceCidr))].filter((address) => address !== "0.0.0.0"))];
  const serving = () => pki.certificate("apiserver", { commonName: "kube-apiserver", organizations: [], usage: "serving", dnsNames, ipAddresses });
  const listener = await openHttpListener({ server, host: config.bindAddress, port: config.apiPort, ca: auth.clientCas, ...(config.serviceAccountJwksUri === undefined ? {} : { jwksUri: config.serviceAccountJwksUri }), serving, signer: pki, nodes, ...(quorum === undefined ? {} : { admitServer: (body: unknown) => quorum.admit(body) }) });
  await pki.writeTokens();
  scope.defer(() => listener.close());
  return { server, port: listener.port, authenticationFacts: auth.authenticationFacts };
}

function requestLimits({ maxRequestsInflight: readingMax, maxMutatingRequestsInflight: writingMax, enablePriorityAndFairness: isFair }: ServerConfig): RequestLimits {
  return { readingMax, writingMax, isFair };
}

/** The agent of this machine gets its certificates straight from the authority, and everything else as any agent would. */
async function agentService(config: ServerConfig, { clock, logger }: EngineParts, pki: ClusterPki, nodeIp: string, apiUrl: string): Promise<Service> {
  const agentDir = path.join(config.dataDir, "agent");
  const folder = path.join(agentDir, "pki");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const commonName = `system:node:${config.nodeName}`;
  const client = await pki.certificate(`node-${config.nodeName}`, { commonName, organizations: ["system:nodes"], usage: "client" });
  const serving = await pki.certificate(`node-${config.nodeName}-serving`, { commonName, organizations: ["system:nodes"], usage: "serving", dnsNames: [config.nodeName], ipAddresses: [nodeIp] });
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  write("ca.crt", pki.ca);
  write("serving.crt", serving.certificate);
  write("serving.key", serving.key);
  write("kubeconfig.yaml", formatKubeconfig({ server: apiUrl, ca: pki.ca, certificate: client.certificate, key: client.key }, { cluster: config.clusterName, user: commonName }));
  const [base = "10.43.0"] = config.serviceCidr.split("/");
  const args = ["--kubeconfig", path.join(folder, "kubeconfig.yaml"), "--data-dir", agentDir, "--node-name", config.nodeName, "--node-ip", nodeIp, "--cluster-cidr", config.clusterCidr, "--cluster-dns", base.replace(/\.\d+$/, ".10"), "--log-level", config.logLevel];
  if (config.containerRuntimeEndpoint !== undefined) args.push("--container-runtime-endpoint", config.containerRuntimeEndpoint);
  return createAgentProcess(args, path.join(agentDir, "agent.log"), clock, logger);
}

async function awaitNode(config: ServerConfig, { clock, progress }: EngineParts, client: Client, signal: AbortSignal): Promise<void> {
  await during(progress, "start the node agent", config.nodeName, async () => {
    for (;;) {
      const node = await client.for(nodeResource).get("", config.nodeName).catch(() => undefined);
      if (node?.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true) return;
      await sleep(clock, 100, signal);
    }
  });
}

async function firstService(client: Client, signal: AbortSignal): Promise<string | undefined> {
  if (signal.aborted) return undefined;
  const { items } = await client.for(serviceResource).list("");
  const own = items.find((candidate) => candidate.metadata.labels?.["mainstay.dev/application"] !== undefined && candidate.spec?.clusterIP !== undefined && candidate.spec.clusterIP !== "None");
  const port = own?.spec?.ports?.[0]?.port;
  return own === undefined ? undefined : `${own.spec?.clusterIP}${port === 80 || port === undefined ? "" : `:${port}`}`;
}

async function during<T>(progress: Progress, title: string, note: string, work: () => Promise<T>): Promise<T> {
  const step = progress.step(title);
  try {
    const result = await work();
    step.done(note);
    return result;
  } catch (error) {
    step.failed(isAbort(error) ? "interrupted" : error instanceof Error ? error.message : String(error));
    throw error;
  }
}

function defaultRoute(): string {
  try {
    return execFileSync("ip", ["route", "show", "default"], { encoding: "utf8" });
  } catch {
    return "";
  }
}
