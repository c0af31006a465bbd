import { isIPv4, isIPv6 } from "node:net";
import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";

/** A block of addresses, taken apart. */
export interface Cidr {
  readonly family: 4 | 6;
  /** The network's address; bits behind the prefix are zero. */
  readonly network: bigint;
  readonly prefix: number;
}

const ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/** What is wrong with an address in a field that was there before the strict rules, so that it need not be canonical. */
export function addressErrors(text: string, field: string): FieldError[] {
  return parseAddress(text) === undefined ? [invalidField(field, text, ADDRESS_RULE)] : [];
}

/** Addresses in newer fields have one way to be written. */
export function canonicalAddressProblem(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return ADDRESS_RULE;
  const canonical = formatAddress(address.family, address.value);
  return canonical === text ? undefined : `must be in canonical form (${JSON.stringify(canonical)})`;
}

/** What is wrong with a block in a field that was there before the strict rules. */
export function cidrErrors(text: string, field: string): FieldError[] {
  return parseCidr(text) === undefined ? [invalidField(field, text, CIDR_RULE)] : [];
}

/** Blocks in newer fields have one way to be written: the network's own address, canonical. */
export function canonicalCidrErrors(text: string, field: string): FieldError[] {
  const cidr = parseCidr(text);
  if (cidr === undefined) return cidrErrors(text, field);
  const address = parseAddress(text.slice(0, text.indexOf("/")));
  const canonical = `${formatAddress(cidr.family, cidr.network)}/${cidr.prefix}`;
  if (address?.value !== cidr.network) return [invalidField(field, text, `must not have bits set beyond the prefix length`)];
  return canonical === text ? [] : [invalidField(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

const SPECIAL: readonly (readonly [string, string])[] = [
  ["127.0.0.0/8", "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  ["::1/128", "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  ["169.254.0.0/16", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  ["fe80::/10", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  ["224.0.0.0/24", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
  ["ff02::/16", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
];

/** Addresses that mean something else on every machine are nobody's endpoint. */
export function specialAddressErrors(text: string, field: string): FieldError[] {
  const address = parseAddress(text);
  if (address === undefined) return [];
  if (address.value === 0n) return [invalidField(field, text, `may not be unspecified (${text})`)];
  const found = SPECIAL.find(([block]) => {
    const cidr = parseCidr(block);
    return cidr !== undefined && cidrContains(cidr, { family: address.family, network: address.value });
  });
  return found === undefined ? [] : [invalidField(field, text, found[1])];
}

/** Undefined for what is no block. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(text.slice(0, Math.max(0, slash)));
  const prefixText = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const bits = address.family === 4 ? 32 : 128;
  const prefix = Number(prefixText);
  if (prefix > bits) return undefined;
  const hostBits = BigInt(bits - prefix);
  return { family: address.family, network: (address.value >> hostBits) << hostBits, prefix };
}

export function cidrContains(outer: Cidr, inner: { readonly family: 4 | 6; readonly network: bigint }): boolean {
  if (outer.family !== inner.family) return false;
  const hostBits = BigInt((outer.family === 4 ? 32 : 128) - outer.prefix);
  return inner.network >> hostBits === outer.network >> hostBits;
}

/** Undefined for what is no address. */
export function parseAddress(text: string): { readonly family: 4 | 6; readonly value: bigint } | undefined {
  if (isIPv4(text)) return { family: 4, value: text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const tail = /(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  const groups = tail === undefined ? text : `${text.slice(0, -tail.length)}${hexPair(tail)}`;
  const [head = "", rest] = groups.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = rest === undefined || rest === "" ? [] : rest.split(":");
  const all = rest === undefined ? left : [...left, ...new Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return { family: 6, value: all.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}

/** The one canonical way to write an address (RFC 5952 for IPv6). */
export function formatAddress(family: 4 | 6, value: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
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
