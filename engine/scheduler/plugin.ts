import type { ResourceClaim } from "../resources/types.ts";
import type { NodeInfo, PodInfo } from "./node-info.ts";

/** What happened in the cluster, as far as it may make an unschedulable pod fit. */
export type ClusterEvent =
  | { readonly is: "node-added" | "node-changed" | "node-removed"; readonly node: NodeInfo }
  | { readonly is: "pod-removed"; readonly pod: PodInfo; readonly nodeName: string }
  | { readonly is: "pod-placed" | "pod-relabelled"; readonly pod: PodInfo; readonly nodeName: string }
  /** A pod on a node takes less than before. */
  | { readonly is: "pod-shrunk"; readonly nodeName: string }
  /** A claim, a volume or a class. */
  | { readonly is: "storage-changed" }
  | { readonly is: "claim-changed"; readonly old: ResourceClaim | undefined; readonly claim: ResourceClaim }
  /** What drivers offer, or what of it is free. */
  | { readonly is: "devices-changed" }
  | { readonly is: "device-classes-changed" };

/** Whether it is about nodes or the pods on them, by which affinities and spreads decide. */
export function isOfNodes(event: ClusterEvent): boolean {
  return "node" in event || "pod" in event;
}

/** Why a pod cannot go to a node, in the words `kubectl describe pod` shows: `Insufficient cpu`. */
export type Unfit = readonly string[];

/**
 * A filter on one node. `prepare` runs once per pod and may look at the whole snapshot; what it returns is given to `test`, and good until
 * the next `prepare`: it may share what the plugin has counted.
 * Filters without `prepare` depend on nothing but the pod's signature and the node, so their results are shared
 * between pods of one template.
 */
export interface FilterPlugin<State = unknown> {
  readonly name: string;
  readonly prepare?: (pod: PodInfo, nodes: readonly NodeInfo[]) => State;
  /** Why the pod can go nowhere, before any node is looked at. */
  readonly refuse?: (pod: PodInfo, state: State) => string | undefined;
  /** Undefined when the pod may go to the node. */
  readonly test: (pod: PodInfo, node: NodeInfo, state: State) => Unfit | undefined;
  /** Whether the event may turn this filter's "no" for the pod into a "yes". */
  readonly wokenBy: (event: ClusterEvent, pod: PodInfo) => boolean;
}

/** A preference among the nodes that passed the filters. */
export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /** One score of 0–100 per candidate, in the candidates' order; undefined when the plugin has no opinion. */
  readonly score: (pod: PodInfo, candidates: readonly NodeInfo[], nodes: readonly NodeInfo[]) => readonly number[] | undefined;
}

/** Spreads raw values over 0–100 with the largest at 100 (or at 0 when `inverted`), as upstream's default normalisation does. */
export function normalise(raw: readonly number[], inverted = false): number[] {
  const max = Math.max(0, ...raw);
  if (max === 0) return raw.map(() => (inverted ? 100 : 0));
  return raw.map((value) => Math.floor(inverted ? 100 - (100 * value) / max : (100 * value) / max));
}
