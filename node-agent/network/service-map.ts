import { isIP } from "node:net";
import { canonicalAddress, familyOf, formatCidr, parseLooseCidr, standardAddress, type IpFamily } from "../../engine/lib/net/ip-address.ts";
import type { EndpointSlice, Service } from "../../engine/resources/types.ts";
import { chooseEndpoints, type ChosenEndpoints, type KnownEndpoint } from "./choose-endpoints.ts";

/** One port of one Service with everything the packet rules need: the proxy's view of the cluster. */
export interface ServicePort extends ChosenEndpoints {
  /** `shop/web:http/TCP`: stable and unique; chain names are made from it. */
  readonly id: string;
  readonly clusterIps: readonly string[];
  readonly externalIps: readonly string[];
  /** Addresses of a load balancer that hands packets on as they came. */
  readonly balancerIps: readonly string[];
  /** Who may come through the load balancer's addresses; empty for everybody. */
  readonly sourceRanges: readonly string[];
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** 0 when the Service has none. */
  readonly nodePort: number;
  /** ClientIP affinity keeps a client on its endpoint this long; undefined without affinity. */
  readonly affinitySeconds: number | undefined;
  readonly internalLocalOnly: boolean;
  readonly externalLocalOnly: boolean;
}

/** A Service whose load balancer asks each node whether there is anything for it to send traffic to. */
export interface HealthCheck {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  /** Ready endpoints on this node. */
  readonly localEndpoints: number;
}

/** The labels that keep a Service from node proxies: another proxy has it, or nobody shall. Their values do not matter. */
const NOT_OURS_LABELS = ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"];
const SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges";

/** Where this proxy is, which decides about endpoints that are near. */
export interface ProxyPlace {
  readonly nodeName: string;
  readonly zone: string | undefined;
}

/**
 * What there is to do in one family's packets: Services that have an address of it, with the endpoints of it. Sorted by id, so that equal
 * clusters give equal rules. Pure.
 */
export function computeServicePorts(services: readonly Service[], slices: readonly EndpointSlice[], place: ProxyPlace, family: IpFamily): ServicePort[] {
  const slicesOf = slicesByService(slices.filter(({ addressType }) => addressType === family));
  return services
    .filter(isProxied)
    .flatMap((service) => portsOf(service, slicesOf.get(keyOf(service)) ?? [], place, family))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What to answer on the health check ports of Services, which count the endpoints of a Service's first family. Pure. */
export function computeHealthChecks(services: readonly Service[], slices: readonly EndpointSlice[], nodeName: string): HealthCheck[] {
  const asked = services.filter((service) => isProxied(service) && service.spec?.healthCheckNodePort);
  if (asked.length === 0) return [];
  const slicesOf = slicesByService(slices);
  return asked.map((service) => {
    const family = familyOf(service.spec?.clusterIP ?? "") ?? "IPv4";
    const endpoints = (slicesOf.get(keyOf(service)) ?? []).flatMap((slice) => (slice.addressType === family ? (slice.endpoints ?? []) : []));
    const local = new Set(
      endpoints.filter((endpoint) => endpoint.nodeName === nodeName && endpoint.conditions?.ready !== false).map((endpoint) => endpoint.addresses[0]),
    );
    return {
      namespace: service.metadata.namespace ?? "",
      name: service.metadata.name ?? "",
      port: service.spec?.healthCheckNodePort ?? 0,
      localEndpoints: local.size,
    };
  });
}

function slicesByService(slices: readonly EndpointSlice[]): Map<string, EndpointSlice[]> {
  const ours = slices.filter((slice) => !isNotOurs(slice.metadata.labels));
  return Map.groupBy(ours, (slice) => `${slice.metadata.namespace}/${slice.metadata.labels?.["kubernetes.io/service-name"] ?? ""}`);
}

function isProxied({ spec, metadata }: Service): boolean {
  return (
    spec !== undefined &&
    spec.type !== "ExternalName" &&
    spec.clusterIP !== undefined &&
    spec.clusterIP !== "" &&
    spec.clusterIP !== "None" &&
    !isNotOurs(metadata.labels)
  );
}

function isNotOurs(labels: Readonly<Record<string, string>> | undefined): boolean {
  return NOT_OURS_LABELS.some((label) => labels?.[label] !== undefined);
}

function portsOf(service: Service, slices: readonly EndpointSlice[], place: ProxyPlace, family: IpFamily): ServicePort[] {
  const spec = service.spec;
  const ofFamily = (addresses: readonly string[]) => addresses.filter((address) => familyOf(address) === family).map(canonicalAddress);
  const clusterIps = ofFamily(spec?.clusterIPs ?? [spec?.clusterIP ?? ""]);
  if (spec === undefined || clusterIps.length === 0) return [];
  const affinitySeconds = spec.sessionAffinity === "ClientIP" ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined;
  const externalIps = ofFamily(spec.externalIPs ?? []);
  const balancerIps = ofFamily((service.status?.loadBalancer?.ingress ?? []).filter(({ ipMode }) => (ipMode ?? "VIP") === "VIP").map(({ ip = "" }) => ip));
  const internalLocalOnly = spec.internalTrafficPolicy === "Local";
  return (spec.ports ?? []).map((port) => {
    const isOpen = (port.nodePort ?? 0) > 0 || externalIps.length > 0 || balancerIps.length > 0;
    const externalLocalOnly = isOpen && spec.externalTrafficPolicy === "Local";
    return {
      id: `${keyOf(service)}:${port.name ?? ""}${port.name ? "" : port.port}/${port.protocol ?? "TCP"}`,
      clusterIps,
      externalIps,
      balancerIps,
      sourceRanges: sourceRangesOf(service, family),
      protocol: (port.protocol ?? "TCP").toLowerCase() as ServicePort["protocol"], // validated as TCP, UDP or SCTP by the schema
      port: port.port,
      nodePort: port.nodePort ?? 0,
      affinitySeconds,
      internalLocalOnly,
      externalLocalOnly,
      // From outside, a Local policy still lets this machine and its pods use every endpoint.
      ...chooseEndpoints(endpointsOf(slices, port.name ?? "", port.protocol ?? "TCP"), place, {
        cluster: !internalLocalOnly || isOpen,
        local: internalLocalOnly || externalLocalOnly,
      }),
    };
  });
}

/** The field's ranges, or those of the annotation that is older than it. */
function sourceRangesOf({ spec, metadata }: Service, family: IpFamily): readonly string[] {
  const ranges = spec?.loadBalancerSourceRanges ?? [];
  const chosen = ranges.length > 0 ? ranges : (metadata.annotations?.[SOURCE_RANGES_ANNOTATION] ?? "").split(",");
  return chosen
    .flatMap((range) => parseLooseCidr(range.trim()) ?? [])
    .filter((range) => range.family === family)
    .map(formatCidr);
}

/** Endpoints of one port, each address once: what is in two slices for a moment counts as it is in the one where it is ready. */
function endpointsOf(slices: readonly EndpointSlice[], portName: string, protocol: string): KnownEndpoint[] {
  const known = new Map<string, KnownEndpoint>();
  for (const slice of slices) {
    const port = slice.ports?.find((candidate) => (candidate.name ?? "") === portName && (candidate.protocol ?? "TCP") === protocol)?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions, nodeName, hints } of slice.endpoints ?? []) {
      if (addresses[0] === undefined) continue;
      const ip = standardAddress(addresses[0]);
      if (isIP(ip) === 0) continue; // a name, or nothing that belongs into a rule
      const ready = conditions?.ready !== false;
      if (known.get(`${ip}:${port}`)?.ready === true) continue;
      known.set(`${ip}:${port}`, {
        ip,
        port,
        nodeName,
        ready,
        serving: conditions?.serving ?? ready,
        terminating: conditions?.terminating === true,
        zoneHints: (hints?.forZones ?? []).map(({ name }) => name),
        nodeHints: (hints?.forNodes ?? []).map(({ name }) => name),
      });
    }
  }
  return [...known.values()].sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}
