import { describe, expect, it } from "vitest";
import { chainName, computeChains, planRestore, type ChainTable } from "../../../node-agent/network/iptables-rules.ts";
import { computeServicePorts, type ServicePort } from "../../../node-agent/network/service-map.ts";
import type { EndpointSlice, Service } from "../../../engine/resources/types.ts";

const ranges = { clusterCidr: "10.42.0.0/16", podCidr: "10.42.0.0/24" };

function service(name: string, spec: Partial<NonNullable<Service["spec"]>> = {}): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec: { clusterIP: "10.43.0.9", ports: [{ name: "http", port: 80, protocol: "TCP" }], ...spec } } as Service;
}

function slice(owner: string, endpoints: EndpointSlice["endpoints"], ports: EndpointSlice["ports"] = [{ name: "http", port: 8080, protocol: "TCP" }]): EndpointSlice {
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4", metadata: { name: `${owner}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": owner } }, endpoints, ports } as EndpointSlice;
}

const ready = (ip: string, nodeName = "a") => ({ addresses: [ip], nodeName, conditions: { ready: true } });
const SVC = chainName("SVC", "shop/web:http/TCP");
const SEP = (ip: string) => chainName("SEP", `shop/web:http/TCP ${ip}:8080`);

describe("computeServicePorts", () => {
  it("joins a Service's ports with the ready endpoints of its slices", () => {
    const [port] = computeServicePorts([service("web", { ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30080 }] })], [slice("web", [ready("10.42.0.2"), ready("10.42.1.2", "b"), { addresses: ["10.42.0.3"], conditions: { ready: false } }])], "a");
    expect(port).toMatchObject({
      id: "shop/web:http/TCP",
      port: 80,
      nodePort: 30080,
      endpoints: [
        { ip: "10.42.0.2", port: 8080, isLocal: true },
        { ip: "10.42.1.2", port: 8080, isLocal: false },
      ],
    });
  });

  it("keeps serving terminating endpoints only while there are no ready ones", () => {
    const draining = { addresses: ["10.42.0.3"], conditions: { ready: false, serving: true, terminating: true } };
    expect(computeServicePorts([service("web")], [slice("web", [draining])], "a")[0]?.endpoints.map((e) => e.ip)).toEqual(["10.42.0.3"]);
    expect(computeServicePorts([service("web")], [slice("web", [draining, ready("10.42.0.2")])], "a")[0]?.endpoints.map((e) => e.ip)).toEqual(["10.42.0.2"]);
  });

  it.each<[string, Partial<NonNullable<Service["spec"]>>]>([
    ["headless Services", { clusterIP: "None" }],
    ["ExternalName Services", { type: "ExternalName", clusterIP: "" }],
  ])("leaves out %s", (_name, spec) => {
    expect(computeServicePorts([service("web", spec)], [], "a")).toEqual([]);
  });
});

describe("computeChains", () => {
  const three: ServicePort[] = computeServicePorts([service("web")], [slice("web", [ready("10.42.0.2"), ready("10.42.0.3"), ready("10.42.0.4")])], "a");

  it("gives each of three endpoints an equal chance", () => {
    expect(computeChains(three, ranges).nat.get(SVC)).toEqual([
      "! -s 10.42.0.0/16 -d 10.43.0.9/32 -p tcp -m tcp --dport 80 -j MAINSTAY-MARK-MASQ",
      `-m statistic --mode random --probability 0.3333333333 -j ${SEP("10.42.0.2")}`,
      `-m statistic --mode random --probability 0.5000000000 -j ${SEP("10.42.0.3")}`,
      `-j ${SEP("10.42.0.4")}`,
    ]);
  });

  it("masquerades a pod that reaches itself", () => {
    expect(computeChains(three, ranges).nat.get(SEP("10.42.0.2"))).toEqual(["-s 10.42.0.2/32 -j MAINSTAY-MARK-MASQ", "-p tcp -j DNAT --to-destination 10.42.0.2:8080"]);
  });

  it("remembers clients when the Service asks for it", () => {
    const ports = computeServicePorts([service("web", { sessionAffinity: "ClientIP" })], [slice("web", [ready("10.42.0.2"), ready("10.42.0.3")])], "a");
    const { nat } = computeChains(ports, ranges);
    expect(nat.get(SVC)?.[1]).toBe(`-m recent --name ${SEP("10.42.0.2")} --rcheck --seconds 10800 --reap --rsource -j ${SEP("10.42.0.2")}`);
    expect(nat.get(SEP("10.42.0.2"))?.[1]).toBe(`-m recent --name ${SEP("10.42.0.2")} --set --rsource`);
  });

  it("refuses connections to a Service without endpoints", () => {
    const ports = computeServicePorts([service("web", { ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30080 }] })], [], "a");
    const { nat, filter } = computeChains(ports, ranges);
    expect(nat.has(SVC)).toBe(false);
    expect(filter.get("MAINSTAY-REJECT")).toEqual([
      '-m comment --comment "shop/web:http/TCP has no endpoints" -d 10.43.0.9/32 -p tcp -m tcp --dport 80 -j REJECT',
      '-m comment --comment "shop/web:http/TCP has no endpoints" -m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30080 -j REJECT',
    ]);
  });

  it("keeps chain names within iptables' 28 characters", () => {
    for (const chain of computeChains(three, ranges).nat.keys()) expect(chain.length).toBeLessThanOrEqual(28);
  });
});

describe("planRestore", () => {
  const empty: ChainTable = { nat: new Map(), filter: new Map() };
  const tables = (ips: string[]) => computeChains(computeServicePorts([service("web")], [slice("web", ips.map((ip) => ready(ip)))], "a"), ranges);

  it("writes nothing when nothing changed", () => {
    expect(planRestore(tables(["10.42.0.2"]), tables(["10.42.0.2"]))).toBeUndefined();
  });

  it("touches only the chains of what changed, and removes what is gone", () => {
    const text = planRestore(tables(["10.42.0.2", "10.42.0.3"]), tables(["10.42.0.2", "10.42.0.4"])) ?? "";
    expect(text.split("\n").filter((line) => line.startsWith(":") || line.startsWith("-X") || line.startsWith("*"))).toEqual([
      "*nat",
      `:${SVC} - [0:0]`,
      `:${SEP("10.42.0.4")} - [0:0]`,
      `:${SEP("10.42.0.3")} - [0:0]`,
      `-X ${SEP("10.42.0.3")}`,
    ]);
  });

  it("rewrites chains whose content is unknown, and drops foreign leftovers of ours", () => {
    const left = { nat: new Map<string, undefined>([["MS-SEP-OLD", undefined]]), filter: new Map() };
    const text = planRestore(left, tables(["10.42.0.2"])) ?? "";
    expect(text).toContain(":MS-SEP-OLD - [0:0]");
    expect(text).toContain("-X MS-SEP-OLD");
    expect(planRestore(empty, empty)).toBeUndefined();
  });
});
