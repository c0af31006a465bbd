import type { CommitInfo } from "../git/git-source.ts";
import { subjectOf, trailerValues } from "../git/commit-message.ts";
import { formatTime } from "../../lib/clock.ts";
import { actionsOf, type SyncPlan } from "../plan/plan-sync.ts";
import { renderPlan } from "../plan/plan-text.ts";
import type { DeployFacts } from "../status/status-facts.ts";

/** How many deploys are kept in the report; their pages stay on the branch. */
const DEPLOYS_KEPT = 20;

/** One commit on its way into the cluster. */
export interface Rollout {
  readonly commit: CommitInfo;
  readonly time: string;
  readonly startedMs: number;
  /** Units that the commit changes; they decide when it is healthy. */
  readonly units: ReadonlySet<string>;
  readonly plan: readonly string[];
  readonly problems: readonly string[];
  /** The store's revisions that it was committed under; a commit that fitted has one. */
  readonly revisions: readonly number[];
  readonly appliedMs: number | undefined;
  readonly healthyMs: number | undefined;
  readonly isSuperseded: boolean;
  readonly isRejected: boolean;
  readonly pusher?: string;
}

/** The commits of this run, newest first, on top of what the status branch remembers. Durations are in milliseconds since the commit arrived. */
export class Rollouts {
  #rollouts: Rollout[] = [];
  #remembered: readonly DeployFacts[] = [];

  /** Deploys that the report before this run told of. */
  remember(deploys: readonly DeployFacts[]): void {
    this.#remembered = deploys;
  }

  get current(): Rollout | undefined {
    return this.#rollouts.find((rollout) => !rollout.isRejected);
  }

  find(commit: string): Rollout | undefined {
    return this.#rollouts.find((rollout) => rollout.commit.id === commit);
  }

  /**
   * A commit is on its way. `changed` are the units that an earlier run has changed for it: after a restart there is nothing left to do for
   * them, and yet the commit is not healthy before they are.
   */
  begin(commit: CommitInfo, nowMs: number, startedMs: number, pusher?: string, changed: Iterable<string> = []): void {
    if (this.current?.commit.id === commit.id) return;
    this.#rollouts = this.#rollouts.map((rollout) => (rollout.healthyMs === undefined && !rollout.isRejected ? { ...rollout, isSuperseded: true } : rollout));
    this.#add({
      commit,
      time: formatTime(nowMs),
      startedMs,
      units: new Set(changed),
      plan: [],
      problems: [],
      revisions: [],
      appliedMs: undefined,
      healthyMs: undefined,
      isSuperseded: false,
      isRejected: false,
      ...(pusher === undefined ? {} : { pusher }),
    });
  }

  reject(commit: CommitInfo, nowMs: number, startedMs: number, problems: readonly string[]): void {
    const known = this.find(commit.id);
    if (known?.isRejected === true && known.problems.join("\n") === problems.join("\n")) return;
    this.#rollouts = this.#rollouts.filter((rollout) => rollout.commit.id !== commit.id);
    this.#add({
      commit,
      time: formatTime(nowMs),
      startedMs,
      units: new Set(),
      plan: [],
      problems,
      revisions: [],
      appliedMs: undefined,
      healthyMs: undefined,
      isSuperseded: false,
      isRejected: true,
    });
  }

  /** Adds what a pass is about to do for the commit: not what it puts back, which the cluster changed. */
  announce(commit: string, plan: SyncPlan): void {
    const byCommit = actionsOf(plan).filter((action) => action.do === "prune" || action.candidate.cause === "commit");
    const units = byCommit.map((action) => (action.do === "prune" ? action.entry.unit : action.desired.unit));
    const later = [...plan.waiting.keys(), ...plan.held.map(({ unit }) => unit), ...[...plan.blocked.values()].map(({ desired }) => desired.unit)];
    if (byCommit.length + later.length === 0) return;
    const lines = renderPlan({ ...plan, waves: [{ rank: 0, actions: byCommit }], kept: [], waiting: new Map(), blocked: new Map(), held: [] });
    this.#extend(commit, [...units, ...later], lines);
  }

  #extend(commit: string, units: Iterable<string>, plan: readonly string[]): void {
    this.#change(commit, (rollout) => ({
      ...rollout,
      units: new Set([...rollout.units, ...units]),
      plan: [...rollout.plan, ...plan.filter((line) => !rollout.plan.includes(line))].slice(0, 200),
    }));
  }

  stored(commit: string, revisions: readonly number[]): void {
    this.#change(commit, (rollout) => ({ ...rollout, revisions: rollout.appliedMs === undefined ? [...rollout.revisions, ...revisions] : rollout.revisions }));
  }

  applied(commit: string, nowMs: number): void {
    this.#change(commit, (rollout) => ({ ...rollout, appliedMs: rollout.appliedMs ?? Math.max(0, nowMs - rollout.startedMs) }));
  }

  /** Once all of the current commit is applied, it is healthy as soon as every unit is that it changed. Returns whether that is so for the first time. */
  noteHealth(isHealthy: (unit: string) => boolean, nowMs: number): boolean {
    const { current } = this;
    if (current?.appliedMs === undefined || current.healthyMs !== undefined || ![...current.units].every(isHealthy)) return false;
    this.#change(current.commit.id, (rollout) => ({ ...rollout, healthyMs: Math.max(0, nowMs - rollout.startedMs) }));
    return true;
  }

  /** For the report, newest first. */
  facts(): readonly DeployFacts[] {
    const own = this.#rollouts.map(toFacts);
    const remembered = this.#remembered.filter((deploy) => !own.some((other) => other.commit === deploy.commit));
    return [...own, ...(this.current === undefined ? remembered : remembered.map(superseded))].slice(0, DEPLOYS_KEPT);
  }

  #add(rollout: Rollout): void {
    const again = this.#remembered.find((deploy) => deploy.commit === rollout.commit.id && deploy.result !== "rejected");
    // After a restart the same commit is looked at again; its story is told already.
    const known =
      again === undefined || rollout.isRejected
        ? rollout
        : {
            ...rollout,
            time: again.time,
            startedMs: rollout.startedMs - Math.max(0, Date.parse(rollout.time) - Date.parse(again.time)),
            plan: again.plan,
            revisions: again.revisions ?? [],
            appliedMs: again.appliedMs,
            healthyMs: again.healthyMs,
          };
    this.#rollouts = [known, ...this.#rollouts].slice(0, DEPLOYS_KEPT);
  }

  #change(commit: string, change: (rollout: Rollout) => Rollout): void {
    this.#rollouts = this.#rollouts.map((rollout) => (rollout.commit.id === commit && !rollout.isRejected ? change(rollout) : rollout));
  }
}

/** A commit that was on its way when the run before this one was killed, now that another one is. */
function superseded(deploy: DeployFacts): DeployFacts {
  return deploy.healthyMs !== undefined || deploy.result === "rejected" ? deploy : { ...deploy, superseded: true };
}

function toFacts(rollout: Rollout): DeployFacts {
  const { commit, appliedMs, healthyMs } = rollout;
  const isRollback = trailerValues([commit.message], "Rollback-Of").length > 0 || /^Revert "/.test(subjectOf(commit.message));
  return {
    commit: commit.id,
    subject: subjectOf(commit.message),
    author: commit.author,
    ...(rollout.pusher === undefined ? {} : { pusher: rollout.pusher }),
    time: rollout.time,
    result: rollout.isRejected ? "rejected" : isRollback ? "rolled-back" : "applied",
    ...(rollout.revisions.length === 0 ? {} : { revisions: rollout.revisions }),
    ...(appliedMs === undefined ? {} : { appliedMs: Math.round(appliedMs) }),
    ...(healthyMs === undefined ? {} : { healthyMs: Math.round(healthyMs) }),
    ...(rollout.isSuperseded ? { superseded: true } : {}),
    plan: rollout.plan,
    problems: rollout.problems,
  };
}
