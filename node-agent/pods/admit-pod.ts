import { doPortsClash, hostPortsOf } from "../../engine/resources/host-ports.ts";
import { amounts, podRequests } from "../../engine/resources/pod-requests.ts";
import type { Pod } from "../../engine/resources/types.ts";

/** Why a pod may not run on a node, as its status says it. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** Why a pod that was bound to this node cannot run on it; undefined when it can. `others` are the pods already here. Pure. */
export function refusePod(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): Refusal | undefined {
  const active = others.filter((other) => other.metadata.uid !== pod.metadata.uid && other.status?.phase !== "Succeeded" && other.status?.phase !== "Failed");
  const room = amounts(allocatable);
  if (active.length + 1 > (room["pods"] ?? Infinity))
    return { reason: "OutOfpods", message: `Node didn't have enough resource: pods, requested: 1, used: ${active.length}, capacity: ${room["pods"]}` };
  for (const [name, wanted] of Object.entries(podRequests(pod.spec))) {
    // What the node has never heard of is not its to count: somebody else gives it to the pod.
    if (name.includes("/") && room[name] === undefined) continue;
    const used = active.reduce((sum, other) => sum + (podRequests(other.spec)[name] ?? 0), 0);
    if (wanted > 0 && used + wanted > (room[name] ?? 0))
      return {
        reason: `OutOf${name}`,
        message: `Node didn't have enough resource: ${name}, requested: ${wanted}, used: ${used}, capacity: ${room[name] ?? 0}`,
      };
  }
  const taken = active.flatMap(hostPortsOf);
  const clash = hostPortsOf(pod).find((port) => taken.some((other) => doPortsClash(port, other)));
  return clash === undefined
    ? undefined
    : { reason: "NodePorts", message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" };
}
