import { promises as fs } from "node:fs";
import path from "node:path";
import type { Client } from "../client/client.ts";
import { EventRecorder } from "../client/event-recorder.ts";
import { InformerFactory } from "../client/informer-factory.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { service, type Service } from "../lib/service.ts";
import { catalog } from "../resources/catalog.ts";
import { isConditionTrue } from "../apimachinery/conditions.ts";
import type { Informer } from "../client/informer.ts";
import { aborted } from "../lib/abort.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import type { CustomResourceDefinition } from "../resources/types.ts";
import type { ServedKinds } from "./manifests/served-kinds.ts";
import { readAgeKeys, type AgeKeySources } from "./manifests/age-keys.ts";
import { BranchPlanner } from "./plan/branch-planner.ts";
import { PreviewEnvironments } from "./previews/preview-environments.ts";
import { ClusterView } from "./sync/cluster-view.ts";
import type { GitSource } from "./git/git-source.ts";
import { startGitServer } from "./push/git-server.ts";
import { createChartRenderer } from "./manifests/helm-program.ts";
import { installHooks, runHookServer } from "./push/hook-server.ts";
import { ensureHostedRepository, openHostedSource, readSeedFiles, seedRepository } from "./git/hosted-repository.ts";
import { ManifestLoader } from "./manifests/load-manifests.ts";
import type { Impersonate } from "./plan/act-as.ts";
import type { ForecastPods } from "./plan/plan-workloads.ts";
import { createGitAccess } from "./push/git-access.ts";
import { PushGate } from "./push/push-gate.ts";
import { gitAccessEnvironment, readRepositoryAccess, type RepositoryAccess } from "./git/repository-access.ts";
import { forgeOf, openForge, type Forge } from "./forge/forge.ts";
import { ForgeReporter } from "./forge/forge-reporter.ts";
import { Notifier } from "./notify/notifier.ts";
import { startWebhookReceiver } from "./push/webhook-receiver.ts";
import { RepositoryRecord } from "./sync/repository-object.ts";
import { openRemoteSource } from "./git/remote-source.ts";
import { openRemoteTransport } from "./git/remote-transport.ts";
import { DriftProposer } from "./sync/drift-proposer.ts";
import { SourceFollower } from "./sync/source-follower.ts";
import type { ApplicationFacts, StatusFacts } from "./status/status-facts.ts";
import { StatusReporter } from "./status/status-reporter.ts";
import { Synchroniser } from "./sync/synchroniser.ts";

export interface GitOpsConfig {
  readonly clusterName: string;
  readonly dataDir: string;
  /** The branch with the desired state. */
  readonly branch: string;
  /** Folder of the repository to use; "." is all of it. */
  readonly path: string;
  /** Follow this repository instead of hosting one. */
  readonly repo?: string;
  /** Hosted repository only: where it is served, and what a new one begins with (a folder of files). */
  readonly gitPort?: number;
  readonly bindAddress?: string;
  /** Whether whoever reaches the loopback need not say who he is; true when absent. Elsewhere everyone must. */
  readonly allowsAnonymous?: boolean;
  /** How others reach the address, where it is not an address itself: 0.0.0.0 is all of them. */
  readonly publicAddress?: string;
  /** For HTTPS, which is served wherever the address is not the loopback's. */
  readonly certificate?: () => Promise<{ readonly certificate: string; readonly key: string }>;
  readonly seedFolder?: string;
  readonly pollIntervalMs?: number;
  /** Followed remotes: the Secret (`namespace/name`) with what is needed to reach it, its forge and its webhooks. */
  readonly repoSecret?: string;
  /** Followed remotes: where forges may tell of pushes. */
  readonly webhook?: { readonly address: string; readonly port: number };
  /** Where the age keys of encrypted files are. */
  readonly ageKeys?: AgeKeySources;
}

export interface GitOpsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: GitOpsConfig;
  /** Where the scheduler would put pods that do not exist yet; without it, plans say nothing about that. */
  readonly forecastPods?: ForecastPods;
  /** For applications that run as a ServiceAccount. */
  readonly impersonate?: Impersonate;
  /** The repository, when it is neither hosted nor reached by Git: simulations bring one in memory. */
  readonly source?: GitSource;
  /** Takes what can tell where the fields of objects are written, for refusals of changes to them. */
  readonly provideFieldPlaces?: (locate: Synchroniser["placeOf"]) => void;
  /** Shared informers, run by their owner; without it, gitops runs its own. */
  readonly informers?: InformerFactory;
}

export interface GitOps {
  /** To be run together with the rest of the engine. */
  readonly services: readonly Service[];
  /** Where to clone from and push to; undefined when a remote is followed. */
  readonly gitUrl: string | undefined;
  /** Where forges may post to; undefined when nobody listens. */
  readonly webhookPort: number | undefined;
  /** The repository's URL, hosted or not, without credentials. */
  readonly repositoryUrl: string;
  statusBranch(): string;
  applications(): readonly ApplicationFacts[];
  facts(): StatusFacts;
  /** Resolves when the first commit is applied and everything is healthy, or when there is nothing to run. */
  readonly firstSyncHealthy: Promise<void>;
}

/**
 * The GitOps part of the engine: source → manifests → plan → apply → health → status branch. Opens the repository and its listeners
 * before it returns, so that a taken port is an error of the start; works only once its services run.
 */
export async function createGitOps(options: GitOpsOptions): Promise<GitOps> {
  const { clock, random, logger, config } = options;
  const client = options.client.as("mainstay");
  const isHosted = config.repo === undefined && options.source === undefined;
  const root = path.join(config.dataDir, "git");
  const gitDir = path.join(root, isHosted ? "cluster.git" : "remote.git");
  const address = config.bindAddress ?? "127.0.0.1";
  if (options.source === undefined) await fs.mkdir(root, { recursive: true, mode: 0o700 });
  const server = isHosted ? await prepareHosting(gitDir, root, address, options) : undefined;
  const gitUrl = server === undefined ? undefined : `${isLoopback(address) ? "http" : "https"}://${config.publicAddress ?? hostOf(address)}:${server.port}/cluster.git`;
  const source = options.source ?? (await openSource(options, gitDir, gitUrl));

  const informers = options.informers ?? new InformerFactory({ client, clock, random, logger });
  const view = new ClusterView(informers);
  const { ageKeys } = config;
  const known = Promise.withResolvers<void>();
  const loader = new ManifestLoader({ catalog, kindsKnown: () => known.promise, cluster: config.clusterName, basePath: config.path, renderChart: createChartRenderer(), ...(ageKeys === undefined ? {} : { ageKeys: () => readAgeKeys(client, ageKeys) }) });
  const events = new EventRecorder({ client, clock, random, logger, component: "mainstay-gitops" });
  const synchroniser = new Synchroniser({ client, view, kinds: loader.kinds, events, clock, logger, repositoryUrl: source.url, proposer: new DriftProposer(source, clock), ...(options.impersonate === undefined ? {} : { impersonate: options.impersonate }) });
  options.provideFieldPlaces?.((object, steps) => synchroniser.placeOf(object, steps));
  const reporter = new StatusReporter({ cluster: config.clusterName, source, synchroniser, view, clock, logger, awaitsPlans: true });
  const record = new RepositoryRecord(client, config.clusterName);
  const follower = new SourceFollower({ source, loader, synchroniser, reporter, record, clock, logger });
  const { forecastPods } = options;
  const forge = new ForgeReporter({
    cluster: config.clusterName, clock, logger,
    forge: () => openForgeOf(client, config, synchroniser),
    facts: () => reporter.facts(),
    plans: () => reporter.planned,
    subscribe: (listener) => reporter.subscribe(listener),
  });
  const planner = new BranchPlanner({
    source, follower, synchroniser, reporter, view, forecastPods, cluster: config.clusterName, clock, logger,
    openRequests: async (signal) => (await forge.openRequests(signal).then((open) => (open === undefined ? undefined : new Set(open.map(({ number }) => number))))),
    onPlanned: () => forge.trigger(),
  });
  const previews = new PreviewEnvironments({
    source, loader, follower, synchroniser, clock, logger,
    sync: { client, view, kinds: loader.kinds, events, clock, logger, repositoryUrl: source.url, ...(options.impersonate === undefined ? {} : { impersonate: options.impersonate }) },
    openRequests: (signal) => forge.openRequests(signal),
    onChange: (all) => reporter.setPreviews(all),
    remembered: () => reporter.toldPreviews,
  });
  const onBranchMoved = () => {
    planner.trigger();
    previews.trigger();
  };
  const gate = new PushGate({ gitDir, repository: config.clusterName, branch: config.branch, follower, synchroniser, reporter, forecastPods, onBranchMoved, clock, logger });
  const webhook = config.webhook === undefined || isHosted ? undefined : await startWebhookReceiver({
    ...config.webhook, logger,
    secret: async () => (await readAccess(client, config)).webhookSecret,
    onPush: () => {
      follower.trigger();
      onBranchMoved();
    },
  });
  const definitions = informers.informer(customResourceDefinitionResource);
  followCustomKinds(definitions, loader.kinds, view);
  const notifier = new Notifier({
    client, clock, logger,
    facts: () => reporter.facts(),
    rules: () => synchroniser.state?.config.notifications ?? [],
    isInformed: () => synchroniser.isInformed,
    subscribe: (listener) => reporter.subscribe(listener),
  });
  const services: Service[] = [
    service("notifications", (signal) => notifier.run(signal)),
    service("custom kinds", async (signal) => {
      // Whoever waits for the kinds must not outlive the engine.
      await definitions.waitForSync(signal).finally(() => known.resolve());
      await aborted(signal);
    }),
    ...(webhook === undefined ? [] : [service("webhooks", (signal) => webhook.run(signal))]),
    ...(options.informers === undefined ? [informers.asService()] : []),
    service("git sync", (signal) => synchroniser.run(signal)),
    service("git source", (signal) => follower.run(signal)),
    service("branch plans", (signal) => planner.run(signal)),
    service("previews", (signal) => previews.run(signal)),
    ...(isHosted ? [] : [service("forge", (signal) => forge.run(signal))]),
    service("status branch", (signal) => reporter.run(signal)),
    ...(server === undefined ? [] : [service("git server", (signal) => server.run(signal)), service("git hooks", (signal) => runHookServer({ socketPath: socketPath(root), gateOf: () => gate, identityOf: (push) => server.identityOf(push), logger }, signal))]),
  ];
  return {
    services, gitUrl,
    webhookPort: webhook?.port,
    repositoryUrl: source.url,
    statusBranch: () => reporter.branch ?? `status/${config.clusterName}`,
    applications: () => synchroniser.units.facts(),
    facts: () => reporter.facts(),
    firstSyncHealthy: whenHealthy(synchroniser, follower, reporter),
  };
}

/** Undefined as long as there is no token for it, or nothing says which forge it is. */
async function openForgeOf(client: Client, config: GitOpsConfig, synchroniser: Synchroniser): Promise<Forge | undefined> {
  const { forgeToken } = await readAccess(client, config);
  const address = config.repo === undefined ? undefined : forgeOf(config.repo, synchroniser.state?.config.forge);
  return forgeToken === undefined || address === undefined ? undefined : openForge(address, forgeToken.trim());
}

function readAccess(client: Client, { repoSecret }: GitOpsConfig): Promise<RepositoryAccess> {
  return repoSecret === undefined ? Promise.resolve({}) : readRepositoryAccess(client, repoSecret);
}

/** Manifests may have the kinds that the cluster defines, as long as it serves them. */
function followCustomKinds(definitions: Informer<CustomResourceDefinition>, kinds: ServedKinds, view: ClusterView): void {
  const put = (definition: CustomResourceDefinition) => {
    if (isConditionTrue(definition.status?.conditions, "Established")) kinds.setServed(definition.metadata.name ?? "", definition);
  };
  const drop = ({ metadata, spec }: CustomResourceDefinition) => {
    kinds.forget(metadata.name ?? "");
    for (const { name: version } of spec.versions) view.forget({ group: spec.group, version, resource: spec.names.plural, kind: spec.names.kind, namespaced: spec.scope === "Namespaced" });
  };
  definitions.addHandler({ add: put, update: (_old, definition) => put(definition), delete: drop });
}

async function openSource({ config, logger, client }: GitOpsOptions, gitDir: string, gitUrl: string | undefined): Promise<GitSource> {
  if (config.repo === undefined) return openHostedSource(gitDir, config.branch, gitUrl ?? "");
  const environment = async () => {
    const access = await readAccess(client, config);
    const isNeeded = [access.password, access.bearerToken, access.ca, access.identity, access.knownHosts].some((value) => value !== undefined);
    return isNeeded ? gitAccessEnvironment(access, path.join(path.dirname(gitDir), "access")) : undefined;
  };
  return openRemoteSource({ gitDir, url: config.repo, branch: config.branch, transport: openRemoteTransport(gitDir, config.repo, environment), logger, ...(config.pollIntervalMs === undefined ? {} : { pollIntervalMs: config.pollIntervalMs }) });
}

async function prepareHosting(gitDir: string, root: string, address: string, { config, clock, random, logger, client }: GitOpsOptions): Promise<Awaited<ReturnType<typeof startGitServer>>> {
  const isNew = await ensureHostedRepository(gitDir, config.branch);
  if (isNew && config.seedFolder !== undefined) {
    await seedRepository(gitDir, config.branch, await readSeedFiles(config.seedFolder), { name: "Mainstay", email: `mainstay@${config.clusterName}.invalid`, time: clock.now() }, `Start cluster ${config.clusterName}\n`);
  }
  await installHooks(gitDir, socketPath(root));
  const isOpen = isLoopback(address);
  if (!isOpen && config.certificate === undefined) throw new Error(`serve Git on ${address}: there is no certificate for HTTPS`);
  const users = createGitAccess(client.as("mainstay"), isOpen && config.allowsAnonymous !== false);
  const repositoryOf = (folder: string) => (folder === path.basename(gitDir) ? config.clusterName : undefined);
  return startGitServer({ root, address, port: config.gitPort ?? 6480, access: { users, random }, repositoryOf, logger, ...(isOpen || config.certificate === undefined ? {} : { tls: { certificate: config.certificate, clock } }) });
}

function isLoopback(address: string): boolean {
  return /^(127\.|::1$|localhost$)/.test(address);
}

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function socketPath(root: string): string {
  return path.join(root, "hooks.sock");
}

async function whenHealthy(synchroniser: Synchroniser, follower: SourceFollower, reporter: StatusReporter): Promise<void> {
  await follower.firstLook();
  // A repository that cannot be reached wants something that is not known yet; an empty one wants nothing.
  const isEmpty = () => synchroniser.state === undefined && reporter.facts().sync.state === "empty";
  const isHealthy = () => isEmpty() || (synchroniser.state !== undefined && synchroniser.rollouts.current?.appliedMs !== undefined && synchroniser.units.isHealthy);
  if (isHealthy()) return;
  await new Promise<void>((resolve) => {
    const unsubscribe = synchroniser.subscribe(() => {
      if (!isHealthy()) return;
      unsubscribe();
      resolve();
    });
  });
}
