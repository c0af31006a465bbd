import type { Pod } from "../../../engine/resources/types.ts";
import { amountOf, isCritical, refusePod, shortages } from "./admit-pod.ts";
import { qosOf } from "../../cgroups/pod-cgroup.ts";

/** Amounts that are still to be made free, by resource. */
type Need = ReadonlyMap<string, number>;

/**
 * Which pods have to go so that one that the node must not do without finds room, as upstream chooses them: best effort before burstable before
 * guaranteed, and of each as few as will do. Undefined where it needs no room, may have nobody's, or all of theirs would not be enough. Pure.
 */
export function choosePreempted(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): readonly Pod[] | undefined {
  if (!isCritical(pod)) return undefined;
  const need: Need = new Map(shortages(pod, others, allocatable).map(({ name, wanted, used, capacity }) => [name, used + wanted - capacity]));
  if (need.size === 0) return undefined;
  const candidates = others.filter(
    (other) => other.metadata.uid !== pod.metadata.uid && other.status?.phase !== "Succeeded" && other.status?.phase !== "Failed" && isPreemptable(pod, other),
  );
  if (without(need, candidates).size > 0) return undefined;
  const ofClass = (name: string) => candidates.filter((other) => qosOf(other) === name);
  const [bestEffort, burstable, guaranteed] = [ofClass("BestEffort"), ofClass("Burstable"), ofClass("Guaranteed")];
  const fromGuaranteed = chooseNearest(guaranteed, without(need, [...bestEffort, ...burstable]));
  const fromBurstable = chooseNearest(burstable, without(need, [...bestEffort, ...fromGuaranteed]));
  const fromBestEffort = chooseNearest(bestEffort, without(need, [...fromBurstable, ...fromGuaranteed]));
  const chosen = [...fromBestEffort, ...fromBurstable, ...fromGuaranteed];
  // Nobody goes for one that would not run all the same, such as for a port that is taken.
  const isFree =
    refusePod(
      pod,
      others.filter((other) => !chosen.includes(other)),
      allocatable,
    ) === undefined;
  return isFree ? chosen : undefined;
}

/** Whether one must give way to the other. */
function isPreemptable(pod: Pod, other: Pod): boolean {
  if (!isCritical(other)) return true;
  return pod.spec.priority !== undefined && other.spec.priority !== undefined && pod.spec.priority > other.spec.priority;
}

/** One after the other that which comes nearest to what is still needed; of two that are as near, the smaller one, and of equals the last. */
function chooseNearest(pods: readonly Pod[], need: Need): readonly Pod[] {
  const [chosen, left]: [Pod[], Pod[]] = [[], [...pods]];
  for (let rest = need; rest.size > 0 && left.length > 0; rest = without(rest, chosen.slice(-1))) {
    const nearest = left.reduce((best, other) => (isNearer(other, best, rest) ? other : best));
    chosen.push(nearest);
    left.splice(left.indexOf(nearest), 1);
  }
  return chosen;
}

function isNearer(pod: Pod, best: Pod, need: Need): boolean {
  const [one, other] = [distance(pod, need), distance(best, need)];
  if (one !== other) return one < other;
  const bySize = (name: string) => amountOf(pod, name) - amountOf(best, name);
  return (bySize("memory") || bySize("cpu")) <= 0;
}

/** How much of what is needed a pod would leave, each resource's part counted alike. */
function distance(pod: Pod, need: Need): number {
  return [...need].reduce((sum, [name, amount]) => sum + (Math.max(0, amount - amountOf(pod, name)) / amount) ** 2, 0);
}

function without(need: Need, pods: readonly Pod[]): Need {
  const rest = [...need].map(([name, amount]) => [name, amount - pods.reduce((sum, pod) => sum + amountOf(pod, name), 0)] as const);
  return new Map(rest.filter(([, amount]) => amount > 0));
}
