import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { formatTime, type Clock } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import type { Application, ApplicationStatus, InventoryEntry } from "../../resources/types.ts";
import { computeDesiredHealth, computeUnitHealth, type UnitHealth, type UnitObservation } from "../health/application-health.ts";
import type { ApplicationStore } from "./application-store.ts";
import type { ClusterView } from "./cluster-view.ts";
import { APPLICATION_LABEL, type DesiredObject, type DesiredState } from "../manifests/desired-state.ts";
import type { ActionResult } from "./execute-plan.ts";
import type { HealthState } from "../health/health.ts";
import { describeEntry, entryIdentity, foreignEntries, hasLeaving, nextInventory, withLeaving } from "./inventory.ts";
import { nextFieldsLeft, type FieldsLeft } from "./fields-left.ts";
import { goingWhenDone, runsToItsEnd } from "./finished-runs.ts";
import { leavingFacts, whyAllStays } from "./leaving-facts.ts";
import { objectsByUnit, type UnitObjects } from "../manifests/objects-by-unit.ts";
import { isApplied } from "../plan/field-ownership.ts";
import { whyStillThere, type KeptEntry } from "../plan/plan-deletions.ts";
import { activeHolds, describeHold } from "../plan/restraints.ts";
import { formatFieldChange, isBookkeeping } from "../plan/field-diff.ts";
import { writerOf, writtenName, type DriftWriters } from "./drift.ts";
import { actionsOf, type SyncPlan } from "../plan/plan-sync.ts";
import type { Problem } from "../manifests/problem.ts";
import type { Unit } from "../manifests/resolve-units.ts";
import type { ApplicationFacts } from "../status/status-facts.ts";
import { mapConcurrently } from "../../lib/map-concurrently.ts";
import { contentDigest } from "../manifests/name-hooks.ts";
import type { Readiness } from "../manifests/order-graph.ts";
import type { SyncMemory } from "./sync-memory.ts";
import { computeHoldups, type Holdup } from "./unit-holdups.ts";

/** Applications that are written at once. */
const CONCURRENCY = 16;

export interface UnitReporterOptions {
  readonly applications: ApplicationStore;
  readonly view: ClusterView;
  readonly memory: SyncMemory;
  readonly clock: Clock;
  readonly repositoryUrl: string;
  readonly writers: DriftWriters;
  /** Deletes a hook that is done and says that it goes then. */
  readonly remove: (desired: DesiredObject, live: KubeObject) => Promise<unknown>;
}

/** What a unit's facts are made from, and the facts: the same value as long as that is the same. */
interface ToldFacts {
  readonly from: readonly unknown[];
  readonly facts: ApplicationFacts;
}

/** What is known of one unit between two looks. */
interface UnitRecord {
  readonly unit: Unit;
  objects: UnitObjects;
  /** The spec that its Application was last seen to have. */
  spec: Application["spec"];
  holdup: Holdup | undefined;
  kept: readonly string[];
  leftToOthers: FieldsLeft;
  health: UnitHealth | undefined;
  /** Monotonic. */
  progressingSinceMs: number | undefined;
  appliedCommit: string | undefined;
  inventory: readonly InventoryEntry[] | undefined;
  told: ToldFacts | undefined;
  /** Jobs that are done, as the store has it, with what is new since: identity to content. */
  finished: ReadonlyMap<string, string> | undefined;
}

/** Works out how each unit fares and keeps its Application object up to date: health, and the inventory that pruning relies on. */
export class UnitReporter {
  readonly #options: UnitReporterOptions;
  readonly #units = new Map<string, UnitRecord>();
  #objects: ReadonlyMap<string, DesiredObject> = new Map();
  readonly #dirty = new Set<string>();
  #stale: ReadonlySet<string> = new Set();
  #moving: ReadonlySet<string> = new Set();
  #commit = "";

  constructor(options: UnitReporterOptions) {
    this.#options = options;
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  get hasUnwell(): boolean {
    return [...this.#units.values()].some((record) => record.health?.state !== "Healthy");
  }

  /** Everything that is, and everything that leaves unless it is to stay, without making the facts of each. */
  get isHealthy(): boolean {
    return (
      [...this.#leaving].every(([name, inventory]) => whyAllStays(inventory, this.#kept.get(name)) !== undefined) &&
      [...this.#units.values()].every((record) => record.health?.state === "Healthy")
    );
  }

  get isReviewed(): boolean {
    return [...this.#units.values()].every((record) => record.health !== undefined);
  }

  get isAnyoneWaiting(): boolean {
    return [...this.#units.values()].some((record) => record.holdup?.isWaiting === true);
  }

  /** From now on this is wanted; `changed` are the units whose objects are other ones than before. */
  setState(state: DesiredState, changed: ReadonlySet<string>): void {
    this.#commit = state.commit.id;
    for (const name of [...this.#leaving.keys()]) if (this.#options.applications.get(name) === undefined) this.#leaving.delete(name);
    const before = new Map(this.#units);
    this.#units.clear();
    this.#objects = state.objects;
    const lists = objectsByUnit(state.objects);
    for (const unit of state.units) {
      const known = before.get(unit.name);
      const isSame = known?.unit === unit && !changed.has(unit.name);
      this.#units.set(
        unit.name,
        isSame
          ? known
          : {
              holdup: undefined,
              kept: [],
              leftToOthers: new Map(),
              health: undefined,
              appliedCommit: undefined,
              inventory: undefined,
              finished: undefined,
              told: undefined,
              ...known,
              progressingSinceMs: undefined,
              unit,
              spec: undefined,
              objects: lists.get(unit.name) ?? [],
            },
      );
      if (!isSame) this.#dirty.add(unit.name);
    }
  }

  healthOf(unit: string): HealthState | undefined {
    return this.#units.get(unit)?.health?.state;
  }

  /** How an object of the commit stands, for those that wait for it. */
  readinessOf(desired: DesiredObject): Readiness {
    const { state } = computeDesiredHealth(desired, this.#observation, this.#options.clock.now());
    return state === "Healthy" || state === "Suspended" ? "ready" : state === "Degraded" ? "failed" : "on its way";
  }

  /** A Job, or a hook, that ran to its end for exactly this content is not run again when it has been removed. */
  isFinished(desired: DesiredObject): boolean {
    return runsToItsEnd(desired) && this.#finishedOf(desired.unit).get(desired.identity) === contentDigest(desired.object);
  }

  unitOf(identity: string): string | undefined {
    return this.#objects.get(identity)?.unit;
  }

  /** The unit of something that an applied object owns, such as a pod. */
  unitOfRoot(root: KubeObject): string | undefined {
    const unit = root.metadata.labels?.[APPLICATION_LABEL];
    return unit !== undefined && this.#units.has(unit) ? unit : undefined;
  }

  /** Whether a change to an object may free its place in an inventory: it left the repository and is gone, or another unit has it now. */
  mayRelease(identity: string, isGone: boolean): boolean {
    return (isGone ? this.#stale : this.#moving).has(identity);
  }

  markDirty(unit: string): void {
    this.#dirty.add(unit);
  }

  markUnwell(): void {
    for (const [name, record] of this.#units) if (record.health?.state !== "Healthy") this.#dirty.add(name);
  }

  /** Takes over what a plan says about units as a whole. */
  planned(plan: SyncPlan, refused: readonly Problem[]): void {
    const holdups = computeHoldups(plan, refused);
    this.#kept = Map.groupBy(plan.kept, ({ unit }) => unit);
    for (const [name, record] of this.#units) {
      const holdup = holdups(name);
      const kept = (this.#kept.get(name) ?? []).map(({ entry, why }) => `${describeEntry(entry)}: ${why}`);
      const isKeptSame = kept.join() === record.kept.join();
      if (holdup?.reason !== record.holdup?.reason || !isKeptSame) this.#dirty.add(name);
      record.holdup = holdup;
      if (!isKeptSame) record.kept = kept;
    }
    const left: (readonly [DesiredObject, readonly string[]])[] = [];
    for (const { desired, live, changes } of plan.left) {
      left.push([
        desired,
        changes
          .filter((change) => !isBookkeeping(change))
          .map(
            (change) =>
              `${formatFieldChange({ ...change, from: change.to, to: change.from })} (${writerOf(live, changes, this.#options.writers.of(writtenName(desired)))})`,
          ),
      ]);
      this.#dirty.add(desired.unit);
    }
    for (const action of actionsOf(plan))
      if (action.do === "update" && action.candidate.outcome.is === "update") left.push([action.desired, action.candidate.outcome.leftToOthers]);
    for (const [unit, said] of Map.groupBy(left, ([{ unit }]) => unit)) {
      const record = this.#units.get(unit);
      if (record !== undefined) record.leftToOthers = nextFieldsLeft(record.leftToOthers, said);
    }
  }

  /** Before anything is created: whatever happens next, these objects are known to be ours. */
  async holdInventory(state: DesiredState, examined: readonly string[]): Promise<void> {
    const { applications, clock, repositoryUrl } = this.#options;
    const touched = new Set(examined);
    // Several at once: the store puts what arrives together on the disk together.
    const isAsSeen = ({ name }: Unit) =>
      applications.get(name)?.spec === this.#units.get(name)?.spec && applications.get(name)?.status?.inventory !== undefined;
    await mapConcurrently(
      state.units.filter((unit) => touched.has(unit.name) || !isAsSeen(unit)),
      CONCURRENCY,
      async (unit) => {
        const { name } = unit;
        const application = await applications.ensure(name, specOf(unit, repositoryUrl));
        const record = this.#units.get(name);
        if (record !== undefined) record.spec = application.spec;
        // An Application that someone deleted comes back without its inventory, whether or not anything else changed.
        if (record === undefined || (!touched.has(name) && application.status?.inventory !== undefined)) return;
        const inventory = nextInventory(name, record.objects, application.status?.inventory ?? [], () => false);
        const held = application.status?.inventory ?? [];
        if (inventory.length === held.length && inventory.every((entry, index) => entry.confidential === held[index]?.confidential)) return;
        await applications.writeStatus(name, {
          health: "Progressing",
          message: "",
          ready: "",
          since: formatTime(clock.now()),
          ...application.status,
          inventory,
        });
      },
    );
  }

  /** After a pass: what has gone leaves the inventory, what was changed carries the commit. */
  executed(state: DesiredState, results: readonly ActionResult[], { forget, leaving }: Pick<SyncPlan, "forget" | "leaving">): void {
    const { applications } = this.#options;
    const [stale, moving] = [new Set<string>(), new Set<string>()];
    const pruned = new Set(results.flatMap(({ is, action }) => (is === "done" && action.do === "prune" ? [action.entry.identity] : [])));
    // What one unit has lost to another one may still have to be pruned by that one.
    const forgotten = new Map([...Map.groupBy(forget, ({ unit }) => unit)].map(([unit, entries]) => [unit, new Set(entries.map(({ identity }) => identity))]));
    const allowed = Map.groupBy(leaving, ({ unit }) => unit);
    const applied = new Set(results.flatMap(({ is, action }) => (is === "done" && action.do !== "prune" ? [action.desired.identity] : [])));
    // Another unit wants it, and it carries that unit's label: until then it is the old one's, whatever becomes of the commit that moves it.
    const hasMoved = (identity: string, from: string) => {
      const desired = state.objects.get(identity);
      if (desired === undefined || desired.unit === from) return false;
      return applied.has(identity) || (this.#observation.liveOf(desired)?.metadata.labels?.[APPLICATION_LABEL] ?? desired.unit) === desired.unit;
    };
    for (const application of applications.all()) {
      const name = application.metadata.name ?? "";
      const record = this.#units.get(name);
      const held = application.status?.inventory ?? [];
      // Additions were written before; most units hold exactly what they want, and need no new list.
      if (record !== undefined && foreignEntries(application, record.objects).length === 0 && !hasLeaving(held)) continue;
      const left = nextInventory(
        name,
        record?.objects ?? [],
        held,
        (identity) => pruned.has(identity) || forgotten.get(name)?.has(identity) === true || hasMoved(identity, name),
      );
      // A mark that was set stays as long as the object is not wanted again: its commit was admitted.
      const marked = new Set([...(allowed.get(name) ?? []).map(({ identity }) => identity), ...held.filter(({ leaving: mark }) => mark).map(entryIdentity)]);
      const inventory = withLeaving(left, (identity) => marked.has(identity) && !state.objects.has(identity));
      for (const identity of inventory.map(entryIdentity))
        if (state.objects.get(identity)?.unit !== name) (state.objects.has(identity) ? moving : stale).add(identity);
      if (inventory.length === held.length && record !== undefined && inventory.every((entry, index) => entry.leaving === held[index]?.leaving)) continue;
      if (record !== undefined) record.inventory = inventory;
      else this.#leaving.set(name, inventory);
      this.#dirty.add(name);
    }
    this.#stale = stale;
    this.#moving = moving;
    for (const result of results) {
      const { action } = result;
      const record = this.#units.get(action.do === "prune" ? action.entry.unit : action.desired.unit);
      if (record === undefined) continue;
      this.#dirty.add(record.unit.name);
      if (result.is === "terminating" && action.do === "prune")
        record.kept = [...record.kept, `${describeEntry(action.entry.entry)}: ${whyStillThere(action.live)}`];
      // Others that wait for it are no news beside why it is not there.
      if (result.is === "failed" && record.holdup?.state !== "Degraded")
        record.holdup = { state: "Degraded", reason: describeError(result.error), isWaiting: false };
      if (result.is !== "failed" && (action.do === "prune" || action.candidate.cause === "commit")) record.appliedCommit = state.commit.id;
    }
  }

  /** Units that left the repository and still hold objects, with what they hold. */
  readonly #leaving = new Map<string, readonly InventoryEntry[]>();
  #kept: ReadonlyMap<string, readonly KeptEntry[]> = new Map();

  /** Brings the Applications of all dirty units up to date. Returns the names of those whose status was written. */
  async review(): Promise<readonly string[]> {
    const names = [...this.#dirty];
    const reviewed = await mapConcurrently(
      names,
      CONCURRENCY,
      async (name): Promise<{ readonly name: string; readonly hasChanged: boolean; readonly error?: unknown }> => {
        this.#dirty.delete(name);
        try {
          return { name, hasChanged: await this.#reviewUnit(name) };
        } catch (error) {
          this.#dirty.add(name);
          return { name, hasChanged: false, error };
        }
      },
    );
    const failed = reviewed.find((review) => review.error !== undefined);
    if (failed !== undefined) throw failed.error;
    return reviewed.filter(({ hasChanged }) => hasChanged).map(({ name }) => name);
  }

  /** For the report. Units that are leaving are shown as long as they hold something. */
  facts(): readonly ApplicationFacts[] {
    const { applications } = this.#options;
    return [...this.#units.values()]
      .map((record) => this.#factsOf(record))
      .concat([...this.#leaving].map(([name, inventory]) => leavingFacts(name, inventory, this.#kept.get(name), applications.get(name)?.status)));
  }

  #factsOf(record: UnitRecord): ApplicationFacts {
    const { unit, health, kept, leftToOthers } = record;
    const application = this.#options.applications.get(unit.name);
    const { status } = application ?? {};
    const holds = holdsOf(application, this.#options.clock.now());
    const from = [unit, health, kept, leftToOthers, status, holds.holds?.join()];
    if (record.told?.from.every((value, index) => value === from[index]) === true) return record.told.facts;
    const facts: ApplicationFacts = {
      name: unit.name,
      path: unit.path,
      health: health?.state ?? "Unknown",
      ready: health?.ready ?? "",
      reason: health?.reason ?? "",
      since: status?.since ?? "",
      commit: status?.appliedCommit ?? "",
      images: health?.images ?? [],
      objects: (health?.objects ?? []).map(({ desired, health: own }) => ({
        kind: desired.object.kind,
        namespace: desired.object.metadata.namespace ?? "",
        name: desired.object.metadata.name ?? "",
        source: `${desired.file}:${desired.line}`,
        health: own.state,
        reason: own.reason,
        chain: own.chain,
        leftToOthers: leftToOthers.get(desired.identity) ?? [],
      })),
      kept,
      dependsOn: unit.dependsOn,
      ...holds,
    };
    record.told = { from, facts };
    return facts;
  }

  async #reviewUnit(name: string): Promise<boolean> {
    const { applications, clock } = this.#options;
    const record = this.#units.get(name);
    const application = applications.get(name);
    if (record === undefined) {
      const inventory = this.#leaving.get(name);
      if (inventory === undefined || application === undefined) return false;
      if (inventory.length > 0) return applications.writeStatus(name, { ...application.status, inventory });
      await applications.remove(name);
      this.#leaving.delete(name);
      return true;
    }
    this.#leaving.delete(name);
    const before = record.health;
    record.health = this.#observeHealth(record);
    this.#noteFinished(record);
    if (record.health.state === "Healthy") record.progressingSinceMs = undefined;
    else record.progressingSinceMs ??= clock.monotonic();
    // Before the first pass there is no Application yet; the pass makes it.
    if (application === undefined) return before?.state !== record.health.state;
    const wrote = await applications.writeStatus(name, this.#statusOf(record, application));
    record.inventory = undefined;
    record.finished = undefined;
    await this.#removeDone(record);
    return wrote || before?.state !== record.health.state || before.reason !== record.health.reason;
  }

  #observeHealth(record: UnitRecord): UnitHealth {
    const { unit, objects, holdup, progressingSinceMs } = record;
    const { clock } = this.#options;
    const progressingForMs = progressingSinceMs === undefined ? undefined : clock.monotonic() - progressingSinceMs;
    return computeUnitHealth({ unit, objects, holdup, progressingForMs, ...this.#observation }, clock.now());
  }

  get #observation(): Omit<UnitObservation, "unit" | "objects" | "holdup" | "progressingForMs"> {
    const { view, memory } = this.#options;
    return {
      liveOf: (desired) => view.get(desired.resource, desired.object.metadata.namespace, desired.object.metadata.name ?? ""),
      failureOf: ({ resource }) => view.failureOf(resource),
      writtenRevisionOf: (identity) => memory.writtenRevision(identity),
      isFinished: (desired) => this.isFinished(desired),
      lookup: view,
    };
  }

  #finishedOf(unit: string): ReadonlyMap<string, string> {
    const stored = () => new Map((this.#options.applications.get(unit)?.status?.finished ?? []).map(({ object, content }) => [object, content]));
    return this.#units.get(unit)?.finished ?? stored();
  }

  /** Only what is remembered as done may go; otherwise it would be made again. */
  async #removeDone({ objects }: UnitRecord): Promise<void> {
    for (const desired of goingWhenDone(objects)) {
      const live = this.#observation.liveOf(desired);
      if (
        live === undefined ||
        live.metadata.deletionTimestamp !== undefined ||
        !this.isFinished(desired) ||
        live.metadata.labels?.[APPLICATION_LABEL] !== desired.unit
      )
        continue;
      await this.#options.remove(desired, live);
    }
  }

  /** What is done may be gone before anybody looks at it again: a Job whose time to live is nothing goes at once. */
  noteEnd(identity: string, live: KubeObject): void {
    const desired = this.#objects.get(identity);
    const record = desired === undefined ? undefined : this.#units.get(desired.unit);
    if (desired === undefined || record === undefined || !runsToItsEnd(desired) || this.isFinished(desired)) return;
    const { state } = computeDesiredHealth(desired, { ...this.#observation, liveOf: () => live }, this.#options.clock.now());
    // One that a commit has changed meanwhile is done with something else.
    if (state !== "Healthy" || !isApplied(desired.resource, desired.object, live)) return;
    record.finished = new Map(this.#finishedOf(desired.unit)).set(identity, contentDigest(desired.object));
  }

  /** Remembers Jobs and hooks that are done: their time to live may remove them, and they must not run again for that. */
  #noteFinished(record: UnitRecord): void {
    const { objects = [] } = record.health ?? {};
    const jobs = objects.filter(({ desired }) => runsToItsEnd(desired));
    const before = this.#finishedOf(record.unit.name);
    if (jobs.length === 0 && before.size === 0) return;
    const done = jobs.filter(({ health }) => health.state === "Healthy");
    record.finished = new Map(done.map(({ desired }) => [desired.identity, contentDigest(desired.object)]));
  }

  #statusOf(record: UnitRecord, application: Application): ApplicationStatus {
    const { state, reason, ready, images } = record.health ?? { state: "Unknown" as const, reason: "", ready: "", images: [] };
    const before = application.status;
    return {
      observedGeneration: application.metadata.generation ?? 0,
      commit: this.#commit,
      appliedCommit: record.appliedCommit ?? before?.appliedCommit ?? "",
      health: state,
      message: reason,
      since: before?.health === state && before.since !== undefined ? before.since : formatTime(this.#options.clock.now()),
      ready,
      images,
      inventory: record.inventory ?? before?.inventory ?? [],
      kept: record.kept,
      ...(record.finished === undefined
        ? { finished: before?.finished ?? [] }
        : { finished: [...record.finished].map(([object, content]) => ({ object, content })) }),
    };
  }
}

function holdsOf(application: Application | undefined, now: number): { readonly holds?: readonly string[] } {
  const holds = activeHolds(application?.spec?.holds, now).map(describeHold);
  return holds.length === 0 ? {} : { holds };
}

function specOf(unit: Unit, repository: string): NonNullable<Application["spec"]> {
  return {
    repository,
    path: unit.path === "" ? "." : unit.path,
    ...(unit.namespace === undefined ? {} : { namespace: unit.namespace }),
    ...(unit.dependsOn.length === 0 ? {} : { dependsOn: unit.dependsOn }),
    prune: unit.prune,
    deadline: `${Math.round(unit.deadlineMs / 1000)}s`,
  };
}
