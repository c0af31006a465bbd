import { scaledValue } from "../../apimachinery/int-or-string.ts";
import type { DaemonSet, Pod } from "../../resources/types.ts";
import { isBeingDeleted } from "../define-controller.ts";
import { isPodAvailable } from "../pods.ts";
import { REVISION_HASH_LABEL } from "./daemon-pods.ts";

/** Pods of a set by the node they are on or meant for; nodes that should have one and have none are there with an empty list. */
export type PodsByNode = ReadonlyMap<string, readonly Pod[]>;

export interface DaemonSetChange {
  readonly remove: readonly Pod[];
  /** Names of nodes that get a pod. */
  readonly add: readonly string[];
}

export interface RolloutInputs {
  readonly set: DaemonSet;
  readonly hash: string;
  readonly podsByNode: PodsByNode;
  /** The names of nodes that should run a pod. */
  readonly meant: ReadonlySet<string>;
}

/** How many nodes may be without an available pod, and how many may have one more. Both round up; one of them is not 0. */
export function rolloutBounds(set: DaemonSet, desired: number): { readonly maxUnavailable: number; readonly maxSurge: number } {
  const { maxUnavailable = 1, maxSurge = 0 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, desired, true);
  const unavailable = scaledValue(maxUnavailable, desired, true);
  return { maxSurge: surge, maxUnavailable: unavailable === 0 && surge === 0 ? 1 : unavailable };
}

/** The next step of a rolling update, by upstream's rules: pods that are of no use go at once, others as the bounds allow. Pure. */
export function planDaemonSetRollout(inputs: RolloutInputs, nowMs: number): DaemonSetChange {
  const { set, hash, podsByNode, meant } = inputs;
  const { maxUnavailable, maxSurge } = rolloutBounds(set, meant.size);
  const isAvailable = (pod: Pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  return maxSurge === 0 ? planReplacing(podsByNode, hash, maxUnavailable, isAvailable) : planSurging(inputs, maxSurge, isAvailable);
}

/** The old pod goes first; what is missing then is made anew when its node is looked at. */
function planReplacing(podsByNode: PodsByNode, hash: string, maxUnavailable: number, isAvailable: (pod: Pod) => boolean): DaemonSetChange {
  let unavailable = 0;
  const useless: Pod[] = [];
  const candidates: Pod[] = [];
  for (const pods of podsByNode.values()) {
    const pair = pairOn(pods, hash);
    if (pair === undefined || (pair.old === undefined) === (pair.new === undefined))
      unavailable++; // in between; its node is looked after
    else if (pair.new !== undefined) unavailable += isAvailable(pair.new) ? 0 : 1;
    else if (pair.old !== undefined) (isAvailable(pair.old) ? candidates : useless).push(pair.old);
  }
  return { remove: [...useless, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))], add: [] };
}

/**
 * The new pod comes first; the old one goes when it is available, or when the old one is of no use. A node that is meant no more
 * gets no new pod, and keeps an old one that serves until as many others do as there should be.
 */
function planSurging({ hash, podsByNode, meant }: RolloutInputs, maxSurge: number, isAvailable: (pod: Pod) => boolean): DaemonSetChange {
  let surged = 0;
  let available = 0;
  const remove: Pod[] = [];
  const stranded: Pod[] = [];
  const useless: string[] = [];
  const candidates: string[] = [];
  for (const [node, pods] of podsByNode) {
    const pair = pairOn(pods, hash);
    if (pair === undefined) {
      surged++;
      continue;
    }
    const standing = pair.old ?? pair.new;
    if (standing !== undefined && isAvailable(standing)) available++;
    if (pair.old === undefined) continue;
    const serves = isAvailable(pair.old);
    if (pair.new !== undefined) {
      if (!serves || isAvailable(pair.new)) remove.push(pair.old);
      else surged++;
    } else if (!meant.has(node)) (serves ? stranded : remove).push(pair.old);
    else (serves ? candidates : useless).push(node);
  }
  return {
    remove: [...remove, ...stranded.slice(0, Math.max(0, available - meant.size))],
    add: [...useless, ...candidates.slice(0, Math.max(0, maxSurge - surged))],
  };
}

/** The one pod of the current template and the one of an older one; undefined when there are more. Pods on their way out don't count. */
function pairOn(pods: readonly Pod[], hash: string): { readonly new: Pod | undefined; readonly old: Pod | undefined } | undefined {
  const staying = pods.filter((pod) => !isBeingDeleted(pod));
  const current = staying.filter((pod) => isUpdated(pod, hash));
  const older = staying.filter((pod) => !isUpdated(pod, hash));
  return current.length > 1 || older.length > 1 ? undefined : { new: current[0], old: older[0] };
}

export function isUpdated(pod: Pod, hash: string): boolean {
  return hash !== "" && pod.metadata.labels?.[REVISION_HASH_LABEL] === hash;
}
