import { ADDRESS_BITS, cidrContains, formatCidr, parseCidr, parsePair, type Cidr, type IpFamily } from "../../lib/net/ip-address.ts";

/** A block that pods get their addresses from, and the prefix of the part of it that each node gets. */
export interface PodRange extends Cidr {
  /** Canonical. */
  readonly text: string;
  readonly nodePrefix: number;
}

/** Upstream's defaults: 254 addresses of IPv4, and as many of IPv6 as a network has. */
const NODE_PREFIX: Readonly<Record<IpFamily, number>> = { IPv4: 24, IPv6: 64 };
/** Upstream's bound of nodes: two to this power. */
const NODE_BITS_MAX = 16;

export const POD_RANGE = "a range of addresses such as 10.42.0.0/16 or fd00:10:42::/56";

/** `prefixes` are those that the operator chose. Throws an Error for what cannot be. */
export function parsePodRanges(texts: string, prefixes: Readonly<Partial<Record<IpFamily, number>>> = {}): readonly PodRange[] {
  return parsePair(texts, parseCidr, POD_RANGE).map((range) => {
    const nodePrefix = prefixes[range.family] ?? NODE_PREFIX[range.family];
    const text = formatCidr(range);
    if (nodePrefix < range.prefix) throw new Error(`a node's /${nodePrefix} does not fit into ${text}: choose a wider range, or a longer prefix for nodes`);
    if (nodePrefix > ADDRESS_BITS[range.family]) throw new Error(`a node's prefix of ${range.family} is at most ${ADDRESS_BITS[range.family]}`);
    if (nodePrefix - range.prefix > NODE_BITS_MAX)
      throw new Error(`${text} has more than 2^${NODE_BITS_MAX} parts of /${nodePrefix}: choose a narrower range, or a shorter prefix for nodes`);
    return { ...range, text, nodePrefix };
  });
}

/** The parts of the range that overlap with nothing that is taken, from the first on. Pure. */
export function* freeNodeRanges(range: PodRange, taken: readonly Cidr[]): Generator<string, void> {
  const shift = BigInt(ADDRESS_BITS[range.family] - range.nodePrefix);
  const used = usedParts(range, taken);
  const count = 2 ** (range.nodePrefix - range.prefix);
  for (let index = 0; index < count; index++) {
    if (!used.has(index)) yield formatCidr({ family: range.family, network: range.network + (BigInt(index) << shift), prefix: range.nodePrefix });
  }
}

/** Indexes of the parts that others have some of. */
function usedParts(range: PodRange, taken: readonly Cidr[]): ReadonlySet<number> {
  const shift = BigInt(ADDRESS_BITS[range.family] - range.nodePrefix);
  const used = new Set<number>();
  for (const other of taken) {
    if (!cidrContains(range, other) || other.prefix < range.prefix) continue;
    const first = Number((other.network - range.network) >> shift);
    const parts = 2 ** Math.max(0, range.nodePrefix - other.prefix);
    for (let part = 0; part < parts; part++) used.add(first + part);
  }
  return used;
}
