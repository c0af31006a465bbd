import type { HealthState } from "../gitops/health/health.ts";

/** How an application stood at one report. */
export interface Observation {
  readonly time: string;
  /** The commit that the cluster ran. */
  readonly deployed: string;
  /** The newest commit that had changed the application itself. */
  readonly changed: string;
  readonly health: HealthState;
  readonly reason: string;
}

export type Break =
  /** It broke when it was changed: somewhere between `good.changed` and `bad.changed`. */
  | { readonly is: "change"; readonly good: Observation; readonly bad: Observation }
  /** It broke with the deploy of a commit that did not change it. */
  | { readonly is: "elsewhere"; readonly good: Observation; readonly bad: Observation }
  /** It broke while the same commit went on running, which was there since `deployedAt`. */
  | { readonly is: "by itself"; readonly good: Observation; readonly bad: Observation; readonly deployedAt: string }
  /** No report knows it healthy before. */
  | { readonly is: "never healthy"; readonly bad: Observation }
  | { readonly is: "no answer"; readonly why: string };

export interface BreakQuestion {
  readonly application: string;
  /** All that is known, oldest first. */
  readonly observations: readonly Observation[];
  /** Full ids of commits with which it was known to be well, or not. */
  readonly good?: string;
  readonly bad?: string;
}

const UNWELL: ReadonlySet<HealthState> = new Set(["Degraded", "Missing"]);
const isSettled = ({ health }: Observation) => health === "Healthy" || UNWELL.has(health);

/**
 * What made an application what it is: the last time that it went from healthy to not, before the newest report or before `bad`, and after
 * `good`. Every deployed commit has been tried by the cluster itself, so nothing needs to be tried again; what was on its way counts for
 * nothing, unless it is all there is to say about `bad`. Pure.
 */
export function findBreak({ application, observations, good, bad }: BreakQuestion): Break {
  const isOf = (commit: string) => (one: Observation) => one.deployed === commit || one.changed === commit;
  const endAt = bad === undefined ? observations.findLastIndex(isSettled) : observations.findLastIndex((one) => isOf(bad)(one) && one.health !== "Healthy");
  const end = observations[endAt];
  if (end === undefined) {
    if (bad === undefined)
      return { is: "no answer", why: observations.length === 0 ? `nothing is known of ${application}` : `nothing final is known of ${application} yet` };
    return {
      is: "no answer",
      why: observations.some(isOf(bad))
        ? `${application} was healthy with ${bad.slice(0, 10)}`
        : `${bad.slice(0, 10)} was not deployed, as far as the status branch remembers`,
    };
  }
  if (end.health === "Healthy")
    return { is: "no answer", why: `${application} is healthy; to look into the past, say with which commit it was not: --bad COMMIT` };
  const startAt = good === undefined ? -1 : observations.findLastIndex((one, index) => index < endAt && isOf(good)(one) && one.health === "Healthy");
  if (good !== undefined && startAt < 0)
    return { is: "no answer", why: `${application} is not known to have been healthy with ${good.slice(0, 10)} before it broke` };
  const goodAt = observations.findLastIndex((one, index) => index < endAt && index >= startAt && one.health === "Healthy");
  const [before, broken] = [observations[goodAt], observations.slice(goodAt + 1, endAt + 1).find(isSettled) ?? end];
  if (before === undefined) return { is: "never healthy", bad: broken };
  if (before.changed !== broken.changed) return { is: "change", good: before, bad: broken };
  if (before.deployed !== broken.deployed) return { is: "elsewhere", good: before, bad: broken };
  return { is: "by itself", good: before, bad: broken, deployedAt: observations.find((one) => one.deployed === broken.deployed)?.time ?? broken.time };
}
