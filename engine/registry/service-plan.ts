import { forbiddenField, invalidField, type FieldError } from "../apimachinery/field-error.ts";
import { jsonEqual } from "../lib/freeze.ts";
import type { Service, ServicePort, ServiceSpec } from "../resources/types.ts";
import { isAssignable, parseIp, type IpRange } from "./ip-range.ts";

export const NODE_PORT_FIRST = 30_000;
export const NODE_PORT_LAST = 32_767;

/** What a Service holds alone in the cluster. */
export interface ServiceClaims {
  readonly addresses: readonly string[];
  readonly nodePorts: readonly number[];
}

export function needsClusterIp(spec: ServiceSpec): boolean {
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
  const isAddress = needsClusterIp(spec) && spec.clusterIP !== undefined && spec.clusterIP !== "";
  const ports = [...(spec.ports ?? []).map((port) => port.nodePort ?? 0), spec.healthCheckNodePort ?? 0].filter((port) => port !== 0);
  return { addresses: isAddress ? [spec.clusterIP ?? ""] : [], nodePorts: [...new Set(ports)] };
}

/**
 * The Service with everything settled that does not need a free number: addresses and ports are carried over from the old state
 * where the writer left them out, dropped where the type does not use them, and the IPv4-only fields are filled in.
 */
export function settleService(service: Service, old: Service | undefined): Service {
  const spec = carryOver(service.spec ?? {}, old?.spec);
  if (spec.type === "ExternalName") {
    const { clusterIP: _ip, clusterIPs: _ips, ipFamilies: _families, ipFamilyPolicy: _policy, ...rest } = spec;
    return { ...service, spec: { ...rest, ...withPorts(withoutNodePorts(spec.ports)) } };
  }
  const ports = needsNodePorts(spec) || spec.type === "LoadBalancer" ? spec.ports : withoutUnwantedNodePorts(spec, old?.spec);
  return { ...service, spec: { ...spec, ...withPorts(ports), ipFamilies: spec.ipFamilies ?? ["IPv4"], ipFamilyPolicy: spec.ipFamilyPolicy ?? "SingleStack" } };
}

/** The Service with the numbers it got. */
export function withAllocation(service: Service, address: string | undefined, ports: readonly number[]): Service {
  const spec = service.spec ?? {};
  const free = [...ports];
  const filled = needsNodePorts(spec) ? (spec.ports ?? []).map((port) => (port.nodePort ? port : { ...port, nodePort: free.shift() ?? 0 })) : spec.ports;
  const clusterIP = address ?? spec.clusterIP;
  return {
    ...service,
    spec: {
      ...spec,
      ...withPorts(filled),
      ...(needsHealthCheckPort(spec) && !spec.healthCheckNodePort && free.length > 0 ? { healthCheckNodePort: free[0] ?? 0 } : {}),
      ...(clusterIP === undefined ? {} : { clusterIP, clusterIPs: [clusterIP] }),
    },
  };
}

/** What is wrong with the numbers a writer asked for by name. */
export function serviceNumberErrors(service: Service, old: Service | undefined, ranges: readonly IpRange[]): readonly FieldError[] {
  const spec = service.spec ?? {};
  const errors: FieldError[] = [];
  const asked = needsClusterIp(spec) && spec.clusterIP ? spec.clusterIP : undefined;
  if (asked !== undefined) {
    const value = parseIp(asked);
    if (value === undefined) errors.push(invalidField("spec.clusterIPs[0]", asked, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
    // What a Service has it keeps, also when its range is ending.
    else if (asked !== old?.spec?.clusterIP) errors.push(...rangeErrors(asked, value, ranges));
  }
  if (spec.type === "ExternalName" && service.spec?.clusterIP) errors.push(forbiddenField("spec.clusterIPs[0]", "may not be set for ExternalName services"));
  if (spec.clusterIPs !== undefined && spec.clusterIPs.length > 0 && spec.clusterIPs[0] !== spec.clusterIP) errors.push(invalidField("spec.clusterIPs", spec.clusterIPs, "first value must match `clusterIP`"));
  const before = old?.spec;
  const isKept = before !== undefined && before.type !== "ExternalName" && spec.type !== "ExternalName";
  if (isKept && before.clusterIP && spec.clusterIP !== before.clusterIP) errors.push(invalidField("spec.clusterIPs[0]", spec.clusterIP ?? null, "may not change once set"));
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (!port.nodePort) continue;
    const at = `spec.ports[${index}].nodePort`;
    if (spec.type === "ClusterIP" || spec.type === "ExternalName") errors.push(forbiddenField(at, "may not be used when `type` is 'ClusterIP'"));
    else if (port.nodePort < NODE_PORT_FIRST || port.nodePort > NODE_PORT_LAST) errors.push(invalidField(at, port.nodePort, `provided port is not in the valid range. The range of valid ports is ${NODE_PORT_FIRST}-${NODE_PORT_LAST}`));
  }
  return errors;
}

function rangeErrors(asked: string, value: number, ranges: readonly IpRange[]): readonly FieldError[] {
  const around = ranges.filter(({ base, size }) => value >= base && value < base + size);
  if (around.some((range) => isAssignable(range, value))) return [];
  const why = around[0] === undefined ? "the provided network does not match the current range" : `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${around[0].text}`;
  return [invalidField("spec.clusterIPs", [asked], `failed to allocate IP ${asked}: ${why}`)];
}

function carryOver(spec: ServiceSpec, old: ServiceSpec | undefined): ServiceSpec {
  const asked = spec.clusterIP || spec.clusterIPs?.[0] || "";
  const isKept = old !== undefined && old.type !== "ExternalName" && spec.type !== "ExternalName";
  // Back from ExternalName to an address: what the old spec did not have is not there to be carried.
  const clusterIP = asked !== "" ? asked : isKept ? (old.clusterIP ?? "") : "";
  const { clusterIP: _ip, clusterIPs: _ips, ...rest } = spec;
  const hasPorts = old !== undefined && needsNodePorts(old) && needsNodePorts(spec);
  const ports = hasPorts ? (spec.ports ?? []).map((port) => withOldNodePort(port, old.ports ?? [], spec.ports ?? [])) : spec.ports;
  const health = needsHealthCheckPort(spec) && old !== undefined && needsHealthCheckPort(old) && !spec.healthCheckNodePort ? { healthCheckNodePort: old.healthCheckNodePort } : {};
  const { healthCheckNodePort, ...others } = rest;
  return {
    ...others,
    ...(needsHealthCheckPort(spec) && healthCheckNodePort ? { healthCheckNodePort } : {}),
    ...withPorts(ports),
    ...health,
    ...(clusterIP === "" ? {} : { clusterIP, clusterIPs: asked !== "" && spec.clusterIPs !== undefined && spec.clusterIPs.length > 0 ? spec.clusterIPs : [clusterIP] }),
  };
}

function withOldNodePort(port: ServicePort, old: readonly ServicePort[], all: readonly ServicePort[]): ServicePort {
  if (port.nodePort) return port;
  const match = old.find((candidate) => candidate.port === port.port && candidate.protocol === port.protocol);
  const isTaken = all.some((other) => other.nodePort === match?.nodePort);
  return match?.nodePort && !isTaken ? { ...port, nodePort: match.nodePort } : port;
}

/** A Service that goes back to ClusterIP lets its old ports go; one that names new ones gets told. */
function withoutUnwantedNodePorts(spec: ServiceSpec, old: ServiceSpec | undefined): readonly ServicePort[] | undefined {
  const before = new Set((old?.ports ?? []).map((port) => port.nodePort));
  return spec.ports?.map((port) => (port.nodePort && before.has(port.nodePort) ? withoutNodePort(port) : port));
}

function withoutNodePorts(ports: readonly ServicePort[] | undefined): readonly ServicePort[] | undefined {
  return ports?.map(withoutNodePort);
}

function withoutNodePort(port: ServicePort): ServicePort {
  const { nodePort: _dropped, ...rest } = port;
  return rest;
}

function withPorts(ports: readonly ServicePort[] | undefined): { readonly ports?: readonly ServicePort[] } {
  return ports === undefined ? {} : { ports };
}

/** Whether two Services hold the same numbers, so that a write need not touch any claim. */
export function hasSameClaims(left: ServiceClaims, right: ServiceClaims): boolean {
  return jsonEqual([...left.addresses], [...right.addresses]) && jsonEqual([...left.nodePorts].sort(), [...right.nodePorts].sort());
}
