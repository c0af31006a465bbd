import { doPortsClash, hostPortsOf } from "../../../engine/resources/host-ports.ts";
import { amounts, podRequests } from "../../../engine/resources/pod-requests.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { isStatic } from "../../static-pods/static-pod.ts";

/** Why a pod may not run on a node, as its status says it. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** What a node has too little of for a pod beside those that are there. */
export interface Shortage {
  readonly name: string;
  readonly wanted: number;
  readonly used: number;
  readonly capacity: number;
}

/** Why a pod that was bound to this node cannot run on it; undefined when it can. `others` are the pods already here. Pure. */
export function refusePod(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): Refusal | undefined {
  const [shortage] = shortages(pod, others, allocatable);
  if (shortage !== undefined) {
    const { name, wanted, used, capacity } = shortage;
    return { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, requested: ${wanted}, used: ${used}, capacity: ${capacity}` };
  }
  const taken = activeBeside(pod, others).flatMap(hostPortsOf);
  const clash = hostPortsOf(pod).find((port) => taken.some((other) => doPortsClash(port, other)));
  return clash === undefined
    ? undefined
    : { reason: "NodePorts", message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" };
}

/** All that there is too little of, places for pods first. Pure. */
export function shortages(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): readonly Shortage[] {
  const active = activeBeside(pod, others);
  const room = amounts(allocatable);
  return Object.entries({ pods: 1, ...podRequests(pod.spec) }).flatMap(([name, wanted]) => {
    // What the node has never heard of is not its to count: somebody else gives it to the pod.
    if ((name === "pods" || name.includes("/")) && room[name] === undefined) return [];
    const used = active.reduce((sum, other) => sum + amountOf(other, name), 0);
    const capacity = room[name] ?? 0;
    return wanted > 0 && used + wanted > capacity ? [{ name, wanted, used, capacity }] : [];
  });
}

/** What a pod takes of a resource; of places for pods, one. */
export function amountOf({ spec }: Pod, name: string): number {
  return name === "pods" ? 1 : (podRequests(spec)[name] ?? 0);
}

/** Pods of at least this priority are the system's own. */
export const CRITICAL_PRIORITY = 2_000_000_000;

/** Whether the node must not do without it. Pods of this machine's own files count as the system's too. */
export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || (pod.spec.priority ?? 0) >= CRITICAL_PRIORITY;
}

function activeBeside(pod: Pod, others: readonly Pod[]): readonly Pod[] {
  return others.filter(({ metadata, status }) => metadata.uid !== pod.metadata.uid && status?.phase !== "Succeeded" && status?.phase !== "Failed");
}
