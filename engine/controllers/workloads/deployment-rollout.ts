import { scaledValue } from "../../apimachinery/int-or-string.ts";
import type { Deployment, ReplicaSet } from "../../resources/types.ts";
import { DESIRED_ANNOTATION, MAX_ANNOTATION } from "./deployment-annotations.ts";

/** New numbers of replicas for some of a Deployment's sets. */
export type Sizes = ReadonlyMap<ReplicaSet, number>;

export function wantedReplicas(deployment: Deployment): number {
  return deployment.spec.replicas ?? 1;
}

export function specReplicas(set: ReplicaSet): number {
  return set.spec.replicas ?? 1;
}

export function availableReplicas(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}

export function isRecreate(deployment: Deployment): boolean {
  return deployment.spec.strategy?.type === "Recreate";
}

/** How many more pods than wanted there may be during a rolling update. Percentages round up. */
export function maxSurge(deployment: Deployment): number {
  return isRecreate(deployment) ? 0 : scaledValue(deployment.spec.strategy?.rollingUpdate?.maxSurge ?? "25%", wantedReplicas(deployment), true);
}

/** How many fewer available pods than wanted there may be. Percentages round down; both bounds zero would never move, so one may be missing. */
export function maxUnavailable(deployment: Deployment): number {
  const wanted = wantedReplicas(deployment);
  if (isRecreate(deployment) || wanted === 0) return 0;
  const unavailable = scaledValue(deployment.spec.strategy?.rollingUpdate?.maxUnavailable ?? "25%", wanted, false);
  return Math.min(wanted, unavailable === 0 && maxSurge(deployment) === 0 ? 1 : unavailable);
}

/** How large the Deployment was when a set was sized; by these, a later change of size is told from a rollout. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const wanted = wantedReplicas(deployment);
  return { [DESIRED_ANNOTATION]: String(wanted), [MAX_ANNOTATION]: String(wanted + maxSurge(deployment)) };
}

/** The size of the set of the current template: as many as the surge has room for. `set` is undefined before it is made. */
export function chooseNewSize(deployment: Deployment, set: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): number {
  const wanted = wantedReplicas(deployment);
  const has = set === undefined ? 0 : specReplicas(set);
  if (isRecreate(deployment) || has >= wanted) return wanted;
  const room = wanted + maxSurge(deployment) - has - sum(oldSets, specReplicas);
  return room <= 0 ? has : Math.min(wanted, has + room);
}

/** One step of a rolling update: grow the new set, or when it cannot grow now, shrink the old ones. */
export function planRollingSizes(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Sizes {
  const grown = chooseNewSize(deployment, newSet, oldSets);
  if (grown !== specReplicas(newSet)) return new Map([[newSet, grown]]);
  return planOldSizes(deployment, newSet, oldSets);
}

/**
 * How far the old sets may shrink: what is above the minimum of available pods, counting the new set's pods that are not available
 * as missing. Pods that are not available are no loss, so they go first; then the oldest sets' pods.
 */
function planOldSizes(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Sizes {
  const old = oldSets.filter((set) => specReplicas(set) > 0);
  const minAvailable = wantedReplicas(deployment) - maxUnavailable(deployment);
  const newUnavailable = specReplicas(newSet) - availableReplicas(newSet);
  const removable = specReplicas(newSet) + sum(old, specReplicas) - minAvailable - newUnavailable;
  const sizes = new Map(old.map((set) => [set, specReplicas(set)]));
  const shrink = (set: ReplicaSet, by: number) => sizes.set(set, (sizes.get(set) ?? 0) - by);
  let unhealthyLeft = Math.max(0, removable);
  for (const set of old) {
    const by = Math.min(unhealthyLeft, Math.max(0, specReplicas(set) - availableReplicas(set)));
    shrink(set, by);
    unhealthyLeft -= by;
  }
  let healthyLeft = removable <= 0 ? 0 : Math.max(0, availableReplicas(newSet) + sum(oldSets, availableReplicas) - minAvailable);
  for (const set of old) {
    const by = Math.min(healthyLeft, sizes.get(set) ?? 0);
    shrink(set, by);
    healthyLeft -= by;
  }
  return new Map([...sizes].filter(([set, size]) => size !== specReplicas(set)));
}

/**
 * A new size while a rollout is under way or paused: each set grows or shrinks by its share of the pods, larger sets first,
 * so that neither version is thrown away in the middle. Sets whose size stays are in the answer too: their annotations must follow.
 */
export function planProportionalSizes(deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): Sizes {
  const wanted = wantedReplicas(deployment);
  const active = [...oldSets, ...(newSet === undefined ? [] : [newSet])].filter((set) => specReplicas(set) > 0);
  const only = active.length === 0 ? (newSet ?? oldSets.at(-1)) : active.length === 1 ? active[0] : undefined;
  if (only !== undefined) return new Map([[only, wanted]]);
  if (newSet !== undefined && isSaturated(deployment, newSet)) return new Map(active.filter((set) => set !== newSet).map((set) => [set, 0]));
  if (isRecreate(deployment) || active.length === 0) return new Map();
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0;
  const change = allowed - sum(active, specReplicas);
  const bySize = [...active].sort((a, b) => specReplicas(b) - specReplicas(a) || (change > 0 ? compareAge(b, a) : compareAge(a, b)));
  const sizes = new Map<ReplicaSet, number>();
  let left = change;
  for (const set of bySize) {
    const share = shareOf(deployment, set);
    const by = change > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
    sizes.set(set, specReplicas(set) + by);
    left -= by;
  }
  // What rounding left over goes to the largest.
  const largest = bySize[0];
  if (largest !== undefined && left !== 0) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + left));
  return sizes;
}

/** Oldest first; the name decides between sets of the same second. */
export function compareAge(a: ReplicaSet, b: ReplicaSet): number {
  const key = ({ metadata }: ReplicaSet) => `${metadata.creationTimestamp ?? ""} ${metadata.name ?? ""}`;
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
}

/** How much a set would change if it kept its share of a Deployment that had the size its annotation remembers. */
function shareOf(deployment: Deployment, set: ReplicaSet): number {
  const wanted = wantedReplicas(deployment);
  if (wanted === 0) return -specReplicas(set);
  const before = Number(set.metadata.annotations?.[MAX_ANNOTATION] ?? 0) || (deployment.status?.replicas ?? 0);
  return before === 0 ? 0 : Math.round((specReplicas(set) * (wanted + maxSurge(deployment))) / before) - specReplicas(set);
}

function isSaturated(deployment: Deployment, newSet: ReplicaSet): boolean {
  const wanted = wantedReplicas(deployment);
  const sizedFor = Number(newSet.metadata.annotations?.[DESIRED_ANNOTATION] ?? NaN);
  return specReplicas(newSet) === wanted && sizedFor === wanted && availableReplicas(newSet) === wanted;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
