import { findCondition } from "../apimachinery/conditions.ts";
import { jsonEqual } from "../lib/freeze.ts";
import type { Node, Pod } from "../resources/types.ts";
import { nodeInfo, withPod, withoutPod, type NodeInfo, type PodInfo } from "./node-info.ts";

/**
 * The cluster as the scheduler sees it: what watches reported, plus the placements it has decided but not yet seen confirmed.
 * `nodes()` is an immutable snapshot; a change replaces only the values of the nodes it touches.
 */
export class ClusterSnapshot {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Where each counted pod is, assumed ones included. */
  readonly #placements = new Map<string, { readonly nodeName: string; readonly pod: PodInfo; readonly isAssumed: boolean }>();
  #list: readonly NodeInfo[] | undefined;

  /** In order of first appearance, so that rotation over equals is fair. */
  nodes(): readonly NodeInfo[] {
    return (this.#list ??= [...this.#nodes.values()]);
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Node): NodeInfo {
    const name = node.metadata.name ?? "";
    const pods =
      this.#nodes.get(name)?.pods ?? [...this.#placements.values()].filter((placement) => placement.nodeName === name).map((placement) => placement.pod);
    const info = nodeInfo(node, pods);
    this.#put(name, info);
    return info;
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#list = undefined;
  }

  /** A pod as it is counted on its node. */
  placed(key: string): PodInfo | undefined {
    return this.#placements.get(key)?.pod;
  }

  /** Records a pod that a watch shows on a node; finished pods need no room. */
  setPod(info: PodInfo): void {
    const { pod } = info;
    const nodeName = pod.spec.nodeName;
    if (!nodeName || isFinished(pod)) {
      const known = this.#placements.get(info.key);
      // An assumed pod is still without a node in the watch until its binding arrives.
      if (known !== undefined && !(known.isAssumed && !nodeName)) this.removePod(info.key);
      return;
    }
    this.#place(info, nodeName, false);
  }

  removePod(key: string): { readonly nodeName: string; readonly pod: PodInfo } | undefined {
    const known = this.#placements.get(key);
    if (known === undefined) return undefined;
    this.#placements.delete(key);
    const info = this.#nodes.get(known.nodeName);
    if (info !== undefined) this.#put(known.nodeName, withoutPod(info, key));
    return known;
  }

  /** Counts the pod on the node from now on, before the API knows. */
  assume(pod: PodInfo, nodeName: string): void {
    this.#place(pod, nodeName, true);
  }

  /** Takes an assumption back, unless a watch has confirmed it meanwhile: then, and when there was none, there is nothing to tell of. */
  forget(key: string): ReturnType<ClusterSnapshot["removePod"]> {
    return this.isAssumed(key) ? this.removePod(key) : undefined;
  }

  isAssumed(key: string): boolean {
    return this.#placements.get(key)?.isAssumed === true;
  }

  #place(pod: PodInfo, nodeName: string, isAssumed: boolean): void {
    const known = this.#placements.get(pod.key);
    this.#placements.set(pod.key, { nodeName, pod, isAssumed });
    if (known !== undefined && known.nodeName !== nodeName) {
      const old = this.#nodes.get(known.nodeName);
      if (old !== undefined) this.#put(known.nodeName, withoutPod(old, pod.key));
    }
    const info = this.#nodes.get(nodeName);
    if (info === undefined) return; // the node will bring its pods in when it appears
    if (known?.nodeName === nodeName && isAlike(known.pod, pod)) return;
    this.#put(nodeName, withPod(withoutPod(info, pod.key), pod));
  }

  #put(name: string, info: NodeInfo): void {
    this.#nodes.set(name, info);
    this.#list = undefined;
  }
}

/**
 * Whether decisions cannot tell two states of a placed pod apart: that it is bound, and most changes of its status, are such. Who has to
 * make room depends on when pods began, and on who is making room already.
 */
function isAlike(one: PodInfo, other: PodInfo): boolean {
  const factsOf = ({ pod: { metadata, status }, requests, scoredRequests }: PodInfo) => [
    metadata.uid,
    metadata.labels,
    metadata.deletionTimestamp,
    requests,
    scoredRequests,
    status?.startTime,
    findCondition(status?.conditions, "DisruptionTarget"),
  ];
  return jsonEqual(factsOf(one), factsOf(other));
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
