import type { Clock } from "../../lib/clock.ts";
import { INTENT_ANNOTATION, type DesiredObject, type DesiredState } from "../manifests/desired-state.ts";
import { unknownOutcome } from "../plan/dry-run.ts";
import type { Outcome } from "../plan/plan-sync.ts";
import type { Restraints } from "../plan/restraints.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { DriftLimiter } from "./drift.ts";
import type { Look, SyncMemory } from "./sync-memory.ts";

export interface SyncLooksOptions {
  readonly view: ClusterView;
  readonly memory: SyncMemory;
  readonly limiter: DriftLimiter;
  /** What has done its work, and may be gone for good. */
  readonly isFinished: (desired: DesiredObject) => boolean;
  /** Called with the milliseconds after which there is something to look at that has to wait now. */
  readonly later: (delayMs: number) => void;
  readonly clock: Clock;
}

/** Which of the wanted objects a pass looks at, and of which it knows already what it would find. */
export class SyncLooks {
  readonly #options: SyncLooksOptions;

  constructor(options: SyncLooksOptions) {
    this.#options = options;
  }

  choose(state: DesiredState, restraints: Restraints): readonly Look[] {
    const { memory, limiter, isFinished, later, clock } = this.#options;
    const nowMs = clock.monotonic();
    const looks: Look[] = [];
    for (const look of memory.toLook(
      state.objects,
      (desired) => withFields(desired, restraints),
      (unit) => restraints.isPlain(unit),
    )) {
      const { desired } = look;
      const cause = this.#causeOf(look);
      if (isFinished(desired) && this.#liveOf(desired) === undefined) continue;
      const delayMs = cause === "drift" ? limiter.delayMs(desired.identity, nowMs) : 0;
      if (delayMs > 0) later(delayMs);
      else looks.push({ desired, cause });
    }
    return looks;
  }

  /**
   * Dry runs of the push, where the object has not changed since; and of a kind whose objects the API fails at nobody knows who has changed
   * what, so that nothing is done about them.
   */
  known(outcomes: ReadonlyMap<string, Outcome>, looks: readonly Look[]): ReadonlyMap<string, Outcome> {
    const known = new Map<string, Outcome>();
    for (const { desired } of looks) {
      const failure = this.#options.view.failureOf(desired.resource);
      if (failure !== undefined) known.set(desired.identity, unknownOutcome(failure));
      const outcome = outcomes.get(desired.identity);
      if (failure !== undefined || outcome === undefined || outcome.is === "refused" || outcome.is === "unknown" || outcome.is === "immutable") continue;
      const expected = outcome.is === "create" ? undefined : outcome.live.metadata.resourceVersion;
      // What is watched may be behind what was written here.
      if (this.#liveOf(desired)?.metadata.resourceVersion === expected && this.#options.memory.writtenRevision(desired.identity) <= Number(expected ?? 0))
        known.set(desired.identity, outcome);
    }
    return known;
  }

  #causeOf({ desired, cause }: Look): Look["cause"] {
    const intent = desired.object.metadata.annotations?.[INTENT_ANNOTATION];
    if (cause !== "commit" || intent === undefined) return cause;
    // After a restart nothing is remembered; the object itself says what was applied last.
    return this.#liveOf(desired)?.metadata.annotations?.[INTENT_ANNOTATION] === intent ? "drift" : "commit";
  }

  #liveOf({ resource, object }: DesiredObject) {
    return this.#options.view.get(resource, object.metadata.namespace, object.metadata.name ?? "");
  }
}

/** Which fields are left alone is part of what is wanted of an object: when that changes, it must be looked at again. */
export function withFields(desired: DesiredObject, restraints: Restraints): DesiredObject {
  const fields = restraints.liveFieldsOf(desired);
  return fields.length === 0 ? desired : { ...desired, digest: `${desired.digest} ${JSON.stringify(fields)}` };
}
