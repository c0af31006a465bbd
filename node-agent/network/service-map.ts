import type { EndpointSlice, Service } from "../../engine/resources/types.ts";

/** One port of one Service with everything the packet rules need: the proxy's view of the cluster. */
export interface ServicePort {
  /** `shop/web:http/TCP`: stable and unique; chain names are made from it. */
  readonly id: string;
  readonly clusterIps: readonly string[];
  readonly externalIps: readonly string[];
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** 0 when the Service has none. */
  readonly nodePort: number;
  /** ClientIP affinity keeps a client on its endpoint this long; undefined without affinity. */
  readonly affinitySeconds: number | undefined;
  readonly internalLocalOnly: boolean;
  readonly externalLocalOnly: boolean;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly isLocal: boolean;
}

/** The label that hands a Service to another proxy, as upstream's kube-proxy honours it. */
const OTHER_PROXY_LABEL = "service.kubernetes.io/service-proxy-name";

/** Sorted by id, so that equal clusters give equal rules. Pure. */
export function computeServicePorts(services: readonly Service[], slices: readonly EndpointSlice[], nodeName: string): ServicePort[] {
  const slicesOf = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const owner = slice.metadata.labels?.["kubernetes.io/service-name"];
    if (owner === undefined || slice.addressType !== "IPv4") continue;
    const key = `${slice.metadata.namespace}/${owner}`;
    const known = slicesOf.get(key);
    if (known === undefined) slicesOf.set(key, [slice]);
    else known.push(slice);
  }
  return services
    .filter(isProxied)
    .flatMap((service) => portsOf(service, slicesOf.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? [], nodeName))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function isProxied(service: Service): boolean {
  const { spec, metadata } = service;
  return spec !== undefined && spec.type !== "ExternalName" && spec.clusterIP !== undefined && spec.clusterIP !== "" && spec.clusterIP !== "None" && metadata.labels?.[OTHER_PROXY_LABEL] === undefined;
}

function portsOf(service: Service, slices: readonly EndpointSlice[], nodeName: string): ServicePort[] {
  const spec = service.spec;
  if (spec === undefined) return [];
  const affinitySeconds = spec.sessionAffinity === "ClientIP" ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined;
  return (spec.ports ?? []).map((port) => ({
    id: `${service.metadata.namespace}/${service.metadata.name}:${port.name ?? ""}${port.name ? "" : port.port}/${port.protocol ?? "TCP"}`,
    clusterIps: (spec.clusterIPs ?? [spec.clusterIP ?? ""]).filter(isIpv4),
    externalIps: [...(spec.externalIPs ?? []), ...(service.status?.loadBalancer?.ingress ?? []).map((ingress) => ingress.ip ?? "")].filter(isIpv4),
    protocol: (port.protocol ?? "TCP").toLowerCase() as ServicePort["protocol"], // validated as TCP, UDP or SCTP by the schema
    port: port.port,
    nodePort: port.nodePort ?? 0,
    affinitySeconds,
    internalLocalOnly: spec.internalTrafficPolicy === "Local",
    externalLocalOnly: spec.externalTrafficPolicy === "Local",
    endpoints: chooseEndpoints(slices, port.name ?? "", port.protocol ?? "TCP", nodeName),
  }));
}

/**
 * Ready endpoints; when there is none, those that terminate but still serve, so that the last connections
 * of a Service that is being replaced are not refused.
 */
function chooseEndpoints(slices: readonly EndpointSlice[], portName: string, protocol: string, nodeName: string): Endpoint[] {
  const ready = new Map<string, Endpoint>();
  const draining = new Map<string, Endpoint>();
  for (const slice of slices) {
    const port = slice.ports?.find((candidate) => (candidate.name ?? "") === portName && (candidate.protocol ?? "TCP") === protocol)?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions, nodeName: on } of slice.endpoints ?? []) {
      const ip = addresses[0];
      if (ip === undefined) continue;
      const endpoint = { ip, port, isLocal: on === nodeName };
      if (conditions?.ready !== false) ready.set(`${ip}:${port}`, endpoint);
      else if (conditions.serving === true && conditions.terminating === true) draining.set(`${ip}:${port}`, endpoint);
    }
  }
  const chosen = ready.size > 0 ? ready : draining;
  return [...chosen.values()].sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

function isIpv4(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text);
}
