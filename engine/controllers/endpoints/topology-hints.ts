import type { Endpoint, EndpointHints, Node, Service } from "../../resources/types.ts";
import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { CONTROL_PLANE_LABEL, ZONE_LABEL } from "../../apimachinery/known-labels.ts";
import { parseQuantity } from "../../apimachinery/quantity.ts";

/** Allocatable CPUs of the nodes that serve, by zone. */
export type ZoneCapacity = ReadonlyMap<string, number>;

export type Hinted =
  | { readonly is: "hinted"; readonly endpoints: readonly Endpoint[] }
  /** Traffic goes everywhere, though the Service asks for hints. */
  | { readonly is: "unhinted"; readonly endpoints: readonly Endpoint[]; readonly why: string };

/** The later one counts only where the earlier, deprecated one is absent. */
const MODE_ANNOTATIONS = ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];
const CONTROL_PLANE_LABELS = [CONTROL_PLANE_LABEL, "node-role.kubernetes.io/master"];
/** How much more than its share an endpoint may get when traffic stays in its zone. */
const OVERLOAD_MAX = 0.2;

/** Whether hints are to spread a Service's traffic over zones by their size. */
export function wantsZoneBalance({ metadata }: Service): boolean {
  const mode = MODE_ANNOTATIONS.map((name) => metadata.annotations?.[name]).find((value) => value !== undefined);
  return mode === "Auto" || mode === "auto";
}

/**
 * The CPUs of each zone, without nodes that are not ready or only run the control plane. Undefined when one of the nodes tells no zone or
 * no CPUs: shares could not be told then. Pure.
 */
export function computeZoneCapacity(nodes: readonly Node[]): ZoneCapacity | undefined {
  const capacity = new Map<string, number>();
  for (const { metadata, status } of nodes) {
    if (CONTROL_PLANE_LABELS.some((label) => metadata.labels?.[label] !== undefined) || !isConditionTrue(status?.conditions, "Ready")) continue;
    const zone = metadata.labels?.[ZONE_LABEL];
    const cpus = parseQuantity(status?.allocatable?.["cpu"] ?? "0");
    if (!zone || cpus === 0) return undefined;
    capacity.set(zone, (capacity.get(zone) ?? 0) + cpus);
  }
  return capacity;
}

/** The endpoints with the hints that the Service's annotation or `trafficDistribution` asks for; those not ready have none. Pure. */
export function computeHints(
  service: Service,
  endpoints: readonly Endpoint[],
  capacity: ZoneCapacity | undefined,
  hintedNow: (endpoint: Endpoint) => string | undefined,
): Hinted {
  if (wantsZoneBalance(service)) return balanceZones(endpoints, capacity, hintedNow);
  const wish = service.spec?.trafficDistribution;
  const isNear = wish === "PreferClose" || wish === "PreferSameZone" || wish === "PreferSameNode";
  return { is: "hinted", endpoints: isNear ? endpoints.map((endpoint) => withHints(endpoint, nearHints(endpoint, wish === "PreferSameNode"))) : endpoints };
}

function nearHints({ zone, nodeName }: Endpoint, withNode: boolean): EndpointHints {
  return { ...(zone === undefined ? {} : { forZones: [{ name: zone }] }), ...(withNode && nodeName !== undefined ? { forNodes: [{ name: nodeName }] } : {}) };
}

function balanceZones(endpoints: readonly Endpoint[], capacity: ZoneCapacity | undefined, hintedNow: (endpoint: Endpoint) => string | undefined): Hinted {
  const ready = endpoints.filter(isReady);
  const unhinted = (why: string): Hinted => ({ is: "unhinted", endpoints, why });
  if (capacity === undefined) return unhinted("a node tells no zone or no allocatable CPUs");
  if (capacity.size < 2) return unhinted("all ready nodes are in one zone");
  if (ready.length < capacity.size) return unhinted(`fewer endpoints than zones (${ready.length} endpoints, ${capacity.size} zones)`);
  if (ready.some(({ zone }) => !zone)) return unhinted("an endpoint is in no zone");
  const shares = computeShares(ready.length, capacity);
  if (shares === undefined) return unhinted(`some endpoint would get too much traffic (${ready.length} endpoints, ${capacity.size} zones)`);
  const zones = assignZones(ready, shares, hintedNow);
  return { is: "hinted", endpoints: endpoints.map((endpoint) => withHints(endpoint, { forZones: [{ name: zones.get(endpoint) ?? endpoint.zone ?? "" }] })) };
}

interface Share {
  readonly minimum: number;
  readonly maximum: number;
  readonly desired: number;
}

/** How many of so many endpoints each zone should have for itself; undefined when some zone could not have enough. */
function computeShares(count: number, capacity: ZoneCapacity): ReadonlyMap<string, Share> | undefined {
  const total = [...capacity.values()].reduce((sum, cpus) => sum + cpus, 0);
  const wanted = [...capacity].map(([zone, cpus]) => [zone, (cpus / total) * count] as const);
  const minima = new Map(wanted.map(([zone, desired]) => [zone, Math.ceil(desired / (1 + OVERLOAD_MAX))]));
  const spare = count - [...minima.values()].reduce((sum, minimum) => sum + minimum, 0);
  if (spare < 0) return undefined;
  return new Map(
    wanted.map(([zone, desired]) => [
      zone,
      { minimum: minima.get(zone) ?? 0, maximum: (minima.get(zone) ?? 0) + spare, desired: Math.max(desired, minima.get(zone) ?? 0) },
    ]),
  );
}

/** The zone that each endpoint serves: as it is while no zone has too few or too many, else its own but for those given to other zones. */
function assignZones(
  ready: readonly Endpoint[],
  shares: ReadonlyMap<string, Share>,
  hintedNow: (endpoint: Endpoint) => string | undefined,
): ReadonlyMap<Endpoint, string> {
  const kept = new Map(ready.map((endpoint) => [endpoint, hintedNow(endpoint) ?? endpoint.zone ?? ""]));
  const counts = countZones(kept);
  if (
    [...counts.keys()].every((zone) => shares.has(zone)) &&
    [...shares].every(([zone, { minimum, maximum }]) => (counts.get(zone) ?? 0) >= minimum && (counts.get(zone) ?? 0) <= maximum)
  )
    return kept;
  const assigned = new Map(ready.map((endpoint) => [endpoint, endpoint.zone ?? ""]));
  for (let moves = 0; moves < ready.length; moves++) {
    const now = countZones(assigned);
    const surplus = [...now].map(([zone, count]) => ({ zone, by: count - (shares.get(zone)?.desired ?? 0) })).sort(byMost)[0];
    const lack = [...shares].map(([zone, { desired }]) => ({ zone, by: desired - (now.get(zone) ?? 0) })).sort(byMost)[0];
    // Half an endpoint more or less is no reason to send traffic across zones.
    if (surplus === undefined || lack === undefined || surplus.by < 0.5 || lack.by < 0.5 || (surplus.by < 1 && lack.by < 1)) break;
    const given = ready.find((endpoint) => assigned.get(endpoint) === surplus.zone);
    if (given === undefined) break;
    assigned.set(given, lack.zone);
  }
  return assigned;
}

function byMost(a: { readonly zone: string; readonly by: number }, b: { readonly zone: string; readonly by: number }): number {
  return b.by - a.by || (a.zone < b.zone ? -1 : 1);
}

function countZones(assigned: ReadonlyMap<Endpoint, string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const zone of assigned.values()) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return counts;
}

function withHints(endpoint: Endpoint, hints: EndpointHints): Endpoint {
  return isReady(endpoint) && Object.keys(hints).length > 0 ? { ...endpoint, hints } : endpoint;
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready === true;
}
