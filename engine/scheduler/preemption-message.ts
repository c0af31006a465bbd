import { nodeInfo, withoutPod, type NodeInfo, type PodInfo } from "./node-info.ts";
import { priorityOf } from "./nominations.ts";
import { DYNAMIC_RESOURCES } from "./plugins/dynamic-resources.ts";
import type { Profile } from "./profile.ts";
import { explainUnfit, type Rejection } from "./schedule-pod.ts";

const NOT_HELPFUL = "Preemption is not helpful for scheduling";
const NO_VICTIMS = "No preemption victims found for incoming pod";
/** What no pod that goes would change, of filters that look at other nodes too. */
const UNCHANGEABLE = /missing required label|didn't match pod affinity rules/;

export interface RefusedNode {
  readonly node: NodeInfo;
  readonly rejection: Rejection;
}

/** Whether a refusal would hold on a node without any pods; the same for all pods of one template, and so remembered. */
const isFinal = new WeakMap<Rejection, boolean>();

/**
 * Why no room was made for a pod that fits nowhere, in upstream's words: the end of the message that says why it fits nowhere. `refused`
 * is empty where the pod was refused before any node was looked at. Pure, but for what it remembers.
 */
export function explainPreemption(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  refused: readonly RefusedNode[],
  profile: Profile,
  isRoomBeingMade: boolean,
): string {
  const devices = explainDevices(pod, refused, profile);
  if (pod.pod.spec.preemptionPolicy === "Never") return `${devices}preemption: not eligible due to preemptionPolicy=Never.`;
  if (isRoomBeingMade) return `${devices}preemption: not eligible due to a terminating pod on the nominated node.`;
  const reasons = refused.map(({ node, rejection }): Rejection["reasons"] => {
    if (isUnchangeable(pod, node, rejection, profile)) return [NOT_HELPFUL];
    const lesser = node.pods.filter((other) => priorityOf(other) < priorityOf(pod));
    if (lesser.length === 0) return [NO_VICTIMS];
    const emptied = lesser.reduce((state, other) => withoutPod(state, other.key), node);
    return localRefusal(pod, emptied, profile) ?? rejection.reasons;
  });
  const unseen = nodes.length - refused.length;
  return `${devices}preemption: ${explainUnfit(nodes.length, [...reasons, ...Array.from({ length: unseen }, () => [NOT_HELPFUL])])}`;
}

/** What comes before: that of devices nothing was given back either. Where no node was looked at, there is nothing to say of that. */
function explainDevices({ pod: { spec } }: PodInfo, refused: readonly RefusedNode[], { filters }: Profile): string {
  if (refused.length === 0 || !filters.some(({ name }) => name === DYNAMIC_RESOURCES)) return "";
  return (spec.resourceClaims ?? []).length === 0 ? "no new claims to deallocate, " : "still not schedulable, ";
}

function isUnchangeable(pod: PodInfo, { node }: NodeInfo, rejection: Rejection, profile: Profile): boolean {
  // No pod that goes gives its devices to another at once.
  if (rejection.by === DYNAMIC_RESOURCES) return true;
  let known = isFinal.get(rejection);
  if (known === undefined)
    isFinal.set(rejection, (known = rejection.reasons.some((reason) => UNCHANGEABLE.test(reason)) || localRefusal(pod, nodeInfo(node), profile) !== undefined));
  return known;
}

function localRefusal(pod: PodInfo, node: NodeInfo, { filters }: Profile): Rejection["reasons"] | undefined {
  for (const filter of filters) {
    const reasons = filter.prepare === undefined ? filter.test(pod, node, undefined) : undefined;
    if (reasons !== undefined) return reasons;
  }
  return undefined;
}
