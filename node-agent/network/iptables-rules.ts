import { createHash } from "node:crypto";
import { hostAndPort, type IpFamily } from "../../engine/lib/net/ip-address.ts";
import type { Endpoint } from "./choose-endpoints.ts";
import { singleBlock } from "./families.ts";
import type { ServicePort } from "./service-map.ts";

/** The rules of our own chains, by table and chain; every other chain of the machine is none of our business. */
export interface ChainTable {
  readonly nat: ReadonlyMap<string, readonly string[]>;
  readonly filter: ReadonlyMap<string, readonly string[]>;
}

/** What one family's rules need to know of addresses. */
export interface NetworkRanges {
  readonly family: IpFamily;
  /** Addresses of all pods of the cluster. */
  readonly clusterCidr: string;
  /** Addresses of this node's pods; undefined until the node has its range. */
  readonly podCidr: string | undefined;
}

/** All our chains carry one of these prefixes: what a reset removes, and what a start may find left over. */
export const CHAIN_PREFIXES = ["MAINSTAY-", "MS-"] as const;

/** Packets that must leave with this machine's address; the bit kube-proxy uses, so other tools recognise it. */
const MASQUERADE_MARK = "0x4000";

/**
 * Node ports on 127.0.0.1 need route_localnet; the firewall keeps other machines from using it to reach our loopback. IPv6 has nothing
 * like it: ::1 is not rewritten to other machines' addresses, so node ports leave it alone.
 */
const LOOPBACK: Readonly<Record<IpFamily, { readonly nodePorts: string; readonly firewall: string[] }>> = {
  IPv4: { nodePorts: "", firewall: ["! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"] },
  IPv6: { nodePorts: "! -d ::1/128 ", firewall: [] },
};

/** Where the machine's own chains enter ours. Kept in place by the executor, not part of the ChainTable. */
export const JUMPS: readonly { readonly table: "nat" | "filter"; readonly from: string; readonly rule: string }[] = [
  { table: "nat", from: "PREROUTING", rule: "-j MAINSTAY-SERVICES" },
  { table: "nat", from: "OUTPUT", rule: "-j MAINSTAY-SERVICES" },
  { table: "nat", from: "POSTROUTING", rule: "-j MAINSTAY-POSTROUTING" },
  { table: "filter", from: "INPUT", rule: "-m conntrack --ctstate NEW -j MAINSTAY-REJECT" },
  { table: "filter", from: "FORWARD", rule: "-m conntrack --ctstate NEW -j MAINSTAY-REJECT" },
  { table: "filter", from: "OUTPUT", rule: "-m conntrack --ctstate NEW -j MAINSTAY-REJECT" },
  { table: "filter", from: "FORWARD", rule: "-j MAINSTAY-FORWARD" },
  { table: "filter", from: "INPUT", rule: "-j MAINSTAY-FIREWALL" },
];

/**
 * The packet rules of a cluster's Services for one family, in the shape kube-proxy gave them: chains per service port that pick an endpoint by
 * probability, one chain per endpoint that rewrites the destination. Pure; equal input gives equal text.
 */
export function computeChains(ports: readonly ServicePort[], ranges: NetworkRanges): ChainTable {
  const nat = new Map<string, string[]>();
  const filter = new Map<string, string[]>();
  const services: string[] = [];
  const nodePorts: string[] = [];
  const only = (ip: string) => singleBlock(ip, ranges.family);
  const refusals: string[] = [];
  for (const port of ports) {
    refusals.push(...refusalRules(port, ranges.family));
    if (!port.hasEndpoints) continue;
    const external = chainName("EXT", port.id);
    const internal = internalChain(port);
    if (internal !== undefined)
      for (const ip of port.clusterIps) services.push(`${comment(port, "cluster address")} -d ${only(ip)} ${match(port, port.port)} -j ${internal}`);
    for (const ip of port.externalIps) services.push(`${comment(port, "external address")} -d ${only(ip)} ${match(port, port.port)} -j ${external}`);
    for (const ip of port.balancerIps)
      services.push(
        `${comment(port, "load balancer")} -d ${only(ip)} ${match(port, port.port)} -j ${port.sourceRanges.length > 0 ? chainName("FW", port.id) : external}`,
      );
    if (port.nodePort > 0) nodePorts.push(`${comment(port, "node port")} ${match(port, port.nodePort)} -j ${external}`);
    addServiceChains(nat, port, ranges);
  }
  nat.set("MAINSTAY-SERVICES", [...services, `${LOOPBACK[ranges.family].nodePorts}-m addrtype --dst-type LOCAL -j MAINSTAY-NODEPORTS`]);
  nat.set("MAINSTAY-NODEPORTS", nodePorts);
  nat.set("MAINSTAY-MARK-MASQ", [`-j MARK --or-mark ${MASQUERADE_MARK}`]);
  nat.set("MAINSTAY-POSTROUTING", postroutingRules(ranges));
  filter.set("MAINSTAY-REJECT", refusals);
  filter.set("MAINSTAY-FORWARD", [
    // Before anything of pods is accepted below, wherever the jumps to the two chains stand.
    "-m conntrack --ctstate NEW -j MAINSTAY-REJECT",
    // A packet that conntrack cannot place would reach a pod without the address rewriting of its connection.
    "-m conntrack --ctstate INVALID -j DROP",
    `-m mark --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j ACCEPT`,
    `-s ${ranges.clusterCidr} -j ACCEPT`,
    `-d ${ranges.clusterCidr} -j ACCEPT`,
  ]);
  filter.set("MAINSTAY-FIREWALL", LOOPBACK[ranges.family].firewall);
  return { nat, filter };
}

/** Whether a chain is about no Service in particular: all of them need it whole. */
export function isStaticChain(chain: string): boolean {
  return ["MAINSTAY-MARK-MASQ", "MAINSTAY-POSTROUTING", "MAINSTAY-FORWARD", "MAINSTAY-FIREWALL"].includes(chain);
}

/**
 * The input of `iptables-restore --noflush` that turns `previous` into `desired`: only chains whose rules differ are
 * rewritten, chains no longer wanted are removed, each table atomically. Undefined when nothing differs.
 * A previous chain with unknown rules is given as undefined.
 */
export function planRestore(
  previous: { readonly [T in keyof ChainTable]: ReadonlyMap<string, readonly string[] | undefined> },
  desired: ChainTable,
): string | undefined {
  const sections = (["nat", "filter"] as const).map((table) => planTable(table, previous[table], desired[table])).filter((text) => text !== "");
  return sections.length === 0 ? undefined : sections.join("");
}

/**
 * A chain name of at most 28 characters, iptables' limit: prefix, role, and a hash of what the chain is for. SVC and SVL pick an endpoint
 * of the cluster or of this node, EXT takes what comes from outside, FW asks before that who comes, SEP goes to one endpoint.
 */
export function chainName(role: "SVC" | "SVL" | "EXT" | "FW" | "SEP", subject: string): string {
  return `MS-${role}-${createHash("sha256").update(subject).digest("hex").slice(0, 16).toUpperCase()}`;
}

/** The same for one table; empty when nothing differs. */
export function planTable(
  table: string,
  previous: ReadonlyMap<string, readonly string[] | undefined>,
  desired: ReadonlyMap<string, readonly string[]>,
): string {
  const changed = [...desired].filter(([chain, rules]) => !sameRules(previous.get(chain), rules));
  const removed = [...previous.keys()].filter((chain) => !desired.has(chain));
  if (changed.length + removed.length === 0) return "";
  // Naming a chain in the header empties it; a removed chain must be empty and unreferenced before -X.
  const header = [...changed.map(([chain]) => chain), ...removed].map((chain) => `:${chain} - [0:0]`);
  const rules = changed.flatMap(([chain, lines]) => lines.map((line) => `-A ${chain} ${line}`));
  return [`*${table}`, ...header, ...rules, ...removed.map((chain) => `-X ${chain}`), "COMMIT", ""].join("\n");
}

function addServiceChains(nat: Map<string, string[]>, port: ServicePort, ranges: NetworkRanges): void {
  const cluster = chainName("SVC", port.id);
  const local = chainName("SVL", port.id);
  const internal = internalChain(port);
  const fromOutside = port.clusterIps.map(
    (ip) => `! -s ${ranges.clusterCidr} -d ${singleBlock(ip, ranges.family)} ${match(port, port.port)} -j MAINSTAY-MARK-MASQ`,
  );
  const entry = (chain: string) => (chain === internal ? fromOutside : []);
  if (port.clusterEndpoints.length > 0) nat.set(cluster, [...entry(cluster), ...balance(port, port.clusterEndpoints)]);
  if (port.localEndpoints.length > 0) nat.set(local, [...entry(local), ...balance(port, port.localEndpoints)]);
  if (port.nodePort > 0 || port.externalIps.length > 0 || port.balancerIps.length > 0) nat.set(chainName("EXT", port.id), externalRules(port, ranges));
  if (port.balancerIps.length > 0 && port.sourceRanges.length > 0) nat.set(chainName("FW", port.id), sourceRangeRules(port));
  for (const endpoint of [...port.clusterEndpoints, ...port.localEndpoints])
    nat.set(endpointChain(port, endpoint), endpointRules(port, endpoint, ranges.family));
}

/** Where traffic to the cluster address goes; undefined when a Local policy finds nothing here. */
function internalChain(port: ServicePort): string | undefined {
  if (!port.internalLocalOnly) return chainName("SVC", port.id);
  return port.localEndpoints.length > 0 ? chainName("SVL", port.id) : undefined;
}

function externalRules(port: ServicePort, { clusterCidr }: NetworkRanges): string[] {
  const cluster = chainName("SVC", port.id);
  if (!port.externalLocalOnly) return ["-j MAINSTAY-MARK-MASQ", `-j ${cluster}`];
  return [
    // Pods and this machine itself may use any endpoint; only traffic from elsewhere is bound to this node.
    `-s ${clusterCidr} -j ${cluster}`,
    "-m addrtype --src-type LOCAL -j MAINSTAY-MARK-MASQ",
    `-m addrtype --src-type LOCAL -j ${cluster}`,
    ...(port.localEndpoints.length > 0 ? [`-j ${chainName("SVL", port.id)}`] : []),
  ];
}

/** Who is in none of the ranges goes on unrewritten, and is dropped by the filter. */
function sourceRangeRules(port: ServicePort): string[] {
  return port.sourceRanges.map((source) => `-s ${source} -j ${chainName("EXT", port.id)}`);
}

/** Each endpoint with equal chance: the first with 1/n, the next with 1/(n−1) of the rest, the last takes what is left. */
function balance(port: ServicePort, endpoints: readonly Endpoint[]): string[] {
  const sticky =
    port.affinitySeconds === undefined
      ? []
      : endpoints.map(
          (endpoint) =>
            `-m recent --name ${endpointChain(port, endpoint)} --rcheck --seconds ${port.affinitySeconds} --reap --rsource -j ${endpointChain(port, endpoint)}`,
        );
  const random = endpoints.map((endpoint, index) => {
    const left = endpoints.length - index;
    return `${left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ` : ""}-j ${endpointChain(port, endpoint)}`;
  });
  return [...sticky, ...random];
}

function endpointRules(port: ServicePort, endpoint: Endpoint, family: IpFamily): string[] {
  return [
    // A pod that reaches itself through its Service must see another source address, or the answer would not come back through us.
    `-s ${singleBlock(endpoint.ip, family)} -j MAINSTAY-MARK-MASQ`,
    ...(port.affinitySeconds === undefined ? [] : [`-m recent --name ${endpointChain(port, endpoint)} --set --rsource`]),
    `-p ${port.protocol} -j DNAT --to-destination ${hostAndPort(endpoint.ip, endpoint.port)}`,
  ];
}

function endpointChain(port: ServicePort, endpoint: Endpoint): string {
  return chainName("SEP", `${port.id} ${endpoint.ip}:${endpoint.port}`);
}

/**
 * What becomes of traffic that no chain above takes. Without any endpoint in the cluster it is refused at once; with a Local policy and
 * no endpoint here it is dropped, so that a load balancer tries another node. Traffic that was rewritten comes by with its new destination.
 */
function refusalRules(port: ServicePort, family: IpFamily): string[] {
  const to = (ips: readonly string[], why: string, verdict: string) =>
    ips.map((ip) => `${comment(port, why)} -d ${singleBlock(ip, family)} ${match(port, port.port)} -j ${verdict}`);
  const outside = [...port.externalIps, ...port.balancerIps];
  const onNodePort = (why: string, verdict: string) =>
    port.nodePort > 0 ? [`${comment(port, why)} -m addrtype --dst-type LOCAL ${match(port, port.nodePort)} -j ${verdict}`] : [];
  if (!port.hasEndpoints) return [...to([...port.clusterIps, ...outside], "has no endpoints", "REJECT"), ...onNodePort("has no endpoints", "REJECT")];
  const isMissingHere = port.localEndpoints.length === 0;
  return [
    ...(port.internalLocalOnly && isMissingHere ? to(port.clusterIps, "has no local endpoints", "DROP") : []),
    ...(port.externalLocalOnly && isMissingHere ? [...to(outside, "has no local endpoints", "DROP"), ...onNodePort("has no local endpoints", "DROP")] : []),
    ...(port.sourceRanges.length > 0 ? to(port.balancerIps, "is not for this source", "DROP") : []),
  ];
}

function postroutingRules({ clusterCidr, podCidr }: NetworkRanges): string[] {
  return [
    // Pods reach the world with their node's address; inside the cluster they keep their own.
    ...(podCidr === undefined ? [] : [`-s ${podCidr} ! -d ${clusterCidr} -m addrtype ! --dst-type LOCAL -j MASQUERADE --random-fully`]),
    `-m mark ! --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j RETURN`,
    `-j MARK --xor-mark ${MASQUERADE_MARK}`,
    "-j MASQUERADE --random-fully",
  ];
}

function match(port: ServicePort, number: number): string {
  return `-p ${port.protocol} -m ${port.protocol} --dport ${number}`;
}

function comment(port: ServicePort, what: string): string {
  return `-m comment --comment "${port.id} ${what}"`;
}

function sameRules(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index]);
}
