import { isIP, isIPv4, isIPv6 } from "node:net";

/** As Services, EndpointSlices and IPAddresses name them. */
export type IpFamily = "IPv4" | "IPv6";

export const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];
/** Bits of an address. */
export const ADDRESS_BITS: Readonly<Record<IpFamily, number>> = { IPv4: 32, IPv6: 128 };

export interface IpAddress {
  readonly family: IpFamily;
  readonly value: bigint;
}

/** A block of addresses, taken apart. */
export interface Cidr {
  readonly family: IpFamily;
  /** The network's address; bits behind the prefix are zero. */
  readonly network: bigint;
  readonly prefix: number;
}

/** The family of an address or a block, however it is written (see `standardAddress`); undefined for what is neither. */
export function familyOf(text: string): IpFamily | undefined {
  const [address = ""] = text.split("/");
  if (isIPv4(address)) return "IPv4";
  if (isIPv6(address) && !/^[0:]+:ffff:/i.test(address)) return "IPv6";
  const standard = standardAddress(address);
  return isIPv4(standard) ? "IPv4" : isIPv6(standard) ? "IPv6" : undefined;
}

export function otherFamily(family: IpFamily): IpFamily {
  return family === "IPv4" ? "IPv6" : "IPv4";
}

/** `10.0.0.1:80` or `[fd00::1]:80`: addresses with colons need brackets before a port, also in URLs. */
export function hostAndPort(address: string, port: number | string): string {
  return `${urlHost(address)}:${port}`;
}

/** An address or a name as the host of a URL. */
export function urlHost(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

/** The host of a URL as sockets take it: an address of IPv6 has no brackets there. */
export function bareHost({ hostname }: Pick<URL, "hostname">): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** What TLS is told of whom it is to reach: a name, which an address is not. */
export function tlsServerName(host: string): string {
  return isIP(host) === 0 ? host : "";
}

/** The canonical text of an address, however it is written; other text as it is. */
export function canonicalAddress(text: string): string {
  const standard = standardAddress(text);
  if (isIPv4(standard)) return standard; // can be written in one way only
  const address = parseAddress(standard);
  return address === undefined ? standard : formatAddress(address.family, address.value);
}

/**
 * An address of an object as all of the cluster is to read it. In older objects, and where strict rules are switched off, it may have leading
 * zeros, which some programs take for octal, or be one of IPv4 in the clothes of IPv6: Kubernetes reads the first as decimal and the second
 * as IPv4 (Go's parsers of 2021). Other text as it is. Whoever hands an address on, to a socket as much as to the kernel, hands on this.
 */
export function standardAddress(text: string): string {
  if (isIPv4(text)) return text;
  const address = parseLooseAddress(text);
  if (address === undefined) return text;
  return address.family === "IPv6" && parseAddress(text) !== undefined ? text : formatAddress(address.family, address.value);
}

/** An address of an object, read likewise; undefined for what is none. */
export function parseLooseAddress(text: string): IpAddress | undefined {
  const address = parseAddress(withoutLeadingZeros(text));
  return address !== undefined && isMapped(address) ? { family: "IPv4", value: address.value & MAPPED_MASK } : address;
}

/** A block of an object, read likewise; undefined for what is none. Bits behind the prefix are zero. */
export function parseLooseCidr(text: string): Cidr | undefined {
  const cidr = parseCidr(withoutLeadingZerosInCidr(text));
  if (cidr?.family !== "IPv6" || cidr.prefix < MAPPED_PREFIX || cidr.network >> 32n !== 0xffffn) return cidr;
  return { family: "IPv4", network: cidr.network & MAPPED_MASK, prefix: cidr.prefix - MAPPED_PREFIX };
}

/** The text of a block of an object as all of the cluster is to read it; other text as it is. */
export function standardBlock(text: string): string {
  const cidr = parseLooseCidr(text);
  return cidr === undefined ? text : formatCidr(cidr);
}

const MAPPED_MASK = 0xffff_ffffn;
const MAPPED_PREFIX = 96;

/** Some programs take these as IPv4, others as IPv6. */
export function isMapped({ family, value }: IpAddress): boolean {
  return family === "IPv6" && value >> 32n === 0xffffn;
}

/** Some programs take 010 as ten, others as eight. */
function withoutLeadingZeros(text: string): string {
  return text.replace(/\d+(?:\.\d+){3}$/, (dotted) => dotted.replace(/\b0+(?=\d)/g, ""));
}

/** Leading zeros of octets and of the prefix's length left out. */
export function withoutLeadingZerosInCidr(text: string): string {
  const [address = "", prefix = "", ...more] = text.split("/");
  return [withoutLeadingZeros(address), prefix.replace(/^0+(?=\d)/, ""), ...more].join("/");
}

/**
 * One value, or two of different families with a comma between them; the first family is the usual one.
 * Throws an Error that says what `kind` of value would be right.
 */
export function parsePair<T extends { readonly family: IpFamily }>(text: string, parse: (part: string) => T | undefined, kind: string): readonly [T, ...T[]] {
  const [first, second, ...more] = text.split(",").map((part) => {
    const value = parse(part.trim());
    if (value === undefined) throw new Error(`must be ${kind}, or two of them of different families with a comma between them`);
    return value;
  });
  if (first === undefined || more.length > 0) throw new Error(`must be at most two, one of each family`);
  if (first.family === second?.family) throw new Error("two of them must be of different families, IPv4 and IPv6");
  return second === undefined ? [first] : [first, second];
}

/** The text of an address with its family, as `parsePair` takes it. */
export function parseHostAddress(text: string): { readonly family: IpFamily; readonly text: string } | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : { family: address.family, text: formatAddress(address.family, address.value) };
}

/** The same of a block. */
export function parseBlock(text: string): { readonly family: IpFamily; readonly text: string } | undefined {
  const cidr = parseCidr(text);
  return cidr && { family: cidr.family, text: formatCidr(cidr) };
}

/** The one canonical way to write a block. */
export function formatCidr({ family, network, prefix }: Cidr): string {
  return `${formatAddress(family, network)}/${prefix}`;
}

/** Undefined for what is no block. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(text.slice(0, Math.max(0, slash)));
  const prefixText = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const bits = ADDRESS_BITS[address.family];
  const prefix = Number(prefixText);
  if (prefix > bits) return undefined;
  const hostBits = BigInt(bits - prefix);
  return { family: address.family, network: (address.value >> hostBits) << hostBits, prefix };
}

export function cidrContains(outer: Cidr, inner: { readonly family: IpFamily; readonly network: bigint }): boolean {
  if (outer.family !== inner.family) return false;
  const hostBits = BigInt(ADDRESS_BITS[outer.family] - outer.prefix);
  return inner.network >> hostBits === outer.network >> hostBits;
}

/** Undefined for what is no address. */
export function parseAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: "IPv4", value: text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const tail = /(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  const groups = tail === undefined ? text : `${text.slice(0, -tail.length)}${hexPair(tail)}`;
  const [head = "", rest] = groups.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = rest === undefined || rest === "" ? [] : rest.split(":");
  const all = rest === undefined ? left : [...left, ...new Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return { family: "IPv6", value: all.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}

/** The one canonical way to write an address (RFC 5952 for IPv6). */
export function formatAddress(family: IpFamily, value: bigint): string {
  if (family === "IPv4") return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const zeros = longestZeros(groups);
  if (zeros === undefined) return groups.join(":");
  return `${groups.slice(0, zeros.start).join(":")}::${groups.slice(zeros.start + zeros.length).join(":")}`;
}

function longestZeros(groups: readonly string[]): { readonly start: number; readonly length: number } | undefined {
  let best: { start: number; length: number } | undefined;
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > 1 && length > (best?.length ?? 1)) best = { start, length };
  }
  return best;
}

function hexPair(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
