import { promises as fs } from "node:fs";
import path from "node:path";
import type { Client } from "../client/client.ts";
import { EventRecorder } from "../client/event-recorder.ts";
import { InformerFactory } from "../client/informer-factory.ts";
import type { Following } from "../lib/changing-value.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { service, type Service } from "../lib/service.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import { applicationResource } from "../resources/mainstay/application.ts";
import type { Application } from "../resources/types.ts";
import type { GitSource } from "./git/git-source.ts";
import { openGitStore } from "./git/git-store.ts";
import { ensureHostedRepository, openHostedSource, readSeedFiles, seedRepository } from "./git/hosted-repository.ts";
import type { RepositoryAccess } from "./git/repository-access.ts";
import { readAgeKeys, type AgeKeySources } from "./manifests/age-keys.ts";
import { UNKNOWN_WRITERS, type DriftWriters } from "./sync/drift.ts";
import type { Impersonate } from "./plan/act-as.ts";
import type { ForecastPods } from "./plan/plan-workloads.ts";
import { GitHost } from "./push/git-host.ts";
import type { KeyPair } from "./push/git-server.ts";
import { startWebhookReceiver } from "./push/webhook-receiver.ts";
import { accessOf, openRemote } from "./sources/open-source.ts";
import { createPipeline, type PipelineParts } from "./sources/repository-pipeline.ts";
import { SourceSet } from "./sources/source-set.ts";
import type { ApplicationFacts, StatusFacts } from "./status/status-facts.ts";
import type { StatusReporter } from "./status/status-reporter.ts";
import { RecentEvents } from "./status/recent-events.ts";
import { ClusterView } from "./sync/cluster-view.ts";
import { eventResource } from "../resources/core/event.ts";
import { RepositoryClaims } from "./sync/repository-claims.ts";
import type { SourceFollower } from "./sync/source-follower.ts";
import type { Synchroniser } from "./sync/synchroniser.ts";

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
  readonly certificate?: Following<KeyPair>;
  readonly seedFolder?: string;
  readonly pollIntervalMs?: number;
  /** Followed remotes: the Secret (`namespace/name`) with what is needed to reach it, its forge and its webhooks. */
  readonly repoSecret?: string;
  /** Several servers take turns in following the repository, so that none of them can host one. */
  readonly isMovable?: boolean;
  /** Where forges may tell of pushes to followed remotes. */
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
  /** Who changed the cluster, as far as the API knows. */
  readonly writers?: DriftWriters;
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
  const access = accessOf(client, config.repo === undefined ? undefined : config.repoSecret);
  const host = new GitHost({
    root,
    client,
    random,
    logger,
    address: config.bindAddress ?? "127.0.0.1",
    port: config.gitPort ?? 6480,
    allowsAnonymous: config.allowsAnonymous !== false,
    ...(config.publicAddress === undefined ? {} : { publicAddress: config.publicAddress }),
    ...(config.certificate === undefined ? {} : { certificate: config.certificate }),
  });
  const source = options.source ?? (isHosted ? await openHosted(host, options) : await openFollowed(root, access, options));

  const informers = options.informers ?? new InformerFactory({ client, clock, random, logger });
  const view = new ClusterView(informers);
  const recent = new RecentEvents(view, informers.informer(eventResource), () => own.reporter.touch());
  const parts: PipelineParts = {
    cluster: config.clusterName,
    client,
    view,
    clock,
    logger,
    definitions: informers.informer(customResourceDefinitionResource),
    events: new EventRecorder({ client, clock, random, logger, component: "mainstay-gitops" }),
    eventsOf: (application) => recent.of(application),
    claims: new RepositoryClaims(() => view.list(applicationResource) as readonly Application[]),
    forecastPods: options.forecastPods,
    writers: options.writers ?? UNKNOWN_WRITERS,
    impersonate: options.impersonate,
  };
  const sources = new SourceSet({
    parts,
    host: config.isMovable === true ? undefined : host,
    mirrors: path.join(root, "sources"),
    onChange: () => own.reporter.touch(),
  });
  const { ageKeys } = config;
  const own = createPipeline(parts, {
    source,
    access,
    sources,
    path: config.path,
    ...(isHosted ? { hosted: { gitDir: host.gitDir(OWN_FOLDER) } } : {}),
    ...(config.repo === undefined ? {} : { remote: config.repo }),
    ...(ageKeys === undefined ? {} : { ageKeys: () => readAgeKeys(client, ageKeys) }),
  });
  if (own.gate !== undefined) host.setGate(OWN_FOLDER, own.gate);
  const webhook =
    config.webhook === undefined
      ? undefined
      : await startWebhookReceiver({
          ...config.webhook,
          logger,
          hookOf: (name) =>
            name !== undefined ? sources.webhookOf(name) : { secret: async () => (await access()).webhookSecret, onPush: () => own.trigger() },
        });
  const services: Service[] = [
    ...(webhook === undefined ? [] : [service("webhooks", (signal) => webhook.run(signal))]),
    ...(options.informers === undefined ? [informers.asService()] : []),
    ...own.services,
    service("further repositories", (signal) => sources.run(signal)),
    service("git server", (signal) => host.run(signal)),
  ];
  const { synchroniser, reporter, follower } = own;
  options.provideFieldPlaces?.(async (...about) => (await synchroniser.placeOf(...about)) ?? sources.placeOf(...about));
  return {
    services,
    gitUrl: isHosted ? host.url(OWN_FOLDER) : undefined,
    webhookPort: webhook?.port,
    repositoryUrl: source.url,
    statusBranch: () => reporter.branch ?? `status/${config.clusterName}`,
    applications: () => reporter.facts().applications,
    facts: () => reporter.facts(),
    firstSyncHealthy: whenHealthy(synchroniser, follower, reporter),
  };
}

/** The cluster's own repository, where the cluster hosts it: `cluster.git`. */
const OWN_FOLDER = "cluster";

async function openHosted(host: GitHost, { config, clock }: GitOpsOptions): Promise<GitSource> {
  const { branch, clusterName, seedFolder } = config;
  const gitDir = host.gitDir(OWN_FOLDER);
  const isNew = await ensureHostedRepository(gitDir, branch);
  if (isNew && seedFolder !== undefined)
    await seedRepository(
      gitDir,
      branch,
      await readSeedFiles(seedFolder),
      { name: "Mainstay", email: `mainstay@${clusterName}.invalid`, time: clock.now() },
      `Start cluster ${clusterName}\n`,
    );
  const store = openGitStore(gitDir);
  await host.serve(OWN_FOLDER, clusterName, store);
  await host.open();
  return openHostedSource(gitDir, store, branch, host.url(OWN_FOLDER));
}

async function openFollowed(root: string, access: () => Promise<RepositoryAccess>, { config, logger }: GitOpsOptions): Promise<GitSource> {
  await fs.mkdir(root, { recursive: true, mode: 0o700 });
  return openRemote({
    url: config.repo ?? "",
    revision: config.branch,
    gitDir: path.join(root, "remote.git"),
    access,
    pollIntervalMs: config.pollIntervalMs,
    logger,
  });
}

async function whenHealthy(synchroniser: Synchroniser, follower: SourceFollower, reporter: StatusReporter): Promise<void> {
  await follower.firstLook();
  // A repository that cannot be reached, or lacks the branch, wants something that is not known yet; an empty one wants nothing.
  const isEmpty = () => {
    const { state, message } = reporter.facts().sync;
    return synchroniser.state === undefined && state === "empty" && message === undefined;
  };
  const isHealthy = () =>
    isEmpty() || (synchroniser.state !== undefined && synchroniser.rollouts.current?.appliedMs !== undefined && synchroniser.units.isHealthy);
  if (isHealthy()) return;
  // Who reports hears of both: what is synchronised, and what becomes of the source.
  await new Promise<void>((resolve) => {
    const unsubscribe = reporter.subscribe(() => {
      if (!isHealthy()) return;
      unsubscribe();
      resolve();
    });
  });
}
