import { hostAndPort } from "../../engine/lib/net/ip-address.ts";
import type { ServicePort } from "./service-map.ts";

/** Flows that the kernel keeps under one destination and answers from one place, whoever began them. */
export interface FlowGroup {
  /** Where they were sent to. */
  readonly to: string;
  readonly toPort: number;
  /** Where they really go. */
  readonly from: string;
  readonly fromPort: number;
}

/**
 * The UDP flows to Services that go somewhere else than to an endpoint that serves: to one that left, or – begun before there was an
 * endpoint – nowhere. A client that keeps its port would stay on them for as long as it sends. Flows to endpoints that serve go on
 * whatever the policies say now, as connections do. Pure.
 */
export function computeStaleFlows(flows: readonly FlowGroup[], ports: readonly ServicePort[]): readonly FlowGroup[] {
  const byAddress = new Map<string, ReadonlySet<string>>();
  const byNodePort = new Map<number, ReadonlySet<string>>();
  for (const port of ports) {
    // Without any endpoint there is nothing better for a flow to go to.
    if (port.protocol !== "udp" || port.servingEndpoints.length === 0) continue;
    const serving = new Set(port.servingEndpoints.map(({ ip, port: number }) => hostAndPort(ip, number)));
    for (const ip of [...port.clusterIps, ...port.externalIps, ...port.balancerIps]) byAddress.set(hostAndPort(ip, port.port), serving);
    if (port.nodePort > 0) byNodePort.set(port.nodePort, serving);
  }
  return flows.filter(({ to, toPort, from, fromPort }) => {
    const serving = byAddress.get(hostAndPort(to, toPort)) ?? byNodePort.get(toPort);
    return serving !== undefined && !serving.has(hostAndPort(from, fromPort));
  });
}

/** What decides about UDP flows: as long as this stays the same, no flow becomes stale. */
export function udpFingerprint(ports: readonly ServicePort[]): string {
  const facts = ports
    .filter(({ protocol }) => protocol === "udp")
    .map(({ id, clusterIps, externalIps, balancerIps, port, nodePort, servingEndpoints }) => [
      id,
      clusterIps,
      externalIps,
      balancerIps,
      port,
      nodePort,
      servingEndpoints,
    ]);
  return JSON.stringify(facts);
}

/** Reads what `conntrack -L` says, each group once. Lines of another shape are left out. */
export function parseFlows(text: string): readonly FlowGroup[] {
  const groups = new Map<string, FlowGroup>();
  for (const [, to = "", toPort, from = "", fromPort] of text.matchAll(
    / src=\S+ dst=(\S+) sport=\d+ dport=(\d+) .*?src=(\S+) dst=\S+ sport=(\d+) dport=\d+/g,
  )) {
    groups.set(`${to}:${toPort} ${from}:${fromPort}`, { to, toPort: Number(toPort), from, fromPort: Number(fromPort) });
  }
  return [...groups.values()];
}
