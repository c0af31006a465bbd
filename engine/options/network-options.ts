import { parsePodRanges, POD_RANGE, type PodRange } from "../controllers/nodes/pod-ranges.ts";
import { familyOf, parseBlock, parseHostAddress, parsePair, type IpFamily } from "../lib/net/ip-address.ts";
import { isLoopback, isUnspecified } from "../lib/net/loopback.ts";
import { dnsSubdomainError, USUAL_CLUSTER_DOMAIN } from "../apimachinery/names.ts";
import type { ClusterNetwork } from "../auth/join-call.ts";
import { dnsAddress, parseServiceRanges } from "../registry/ip-range.ts";
import { bool, type OptionRowOf } from "./option-values.ts";

/** Addresses of the machine, of pods and of Services. Those of both families stand in one text with a comma between them, the usual family first. */
export interface NetworkConfig {
  readonly nodeIp: string | undefined;
  readonly clusterCidr: string;
  readonly allocateNodeCidrs: boolean;
  readonly nodeCidrMaskSize: number | undefined;
  readonly nodeCidrMaskSizeIpv4: number | undefined;
  readonly nodeCidrMaskSizeIpv6: number | undefined;
  readonly serviceCidr: string;
  /** Stands in for serviceCidr where it is given. */
  readonly serviceClusterIpRange: string | undefined;
  readonly clusterDomain: string;
}

export const networkOptions: readonly OptionRowOf<NetworkConfig>[] = [
  {
    key: "nodeIp",
    flags: "--node-ip <ips>",
    description: "address of this machine towards other nodes, or one of each family (default: those on the default routes)",
    parse: addresses,
  },
  {
    key: "clusterCidr",
    flags: "--cluster-cidr <cidrs>",
    description: "addresses of pods: a range, or one of each family such as 10.42.0.0/16,fd00:10:42::/56; every node gets a part of it",
    default: "10.42.0.0/16",
    parse: podRanges,
  },
  {
    key: "allocateNodeCidrs",
    flags: "--allocate-node-cidrs <bool>",
    description: "give every node that part; without it somebody else has to",
    default: "true",
    parse: bool,
  },
  {
    key: "nodeCidrMaskSize",
    flags: "--node-cidr-mask-size <bits>",
    description: "prefix of a node's part, in a cluster of one family (default: 24, and 64 of IPv6)",
    parse: bits,
  },
  { key: "nodeCidrMaskSizeIpv4", flags: "--node-cidr-mask-size-ipv4 <bits>", description: "prefix of a node's part of IPv4", parse: bits },
  { key: "nodeCidrMaskSizeIpv6", flags: "--node-cidr-mask-size-ipv6 <bits>", description: "prefix of a node's part of IPv6", parse: bits },
  {
    key: "serviceCidr",
    flags: "--service-cidr <cidrs>",
    description: "addresses of Services: a range, or one of each family such as 10.43.0.0/16,fd00:10:43::/112",
    default: "10.43.0.0/16",
    parse: serviceRanges,
  },
  {
    key: "serviceClusterIpRange",
    flags: "--service-cluster-ip-range <cidrs>",
    description: "the same, by the name that upstream's operators know",
    parse: serviceRanges,
  },
  {
    key: "clusterDomain",
    flags: "--cluster-domain <name>",
    description: "what the names of the cluster's Services and pods end in",
    default: USUAL_CLUSTER_DOMAIN,
    parse: domain,
  },
];

/** The ranges of pods with the prefixes that nodes get. Throws an Error for prefixes that do not go with them. */
export function podRangesOf({
  clusterCidr,
  nodeCidrMaskSize,
  nodeCidrMaskSizeIpv4,
  nodeCidrMaskSizeIpv6,
}: Pick<NetworkConfig, "clusterCidr" | "nodeCidrMaskSize" | "nodeCidrMaskSizeIpv4" | "nodeCidrMaskSizeIpv6">): readonly PodRange[] {
  const families = familiesOf(clusterCidr);
  const named: readonly (readonly [IpFamily, number | undefined])[] = [
    ["IPv4", nodeCidrMaskSizeIpv4],
    ["IPv6", nodeCidrMaskSizeIpv6],
  ];
  if (nodeCidrMaskSize !== undefined && families.length > 1)
    throw new Error("--node-cidr-mask-size is for clusters of one family: use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6");
  if (nodeCidrMaskSize !== undefined && named.some(([, prefix]) => prefix !== undefined))
    throw new Error("--node-cidr-mask-size and those of the families exclude each other: leave it out");
  const unused = named.find(([family, prefix]) => prefix !== undefined && !families.includes(family));
  if (unused !== undefined)
    throw new Error(`--node-cidr-mask-size-${unused[0].toLowerCase()} is for clusters whose pods have ${unused[0]}: --cluster-cidr has none`);
  const prefixes = Object.fromEntries(
    named.flatMap(([family, prefix]) => (prefix === undefined && nodeCidrMaskSize === undefined ? [] : [[family, prefix ?? nodeCidrMaskSize]])),
  );
  return parsePodRanges(clusterCidr, prefixes);
}

/** What does not go together; undefined when all does. */
export function networkProblem(
  config: Omit<NetworkConfig, "serviceClusterIpRange"> & {
    readonly bindAddress: string;
    readonly advertiseAddress: string | undefined;
    readonly agent: boolean;
  },
): string | undefined {
  try {
    // Who gives nodes their ranges knows how large they are.
    if (config.allocateNodeCidrs) podRangesOf(config);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const [pods, services] = [familiesOf(config.clusterCidr), familiesOf(config.serviceCidr)];
  // A bare API need not know which addresses pods have.
  if ((config.agent || config.allocateNodeCidrs) && pods[0] !== services[0])
    return `--cluster-cidr and --service-cidr must begin with the same family: ${config.clusterCidr} and ${config.serviceCidr} do not`;
  // Endpoints of the API's own Service are addresses of machines.
  const { nodeIp, bindAddress, advertiseAddress, agent } = config;
  if (advertiseAddress !== undefined && familyOf(advertiseAddress) !== services[0])
    return `--advertise-address must be of ${services[0]}, the first family of --service-cidr`;
  if ((agent || advertiseAddress === undefined) && nodeIp !== undefined && familiesOf(nodeIp)[0] !== services[0])
    return `--node-ip must begin with ${services[0]}, the first family of --service-cidr`;
  const isOwn = !isLoopback(bindAddress) && !isUnspecified(bindAddress);
  if (nodeIp === undefined && isOwn && familyOf(bindAddress) !== services[0])
    return `--bind-address must be of ${services[0]}, the first family of --service-cidr, or --node-ip say where pods reach the API`;
  return undefined;
}

/** What the agents of all machines have to know of it: names are asked for at the tenth address of each range of Services. */
export function agentNetwork({
  clusterCidr,
  serviceCidr,
  clusterDomain,
}: Pick<NetworkConfig, "clusterCidr" | "serviceCidr" | "clusterDomain">): ClusterNetwork {
  return { clusterCidr, clusterDns: parseServiceRanges(serviceCidr).map(dnsAddress).join(","), clusterDomain };
}

/** The families of addresses or ranges with commas between them, in their order. */
export function familiesOf(texts: string): readonly IpFamily[] {
  return texts.split(",").flatMap((text) => familyOf(text) ?? []);
}

function podRanges(text: string): string {
  return parsePair(text, parseBlock, POD_RANGE)
    .map((range) => range.text)
    .join(",");
}

function serviceRanges(text: string): string {
  return parseServiceRanges(text)
    .map((range) => range.text)
    .join(",");
}

function addresses(text: string): string {
  return parsePair(text, parseHostAddress, "an IP address")
    .map((address) => address.text)
    .join(",");
}

function domain(text: string): string {
  const problem = dnsSubdomainError(text);
  if (problem !== undefined) throw new Error(problem);
  return text;
}

function bits(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 128) throw new Error("must be a number of bits, from 1 to 128");
  return value;
}
