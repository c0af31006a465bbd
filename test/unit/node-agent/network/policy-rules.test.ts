import { describe, expect, it } from "vitest";
import { addressOf } from "../../../../engine/resources/mainstay/pod-address.ts";
import type { Namespace, NetworkPolicy, NetworkPolicySpec, Pod, PodAddress } from "../../../../engine/resources/types.ts";
import { computePolicyChains, POLICY_CHAIN } from "../../../../node-agent/network/policy-rules.ts";

const place = (
  name: string,
  address: string,
  more: { readonly namespace?: string; readonly labels?: Record<string, string>; readonly node?: string; readonly ports?: PodAddress["ports"] } = {},
): PodAddress => ({
  apiVersion: "mainstay.dev/v1alpha1",
  kind: "PodAddress",
  metadata: { name, namespace: more.namespace ?? "shop", labels: { app: name, ...more.labels } },
  addresses: [address],
  nodeName: more.node ?? "here",
  ...(more.ports === undefined ? {} : { ports: more.ports }),
});
const policy = (spec: NetworkPolicySpec, name = "p"): NetworkPolicy => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name, namespace: "shop" },
  spec: { policyTypes: spec.egress === undefined ? ["Ingress"] : ["Ingress", "Egress"], ...spec },
});
const namespaces: Namespace[] = [
  ["shop", "dev"],
  ["bank", "prod"],
  ["mint", "prod"],
].map(([name = "", stage = ""]) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { stage } } }));

const PODS = [
  place("web", "10.0.0.1", { ports: [{ name: "http", port: 8080, protocol: "TCP" }] }),
  place("web-2", "10.0.0.2", { labels: { app: "web" }, ports: [{ name: "http", port: 9090, protocol: "TCP" }] }),
  place("db", "10.0.0.3"),
  place("far", "10.0.1.1", { labels: { app: "web" }, node: "there" }),
  place("teller", "10.0.1.2", { namespace: "bank", node: "there", ports: [{ name: "dns", port: 5353, protocol: "UDP" }] }),
  place("press", "10.0.1.3", { namespace: "mint", node: "there" }),
];

type Packet = { readonly from: string; readonly to: string; readonly protocol?: string; readonly port?: number; readonly isKnown?: boolean };

/** Sends a new packet through the chains as the kernel would; whether it came through. */
function passes(chains: ReadonlyMap<string, readonly string[]>, { from, to, protocol = "tcp", port = 80, isKnown = false }: Packet): boolean {
  let isMarked = false;
  const inBlock = (address: string, block: string): boolean => {
    const [network = "", prefix = "32"] = block.split("/");
    const value = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    const size = 2 ** (32 - Number(prefix));
    return Math.floor(value(address) / size) === Math.floor(value(network) / size);
  };
  const matches = (words: string[]): boolean => {
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      if (word === "-s" && !inBlock(from, words.shift() ?? "")) return false;
      if (word === "-d" && !inBlock(to, words.shift() ?? "")) return false;
      if (word === "-p" && words.shift() !== protocol) return false;
      if (word === "-m") words.shift();
      if (word === "--ctstate" && (words.shift(), !isKnown)) return false;
      if (word === "!" && (words.splice(0, 2), isMarked)) return false;
      if (word === "--dport") {
        const [first = 0, last = first] = (words.shift() ?? "").split(":").map(Number);
        if (port < first || port > last) return false;
      }
    }
    return true;
  };
  const run = (chain: string): "drop" | "return" => {
    for (const rule of chains.get(chain) ?? []) {
      const [condition = "", verdict = ""] = ` ${rule}`.split(" -j ");
      if (
        !matches(
          condition
            .trim()
            .split(" ")
            .filter((word) => word !== ""),
        )
      )
        continue;
      if (verdict === "RETURN") return "return";
      if (verdict === "DROP") return "drop";
      if (verdict.startsWith("MARK")) isMarked = verdict.includes("0x2000/");
      else if (run(verdict) === "drop") return "drop";
    }
    return "return";
  };
  return run(POLICY_CHAIN) === "return";
}

const chainsOf = (...policies: NetworkPolicy[]) => computePolicyChains({ family: "IPv4", policies, pods: PODS, namespaces, nodeName: "here" });
const onlyWeb = { podSelector: { matchLabels: { app: "web" } } };
const reach = (spec: NetworkPolicySpec, packet: Packet) => passes(chainsOf(policy(spec)), packet);

describe("without a policy that chooses it, a pod", () => {
  it("is reached by everybody, and reaches everybody", () => {
    const chains = chainsOf(policy({ ...onlyWeb }));
    expect(passes(chains, { from: "10.0.1.2", to: "10.0.0.3" })).toBe(true);
    expect(passes(chains, { from: "10.0.0.3", to: "192.0.2.1" })).toBe(true);
    expect(computePolicyChains({ family: "IPv4", policies: [], pods: PODS, namespaces, nodeName: "here" }).get(POLICY_CHAIN)).toHaveLength(1);
  });

  it("on another node is that node's to see to", () => {
    expect([...chainsOf(policy({ podSelector: {} })).values()].flat().join()).not.toContain("10.0.1.1/32 -j MS-P");
  });
});

describe("what comes to an isolated pod", () => {
  it.each<[string, NetworkPolicySpec["ingress"], Packet, boolean]>([
    ["is dropped where there is no rule", [], { from: "10.0.0.3", to: "10.0.0.1" }, false],
    ["passes an empty rule", [{}], { from: "192.0.2.1", to: "10.0.0.1" }, true],
    ["passes from pods with the labels", [{ from: [{ podSelector: { matchLabels: { app: "db" } } }] }], { from: "10.0.0.3", to: "10.0.0.1" }, true],
    ["does not pass from others", [{ from: [{ podSelector: { matchLabels: { app: "db" } } }] }], { from: "10.0.0.2", to: "10.0.0.1" }, false],
    ["does not pass from pods with the labels elsewhere", [{ from: [{ podSelector: { matchLabels: { app: "teller" } } }] }], { from: "10.0.1.2", to: "10.0.0.1" }, false],
    ["passes from all of a namespace", [{ from: [{ namespaceSelector: { matchLabels: { stage: "prod" } } }] }], { from: "10.0.1.3", to: "10.0.0.1" }, true],
    [
      "passes from some of a namespace",
      [{ from: [{ namespaceSelector: { matchLabels: { stage: "prod" } }, podSelector: { matchLabels: { app: "teller" } } }] }],
      { from: "10.0.1.2", to: "10.0.0.1" },
      true,
    ],
    [
      "does not pass from the rest of it",
      [{ from: [{ namespaceSelector: { matchLabels: { stage: "prod" } }, podSelector: { matchLabels: { app: "teller" } } }] }],
      { from: "10.0.1.3", to: "10.0.0.1" },
      false,
    ],
    ["passes from a block", [{ from: [{ ipBlock: { cidr: "192.0.2.0/24" } }] }], { from: "192.0.2.9", to: "10.0.0.1" }, true],
    ["does not pass from its holes", [{ from: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.8/29"] } }] }], { from: "192.0.2.9", to: "10.0.0.1" }, false],
    [
      "passes from a hole that another peer fills",
      [{ from: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.8/29"] } }, { ipBlock: { cidr: "192.0.2.9/32" } }] }],
      { from: "192.0.2.9", to: "10.0.0.1" },
      true,
    ],
    ["passes on a port", [{ ports: [{ port: 80 }] }], { from: "10.0.0.3", to: "10.0.0.1", port: 80 }, true],
    ["does not pass on another", [{ ports: [{ port: 80 }] }], { from: "10.0.0.3", to: "10.0.0.1", port: 81 }, false],
    ["does not pass by another protocol", [{ ports: [{ port: 80 }] }], { from: "10.0.0.3", to: "10.0.0.1", port: 80, protocol: "udp" }, false],
    ["passes within a range", [{ ports: [{ port: 80, endPort: 90 }] }], { from: "10.0.0.3", to: "10.0.0.1", port: 90 }, true],
    ["does not pass behind it", [{ ports: [{ port: 80, endPort: 90 }] }], { from: "10.0.0.3", to: "10.0.0.1", port: 91 }, false],
    ["passes by all ports of a protocol", [{ ports: [{ protocol: "UDP" }] }], { from: "10.0.0.3", to: "10.0.0.1", protocol: "udp", port: 7 }, true],
    ["passes on a port by name, which is another in each pod", [{ ports: [{ port: "http" }] }], { from: "10.0.0.3", to: "10.0.0.2", port: 9090 }, true],
    ["does not pass on the number that the name has elsewhere", [{ ports: [{ port: "http" }] }], { from: "10.0.0.3", to: "10.0.0.2", port: 8080 }, false],
    [
      "needs peer and port of one rule",
      [{ ports: [{ port: 80 }], from: [{ podSelector: { matchLabels: { app: "db" } } }] }, { ports: [{ port: 81 }] }],
      { from: "10.0.0.2", to: "10.0.0.1", port: 80 },
      false,
    ],
    [
      "passes by any of several rules",
      [{ ports: [{ port: 80 }], from: [{ podSelector: { matchLabels: { app: "db" } } }] }, { ports: [{ port: 81 }] }],
      { from: "10.0.0.2", to: "10.0.0.1", port: 81 },
      true,
    ],
    ["always passes from itself", [], { from: "10.0.0.1", to: "10.0.0.1" }, true],
    ["passes when its connection was let in before", [], { from: "10.0.0.3", to: "10.0.0.1", isKnown: true }, true],
  ])("%s", (_what, ingress, packet, expected) => {
    expect(reach({ ...onlyWeb, ...(ingress === undefined ? {} : { ingress }) }, packet)).toBe(expected);
  });

  it("passes when any policy allows it, and what it may send is another matter", () => {
    const chains = chainsOf(policy({ ...onlyWeb }), policy({ ...onlyWeb, ingress: [{ ports: [{ port: 80 }] }] }, "q"));
    expect(passes(chains, { from: "10.0.0.3", to: "10.0.0.1", port: 80 })).toBe(true);
    expect(passes(chains, { from: "10.0.0.3", to: "10.0.0.1", port: 81 })).toBe(false);
    expect(passes(chains, { from: "10.0.0.1", to: "192.0.2.1" })).toBe(true);
  });
});

describe("what an isolated pod sends", () => {
  it.each<[string, NetworkPolicySpec["egress"], Packet, boolean]>([
    ["is dropped where there is no rule", [], { from: "10.0.0.1", to: "192.0.2.1" }, false],
    ["passes to pods with the labels", [{ to: [{ podSelector: { matchLabels: { app: "db" } } }] }], { from: "10.0.0.1", to: "10.0.0.3" }, true],
    ["passes to a block but its holes", [{ to: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.1/32"] } }] }], { from: "10.0.0.1", to: "192.0.2.1" }, false],
    [
      "passes to a port by the name it has at the other end",
      [{ ports: [{ port: "dns", protocol: "UDP" }], to: [{ namespaceSelector: {} }] }],
      { from: "10.0.0.1", to: "10.0.1.2", protocol: "udp", port: 5353 },
      true,
    ],
    ["passes to a named port of anybody", [{ ports: [{ port: "http" }] }], { from: "10.0.0.1", to: "10.0.0.2", port: 9090 }, true],
    ["does not pass to blocks by a name", [{ ports: [{ port: "http" }], to: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }], { from: "10.0.0.1", to: "10.0.0.2", port: 9090 }, false],
  ])("%s", (_what, egress, packet, expected) => {
    expect(reach({ ...onlyWeb, ...(egress === undefined ? {} : { egress }), policyTypes: ["Egress"] }, packet)).toBe(expected);
  });

  it("must be let out here and let in there", () => {
    const chains = chainsOf(
      policy({ ...onlyWeb, policyTypes: ["Egress"], egress: [{ to: [{ podSelector: {} }] }] }),
      policy({ podSelector: { matchLabels: { app: "db" } }, ingress: [{ ports: [{ port: 5432 }] }] }, "q"),
    );
    expect(passes(chains, { from: "10.0.0.1", to: "10.0.0.3", port: 5432 })).toBe(true);
    expect(passes(chains, { from: "10.0.0.1", to: "10.0.0.3", port: 80 })).toBe(false);
    expect(passes(chains, { from: "10.0.0.1", to: "10.0.1.2", port: 80 })).toBe(false);
  });
});

describe("chains", () => {
  it("are shared by all pods of a policy, and the same for the same cluster in any order", () => {
    const spec = { ...onlyWeb, ingress: [{ from: [{ podSelector: {} }] }] };
    const chains = chainsOf(policy(spec));
    expect([...chains.keys()].filter((name) => name.startsWith("MS-NI-"))).toHaveLength(1);
    expect([...chains.keys()].filter((name) => name.startsWith("MS-PI-"))).toHaveLength(2);
    expect(computePolicyChains({ family: "IPv4", policies: [policy(spec)], pods: [...PODS].reverse(), namespaces: [...namespaces].reverse(), nodeName: "here" })).toEqual(chains);
    for (const name of chains.keys()) expect(name.length).toBeLessThanOrEqual(28);
  });
});

describe("a pod's address", () => {
  const pod = (spec: object, status: object): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", namespace: "shop", labels: { app: "a" }, annotations: { secret: "x" } },
    spec: { containers: [{ name: "c", image: "i", env: [{ name: "KEY", value: "secret" }], ports: [{ name: "http", containerPort: 80 }] }], nodeName: "here", ...spec },
    status,
  });

  it("says where it is and which ports have names, and nothing of what it runs", () => {
    expect(addressOf(pod({}, { podIP: "10.0.0.1", phase: "Running" }))).toEqual({
      apiVersion: "mainstay.dev/v1alpha1",
      kind: "PodAddress",
      metadata: { name: "a", namespace: "shop", labels: { app: "a" } },
      addresses: ["10.0.0.1"],
      nodeName: "here",
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
    });
  });

  it.each([
    [{ hostNetwork: true }, { podIP: "10.0.0.1" }],
    [{}, { podIP: "10.0.0.1", phase: "Succeeded" }],
    [{}, { phase: "Pending" }],
  ])("is nowhere with %j and %j", (spec, status) => {
    expect(addressOf(pod(spec, status))).not.toHaveProperty("addresses");
  });
});

describe("a policy in IPv6", () => {
  const dual = PODS.map((pod) => ({ ...pod, addresses: [...(pod.addresses ?? []), `fd00:42::${pod.addresses?.[0]?.replaceAll(".", ":")}`] }));
  const chains = (spec: NetworkPolicySpec, family: "IPv4" | "IPv6") => computePolicyChains({ family, policies: [policy(spec)], pods: dual, namespaces, nodeName: "here" });
  const spec: NetworkPolicySpec = {
    ...onlyWeb,
    ingress: [{ from: [{ podSelector: { matchLabels: { app: "db" } } }, { ipBlock: { cidr: "fd00:88::/64", except: ["fd00:88::7/128"] } }, { ipBlock: { cidr: "192.0.2.0/24" } }] }],
  };

  it("has the chains of IPv4 with the pods' other addresses, and the blocks of its own family only", () => {
    const text = [...chains(spec, "IPv6").values()].flat();
    expect(text).toContain("-d fd00:42::10:0:0:1/128 -j " + [...chains(spec, "IPv6").keys()].find((chain) => chain.startsWith("MS-PI")));
    expect(text.filter((rule) => rule.includes("fd00:42::10:0:0:3/128 -j MARK"))).toHaveLength(1);
    expect(text.filter((rule) => rule.includes("fd00:88::"))).toHaveLength(2);
    expect(text.filter((rule) => rule.includes("192.0.2.0") || rule.includes("/32"))).toEqual([]);
    expect([...chains(spec, "IPv4").values()].flat().filter((rule) => rule.includes("fd00"))).toEqual([]);
  });

  it("leaves pods without such an address out", () => {
    expect(computePolicyChains({ family: "IPv6", policies: [policy(spec)], pods: PODS, namespaces, nodeName: "here" }).get(POLICY_CHAIN)).toHaveLength(1);
  });
});

it("reads blocks of old as Kubernetes does: zeros before a number and bits behind a prefix mean nothing", () => {
  const blocks = (cidr: string, ...except: string[]) =>
    computePolicyChains({ family: "IPv4", nodeName: "here", pods: PODS, namespaces, policies: [policy({ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr, except } }] }] })] } as Parameters<
      typeof computePolicyChains
    >[0]);
  expect(blocks("010.0.001.7/024", "10.0.1.010/30")).toEqual(blocks("10.0.1.0/24", "10.0.1.8/30"));
  expect(blocks("::ffff:10.0.1.0/120")).toEqual(blocks("10.0.1.0/24"));
});

it("writes no text into rules that is no address, whoever says that a pod has it", () => {
  const spec: NetworkPolicySpec = { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] };
  const evil = ["10.0.0.9/32 -j ACCEPT", "10.0.0.9\n-A INPUT -j ACCEPT", "10.0.0.9/\nCOMMIT"].map((address, index) => place(`evil-${index}`, address, { node: "there" }));
  expect(computePolicyChains({ family: "IPv4", policies: [policy(spec)], pods: [...PODS, ...evil], namespaces, nodeName: "here" })).toEqual(
    computePolicyChains({ family: "IPv4", policies: [policy(spec)], pods: PODS, namespaces, nodeName: "here" }),
  );
});
