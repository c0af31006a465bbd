import { matchesSelector } from "../../resources/node-selector.ts";
import type { CounterSet, Device, Node, NodeSelector, ResourceSlice } from "../../resources/types.ts";

/** ResourceSlices by what is asked of them. Made once for all pods until a slice changes. */
export interface SliceIndex {
  /** Those that one node alone has. */
  readonly byNode: ReadonlyMap<string, readonly ResourceSlice[]>;
  /** Those that several nodes may use, and the counters that devices draw from. */
  readonly shared: readonly ResourceSlice[];
  readonly byPool: ReadonlyMap<string, readonly ResourceSlice[]>;
}

export interface DevicePool {
  readonly driver: string;
  readonly name: string;
  /** Nothing is given from a pool of which slices are missing, or that contradicts itself. */
  readonly state: "usable" | "incomplete" | "invalid";
  /** With devices that the node can use, by name. */
  readonly slices: readonly ResourceSlice[];
  /** The pool's other slices with devices; those may draw from the same counters. */
  readonly elsewhere: readonly ResourceSlice[];
  readonly counterSets: ReadonlyMap<string, CounterSet>;
}

const poolKeyOf = ({ spec: { driver, pool } }: ResourceSlice): string => `${driver}/${pool.name}`;
const generationOf = ({ spec: { pool } }: ResourceSlice): number => pool.generation ?? 0;
const hasCounters = ({ spec: { sharedCounters = [] } }: ResourceSlice): boolean => sharedCounters.length > 0;

export function indexSlices(slices: readonly ResourceSlice[]): SliceIndex {
  const own = slices.filter((slice) => Boolean(slice.spec.nodeName) && !hasCounters(slice));
  const shared = slices.filter((slice) => !slice.spec.nodeName || hasCounters(slice));
  return { byNode: Map.groupBy(own, ({ spec }) => spec.nodeName ?? ""), shared, byPool: Map.groupBy(slices, poolKeyOf) };
}

/** Where devices can be used, as a slice or a single device says it. */
interface Place {
  readonly nodeName?: string;
  readonly allNodes?: boolean;
  readonly nodeSelector?: NodeSelector;
}

/** Whether the node is in the place; nowhere when nothing is said. */
export function isPlaceOf(node: Node, { nodeName, allNodes, nodeSelector }: Place): boolean {
  if (nodeName) return node.metadata.name === nodeName;
  return allNodes === true || (nodeSelector !== undefined && matchesSelector(nodeSelector, node));
}

/**
 * The pools with devices for a node, in the order in which devices are taken: by driver and name, those last whose devices want waiting
 * for. Only the newest generation of a pool counts. Pure.
 */
export function gatherPools(index: SliceIndex, node: Node): readonly DevicePool[] {
  const candidates = [...(index.byNode.get(node.metadata.name ?? "") ?? []), ...index.shared].filter((slice) => isRelevant(slice, node));
  const pools = [...Map.groupBy(candidates, poolKeyOf)].flatMap(([key, slices]) => poolOf(slices, index.byPool.get(key) ?? []));
  const rank = (pool: DevicePool) => (pool.slices.some(({ spec }) => spec.devices?.some(({ bindingConditions }) => bindingConditions !== undefined)) ? 1 : 0);
  return pools.sort((a, b) => rank(a) - rank(b) || compare(a.driver, b.driver) || compare(a.name, b.name));
}

/** Counters matter wherever their devices are. */
function isRelevant(slice: ResourceSlice, node: Node): boolean {
  const { spec } = slice;
  if (hasCounters(slice)) return true;
  return spec.perDeviceNodeSelection === true ? (spec.devices ?? []).some((device) => isPlaceOf(node, device)) : isPlaceOf(node, spec);
}

function poolOf(relevant: readonly ResourceSlice[], all: readonly ResourceSlice[]): readonly DevicePool[] {
  const newest = Math.max(...all.map(generationOf));
  const current = relevant.filter((slice) => generationOf(slice) === newest).sort((a, b) => compare(a.metadata.name ?? "", b.metadata.name ?? ""));
  const [first] = current;
  if (first === undefined) return []; // being replaced by a generation without devices for this node
  const { driver, pool } = first.spec;
  const none = { driver, name: pool.name, slices: [], elsewhere: [], counterSets: new Map<string, CounterSet>() };
  const complete = all.filter((slice) => generationOf(slice) === newest);
  if (complete.length !== pool.resourceSliceCount) return [{ ...none, state: "incomplete" }];
  const sets = complete.flatMap(({ spec }) => spec.sharedCounters ?? []);
  const counterSets = new Map(sets.map((set) => [set.name, set]));
  const slices = current.filter((slice) => !hasCounters(slice));
  const elsewhere = complete.filter((slice) => !hasCounters(slice) && !current.includes(slice));
  const names = slices.flatMap(({ spec }) => (spec.devices ?? []).map(({ name }) => name));
  const isSound =
    new Set(names).size === names.length &&
    counterSets.size === sets.length &&
    complete.every(({ spec }) => (spec.devices ?? []).every((device) => drawsFromKnown(device, counterSets)));
  return [isSound ? { driver, name: pool.name, state: "usable", slices, elsewhere, counterSets } : { ...none, state: "invalid" }];
}

function drawsFromKnown({ consumesCounters = [] }: Device, sets: ReadonlyMap<string, CounterSet>): boolean {
  return consumesCounters.every(({ counterSet, counters }) => Object.keys(counters).every((name) => sets.get(counterSet)?.counters[name] !== undefined));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
