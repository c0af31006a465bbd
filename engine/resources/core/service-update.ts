import { jsonEqual } from "../../lib/freeze.ts";
import type { Service, ServicePort, ServiceSpec } from "../types.ts";

/** Whether the type has an address inside the cluster, and whether it has ports on the nodes. */
const hasClusterIp = (spec: ServiceSpec) => spec.type !== "ExternalName";
const hasNodePorts = (spec: ServiceSpec) => spec.type === "NodePort" || spec.type === "LoadBalancer";
const wantsNodePorts = (spec: ServiceSpec) => hasNodePorts(spec) && (spec.type === "NodePort" || spec.allocateLoadBalancerNodePorts !== false);
const isExternal = (spec: ServiceSpec) => spec.type === "NodePort" || spec.type === "LoadBalancer" || (spec.externalIPs ?? []).length > 0;
const hasHealthCheckPort = (spec: ServiceSpec) => spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";

/** What an update leaves out stays as the system chose it: manifests are applied again and again without the numbers that were given to them. */
export function withAllocatedValues(service: Service, old: Service): Service {
  if (service.spec === undefined || old.spec === undefined) return service;
  return { ...service, spec: kept(service.spec, old.spec) };
}

/** What only the old type had goes, unless the writer set it anew. */
export function withoutOldTypeValues(service: Service, old: Service): Service {
  if (service.spec === undefined || old.spec === undefined) return service;
  return { ...service, spec: dropped(service.spec, old.spec) };
}

function kept(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const keepsAddress = hasClusterIp(spec) && hasClusterIp(old);
  const keepsPorts = wantsNodePorts(spec) && wantsNodePorts(old);
  return {
    ...spec,
    ...(keepsAddress && !spec.clusterIP ? pick(old, ["clusterIP"]) : {}),
    ...(keepsAddress && (spec.clusterIPs ?? []).length === 0 ? pick(old, ["clusterIPs"]) : {}),
    ...(keepsPorts && spec.ports !== undefined ? { ports: spec.ports.map((port) => withNodePort(port, spec.ports ?? [], old.ports ?? [])) } : {}),
    ...(hasHealthCheckPort(spec) && hasHealthCheckPort(old) && !spec.healthCheckNodePort ? pick(old, ["healthCheckNodePort"]) : {}),
  };
}

/** The node's port of the same port before, unless the writer has given that number to another one. */
function withNodePort(port: ServicePort, ports: readonly ServicePort[], old: readonly ServicePort[]): ServicePort {
  if (port.nodePort) return port;
  const before = old.find((candidate) => candidate.port === port.port && candidate.protocol === port.protocol)?.nodePort;
  const isTaken = ports.some((other) => other !== port && other.nodePort === before && other.protocol === port.protocol);
  return before && !isTaken ? { ...port, nodePort: before } : port;
}

function dropped(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const {
    clusterIP,
    clusterIPs,
    ipFamilies,
    ipFamilyPolicy,
    healthCheckNodePort,
    externalTrafficPolicy,
    allocateLoadBalancerNodePorts,
    loadBalancerClass,
    internalTrafficPolicy,
    ...rest
  } = spec;
  const losesAddress = hasClusterIp(old) && !hasClusterIp(spec);
  const isSame = (...fields: readonly (keyof ServiceSpec)[]) => fields.every((field) => jsonEqual(spec[field], old[field]));
  const losesPorts = hasNodePorts(old) && !hasNodePorts(spec);
  const losesBalancer = old.type === "LoadBalancer" && spec.type !== "LoadBalancer";
  return {
    ...rest,
    ...(losesAddress && isSame("clusterIP", "clusterIPs") ? {} : defined({ clusterIP, clusterIPs })),
    ...(losesAddress && isSame("ipFamilies") ? {} : defined({ ipFamilies })),
    ...(losesAddress && isSame("ipFamilyPolicy") ? {} : defined({ ipFamilyPolicy })),
    ...(losesAddress && isSame("internalTrafficPolicy") ? {} : defined({ internalTrafficPolicy })),
    ...(hasHealthCheckPort(old) && !hasHealthCheckPort(spec) && healthCheckNodePort === old.healthCheckNodePort ? {} : defined({ healthCheckNodePort })),
    ...(isExternal(old) && !isExternal(spec) && externalTrafficPolicy === old.externalTrafficPolicy ? {} : defined({ externalTrafficPolicy })),
    ...(losesBalancer && allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts ? {} : defined({ allocateLoadBalancerNodePorts })),
    ...(losesBalancer && loadBalancerClass === old.loadBalancerClass ? {} : defined({ loadBalancerClass })),
    ...(losesPorts && rest.ports !== undefined ? { ports: rest.ports.map((port) => withoutOldNodePort(port, old.ports ?? [])) } : {}),
  };
}

function withoutOldNodePort(port: ServicePort, old: readonly ServicePort[]): ServicePort {
  const { nodePort, ...rest } = port;
  return old.some((candidate) => candidate.port === port.port && candidate.nodePort === nodePort) ? rest : port;
}

function pick<K extends keyof ServiceSpec>(spec: ServiceSpec, fields: readonly K[]): Partial<Pick<ServiceSpec, K>> {
  return defined(Object.fromEntries(fields.map((field) => [field, spec[field]])) as Partial<Pick<ServiceSpec, K>>); // exactly these fields
}

/** Without the keys whose value is undefined: they would make equal objects look different. */
function defined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T; // a T with optional fields left out
}
