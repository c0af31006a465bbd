import { ADDRESS_BITS, formatAddress, formatCidr, parseAddress, parseCidr, parsePair, type IpFamily } from "../lib/net/ip-address.ts";

/** A block that Services get their addresses from. */
export interface IpRange {
  /** Canonical. */
  readonly text: string;
  readonly family: IpFamily;
  /** The first and last address that may be given: not the network's own, nor the broadcast address of IPv4. None when the first is behind the last. */
  readonly first: bigint;
  readonly last: bigint;
  /** What is before it is left for people to choose from, until nothing else is free. */
  readonly dynamicFrom: bigint;
}

/** Upstream's bound for IPv6: what is larger is no longer counted in 64 bits. */
const IPV6_PREFIX_MIN = 64;
/** Upstream's band: a sixteenth of the range, within these. */
const STATIC_MIN = 16n;
const STATIC_MAX = 256n;
const RANGE = "a range of addresses such as 10.43.0.0/16 or fd00:10:43::/112";

/** Throws an Error for what is no range, and for one that is too large. */
export function parseIpRange(text: string): IpRange {
  const range = rangeOf(text);
  if (range === undefined) throw new Error(`must be ${RANGE}`);
  return range;
}

/** One range, or two of different families with a comma between them; the first family is the usual one. Throws an Error for anything else. */
export function parseServiceRanges(text: string): readonly [IpRange, ...IpRange[]] {
  return parsePair(text, rangeOf, RANGE);
}

function rangeOf(text: string): IpRange | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined) return undefined;
  const { family, network, prefix } = cidr;
  if (family === "IPv6" && prefix < IPV6_PREFIX_MIN)
    throw new Error(`${text} is too large: the shortest prefix of a range for Services is /${IPV6_PREFIX_MIN}`);
  const size = 1n << BigInt(ADDRESS_BITS[family] - prefix);
  const first = network + 1n;
  return { text: formatCidr(cidr), family, first, last: network + size - (family === "IPv4" ? 2n : 1n), dynamicFrom: first + staticCount(size) };
}

function staticCount(size: bigint): bigint {
  if (size <= STATIC_MIN) return 0n;
  const share = size / 16n;
  return share < STATIC_MIN ? STATIC_MIN : share > STATIC_MAX ? STATIC_MAX : share;
}

/** Whether an address lies in the block at all, and whether it may be given from it. */
export function placeInRange({ family, first, last }: IpRange, text: string): "outside" | "reserved" | "assignable" {
  const address = parseAddress(text);
  if (address === undefined || address.family !== family) return "outside";
  if (address.value >= first && address.value <= last) return "assignable";
  return address.value === first - 1n || (family === "IPv4" && address.value === last + 1n) ? "reserved" : "outside";
}

/** The first address that may be given: that of the `kubernetes` Service in the cluster's first range. */
export function firstAddress({ family, first }: IpRange): string {
  return formatAddress(family, first);
}

/** Upstream's convention for the address of the cluster's name service: the tenth of the range. */
export function dnsAddress({ family, first }: IpRange): string {
  return formatAddress(family, first + 9n);
}
