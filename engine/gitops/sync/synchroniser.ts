import { setImmediate } from "node:timers/promises";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Client } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { abortError } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { Timers } from "../../lib/timers.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { Application } from "../../resources/types.ts";
import { applicationResource } from "../../resources/mainstay/application.ts";
import { ApplicationStore } from "./application-store.ts";
import { ClusterView } from "./cluster-view.ts";
import type { DesiredState } from "../manifests/desired-state.ts";
import { describeFieldPlace } from "../manifests/field-place.ts";
import type { DriftProposer } from "./drift-proposer.ts";
import { DriftLimiter, UNKNOWN_WRITERS, type DriftWriters } from "./drift.ts";
import { deleteDoneHook, endingEntries, executePlan, isOutage, isWholePlanDone } from "./execute-plan.ts";
import type { GitObjects } from "../git/git-source.ts";
import { Orphans } from "./orphans.ts";
import { heldKinds } from "./inventory.ts";
import { renderResting } from "../plan/plan-text.ts";
import { judgeCommit, planCommit, problemsOf } from "../plan/plan-commit.ts";
import type { Outcome, SyncPlan } from "../plan/plan-sync.ts";
import { computeRestraints, type Restraints } from "../plan/restraints.ts";
import { unitsThatLeft } from "../manifests/left-units.ts";
import { ofAllUnits, perUnit } from "../manifests/objects-by-unit.ts";
import { computeBlocked } from "../manifests/order-graph.ts";
import type { Problem } from "../manifests/problem.ts";
import type { Unit } from "../manifests/resolve-units.ts";
import { computeWaitingUnits } from "../manifests/waiting-units.ts";
import { OnceConfidential } from "./once-confidential.ts";
import { OWN_REPOSITORY, repositoryOf, type RepositoryClaims } from "./repository-claims.ts";
import { ResultLog } from "./result-log.ts";
import { Rollouts } from "./rollouts.ts";
import { createActAs, type Impersonate } from "../plan/act-as.ts";
import type { ActAs } from "../plan/dry-run.ts";
import { parseApiVersion } from "../../apimachinery/group-version.ts";
import { identityOf, type ServedKinds } from "../manifests/served-kinds.ts";
import type { DriftFacts } from "../status/status-facts.ts";
import { SyncLooks, withFields } from "./sync-looks.ts";
import { SyncMemory } from "./sync-memory.ts";
import { UnitReporter } from "./unit-reporter.ts";

const RETRY = { initialMs: 500, maxMs: 30_000 };
/** Changes of the cluster are gathered this long before health is worked out anew. */
const GATHER_MS = 15;
/** What is not well is looked at this often even without an event: deadlines pass silently. */
const REVIEW_MS = 5_000;
/** Timers reach no further than some weeks; looking earlier is harmless. */
const RESTRAINT_LOOK_MAX_MS = 3_600_000;
/** So many passes in a row may be refused before the objects of a commit are tried one by one, so that those that can be applied are. */
const FAILURES_TOGETHER = 3;

export interface SynchroniserOptions {
  readonly client: Client;
  readonly view: ClusterView;
  readonly kinds: ServedKinds;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly repositoryUrl: string;
  /** Who changed the cluster, as far as the API knows. */
  readonly writers?: DriftWriters;
  /** Makes branches of changes in the cluster; without it they are only shown. */
  readonly proposer?: DriftProposer;
  /** Access as someone else; without it a unit with an account of its own is not applied at all. */
  readonly impersonate?: Impersonate;
  /** The namespace of the preview that this one keeps; without it, it keeps what the repository's own branch says. */
  readonly preview?: string;
  /** The further repository that this one keeps; without it, it keeps the cluster's own. */
  readonly repository?: string;
  /** What the other repositories of the cluster want. */
  readonly claims?: RepositoryClaims;
}

/** A commit that may be applied: it was read and planned without problems. */
export interface Admitted {
  readonly state: DesiredState;
  readonly objects: GitObjects;
  /** Messages of the commits since the last one applied. */
  readonly messages: readonly string[];
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** Monotonic milliseconds at which the commit arrived. */
  readonly startedMs: number;
  /** Who pushed it, where pushers say who they are. */
  readonly pusher?: string;
}

export interface Preview {
  /** Deletions that wait, and for what, in words. */
  readonly resting: readonly string[];
  readonly plan: SyncPlan;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** Not empty: the commit must not be applied. */
  readonly problems: readonly Problem[];
  /** Told to whoever pushes; they keep nothing from happening. */
  readonly warnings: readonly Problem[];
}

/**
 * Keeps the cluster as the newest admitted commit wants it. Level-triggered: every pass looks at what is wanted and what is there,
 * whatever woke it (a commit, a change in the cluster, an application that became healthy, a retry). A newer commit takes over
 * between two objects; nothing ever waits for health, it is observed.
 */
export class Synchroniser {
  readonly rollouts = new Rollouts();
  readonly units: UnitReporter;
  readonly onceConfidential = new OnceConfidential();
  readonly #options: SynchroniserOptions;
  readonly #applications: ApplicationStore;
  readonly #memory = new SyncMemory();
  readonly #limiter = new DriftLimiter();
  readonly #looks: SyncLooks;
  readonly #listeners = new Set<() => void>();
  #admitted: Admitted | undefined;
  readonly #results: ResultLog;
  readonly #orphans = new Orphans();
  #isPassDue = false;
  #failures = 0;
  #trouble: string | undefined;
  /** Passes in a row in which the API refused an object, and not for want of a store. */
  #refusals = 0;
  #wake: () => void = () => {};
  /** The inventories are known; planning without them would take every old object for someone else's. */
  readonly #started = Promise.withResolvers<void>();
  readonly #timers: Timers;
  #isGathering = false;
  /** Before the first objects are known, everything would look missing. */
  #isViewReady = false;
  /** A status could not be written; trying at once again would spin. */
  #isReviewPaused = false;

  constructor(options: SynchroniserOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock);
    this.#applications = new ApplicationStore(options.client, options);
    this.#results = new ResultLog({ ...options, applications: this.#applications, memory: this.#memory, limiter: this.#limiter });
    this.units = new UnitReporter({
      applications: this.#applications,
      view: options.view,
      memory: this.#memory,
      clock: options.clock,
      repositoryUrl: options.repositoryUrl,
      writers: options.writers ?? UNKNOWN_WRITERS,
      remove: (desired, live) => deleteDoneHook(this.#actAs(this.state?.units ?? [])(desired), desired, live, options.logger),
    });
    this.#looks = new SyncLooks({
      ...options,
      memory: this.#memory,
      limiter: this.#limiter,
      isFinished: (desired) => this.units.isFinished(desired),
      later: (delayMs) => this.#timers.after(delayMs, () => this.#requestPass()),
    });
    // Nobody may be waiting when the service ends before it has started.
    this.#started.promise.catch(() => {});
  }

  get state(): DesiredState | undefined {
    return this.#admitted?.state;
  }

  /** Whether what is known is worth telling: at a start, nothing is known of anything for a moment. */
  get isInformed(): boolean {
    return this.#admitted === undefined || (this.#isViewReady && this.units.isReviewed);
  }

  /** What keeps everything from being applied, whatever the objects are: the store, mostly. It is tried again. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Objects that no repository holds although they say so. */
  get orphans(): readonly string[] {
    return this.#orphans.described;
  }

  get drift(): readonly DriftFacts[] {
    return this.#results.drift;
  }

  /** Calls back after anything changed that a report or a waiting push could show. Returns the function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Where a field of an object that the repository states is written, as `file:line`; undefined when it does not state the object. */
  async placeOf({ apiVersion, kind, metadata }: KubeObject, steps: readonly (string | number)[]): Promise<string | undefined> {
    const identity = identityOf(parseApiVersion(apiVersion).group, kind, metadata.namespace, metadata.name ?? "");
    const desired = this.#admitted?.state.objects.get(identity);
    return desired === undefined || this.#admitted === undefined ? undefined : describeFieldPlace(this.#admitted.objects, desired, steps);
  }

  /** What a commit would do, and everything that speaks against it. Changes nothing. `runs` is what was admitted last. */
  async preview(state: DesiredState, objects: GitObjects, messages: readonly string[], runs = this.state): Promise<Preview> {
    await this.#started.promise;
    const restraints = this.#restraints(state);
    const applications = [...this.#applications.all(), ...this.#abandoned(state)];
    const { plan, outcomes } = await planCommit({
      ...this.#options,
      state,
      examine: this.#looks
        .choose(state, restraints)
        .filter(({ desired }) => state.withheld?.has(desired.identity) !== true)
        .map(({ desired }) => ({ desired, cause: "commit" as const })),
      knownOutcomes: new Map(),
      applications,
      messages,
      waiting: () => new Map(),
      actAs: this.#actAs(state.units),
      restraints,
      isForecast: true,
      secrecy: this.onceConfidential.secrecyOf(state, this.state, this.#applications.all()),
    });
    return {
      plan,
      outcomes,
      resting: renderResting(plan, restraints),
      ...(await judgeCommit({ ...this.#options, state, applications, runs: runs?.objects }, objects, plan)),
    };
  }

  /** What speaks against a commit because another repository of the cluster has it. */
  findForeign(state: DesiredState): readonly Problem[] {
    return this.#options.claims?.findForeign(this.#options.repository ?? OWN_REPOSITORY, state) ?? [];
  }

  /** From now on this commit is what the cluster should be. */
  admit(admitted: Admitted): void {
    const { clock, logger } = this.#options;
    const before = this.#admitted;
    if (before?.state.commit.id !== admitted.state.commit.id) {
      this.#results.beginCommit();
      // What failed was another commit's; this one goes in as a whole again.
      [this.#failures, this.#refusals] = [0, 0];
    }
    this.#admitted = admitted;
    this.onceConfidential.follow(admitted.state);
    const changed = this.#memory.follow(admitted.state.objects);
    const isSource = (application: Application) =>
      this.#options.repository === undefined && admitted.state.config.sources.some(({ name }) => name === repositoryOf(application));
    for (const application of this.#applications.all()) if (isSource(application)) this.#applications.release(application.metadata.name ?? "");
    this.rollouts.begin(admitted.state.commit, clock.now(), admitted.startedMs, admitted.pusher, this.#changedBy(admitted.state.commit.id));
    this.units.setState(admitted.state, changed);
    if (before !== undefined) this.#orphans.follow(before.state.objects, admitted.state.objects, changed, this.#options.view);
    logger.info("commit admitted", { commit: admitted.state.commit.id, objects: admitted.state.objects.size });
    this.#requestPass();
  }

  async run(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    const leave = this.#options.preview === undefined ? this.#options.claims?.enter(this.#options.repository ?? OWN_REPOSITORY, () => this.state) : undefined;
    const unlisten = this.#options.view.listen(
      (object, identity, isGone) => this.#observe(object, identity, isGone),
      () => this.#notify(),
    );
    try {
      await this.#start(signal);
      while (!signal.aborted) {
        if (this.#isPassDue) await this.#runPass(signal);
        await this.#review();
        if (!this.#isPassDue && !(this.units.isDirty && this.#mayReview) && !signal.aborted) await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      unlisten();
      leave?.();
      signal.removeEventListener("abort", onAbort);
      this.#timers.cancelAll();
      // Whoever waits for the start must end too.
      this.#started.reject(abortError(signal));
    }
  }

  get #mayReview(): boolean {
    return this.#isViewReady && !this.#isReviewPaused;
  }

  /** What the cluster's own repository takes over: Applications of sources that the commit no longer has. */
  #abandoned(state: DesiredState): readonly Application[] {
    const { claims, repository, preview } = this.#options;
    if (claims === undefined || repository !== undefined || preview !== undefined) return [];
    return claims.findAbandoned(state).filter((application) => this.#applications.get(application.metadata.name ?? "") === undefined);
  }

  /** Applications as the store has them: also those of units that have just left the repository. */
  async #start(signal: AbortSignal): Promise<void> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.#applications.load();
        await this.#options.view.ensure([applicationResource as unknown as ResourceDefinition], signal); // all objects are read as KubeObject there
        this.#started.resolve();
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn("applications not read, will retry", { error: describeError(error) });
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          this.#timers.after(backoffMs(RETRY, failures), resolve);
        });
      }
    }
  }

  async #runPass(signal: AbortSignal): Promise<void> {
    this.#isPassDue = false;
    try {
      const isComplete = await this.#pass(signal);
      this.#trouble = undefined;
      this.#failures = isComplete ? 0 : this.#failures + 1;
      if (isComplete) this.#refusals = 0;
      if (!isComplete) this.#retryLater();
    } catch (error) {
      if (signal.aborted) return;
      this.#failures++;
      this.#trouble = describeError(error);
      this.#options.logger.warn("sync failed, will retry", { error: this.#trouble });
      this.#retryLater();
    }
    this.#notify();
  }

  /** Returns false when something is left that only another try can bring on. */
  async #pass(signal: AbortSignal): Promise<boolean> {
    const admitted = this.#admitted;
    if (admitted === undefined) return true;
    const { state, objects, messages } = admitted;
    const { client, view, kinds, logger } = this.#options;
    for (const application of this.#abandoned(state)) await this.#applications.adopt(application.metadata.name ?? "");
    const applications = this.#applications.all();
    const held = heldKinds(applications).map(({ group = "", kind }) => kinds.ofGroupKind(group, kind));
    const inUse = new Set([...ofAllUnits(state.objects, resourcesIn), ...held.filter((resource) => resource !== undefined)]);
    const served = () => [...inUse].filter((resource) => kinds.isServed(resource));
    await view.ensure(new Set<ResourceDefinition>([...served(), applicationResource as unknown as ResourceDefinition]), signal); // all objects are read as KubeObject there
    this.#isViewReady = true;
    const restraints = this.#restraints(state);
    if (restraints.nextChangeMs < Infinity)
      this.#timers.after(Math.min(restraints.nextChangeMs - this.#options.clock.now(), RESTRAINT_LOOK_MAX_MS) + 1, () => this.#requestPass(), "restraints");
    const examine = this.#looks.choose(state, restraints);
    for (const { desired } of examine) this.#memory.looking(desired.identity);
    const blocked = (changing: ReadonlySet<string>) =>
      computeBlocked(
        state.objects,
        changing,
        (desired) => this.units.readinessOf(desired),
        (identity) => this.#results.isRolling(identity),
      );
    const rolling = this.rollouts.current?.units ?? new Set<string>();
    const isUnready = (unit: string) => rolling.has(unit) && this.units.healthOf(unit) !== "Healthy";
    const { plan, outcomes } = await planCommit({
      client,
      kinds,
      state,
      examine,
      knownOutcomes: this.#looks.known(admitted.outcomes, examine),
      applications,
      messages,
      waiting: (changing) => computeWaitingUnits(state.units, changing, isUnready),
      blocked,
      restraints,
      actAs: this.#actAs(state.units),
      secrecy: this.onceConfidential.secrecyOf(state, this.state, this.#applications.all()),
    });
    if (this.#admitted !== admitted) return true;
    for (const { desired } of examine) {
      const outcome = outcomes.get(desired.identity);
      if (
        outcome?.is === "unchanged" &&
        this.#memory.settle(withFields(desired, restraints), { live: outcome.live, isWritten: false, isOwned: outcome.isOwned })
      )
        this.#requestPass();
    }
    for (const identity of [...plan.held.map((held) => held.identity), ...plan.left.map(({ desired }) => desired.identity)])
      if (state.objects.has(identity)) this.#memory.mustLookAgain(identity);
    await this.#options.proposer?.proposeAll(plan.left, state, logger);
    const refused = await problemsOf(objects, { problems: plan.problems, refusals: [...plan.refusals, ...plan.unknown] });
    this.units.planned(plan, refused);
    this.rollouts.announce(state.commit.id, plan);
    // Of a commit that was just refused: as long as that is tried as a whole, the others wait.
    if (plan.unknown.length > 0 && this.#refusals > 0 && this.#refusals++ < FAILURES_TOGETHER) return false;
    await this.units.holdInventory(
      state,
      examine.map(({ desired }) => desired.unit),
    );
    const { results, revisions } = await executePlan(plan, {
      client,
      clock: this.#options.clock,
      kinds,
      actAs: this.#actAs(state.units),
      isSuperseded: () => this.#admitted !== admitted,
      isApart: this.#refusals >= FAILURES_TOGETHER,
      signal,
    });
    if (await this.#results.note(results, state.commit.id, objects, restraints)) this.#requestPass();
    // What the commit defined is served now, and watched from here on.
    await view.ensure(served(), signal);
    await setImmediate();
    if (this.#admitted !== admitted) return true;
    const failed = results.filter((result) => result.is === "failed");
    if (failed.some(({ error }) => !isOutage(error))) this.#refusals++;
    for (const { error } of failed) logger.warn("object not applied, will retry", { error: describeError(error) });
    this.units.executed(state, results, plan);
    // What was still going when it was looked at may be gone by now, and nothing would tell of it again.
    if (endingEntries(plan, results).some(({ entry }) => view.isGone(kinds.ofGroupKind(entry.group ?? "", entry.kind), entry))) this.#requestPass();
    // A preview is taken away with its namespace.
    if (this.#options.preview === undefined && this.#options.repository === undefined) this.#orphans.look(state, this.#options.view);
    this.rollouts.stored(state.commit.id, revisions);
    const isOpen = plan.unknown.some(({ desired }) => admitted.outcomes.get(desired.identity)?.is !== "unknown");
    // What the API could not say of already when the commit was admitted, it leaves as it was.
    if (plan.problems.length + plan.refusals.length === 0 && !isOpen && isWholePlanDone(plan, results))
      this.rollouts.applied(state.commit.id, this.#options.clock.monotonic());
    return failed.length === 0 && refused.length === 0 && plan.kept.every(({ unread }) => unread === undefined);
  }

  /** The units that say of themselves that this commit has changed them, last of all. */
  #changedBy(commit: string): readonly string[] {
    return this.#applications.all().flatMap(({ metadata, status }) => (status?.appliedCommit === commit ? (metadata.name ?? []) : []));
  }

  #actAs(units: readonly Unit[]): ActAs {
    return createActAs(this.#options.client, this.#options.impersonate, units);
  }

  #restraints({ units, config }: DesiredState): Restraints {
    const applications = this.#applications.all();
    return computeRestraints([...units, ...unitsThatLeft(config, units, applications)], applications, this.#options.clock.now());
  }

  /** Health of what changed, written where it differs; then what follows from it. */
  async #review(): Promise<void> {
    if (!this.#mayReview) return;
    try {
      const changed = await this.units.review();
      if (this.rollouts.noteHealth((unit) => (this.units.healthOf(unit) ?? "Healthy") === "Healthy", this.#options.clock.monotonic())) this.#notify();
      if (changed.length === 0) return;
      if (this.units.isAnyoneWaiting) this.#requestPass();
      this.#notify();
    } catch (error) {
      this.#options.logger.warn("application status not written, will retry", { error: describeError(error) });
      this.#isReviewPaused = true;
      this.#timers.after(backoffMs(RETRY, 2), () => {
        this.#isReviewPaused = false;
        this.#touch();
      });
      // Others may fare otherwise than before all the same.
      this.#notify();
    } finally {
      if (this.units.hasUnwell) this.#timers.after(REVIEW_MS, () => this.#touch(), "review");
    }
  }

  #observe(object: KubeObject, identity: string, isGone: boolean): void {
    if (object.kind === "Application") {
      if (isGone ? this.#applications.forget(object.metadata.name ?? "", object.metadata.uid) : this.#applications.observe(object)) this.#requestPass();
      return;
    }
    this.#orphans.observe(object, identity, !isGone && this.#admitted?.state.objects.has(identity) !== true);
    this.units.noteEnd(identity, object);
    if (this.#memory.observe(identity, object, isGone)) this.#requestPass();
    if (this.units.mayRelease(identity, isGone)) this.#requestPass();
    const unit = this.units.unitOf(identity) ?? this.units.unitOfRoot(this.#options.view.rootOf(object));
    if (unit === undefined) return;
    this.units.markDirty(unit);
    // Also when it was to be looked at anyway: what waits may wait for this.
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#timers.after(GATHER_MS, () => {
      this.#isGathering = false;
      // What waits goes on by the event that it waits for.
      if (this.units.isAnyoneWaiting) this.#isPassDue = true;
      this.#wake();
    });
  }

  #touch(): void {
    this.units.markUnwell();
    if (this.units.isAnyoneWaiting) this.#isPassDue = true;
    this.#wake();
  }

  #requestPass(): void {
    this.#isPassDue = true;
    this.#wake();
  }

  #retryLater(): void {
    this.#timers.after(backoffMs(RETRY, this.#failures), () => this.#requestPass(), "retry");
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

const resourcesIn = perUnit((objects) => new Set(objects.map(({ resource }) => resource)));
