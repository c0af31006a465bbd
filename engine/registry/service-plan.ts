import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import { invalidField, type FieldError } from "../apimachinery/field-error.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { canonicalAddress, type IpFamily } from "../lib/net/ip-address.ts";
import { withAllocatedValues } from "../resources/core/service-update.ts";
import type { Service, ServiceSpec } from "../resources/types.ts";
import { placeInRange, type IpRange } from "./ip-range.ts";
import type { PortRange } from "./port-range.ts";
import { settleFamilies, type SettledFamilies } from "./service-families.ts";

/** What a Service holds alone in the cluster; addresses in their canonical form, so that one has one claim. */
export interface ServiceClaims {
  readonly addresses: readonly string[];
  readonly nodePorts: readonly number[];
}

function needsClusterIp(spec: ServiceSpec): boolean {
  return spec.type !== "ExternalName" && spec.clusterIP !== "None";
}

export function needsNodePorts(spec: ServiceSpec): boolean {
  return spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
}

export function needsHealthCheckPort(spec: ServiceSpec): boolean {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
}

export function claimsOf(service: Service | undefined): ServiceClaims {
  const spec = service?.spec;
  if (spec === undefined) return { addresses: [], nodePorts: [] };
  const addresses = needsClusterIp(spec) ? (spec.clusterIPs ?? []).map(canonicalAddress) : [];
  const ports = [...(spec.ports ?? []).map((port) => port.nodePort ?? 0), spec.healthCheckNodePort ?? 0].filter((port) => port !== 0);
  return { addresses, nodePorts: [...new Set(ports)] };
}

/**
 * The Service with everything settled that does not need a free number: what the writer left out is as it was before, and the families
 * are chosen. Pure.
 */
export function settleService(service: Service, old: Service | undefined, families: readonly IpFamily[], disabled?: FeatureGates): SettledFamilies {
  const kept = old === undefined ? service : withAllocatedValues(service, old);
  return settleFamilies(withAddressPair(kept, old), old, families, disabled);
}

/** Writers of old know one address only: what they say of it holds for both fields. */
function withAddressPair(service: Service, old: Service | undefined): Service {
  const { clusterIP: single = "", clusterIPs: given = [], ipFamilies = [], ...rest } = service.spec ?? {};
  const before = old?.spec ?? {};
  const isOldList = (before.clusterIPs ?? []).length > 0 && jsonEqual([...given], [...(before.clusterIPs ?? [])]);
  const isCreated = (before.clusterIPs ?? []).length === 0; // also where there was an object without any
  const clusterIPs =
    single !== "" && given.length === 0 && isCreated ? [single] : isOldList && single !== before.clusterIP ? (single === "" ? [] : [single]) : given;
  return {
    ...service,
    spec: {
      ...rest,
      ...(single === "" ? {} : { clusterIP: single }),
      ...(clusterIPs.length === 0 ? {} : { clusterIPs }),
      ...(ipFamilies.length === 0 ? {} : { ipFamilies }),
    },
  };
}

/** The families in which a settled Service still needs an address. */
export function missingFamilies({ spec = {} }: Service): readonly IpFamily[] {
  if (!needsClusterIp(spec)) return [];
  return (spec.ipFamilies ?? []).slice((spec.clusterIPs ?? []).length) as readonly IpFamily[]; // settled, so they are families
}

/** The Service with the numbers it got: addresses behind those it has, and ports where they are missing. */
export function withAllocation(service: Service, addresses: readonly string[], ports: readonly number[]): Service {
  const spec = service.spec ?? {};
  const free = [...ports];
  const filled = needsNodePorts(spec) ? (spec.ports ?? []).map((port) => (port.nodePort ? port : { ...port, nodePort: free.shift() ?? 0 })) : spec.ports;
  const clusterIPs = [...(spec.clusterIPs ?? []), ...addresses];
  return {
    ...service,
    spec: {
      ...spec,
      ...(filled === undefined ? {} : { ports: filled }),
      ...(needsHealthCheckPort(spec) && !spec.healthCheckNodePort && free.length > 0 ? { healthCheckNodePort: free[0] ?? 0 } : {}),
      ...(clusterIPs.length === 0 ? {} : { clusterIP: clusterIPs[0] ?? "", clusterIPs }),
    },
  };
}

/** What is wrong with the numbers a writer asked for by name. What a Service has it keeps, also when its range is ending. */
export function serviceNumberErrors(
  service: Service,
  old: Service | undefined,
  ranges: readonly IpRange[],
  { first, last }: PortRange,
  isDryRun: boolean,
): readonly FieldError[] {
  const spec = service.spec ?? {};
  const before = claimsOf(old).addresses;
  const addresses = claimsOf(service).addresses.filter((address) => !before.includes(address));
  const errors = addresses.flatMap((address) => rangeErrors(address, spec, ranges));
  // As upstream: a port that is only tried is not held against the range, and one that no node opens is nobody's.
  if (isDryRun || (spec.type !== "NodePort" && spec.type !== "LoadBalancer")) return errors;
  for (const [index, { nodePort }] of (spec.ports ?? []).entries()) {
    if (!nodePort || (nodePort >= first && nodePort <= last)) continue;
    errors.push(
      invalidField(`spec.ports[${index}].nodePort`, nodePort, `provided port is not in the valid range. The range of valid ports is ${first}-${last}`),
    );
  }
  return errors;
}

function rangeErrors(asked: string, { clusterIPs }: ServiceSpec, ranges: readonly IpRange[]): readonly FieldError[] {
  const places = ranges.map((range) => ({ text: range.text, place: placeInRange(range, asked) }));
  if (places.some(({ place }) => place === "assignable")) return [];
  const around = places.find(({ place }) => place === "reserved");
  const why =
    around === undefined
      ? "the provided network does not match the current range"
      : `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${around.text}`;
  return [invalidField("spec.clusterIPs", clusterIPs ?? [asked], `failed to allocate IP ${asked}: ${why}`)];
}

/** Whether two Services hold the same numbers, so that a write need not touch any claim. */
export function hasSameClaims(left: ServiceClaims, right: ServiceClaims): boolean {
  return jsonEqual([...left.addresses], [...right.addresses]) && jsonEqual([...left.nodePorts].sort(), [...right.nodePorts].sort());
}
