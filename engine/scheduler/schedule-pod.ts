import { BoundedCache } from "../lib/bounded-cache.ts";
import type { NodeInfo, PodInfo } from "./node-info.ts";
import type { FilterPlugin, ScorePlugin, Unfit } from "./plugin.ts";
import type { Profile } from "./profile.ts";

export type Decision =
  | { readonly is: "fits"; readonly nodeName: string; readonly feasibleNodes: number; readonly nextStart: number }
  | {
      readonly is: "unschedulable";
      /** Upstream's sentence: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
      readonly message: string;
      /** The filters that said no somewhere: only their events can help. */
      readonly rejectedBy: ReadonlySet<string>;
      /** Why each node was refused; none where the pod was refused before any was looked at. */
      readonly refused: readonly { readonly node: NodeInfo; readonly rejection: Rejection }[];
    };

/** A node with the pods that room is kept for and that come before the one in question; undefined when there are none. */
export type Reserve = (node: NodeInfo) => NodeInfo | undefined;
const NOTHING_RESERVED: Reserve = () => undefined;

export interface Rejection {
  readonly by: string;
  readonly reasons: Unfit;
}

/**
 * Picks a node for a pod: filter, score, choose. Pure apart from the cache, which only saves repeated work.
 * `start` rotates where the search begins, so that equal nodes take turns; with many nodes only a sample is scored, as upstream does.
 */
export function schedulePod(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  profile: Profile,
  start: number,
  cache: FilterCache,
  reserve: Reserve = NOTHING_RESERVED,
): Decision {
  const prepared = profile.filters.map((filter): PreparedFilter => ({ filter, state: filter.prepare?.(pod, nodes) }));
  for (const { filter, state } of prepared) {
    const refusal = filter.refuse?.(pod, state);
    if (refusal !== undefined)
      return { is: "unschedulable", message: `0/${nodes.length} nodes are available: ${refusal}.`, rejectedBy: new Set([filter.name]), refused: [] };
  }
  const local = prepared.filter(({ filter }) => filter.prepare === undefined);
  const global = prepared.filter(({ filter }) => filter.prepare !== undefined);
  const remembered = cache.of(pod.signature, nodes.length);
  const wanted = sampleSize(nodes.length, profile.percentageOfNodes);
  const feasible: NodeInfo[] = [];
  const refused: { readonly node: NodeInfo; readonly rejection: Rejection }[] = [];
  let examined = 0;
  for (; examined < nodes.length && feasible.length < wanted; examined++) {
    const place = (start + examined) % nodes.length;
    const node = nodes[place] as NodeInfo; // the index is within bounds
    const rejection =
      localRejection(pod, node, local, remembered, place) ?? firstRejection(pod, node, global) ?? rejectionOfReserved(pod, reserve(node), prepared);
    if (rejection === undefined) feasible.push(node);
    else refused.push({ node, rejection });
  }
  if (feasible.length === 0) {
    return {
      is: "unschedulable",
      message:
        nodes.length === 0
          ? "no nodes available to schedule pods"
          : explainUnfit(
              nodes.length,
              refused.map(({ rejection }) => rejection.reasons),
            ),
      rejectedBy: new Set(refused.map(({ rejection }) => rejection.by)),
      refused,
    };
  }
  const chosen = feasible.length === 1 ? feasible[0] : chooseBest(pod, feasible, nodes, profile.scores);
  const nextStart = nodes.length === 0 ? 0 : (start + examined + (examined === nodes.length ? 1 : 0)) % nodes.length;
  return { is: "fits", nodeName: chosen?.name ?? "", feasibleNodes: feasible.length, nextStart };
}

/** Whether a pod could run on a node that is not as the others know it: `node` takes the place of the one of its name. */
export function fitsOn(pod: PodInfo, node: NodeInfo, nodes: readonly NodeInfo[], { filters }: Profile): boolean {
  // Most nodes are out of the question for what they are themselves, which is cheaper to tell.
  if (filters.some((filter) => filter.prepare === undefined && filter.test(pod, node, undefined) !== undefined)) return false;
  const all = nodes.map((other) => (other.name === node.name ? node : other));
  return filters.every((filter) => {
    if (filter.prepare === undefined) return true;
    const state = filter.prepare(pod, all);
    return filter.refuse?.(pod, state) === undefined && filter.test(pod, node, state) === undefined;
  });
}

const TEMPLATES_MAX = 256;

interface PreparedFilter {
  readonly filter: FilterPlugin;
  readonly state: unknown;
}

/** Node-local filter results of one template: of each place in the list of nodes, for which version of the node, and what. */
interface LocalResults {
  readonly versions: number[];
  readonly results: (Rejection | "fits")[];
}

/**
 * Node-local filter results of recently seen pod templates. NodeInfo values are immutable, so a result stays true
 * for as long as the very same value is in the snapshot.
 */
export class FilterCache {
  readonly #templates = new BoundedCache<LocalResults>(TEMPLATES_MAX);

  of(signature: string, nodeCount: number): LocalResults {
    let results = this.#templates.get(signature);
    if (results === undefined) {
      results = { versions: [], results: [] };
      this.#templates.set(signature, results);
    }
    // As long as the list of nodes: the first that is looked at may be any, and arrays with gaps are slow.
    while (results.versions.length < nodeCount) {
      results.versions.push(0);
      results.results.push("fits");
    }
    return results;
  }
}

function localRejection(
  pod: PodInfo,
  node: NodeInfo,
  filters: readonly PreparedFilter[],
  { versions, results }: LocalResults,
  place: number,
): Rejection | undefined {
  if (versions[place] !== node.version) {
    results[place] = firstRejection(pod, node, filters) ?? "fits";
    versions[place] = node.version;
  }
  const result = results[place];
  return result === "fits" ? undefined : result;
}

/** Whoever comes may also never come: a pod must fit with and without. */
function rejectionOfReserved(pod: PodInfo, node: NodeInfo | undefined, filters: readonly PreparedFilter[]): Rejection | undefined {
  return node === undefined ? undefined : firstRejection(pod, node, filters);
}

function firstRejection(pod: PodInfo, node: NodeInfo, filters: readonly PreparedFilter[]): Rejection | undefined {
  for (const { filter, state } of filters) {
    const reasons = filter.test(pod, node, state);
    if (reasons !== undefined) return { by: filter.name, reasons };
  }
  return undefined;
}

/** Highest weighted sum; the first of equals in search order wins, and the search order rotates. */
function chooseBest(pod: PodInfo, candidates: readonly NodeInfo[], nodes: readonly NodeInfo[], plugins: readonly ScorePlugin[]): NodeInfo | undefined {
  const totals = new Float64Array(candidates.length);
  for (const plugin of plugins) plugin.score(pod, candidates, nodes)?.forEach((score, index) => (totals[index]! += score * plugin.weight));
  let best = 0;
  for (let index = 1; index < candidates.length; index++) if (totals[index]! > totals[best]!) best = index;
  return candidates[best];
}

/** Below 100 feasible nodes all are scored; above, the share that is said, or one that shrinks from 50 % to 5 % with the cluster's size. */
export function sampleSize(nodeCount: number, percentage = 0): number {
  if (nodeCount < 100 || percentage >= 100) return nodeCount;
  const percent = percentage > 0 ? percentage : Math.max(5, 50 - nodeCount / 125);
  return Math.max(100, Math.floor((nodeCount * percent) / 100));
}

/** Upstream's sentence about nodes, of which each has its reasons. */
export function explainUnfit(nodeCount: number, unfit: readonly Unfit[]): string {
  const counts = new Map<string, number>();
  for (const reasons of unfit) for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${parts.join(", ")}.`;
}
