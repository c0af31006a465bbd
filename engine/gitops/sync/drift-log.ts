import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { formatTime, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { GitObjects } from "../git/git-source.ts";
import { describeDesired } from "../manifests/desired-state.ts";
import { describeFieldPlace } from "../manifests/field-place.ts";
import { formatFieldChange, isBookkeeping } from "../plan/field-diff.ts";
import type { Action } from "../plan/plan-sync.ts";
import type { DriftFacts } from "../status/status-facts.ts";
import { UNKNOWN_WRITERS, writerOf, writtenName, type DriftWriters } from "./drift.ts";

const KEPT = 10;

export interface DriftLogOptions {
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writers?: DriftWriters;
}

/** Tells of changes in the cluster that were put back: in the log, as an event of the object, and as the newest facts for the report. */
export class DriftLog {
  readonly #options: DriftLogOptions;
  #newest: readonly DriftFacts[] = [];

  constructor(options: DriftLogOptions) {
    this.#options = options;
  }

  get newest(): readonly DriftFacts[] {
    return this.#newest;
  }

  async putBack(action: Exclude<Action, { readonly do: "prune" }>, stored: KubeObject, objects: GitObjects): Promise<void> {
    const { events, clock, logger, writers = UNKNOWN_WRITERS } = this.#options;
    const { desired } = action;
    const object = describeDesired(desired);
    const change =
      action.do === "update"
        ? action.changes
            .filter((one) => !isBookkeeping(one))
            .map(formatFieldChange)
            .join(", ") || "labels or annotations"
        : "was deleted, made again";
    const user = writers.of(writtenName(desired));
    const writer = action.do === "update" ? writerOf(action.live, action.changes, user) : (user ?? "someone");
    writers.forget(writtenName(desired));
    const first = action.do === "update" ? action.changes.find((one) => !isBookkeeping(one)) : undefined;
    const source = await describeFieldPlace(objects, desired, first?.steps ?? []);
    this.#newest = [{ time: formatTime(clock.now()), object, change, writer, source }, ...this.#newest].slice(0, KEPT);
    logger.info("drift put back", { object, change, writer });
    events.record(stored, { type: "Warning", reason: "DriftCorrected", message: `${change}: put back as ${source} says; changed by ${writer}` });
  }
}
