import { counted, plural } from "../../lib/plural.ts";
import type { HealthState } from "../health/health.ts";
import { describeDesired } from "../manifests/desired-state.ts";
import { formatProblem, type Problem } from "../manifests/problem.ts";
import type { SyncPlan } from "../plan/plan-sync.ts";

/** Why a unit as a whole is not as the commit wants it, whatever its objects say. */
export interface Holdup {
  readonly state: HealthState;
  readonly reason: string;
  /** It goes on by itself, when another unit or object is ready. */
  readonly isWaiting: boolean;
}

/** What a plan says that keeps units, looked up by their names. Of several reasons the gravest is told: a problem, then a wait, then a hold. */
export function computeHoldups(plan: SyncPlan, refused: readonly Problem[]): (unit: string) => Holdup | undefined {
  const unitOfFile = new Map([...plan.refusals, ...plan.unknown].map(({ desired }) => [desired.file, desired.unit]));
  const problems = Map.groupBy(refused, ({ file }) => unitOfFile.get(file));
  const holds = Map.groupBy(plan.held, ({ unit }) => unit);
  const blocks = Map.groupBy(plan.blocked.values(), ({ desired }) => desired.unit);
  return (unit) => {
    const [problem] = problems.get(unit) ?? [];
    if (problem !== undefined) return { state: "Degraded", reason: formatProblem(problem), isWaiting: false };
    const dependency = plan.waiting.get(unit);
    if (dependency !== undefined) return { state: "Progressing", reason: `waits until ${dependency} is healthy`, isWaiting: true };
    const [blocked] = blocks.get(unit) ?? [];
    if (blocked !== undefined) return { state: "Progressing", reason: `${describeDesired(blocked.desired)} waits for ${blocked.by}`, isWaiting: true };
    const held = holds.get(unit) ?? [];
    if (held[0] === undefined) return undefined;
    return { state: "Suspended", reason: `${held[0].why}; ${counted(held.length, "change")} ${plural(held.length, "waits", "wait")}`, isWaiting: false };
  };
}
