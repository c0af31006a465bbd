import { findCondition } from "../../apimachinery/conditions.ts";
import { formatTime } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Node, Pod, Taint, Toleration } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, tell, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { disruption, isPodFinished, NODE_INDEX, nodeIndex } from "../pods.ts";

export interface TaintEvictionInputs {
  /** Those of the node, with the time since which each is there. */
  readonly taints: readonly Taint[];
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
    const sinceMs = Math.max(startMs, Date.parse(taint.timeAdded ?? "") || nowMs);
    const due = Math.max(0, sinceMs + Math.max(0, toleration.tolerationSeconds) * 1000 - nowMs);
    earliest = Math.min(earliest ?? Infinity, due);
  }
  return earliest;
}

/** Deletes the pods whose time on the node is up, and comes back for the next. They end as any deleted pod does; on a dead node, that waits. Pure. */
export function planTaintEviction({ taints, pods }: TaintEvictionInputs, nowMs: number): readonly Action[] {
  const staying = pods.filter((pod) => !isBeingDeleted(pod) && !isPodFinished(pod)).map((pod) => ({ pod, delayMs: evictionDelayMs(pod, taints, nowMs) }));
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

/**
 * Since when each node has its taints. Whoever taints by hand says no time; the taint counts from when it is first seen here, and anew
 * after a restart, as upstream has it.
 */
export class TaintTimes {
  readonly #since = new Map<string, ReadonlyMap<string, string>>();

  /** The node's taints, each with its time; of what it has no longer, nothing is remembered. */
  timed(node: Node, nowMs: number): readonly Taint[] {
    const name = node.metadata.name ?? "";
    const known = this.#since.get(name);
    const taints = (node.spec?.taints ?? []).map((taint) => ({
      ...taint,
      timeAdded: taint.timeAdded ?? known?.get(keyOf(taint)) ?? new Date(nowMs).toISOString(),
    }));
    this.#since.set(name, new Map(taints.map((taint) => [keyOf(taint), taint.timeAdded])));
    return taints;
  }

  forget(name: string): void {
    this.#since.delete(name);
  }
}

const keyOf = ({ key, value = "", effect }: Taint) => `${key}=${value}:${effect}`;

/** Evicts pods that do not tolerate their node's NoExecute taints, each after the time it is given. */
export function taintEvictionController({ informers, clock }: ControllerContext): ControllerDefinition<TaintEvictionInputs> {
  const nodes = informers.informer(nodeResource);
  const pods = informers.informer(podResource);
  pods.addIndex(NODE_INDEX, nodeIndex);
  const times = new TaintTimes();
  const isTainted = (node: Node | undefined) => node?.spec?.taints?.some(({ effect }) => effect === "NoExecute") === true;
  return {
    name: "taint-eviction-controller",
    watches: [
      watch(
        nodes,
        ({ metadata: { name = "" } }) => [name],
        (old, node) => (isTainted(node) || isTainted(old)) && !jsonEqual(old?.spec?.taints, node?.spec?.taints),
      ),
      watch(
        pods,
        ({ spec: { nodeName } }) => (nodeName && isTainted(nodes.get("", nodeName)) ? [nodeName] : []),
        (old, pod) => pod !== undefined && (old?.spec.nodeName !== pod.spec.nodeName || !jsonEqual(old?.spec.tolerations, pod.spec.tolerations)),
      ),
    ],
    observe(name) {
      const node = nodes.get("", name);
      if (node === undefined || !isTainted(node)) return void times.forget(name);
      return { taints: times.timed(node, clock.now()), pods: pods.byIndex(NODE_INDEX, name) };
    },
    plan: planTaintEviction,
  };
}
