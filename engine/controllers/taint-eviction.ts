import { findCondition } from "../apimachinery/conditions.ts";
import { formatTime } from "../lib/clock.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { nodeResource } from "../resources/core/node.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Node, Pod, Taint, Toleration } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { isBeingDeleted, tell, watch, type Action, type ControllerDefinition } from "./define-controller.ts";
import { disruption, isPodFinished, NODE_INDEX, nodeIndex } from "./pods.ts";

export interface TaintEvictionInputs {
  readonly node: Node;
  readonly pods: readonly Pod[];
}

/**
 * When a pod must leave a node with these taints: milliseconds from now, 0 at once, undefined never. A pod that came when the taint
 * was already there is given its time from then on.
 */
export function evictionDelayMs(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
  const startMs = Date.parse(findCondition(pod.status?.conditions, "PodScheduled")?.lastTransitionTime ?? pod.metadata.creationTimestamp ?? "") || 0;
  let earliest: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== "NoExecute") continue;
    const toleration = (pod.spec.tolerations ?? []).find((candidate) => tolerates(candidate, taint));
    if (toleration === undefined) return 0;
    if (toleration.tolerationSeconds === undefined) continue;
    const sinceMs = Math.max(startMs, taint.timeAdded === undefined ? nowMs : Date.parse(taint.timeAdded));
    const due = Math.max(0, sinceMs + Math.max(0, toleration.tolerationSeconds) * 1000 - nowMs);
    earliest = Math.min(earliest ?? Infinity, due);
  }
  return earliest;
}

/** Deletes the pods whose time on the node is up, and comes back for the next. They end as any deleted pod does; on a dead node, that waits. Pure. */
export function planTaintEviction({ node, pods }: TaintEvictionInputs, nowMs: number): readonly Action[] {
  const staying = pods.filter((pod) => !isBeingDeleted(pod) && !isPodFinished(pod)).map((pod) => ({ pod, delayMs: evictionDelayMs(pod, node.spec?.taints ?? [], nowMs) }));
  const due = staying.filter(({ delayMs }) => delayMs === 0).map(({ pod }) => pod);
  const next = Math.min(...staying.map(({ delayMs }) => (delayMs === undefined || delayMs === 0 ? Infinity : delayMs)));
  return [
    ...(next === Infinity ? [] : [{ do: "wait", forMs: next } as const]),
    ...(due.length === 0 ? [] : [{ do: "together", actions: due.map((pod) => evict(pod, nowMs)) } as const]),
  ];
}

function evict(pod: Pod, nowMs: number): Action {
  const condition = disruption("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", formatTime(nowMs));
  return {
    do: "inOrder",
    actions: [
      { do: "patch", resource: podResource, object: pod, patch: { status: { conditions: [condition] } }, subresource: "status" },
      tell(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${pod.metadata.namespace}/${pod.metadata.name}`),
      { do: "delete", resource: podResource, object: pod },
    ],
  };
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  return toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "");
}

/** Evicts pods that do not tolerate their node's NoExecute taints, each after the time it is given. */
export function taintEvictionController({ informers }: ControllerContext): ControllerDefinition<TaintEvictionInputs> {
  const nodes = informers.informer(nodeResource);
  const pods = informers.informer(podResource);
  pods.addIndex(NODE_INDEX, nodeIndex);
  const isTainted = (node: Node | undefined) => node?.spec?.taints?.some(({ effect }) => effect === "NoExecute") === true;
  return {
    name: "taint-eviction-controller",
    watches: [
      watch(nodes, ({ metadata: { name = "" } }) => [name], (old, node) => isTainted(node) && !jsonEqual(old?.spec?.taints, node?.spec?.taints)),
      watch(pods, ({ spec: { nodeName } }) => (nodeName && isTainted(nodes.get("", nodeName)) ? [nodeName] : []), (old, pod) => pod !== undefined && (old?.spec.nodeName !== pod.spec.nodeName || !jsonEqual(old?.spec.tolerations, pod.spec.tolerations))),
    ],
    observe(name) {
      const node = nodes.get("", name);
      return node === undefined || !isTainted(node) ? undefined : { node, pods: pods.byIndex(NODE_INDEX, name) };
    },
    plan: planTaintEviction,
  };
}
