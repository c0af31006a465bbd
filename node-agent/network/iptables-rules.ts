import { createHash } from "node:crypto";
import type { Endpoint, ServicePort } from "./service-map.ts";

/** The rules of our own chains, by table and chain; every other chain of the machine is none of our business. */
export interface ChainTable {
  readonly nat: ReadonlyMap<string, readonly string[]>;
  readonly filter: ReadonlyMap<string, readonly string[]>;
}

export interface NetworkRanges {
  /** Addresses of all pods of the cluster. */
  readonly clusterCidr: string;
  /** Addresses of this node's pods; undefined until the node has its range. */
  readonly podCidr: string | undefined;
}

/** All our chains carry one of these prefixes: what a reset removes, and what a start may find left over. */
export const CHAIN_PREFIXES = ["MAINSTAY-", "MS-"] as const;

/** Packets that must leave with this machine's address; the bit kube-proxy uses, so other tools recognise it. */
const MASQUERADE_MARK = "0x4000";

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
 * The packet rules of a cluster's Services, in the shape kube-proxy gave them: one chain per service port that picks an
 * endpoint by probability, one chain per endpoint that rewrites the destination. Pure; equal input gives equal text.
 */
export function computeChains(ports: readonly ServicePort[], ranges: NetworkRanges): ChainTable {
  const nat = new Map<string, string[]>();
  const filter = new Map<string, string[]>();
  const services: string[] = [];
  const nodePorts: string[] = [];
  const rejects: string[] = [];
  for (const port of ports) {
    if (port.endpoints.length === 0) {
      rejects.push(...rejectRules(port));
      continue;
    }
    const internal = port.internalLocalOnly ? chainName("SVL", port.id) : chainName("SVC", port.id);
    for (const ip of port.clusterIps) {
      services.push(`${comment(port, "cluster address")} -d ${ip}/32 ${match(port, port.port)} -j ${internal}`);
    }
    for (const ip of port.externalIps) services.push(`${comment(port, "external address")} -d ${ip}/32 ${match(port, port.port)} -j ${chainName("EXT", port.id)}`);
    if (port.nodePort > 0) nodePorts.push(`${comment(port, "node port")} ${match(port, port.nodePort)} -j ${chainName("EXT", port.id)}`);
    rejects.push(...localOnlyDrops(port));
    addServiceChains(nat, port, ranges);
  }
  nat.set("MAINSTAY-SERVICES", [...services, "-m addrtype --dst-type LOCAL -j MAINSTAY-NODEPORTS"]);
  nat.set("MAINSTAY-NODEPORTS", nodePorts);
  nat.set("MAINSTAY-MARK-MASQ", [`-j MARK --or-mark ${MASQUERADE_MARK}`]);
  nat.set("MAINSTAY-POSTROUTING", postroutingRules(ranges));
  filter.set("MAINSTAY-REJECT", rejects);
  filter.set("MAINSTAY-FORWARD", [
    // A packet that conntrack cannot place would reach a pod without the address rewriting of its connection.
    "-m conntrack --ctstate INVALID -j DROP",
    `-m mark --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j ACCEPT`,
    `-s ${ranges.clusterCidr} -j ACCEPT`,
    `-d ${ranges.clusterCidr} -j ACCEPT`,
  ]);
  // Node ports on 127.0.0.1 need route_localnet; this keeps other machines from using it to reach our loopback.
  filter.set("MAINSTAY-FIREWALL", ["! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"]);
  return { nat, filter };
}

/**
 * The input of `iptables-restore --noflush` that turns `previous` into `desired`: only chains whose rules differ are
 * rewritten, chains no longer wanted are removed, each table atomically. Undefined when nothing differs.
 * A previous chain with unknown rules is given as undefined.
 */
export function planRestore(previous: { readonly [T in keyof ChainTable]: ReadonlyMap<string, readonly string[] | undefined> }, desired: ChainTable): string | undefined {
  const sections = (["nat", "filter"] as const).map((table) => planTable(table, previous[table], desired[table])).filter((text) => text !== "");
  return sections.length === 0 ? undefined : sections.join("");
}

/** A chain name of at most 28 characters, iptables' limit: prefix, role, and a hash of what the chain is for. */
export function chainName(role: "SVC" | "SVL" | "EXT" | "SEP", subject: string): string {
  return `MS-${role}-${createHash("sha256").update(subject).digest("hex").slice(0, 16).toUpperCase()}`;
}

/** The same for one table; empty when nothing differs. */
export function planTable(table: string, previous: ReadonlyMap<string, readonly string[] | undefined>, desired: ReadonlyMap<string, readonly string[]>): string {
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
  const external = chainName("EXT", port.id);
  const fromOutside = port.clusterIps.map((ip) => `! -s ${ranges.clusterCidr} -d ${ip}/32 ${match(port, port.port)} -j MAINSTAY-MARK-MASQ`);
  nat.set(cluster, [...fromOutside, ...balance(port, port.endpoints)]);
  const localEndpoints = port.endpoints.filter((endpoint) => endpoint.isLocal);
  if (port.internalLocalOnly || port.externalLocalOnly) nat.set(local, balance(port, localEndpoints));
  if (port.nodePort > 0 || port.externalIps.length > 0) {
    nat.set(
      external,
      port.externalLocalOnly
        ? [
            // Pods and this machine itself may use any endpoint; only traffic from elsewhere is bound to this node.
            `-s ${ranges.clusterCidr} -j ${cluster}`,
            "-m addrtype --src-type LOCAL -j MAINSTAY-MARK-MASQ",
            `-m addrtype --src-type LOCAL -j ${cluster}`,
            `-j ${local}`,
          ]
        : ["-j MAINSTAY-MARK-MASQ", `-j ${cluster}`],
    );
  }
  for (const endpoint of port.endpoints) nat.set(endpointChain(port, endpoint), endpointRules(port, endpoint));
}

/** Each endpoint with equal chance: the first with 1/n, the next with 1/(n−1) of the rest, the last takes what is left. */
function balance(port: ServicePort, endpoints: readonly Endpoint[]): string[] {
  const sticky =
    port.affinitySeconds === undefined
      ? []
      : endpoints.map((endpoint) => `-m recent --name ${endpointChain(port, endpoint)} --rcheck --seconds ${port.affinitySeconds} --reap --rsource -j ${endpointChain(port, endpoint)}`);
  const random = endpoints.map((endpoint, index) => {
    const left = endpoints.length - index;
    return `${left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ` : ""}-j ${endpointChain(port, endpoint)}`;
  });
  return [...sticky, ...random];
}

function endpointRules(port: ServicePort, endpoint: Endpoint): string[] {
  return [
    // A pod that reaches itself through its Service must see another source address, or the answer would not come back through us.
    `-s ${endpoint.ip}/32 -j MAINSTAY-MARK-MASQ`,
    ...(port.affinitySeconds === undefined ? [] : [`-m recent --name ${endpointChain(port, endpoint)} --set --rsource`]),
    `-p ${port.protocol} -j DNAT --to-destination ${endpoint.ip}:${endpoint.port}`,
  ];
}

function endpointChain(port: ServicePort, endpoint: Endpoint): string {
  return chainName("SEP", `${port.id} ${endpoint.ip}:${endpoint.port}`);
}

function rejectRules(port: ServicePort): string[] {
  const addresses = [...port.clusterIps, ...port.externalIps].map((ip) => `${comment(port, "has no endpoints")} -d ${ip}/32 ${match(port, port.port)} -j REJECT`);
  const nodePort = port.nodePort > 0 ? [`${comment(port, "has no endpoints")} -m addrtype --dst-type LOCAL ${match(port, port.nodePort)} -j REJECT`] : [];
  return [...addresses, ...nodePort];
}

/** With a Local policy and no endpoint here, traffic is dropped rather than sent to another node. */
function localOnlyDrops(port: ServicePort): string[] {
  if (port.endpoints.some((endpoint) => endpoint.isLocal)) return [];
  const why = comment(port, "has no local endpoints");
  return [
    ...(port.internalLocalOnly ? port.clusterIps.map((ip) => `${why} -d ${ip}/32 ${match(port, port.port)} -j DROP`) : []),
    ...(port.externalLocalOnly && port.nodePort > 0 ? [`${why} -m addrtype --dst-type LOCAL -m addrtype ! --src-type LOCAL ${match(port, port.nodePort)} -j DROP`] : []),
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
