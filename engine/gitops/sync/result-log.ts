import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { Turns } from "../../lib/turns.ts";
import { shortId, type GitObjects } from "../git/git-source.ts";
import { describeDesired } from "../manifests/desired-state.ts";
import type { Restraints } from "../plan/restraints.ts";
import type { DriftFacts } from "../status/status-facts.ts";
import type { ApplicationStore } from "./application-store.ts";
import type { DriftLimiter, DriftWriters } from "./drift.ts";
import { DriftLog } from "./drift-log.ts";
import type { ActionResult } from "./execute-plan.ts";
import { describeEntry } from "./inventory.ts";
import { withFields } from "./sync-looks.ts";
import type { SyncMemory } from "./sync-memory.ts";

/** Of a large commit, so many objects are noted before everything else in the process has its turn. */
const RESULTS_PER_TURN = 25;

export interface ResultLogOptions {
  readonly applications: ApplicationStore;
  readonly memory: SyncMemory;
  readonly limiter: DriftLimiter;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writers?: DriftWriters;
}

/** What was done to each object: remembered for the next look, and told in the log and as events. */
export class ResultLog {
  readonly #options: ResultLogOptions;
  readonly #drift: DriftLog;
  readonly #rolling = new Set<string>();

  constructor(options: ResultLogOptions) {
    this.#options = options;
    this.#drift = new DriftLog(options);
  }

  get drift(): readonly DriftFacts[] {
    return this.#drift.newest;
  }

  /** Whether an object was written for the commit that is admitted: what comes after it waits until it is ready. */
  isRolling(identity: string): boolean {
    return this.#rolling.has(identity);
  }

  /** Another commit is admitted. */
  beginCommit(): void {
    this.#rolling.clear();
  }

  /** Returns whether one of the objects is to be looked at again. */
  async note(results: readonly ActionResult[], commit: string, objects: GitObjects, restraints: Restraints): Promise<boolean> {
    const turns = new Turns(RESULTS_PER_TURN);
    let isStale = false;
    for (const result of results) {
      await turns.next();
      if (await this.#note(result, commit, objects, restraints)) isStale = true;
    }
    return isStale;
  }

  async #note(result: ActionResult, commit: string, objects: GitObjects, restraints: Restraints): Promise<boolean> {
    const { action } = result;
    const { logger, clock, memory, limiter } = this.#options;
    if (result.is === "failed") {
      if (action.do !== "prune") memory.mustLookAgain(action.desired.identity);
      return false;
    }
    if (action.do === "prune") {
      this.#notePruned(action, commit);
      return false;
    }
    if (result.is !== "done" || result.stored === undefined) return false;
    const { outcome } = action.candidate;
    const isOwned = outcome.is !== "update" || outcome.leftToOthers.length === 0;
    const isStale = memory.settle(withFields(action.desired, restraints), { live: result.stored, isWritten: true, isOwned });
    if (action.candidate.cause === "commit") {
      this.#rolling.add(action.desired.identity);
      logger.info("applied", { object: describeDesired(action.desired), do: action.do, commit });
    } else {
      limiter.corrected(action.desired.identity, clock.monotonic());
      await this.#drift.putBack(action, result.stored, objects);
    }
    return isStale;
  }

  #notePruned({ entry: { entry, unit } }: Extract<ActionResult["action"], { readonly do: "prune" }>, commit: string): void {
    const { logger, events, applications } = this.#options;
    const object = describeEntry(entry);
    logger.info("pruned", { object, unit });
    const application = applications.get(unit);
    if (application !== undefined)
      events.record(application, { type: "Normal", reason: "Pruned", message: `${object} left the repository with commit ${shortId(commit)}` });
  }
}
