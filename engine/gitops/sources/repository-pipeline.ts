import { isConditionTrue } from "../../apimachinery/conditions.ts";
import type { Client } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Informer } from "../../client/informer.ts";
import { aborted } from "../../lib/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { service, type Service } from "../../lib/service.ts";
import { catalog } from "../../resources/catalog.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";
import { forgeOf, openForge } from "../forge/forge.ts";
import { ForgeReporter } from "../forge/forge-reporter.ts";
import type { GitSource } from "../git/git-source.ts";
import type { RepositoryAccess } from "../git/repository-access.ts";
import { runUpkeep } from "../git/repository-upkeep.ts";
import { createChartRenderer } from "../manifests/helm-program.ts";
import { ManifestLoader } from "../manifests/load-manifests.ts";
import type { ServedKinds } from "../manifests/served-kinds.ts";
import type { SourceRule } from "../manifests/source-rules.ts";
import { Notifier } from "../notify/notifier.ts";
import type { Impersonate } from "../plan/act-as.ts";
import { BranchPlanner } from "../plan/branch-planner.ts";
import type { ForecastPods } from "../plan/plan-workloads.ts";
import { PreviewEnvironments } from "../previews/preview-environments.ts";
import { PushGate } from "../push/push-gate.ts";
import type { EventFacts } from "../status/status-facts.ts";
import { StatusReporter, type StatusReporterOptions } from "../status/status-reporter.ts";
import type { ClusterView } from "../sync/cluster-view.ts";
import type { DriftWriters } from "../sync/drift.ts";
import { DriftProposer } from "../sync/drift-proposer.ts";
import type { RepositoryClaims } from "../sync/repository-claims.ts";
import { RepositoryRecord } from "../sync/repository-object.ts";
import { SourceFollower, type FurtherSources } from "../sync/source-follower.ts";
import { Synchroniser } from "../sync/synchroniser.ts";

/** What all repositories of a cluster share. */
export interface PipelineParts {
  readonly cluster: string;
  readonly client: Client;
  readonly view: ClusterView;
  readonly definitions: Informer<CustomResourceDefinition>;
  readonly events: EventRecorder;
  /** What happened to applications lately. */
  readonly eventsOf: (application: string) => readonly EventFacts[];
  readonly claims: RepositoryClaims;
  readonly forecastPods: ForecastPods | undefined;
  readonly writers: DriftWriters;
  readonly impersonate: Impersonate | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PipelineOptions {
  readonly source: GitSource;
  /** Folder of the repository to use. */
  readonly path: string;
  /** What the cluster's own repository says about this one; undefined: it is the cluster's own. */
  readonly rule?: SourceRule;
  /** The folder of a hosted repository, which pushes go to. */
  readonly hosted?: { readonly gitDir: string };
  /** The address of a repository elsewhere, for its forge. */
  readonly remote?: string;
  /** The secrets to reach it with. */
  readonly access: () => Promise<RepositoryAccess>;
  readonly ageKeys?: () => Promise<readonly string[]>;
  /** Further repositories that it may name; absent where it may not. */
  readonly sources?: FurtherSources & Pick<StatusReporterOptions, "composed">;
}

/** One repository on its way into the cluster and back. */
export interface RepositoryPipeline {
  readonly services: readonly Service[];
  readonly follower: SourceFollower;
  readonly synchroniser: Synchroniser;
  readonly reporter: StatusReporter;
  readonly record: RepositoryRecord;
  /** Decides about pushes to a hosted repository; undefined for others. */
  readonly gate: PushGate | undefined;
  /** The repository may have changed: look now. */
  trigger(): void;
}

/** Puts together what one repository needs: source → manifests → plan → apply → health → status branch, with plans of branches beside it. */
export function createPipeline(parts: PipelineParts, options: PipelineOptions): RepositoryPipeline {
  const { cluster, client, view, events, eventsOf, claims, forecastPods, writers, impersonate, clock, logger } = parts;
  const { source, rule, hosted, sources } = options;
  const name = rule?.name ?? cluster;
  const writesStatus = rule?.writesStatus ?? true;
  const { followKinds, ...loaders } = openLoaders(parts, options);
  const { loader, sealedLoader, proposalLoader } = loaders;
  const applying = {
    client,
    view,
    kinds: loader.kinds,
    events,
    clock,
    logger,
    writers,
    repositoryUrl: source.url,
    ...(impersonate === undefined ? {} : { impersonate }),
  };
  const synchroniser = new Synchroniser({
    ...applying,
    claims,
    proposer: new DriftProposer(source, clock, writers),
    ...(rule === undefined ? {} : { repository: rule.name }),
  });
  const reporter = new StatusReporter({
    cluster,
    source,
    synchroniser,
    view,
    eventsOf,
    clock,
    logger,
    awaitsPlans: writesStatus,
    isSilent: !writesStatus,
    ...(rule === undefined ? {} : { repository: rule.name }),
    ...(sources === undefined ? {} : { composed: sources.composed }),
  });
  const record = new RepositoryRecord(client, name, rule !== undefined);
  const follower = new SourceFollower({
    source,
    ...loaders,
    synchroniser,
    reporter,
    record,
    clock,
    logger,
    ...(sources === undefined ? {} : { sources }),
  });
  const forge = forgeReporter(parts, options, synchroniser, reporter, record);
  const planner = new BranchPlanner({
    source,
    follower,
    synchroniser,
    reporter,
    view,
    forecastPods,
    cluster,
    clock,
    logger,
    openRequests: async (signal) =>
      await forge.openRequests(signal).then((open) => (open === undefined ? undefined : new Set(open.map(({ number }) => number)))),
    onPlanned: () => forge.trigger(),
  });
  // Namespaces of previews are named after requests, of which every repository may have the same.
  const previews =
    rule !== undefined
      ? undefined
      : new PreviewEnvironments({
          source,
          loader,
          sealedLoader,
          proposalLoader,
          follower,
          synchroniser,
          clock,
          logger,
          sync: applying,
          openRequests: (signal) => forge.openRequests(signal),
          onChange: (all) => reporter.setPreviews(all),
          remembered: () => reporter.toldPreviews,
        });
  if (previews === undefined) reporter.setPreviews([]);
  const onBranchMoved = () => {
    planner.trigger();
    previews?.trigger();
  };
  const gate =
    hosted === undefined
      ? undefined
      : new PushGate({
          gitDir: hosted.gitDir,
          repository: name,
          branch: source.branch,
          follower,
          synchroniser,
          reporter,
          forecastPods,
          onBranchMoved,
          clock,
          logger,
        });
  const notifier = new Notifier({
    client,
    clock,
    logger,
    facts: () => reporter.facts(),
    rules: () => synchroniser.state?.config.notifications ?? [],
    isInformed: () => synchroniser.isInformed,
    subscribe: (listener) => reporter.subscribe(listener),
  });
  const services: Service[] = [
    service("notifications", (signal) => notifier.run(signal)),
    service("custom kinds", followKinds),
    service("git sync", (signal) => synchroniser.run(signal)),
    service("git source", (signal) => follower.run(signal)),
    // Without a status branch there is nowhere to show plans; a push is told its own by the gate.
    ...(writesStatus ? [service("branch plans", (signal) => planner.run(signal))] : []),
    ...(previews === undefined ? [] : [service("previews", (signal) => previews.run(signal))]),
    ...(options.remote === undefined ? [] : [service("forge", (signal) => forge.run(signal))]),
    service("status branch", (signal) => reporter.run(signal)),
    service("repository upkeep", (signal) => runUpkeep({ store: source.store, clock, logger }, signal)),
  ];
  return {
    services,
    follower,
    synchroniser,
    reporter,
    record,
    gate,
    trigger() {
      follower.trigger();
      onBranchMoved();
    },
  };
}

/** Those who read commits, each with kinds of its own, and what tells them of the kinds that the cluster defines. */
function openLoaders({ cluster, definitions, view }: PipelineParts, { path, rule, ageKeys }: PipelineOptions) {
  const known = Promise.withResolvers<void>();
  const reading = {
    catalog,
    kindsKnown: () => known.promise,
    cluster,
    basePath: path,
    renderChart: createChartRenderer(),
    ...(rule === undefined ? {} : { source: rule }),
  };
  const opening = { ...reading, ...(ageKeys === undefined ? {} : { ageKeys }) };
  const loaders = {
    loader: new ManifestLoader(opening),
    proposalLoader: new ManifestLoader(opening),
    candidateLoader: new ManifestLoader(opening),
    // What strangers bring, such as definitions of kinds, is kept apart from what is deployed.
    sealedLoader: new ManifestLoader({ ...reading, isSealed: true }),
  };
  const followKinds = async (signal: AbortSignal) => {
    const unfollow = Object.values(loaders).map(({ kinds }) => followCustomKinds(definitions, kinds, view));
    // Whoever waits for the kinds must not outlive the engine.
    await definitions.waitForSync(signal).finally(() => known.resolve());
    await aborted(signal);
    for (const end of unfollow) end();
  };
  return { ...loaders, followKinds };
}

/** Tells the forge, where there is one and a token for it: how commits fare, and what requests would do. */
function forgeReporter(
  { cluster, clock, logger }: PipelineParts,
  { access, remote }: PipelineOptions,
  synchroniser: Synchroniser,
  reporter: StatusReporter,
  record: RepositoryRecord,
): ForgeReporter {
  return new ForgeReporter({
    cluster,
    clock,
    logger,
    forge: async () => {
      const { forgeToken } = await access();
      const address = remote === undefined ? undefined : forgeOf(remote, synchroniser.state?.config.forge);
      return forgeToken === undefined || address === undefined ? undefined : openForge(address, forgeToken.trim());
    },
    facts: () => reporter.facts(),
    plans: () => reporter.planned,
    onTrouble: async (trouble) => {
      reporter.setForgeTrouble(trouble);
      await record.setForgeTrouble(trouble);
    },
    subscribe: (listener) => reporter.subscribe(listener),
  });
}

/** Manifests may have the kinds that the cluster defines, as long as it serves them. Returns the function that ends it. */
function followCustomKinds(definitions: Informer<CustomResourceDefinition>, kinds: ServedKinds, view: ClusterView): () => void {
  const put = (definition: CustomResourceDefinition) => {
    if (isConditionTrue(definition.status?.conditions, "Established")) kinds.setServed(definition.metadata.name ?? "", definition);
  };
  const drop = ({ metadata, spec }: CustomResourceDefinition) => {
    kinds.forget(metadata.name ?? "");
    for (const { name: version } of spec.versions)
      view.forget({ group: spec.group, version, resource: spec.names.plural, kind: spec.names.kind, namespaced: spec.scope === "Namespaced" });
  };
  return definitions.addHandler({ add: put, update: (_old, definition) => put(definition), delete: drop });
}
