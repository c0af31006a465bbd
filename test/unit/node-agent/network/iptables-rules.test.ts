import { describe, expect, it } from "vitest";
import { chainName, computeChains, planRestore, type ChainTable } from "../../../../node-agent/network/iptables-rules.ts";
import { computeHealthChecks, computeServicePorts, type ServicePort } from "../../../../node-agent/network/service-map.ts";
import type { EndpointSlice, Service } from "../../../../engine/resources/types.ts";

const here = { nodeName: "a", zone: "z1" };
const ranges = { family: "IPv4" as const, clusterCidr: "10.42.0.0/16", podCidr: "10.42.0.0/24" };

function service(name: string, spec: Partial<NonNullable<Service["spec"]>> = {}): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec: { clusterIP: "10.43.0.9", ports: [{ name: "http", port: 80, protocol: "TCP" }], ...spec } } as Service;
}

function slice(owner: string, endpoints: EndpointSlice["endpoints"], ports: EndpointSlice["ports"] = [{ name: "http", port: 8080, protocol: "TCP" }]): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    addressType: "IPv4",
    metadata: { name: `${owner}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": owner } },
    endpoints,
    ports,
  } as EndpointSlice;
}

const ready = (ip: string, nodeName = "a") => ({ addresses: [ip], nodeName, conditions: { ready: true } });
const SVC = chainName("SVC", "shop/web:http/TCP");
const SEP = (ip: string) => chainName("SEP", `shop/web:http/TCP ${ip}:8080`);

describe("computeServicePorts", () => {
  it("joins a Service's ports with the ready endpoints of its slices", () => {
    const [port] = computeServicePorts(
      [service("web", { ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30080 }] })],
      [slice("web", [ready("10.42.0.2"), ready("10.42.1.2", "b"), { addresses: ["10.42.0.3"], conditions: { ready: false } }])],
      here,
      "IPv4",
    );
    expect(port).toMatchObject({
      id: "shop/web:http/TCP",
      port: 80,
      nodePort: 30080,
      clusterEndpoints: [
        { ip: "10.42.0.2", port: 8080 },
        { ip: "10.42.1.2", port: 8080 },
      ],
    });
  });

  it.each<[string, Partial<NonNullable<Service["spec"]>>]>([
    ["headless Services", { clusterIP: "None" }],
    ["ExternalName Services", { type: "ExternalName", clusterIP: "" }],
  ])("leaves out %s", (_name, spec) => {
    expect(computeServicePorts([service("web", spec)], [], here, "IPv4")).toEqual([]);
  });

  it.each(["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"])("leaves out a Service that the label %s keeps from node proxies", (label) => {
    const labelled = service("web");
    expect(computeServicePorts([{ ...labelled, metadata: { ...labelled.metadata, labels: { [label]: "" } } }], [], here, "IPv4")).toEqual([]);
  });

  it("writes addresses as Kubernetes reads them, which iptables may not", () => {
    const odd = service("web", { type: "LoadBalancer", clusterIP: "010.43.0.9", externalIPs: ["192.0.2.010"], loadBalancerSourceRanges: ["010.0.0.1/08"] });
    const [port] = computeServicePorts([odd], [slice("web", [ready("010.42.0.2"), ready("::ffff:10.42.0.3")])], here, "IPv4");
    expect(port).toMatchObject({ clusterIps: ["10.43.0.9"], externalIps: ["192.0.2.10"], sourceRanges: ["10.0.0.0/8"], clusterEndpoints: [{ ip: "10.42.0.2" }, { ip: "10.42.0.3" }] });
  });

  it("captures the addresses of load balancers that hand packets on as they came, and of no others", () => {
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { ip: "192.0.2.2", ipMode: "Proxy" }, { ip: "192.0.2.3", ipMode: "VIP" }, { hostname: "lb" }] } };
    expect(computeServicePorts([{ ...service("web", { type: "LoadBalancer" }), status }], [], here, "IPv4")[0]?.balancerIps).toEqual(["192.0.2.1", "192.0.2.3"]);
  });
});

describe("computeHealthChecks", () => {
  it("counts the ready endpoints of this node, each address once", () => {
    const balanced = service("web", { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 31000 });
    const endpoints = [ready("10.42.0.2"), ready("10.42.0.3"), ready("10.42.1.2", "b"), { addresses: ["10.42.0.4"], nodeName: "a", conditions: { ready: false, serving: true, terminating: true } }];
    expect(
      computeHealthChecks([balanced, service("other")], [slice("web", endpoints), { ...slice("web", [ready("10.42.0.2")]), metadata: { ...slice("web", []).metadata, name: "web-2" } }], "a"),
    ).toEqual([{ namespace: "shop", name: "web", port: 31000, localEndpoints: 2 }]);
  });
});

describe("computeChains", () => {
  const three: ServicePort[] = computeServicePorts([service("web")], [slice("web", [ready("10.42.0.2"), ready("10.42.0.3"), ready("10.42.0.4")])], here, "IPv4");

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
    const ports = computeServicePorts([service("web", { sessionAffinity: "ClientIP" })], [slice("web", [ready("10.42.0.2"), ready("10.42.0.3")])], here, "IPv4");
    const { nat } = computeChains(ports, ranges);
    expect(nat.get(SVC)?.[1]).toBe(`-m recent --name ${SEP("10.42.0.2")} --rcheck --seconds 10800 --reap --rsource -j ${SEP("10.42.0.2")}`);
    expect(nat.get(SEP("10.42.0.2"))?.[1]).toBe(`-m recent --name ${SEP("10.42.0.2")} --set --rsource`);
  });

  it("refuses connections to a Service without endpoints", () => {
    const ports = computeServicePorts([service("web", { ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30080 }] })], [], here, "IPv4");
    const { nat, filter } = computeChains(ports, ranges);
    expect(nat.has(SVC)).toBe(false);
    expect(filter.get("MAINSTAY-REJECT")).toEqual([
      '-m comment --comment "shop/web:http/TCP has no endpoints" -d 10.43.0.9/32 -p tcp -m tcp --dport 80 -j REJECT',
      '-m comment --comment "shop/web:http/TCP has no endpoints" -m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30080 -j REJECT',
    ]);
  });

  const SVL = chainName("SVL", "shop/web:http/TCP");
  const EXT = chainName("EXT", "shop/web:http/TCP");
  const ports = (spec: Partial<NonNullable<Service["spec"]>>, endpoints: EndpointSlice["endpoints"], ingress: readonly { ip: string }[] = []) =>
    computeServicePorts(
      [{ ...service("web", { ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30080 }], ...spec }), status: { loadBalancer: { ingress } } }],
      [slice("web", endpoints)],
      here,
      "IPv4",
    );

  it("binds traffic from outside to endpoints here under a Local policy, but neither pods nor the machine itself", () => {
    const { nat, filter } = computeChains(ports({ type: "NodePort", externalTrafficPolicy: "Local" }, [ready("10.42.0.2"), ready("10.42.1.2", "b")]), ranges);
    expect(nat.get(EXT)).toEqual([`-s 10.42.0.0/16 -j ${SVC}`, "-m addrtype --src-type LOCAL -j MAINSTAY-MARK-MASQ", `-m addrtype --src-type LOCAL -j ${SVC}`, `-j ${SVL}`]);
    expect(nat.get(SVL)).toEqual([`-j ${SEP("10.42.0.2")}`]);
    expect(filter.get("MAINSTAY-REJECT")).toEqual([]);
  });

  it("drops traffic from outside when a Local policy finds nothing here, so that a load balancer goes elsewhere", () => {
    const { nat, filter } = computeChains(ports({ type: "NodePort", externalTrafficPolicy: "Local" }, [ready("10.42.1.2", "b")]), ranges);
    expect(nat.get(EXT)?.at(-1)).toBe(`-m addrtype --src-type LOCAL -j ${SVC}`);
    expect(filter.get("MAINSTAY-REJECT")).toEqual(['-m comment --comment "shop/web:http/TCP has no local endpoints" -m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30080 -j DROP']);
  });

  it("never sends traffic of a Local cluster address to another node", () => {
    const { nat, filter } = computeChains(ports({ internalTrafficPolicy: "Local", ports: [{ name: "http", port: 80, protocol: "TCP" }] }, [ready("10.42.1.2", "b")]), ranges);
    expect([...nat.keys()].filter((chain) => chain.startsWith("MS-"))).toEqual([]);
    expect(filter.get("MAINSTAY-REJECT")).toEqual(['-m comment --comment "shop/web:http/TCP has no local endpoints" -d 10.43.0.9/32 -p tcp -m tcp --dport 80 -j DROP']);
  });

  it("lets only the given sources through a load balancer's addresses, and drops the rest", () => {
    const { nat, filter } = computeChains(ports({ type: "LoadBalancer", loadBalancerSourceRanges: ["203.0.113.0/24"] }, [ready("10.42.0.2")], [{ ip: "192.0.2.1" }]), ranges);
    const FW = chainName("FW", "shop/web:http/TCP");
    expect(nat.get("MAINSTAY-SERVICES")).toContain(`-m comment --comment "shop/web:http/TCP load balancer" -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j ${FW}`);
    expect(nat.get(FW)).toEqual([`-s 203.0.113.0/24 -j ${EXT}`]);
    expect(filter.get("MAINSTAY-REJECT")).toEqual(['-m comment --comment "shop/web:http/TCP is not for this source" -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j DROP']);
  });

  it.each(["UDP", "SCTP"])("balances %s as TCP, and apart from it", (protocol) => {
    const port = { name: "http", port: 80, protocol };
    const { nat } = computeChains(computeServicePorts([service("web", { ports: [port] })], [slice("web", [ready("10.42.0.2")], [{ ...port, port: 8080 }])], here, "IPv4"), ranges);
    const word = protocol.toLowerCase();
    expect(nat.get("MAINSTAY-SERVICES")?.[0]).toContain(`-d 10.43.0.9/32 -p ${word} -m ${word} --dport 80 -j `);
    expect([...nat.values()].flat()).toContain(`-p ${word} -j DNAT --to-destination 10.42.0.2:8080`);
  });

  it("writes no rule that leads to a chain which does not exist", () => {
    const policies = ["Cluster", "Local"];
    for (const internalTrafficPolicy of policies) {
      for (const externalTrafficPolicy of policies) {
        for (const endpoints of [[], [ready("10.42.0.2")], [ready("10.42.1.2", "b")]]) {
          const { nat } = computeChains(
            ports({ type: "LoadBalancer", internalTrafficPolicy, externalTrafficPolicy, loadBalancerSourceRanges: ["203.0.113.0/24"] }, endpoints, [{ ip: "192.0.2.1" }]),
            ranges,
          );
          const targets = [...nat.values()].flat().flatMap((rule) => / -j ((?:MS|MAINSTAY)-\S+)$/.exec(` ${rule}`)?.[1] ?? []);
          expect(targets.filter((chain) => !nat.has(chain))).toEqual([]);
        }
      }
    }
  });

  it("refuses before it accepts what pods send on", () => {
    const forward = computeChains(three, ranges).filter.get("MAINSTAY-FORWARD") ?? [];
    expect(forward[0]).toBe("-m conntrack --ctstate NEW -j MAINSTAY-REJECT");
    expect(forward.findIndex((rule) => rule.endsWith("-j ACCEPT"))).toBeGreaterThan(0);
  });

  it("keeps chain names within iptables' 28 characters", () => {
    for (const chain of computeChains(three, ranges).nat.keys()) expect(chain.length).toBeLessThanOrEqual(28);
  });
});

describe("a Service of both families", () => {
  const dual = service("web", {
    clusterIPs: ["10.43.0.9", "FD00:43:0::9"],
    externalIPs: ["192.0.2.7", "2001:db8::7"],
    ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30080 }],
    type: "LoadBalancer",
    loadBalancerSourceRanges: ["203.0.113.0/24", "2001:db8:1::/48"],
  });
  const balanced = { ...dual, status: { loadBalancer: { ingress: [{ ip: "198.51.100.1" }, { ip: "2001:db8::1" }] } } };
  const slices = [slice("web", [ready("10.42.0.2")]), { ...slice("web", [ready("fd00:42::2")]), addressType: "IPv6" }];
  const ranges6 = { family: "IPv6" as const, clusterCidr: "fd00:42::/56", podCidr: "fd00:42::/64" };
  const of = (family: "IPv4" | "IPv6") => computeServicePorts([balanced], slices, here, family);

  it("is in each family's packets by its addresses and endpoints of that family", () => {
    expect(of("IPv4")[0]).toMatchObject({
      clusterIps: ["10.43.0.9"],
      externalIps: ["192.0.2.7"],
      balancerIps: ["198.51.100.1"],
      sourceRanges: ["203.0.113.0/24"],
      nodePort: 30080,
      clusterEndpoints: [{ ip: "10.42.0.2", port: 8080 }],
    });
    expect(of("IPv6")[0]).toMatchObject({
      clusterIps: ["fd00:43::9"],
      externalIps: ["2001:db8::7"],
      balancerIps: ["2001:db8::1"],
      sourceRanges: ["2001:db8:1::/48"],
      nodePort: 30080,
      clusterEndpoints: [{ ip: "fd00:42::2", port: 8080 }],
    });
  });

  it("has rules of IPv6 that say the same as those of IPv4", () => {
    const [four, six] = [computeChains(of("IPv4"), ranges), computeChains(of("IPv6"), ranges6)];
    expect([...six.nat.keys()].filter((chain) => !chain.startsWith("MS-SEP"))).toEqual([...four.nat.keys()].filter((chain) => !chain.startsWith("MS-SEP")));
    const endpoint = chainName("SEP", "shop/web:http/TCP fd00:42::2:8080");
    expect(six.nat.get(endpoint)).toEqual(["-s fd00:42::2/128 -j MAINSTAY-MARK-MASQ", "-p tcp -j DNAT --to-destination [fd00:42::2]:8080"]);
    expect(six.nat.get(SVC)?.[0]).toBe("! -s fd00:42::/56 -d fd00:43::9/128 -p tcp -m tcp --dport 80 -j MAINSTAY-MARK-MASQ");
    expect(six.nat.get("MAINSTAY-POSTROUTING")?.[0]).toBe("-s fd00:42::/64 ! -d fd00:42::/56 -m addrtype ! --dst-type LOCAL -j MASQUERADE --random-fully");
    expect([...six.nat.values(), ...six.filter.values()].flat().filter((rule) => /\d+\.\d+\.\d+\.\d+|\/32/.test(rule))).toEqual([]);
  });

  it("leaves the loopback alone in IPv6, which has nothing like route_localnet", () => {
    const six = computeChains(of("IPv6"), ranges6);
    expect(six.nat.get("MAINSTAY-SERVICES")?.at(-1)).toBe("! -d ::1/128 -m addrtype --dst-type LOCAL -j MAINSTAY-NODEPORTS");
    expect(six.filter.get("MAINSTAY-FIREWALL")).toEqual([]);
  });

  it("is not there for a family in which it has no address", () => {
    expect(computeServicePorts([service("web")], slices, here, "IPv6")).toEqual([]);
  });

  it("counts endpoints of its first family for load balancers", () => {
    const local = { ...dual, spec: { ...dual.spec, clusterIP: "fd00:43::9", externalTrafficPolicy: "Local", healthCheckNodePort: 31000 } };
    expect(computeHealthChecks([local], [...slices, slice("web", [ready("10.42.0.3")])], "a")).toMatchObject([{ port: 31000, localEndpoints: 1 }]);
  });
});

describe("planRestore", () => {
  const empty: ChainTable = { nat: new Map(), filter: new Map() };
  const tables = (ips: string[]) =>
    computeChains(
      computeServicePorts(
        [service("web")],
        [
          slice(
            "web",
            ips.map((ip) => ready(ip)),
          ),
        ],
        here,
        "IPv4",
      ),
      ranges,
    );

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
