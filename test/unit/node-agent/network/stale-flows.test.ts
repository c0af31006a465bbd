import { describe, expect, it, test } from "vitest";
import type { ServicePort } from "../../../../node-agent/network/service-map.ts";
import { computeStaleFlows, parseFlows, udpFingerprint } from "../../../../node-agent/network/stale-flows.ts";

const dns: ServicePort = {
  id: "shop/dns:dns/UDP",
  clusterIps: ["10.43.0.9"],
  externalIps: ["192.0.2.7"],
  balancerIps: [],
  sourceRanges: [],
  protocol: "udp",
  port: 53,
  nodePort: 30053,
  affinitySeconds: undefined,
  internalLocalOnly: false,
  externalLocalOnly: false,
  clusterEndpoints: [{ ip: "10.42.0.2", port: 5353 }],
  localEndpoints: [],
  hasEndpoints: true,
  servingEndpoints: [{ ip: "10.42.0.2", port: 5353 }],
};
const flow = (to: string, toPort: number, from: string, fromPort = 5353) => ({ to, toPort, from, fromPort });

describe("computeStaleFlows", () => {
  it.each([
    ["to an endpoint that left", flow("10.43.0.9", 53, "10.42.0.3")],
    ["to a port that the endpoint has no more", flow("10.43.0.9", 53, "10.42.0.2", 5300)],
    ["begun before there was an endpoint", flow("10.43.0.9", 53, "10.43.0.9", 53)],
    ["through an external address", flow("192.0.2.7", 53, "10.42.0.3")],
    ["through a node port, on whatever address of the machine", flow("10.88.0.1", 30053, "10.42.0.3")],
  ])("finds a flow %s", (_name, stale) => expect(computeStaleFlows([stale], [dns])).toEqual([stale]));

  it.each([
    ["to an endpoint that serves", flow("10.43.0.9", 53, "10.42.0.2"), dns],
    ["of no Service", flow("10.43.0.8", 53, "10.42.0.3"), dns],
    ["to another port of the Service's address", flow("10.43.0.9", 54, "10.42.0.3"), dns],
    ["that has nowhere else to go", flow("10.43.0.9", 53, "10.42.0.3"), { ...dns, servingEndpoints: [] }],
    ["of a TCP port with the same number", flow("10.43.0.9", 53, "10.42.0.3"), { ...dns, protocol: "tcp" as const }],
  ])("leaves a flow %s", (_name, kept, port) => expect(computeStaleFlows([kept], [port])).toEqual([]));
});

test("flows of IPv6 are told apart by address and port", () => {
  const six = { ...dns, clusterIps: ["fd00:43::9"], externalIps: [], servingEndpoints: [{ ip: "fd00:42::2", port: 5353 }] };
  const text = [
    "udp      17 29 src=fd00:42::5 dst=fd00:43::9 sport=37956 dport=53 src=fd00:42::2 dst=fd00:42::5 sport=5353 dport=37956 mark=0 use=1",
    "udp      17 29 src=fd00:42::5 dst=fd00:43::9 sport=37957 dport=53 src=fd00:42::3 dst=fd00:42::5 sport=5353 dport=37957 mark=0 use=1",
  ].join("\n");
  expect(computeStaleFlows(parseFlows(text), [six])).toEqual([flow("fd00:43::9", 53, "fd00:42::3")]);
});

describe("udpFingerprint", () => {
  it("tells changes that can make flows stale from those that cannot", () => {
    const before = udpFingerprint([dns]);
    expect(udpFingerprint([{ ...dns, clusterEndpoints: [] }])).toBe(before);
    expect(udpFingerprint([{ ...dns, servingEndpoints: [] }])).not.toBe(before);
    expect(udpFingerprint([{ ...dns, nodePort: 30054 }])).not.toBe(before);
  });
});

describe("parseFlows", () => {
  it("reads both directions, and counts flows of many clients as one", () => {
    const text = [
      "udp      17 29 src=10.42.0.5 dst=10.43.0.9 sport=37956 dport=53 [UNREPLIED] src=10.42.0.2 dst=10.42.0.5 sport=5353 dport=37956 mark=0 use=1",
      "udp      17 117 src=10.42.0.6 dst=10.43.0.9 sport=59097 dport=53 src=10.42.0.2 dst=10.42.0.6 sport=5353 dport=59097 [ASSURED] mark=0 use=1",
      "udp      17 29 src=10.42.0.6 dst=192.0.2.1 sport=59097 dport=123 packets=1 bytes=29 [UNREPLIED] src=192.0.2.1 dst=10.88.0.1 sport=123 dport=3021 packets=0 bytes=0 mark=0 use=1",
      "icmp     1 29 src=10.42.0.6 dst=192.0.2.1 type=8 code=0 id=1 src=192.0.2.1 dst=10.88.0.1 type=0 code=0 id=1 mark=0 use=1",
    ].join("\n");
    expect(parseFlows(text)).toEqual([flow("10.43.0.9", 53, "10.42.0.2"), flow("192.0.2.1", 123, "192.0.2.1", 123)]);
  });
});
