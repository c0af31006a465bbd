import { BlockList, isIP } from "node:net";
import { CelError } from "../cel-error.ts";
import { fn, method, traversal, type Library } from "../functions.ts";
import { BOOL, INT, opaque, STRING } from "../types.ts";
import { OpaqueValue } from "../values.ts";

const IP = opaque("net.IP");
const CIDR = opaque("net.CIDR");

/** An address as a number, with its family. */
class IpValue extends OpaqueValue {
  readonly typeName = "net.IP";
  readonly family: 4 | 6;
  readonly bits: bigint;

  constructor(family: 4 | 6, bits: bigint) {
    super();
    this.family = family;
    this.bits = bits;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof IpValue && this.family === other.family && this.bits === other.bits;
  }

  override toString(): string {
    return this.family === 4 ? [24n, 16n, 8n, 0n].map((shift) => (this.bits >> shift) & 255n).join(".") : canonicalV6(this.bits);
  }

  /** Whether it lies in `prefix/length`, given as text of the same family. */
  isWithin(prefix: string, length: number): boolean {
    const list = new BlockList();
    const family = this.family === 4 ? "ipv4" : "ipv6";
    list.addSubnet(prefix, length, family);
    return list.check(this.toString(), family);
  }
}

class CidrValue extends OpaqueValue {
  readonly typeName = "net.CIDR";
  readonly ip: IpValue;
  readonly length: number;

  constructor(ip: IpValue, length: number) {
    super();
    this.ip = ip;
    this.length = length;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof CidrValue && this.length === other.length && this.ip.equals(other.ip);
  }

  override toString(): string {
    return `${this.ip.toString()}/${this.length}`;
  }

  masked(): CidrValue {
    const hostBits = BigInt((this.ip.family === 4 ? 32 : 128) - this.length);
    return new CidrValue(new IpValue(this.ip.family, (this.ip.bits >> hostBits) << hostBits), this.length);
  }

  contains(ip: IpValue): boolean {
    const hostBits = BigInt((this.ip.family === 4 ? 32 : 128) - this.length);
    return ip.family === this.ip.family && ip.bits >> hostBits === this.ip.bits >> hostBits;
  }
}

function canonicalV6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => (bits >> BigInt(112 - index * 16)) & 0xffffn);
  let [start, length] = [-1, 1];
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && groups[end] === 0n) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`;
}

function parseIp(text: string): IpValue | { readonly problem: string } {
  const family = text.includes("%") ? 0 : isIP(text);
  if (text.includes("%") && isIP(text.split("%")[0] ?? "") === 6) return { problem: `IP address ${JSON.stringify(text)} with zone value is not allowed` };
  if (family === 4)
    return new IpValue(
      4,
      text.split(".").reduce((bits, part) => (bits << 8n) | BigInt(part), 0n),
    );
  if (family !== 6)
    return { problem: `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP` };
  const bits = bitsOfV6(text);
  return bits >> 32n === 0xffffn ? { problem: `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed` } : new IpValue(6, bits);
}

function bitsOfV6(text: string): bigint {
  const plain = text.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a: string, b: string, c: string, d: string) => `${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`,
  );
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = tail === undefined ? left : [...left, ...Array.from({ length: 8 - left.length - right.length }, () => "0"), ...right];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

function parseCidr(text: string): CidrValue | { readonly problem: string } {
  const [, address = "", length = ""] = /^(.*)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (!(ip instanceof IpValue) || Number(length) > (ip.family === 4 ? 32 : 128))
    return { problem: `${"network address parse error during conversion from string: ".repeat(2)}netip.ParsePrefix(${JSON.stringify(text)}): no '/'` };
  return new CidrValue(ip, Number(length));
}

function orThrow<T extends OpaqueValue>(parsed: T | { readonly problem: string }): T {
  if ("problem" in parsed) throw new CelError(parsed.problem);
  return parsed;
}

const within = (v4: string, v4Length: number, v6: string, v6Length: number) => (ip: IpValue) =>
  ip.family === 4 ? ip.isWithin(v4, v4Length) : ip.isWithin(v6, v6Length);
const isUnspecified = (ip: IpValue) => ip.bits === 0n;
const isLoopback = within("127.0.0.0", 8, "::1", 128);
const isLinkLocalMulticast = (ip: IpValue) => (ip.family === 4 ? ip.isWithin("224.0.0.0", 24) : ((ip.bits >> 112n) & 0xff0fn) === 0xff02n);
const isLinkLocalUnicast = within("169.254.0.0", 16, "fe80::", 10);
const isMulticast = within("224.0.0.0", 4, "ff00::", 8);
const isGlobalUnicast = (ip: IpValue) =>
  !(ip.family === 4 && ip.bits === 0xffffffffn) && !isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip);

const CHECKS: Readonly<Record<string, (ip: IpValue) => boolean>> = { isUnspecified, isLoopback, isLinkLocalMulticast, isLinkLocalUnicast, isGlobalUnicast };

type Text = readonly [string];
type OneIp = readonly [IpValue];
type OneCidr = readonly [CidrValue];

/** Addresses and networks. */
export const networkLibrary: Library = [
  fn<Text>("ip", [STRING], IP, ([text]) => orThrow(parseIp(text)), traversal()),
  fn<Text>("isIP", [STRING], BOOL, ([text]) => parseIp(text) instanceof IpValue, traversal()),
  fn<Text>("ip.isCanonical", [STRING], BOOL, ([text]) => orThrow(parseIp(text)).toString() === text, traversal(0, 2)),
  fn<OneIp>("string", [IP], STRING, ([ip]) => ip.toString()),
  method<OneIp>("family", [IP], INT, ([ip]) => BigInt(ip.family)),
  ...Object.entries(CHECKS).map(([name, check]) => method<OneIp>(name, [IP], BOOL, ([ip]) => check(ip))),
  fn<Text>("cidr", [STRING], CIDR, ([text]) => orThrow(parseCidr(text)), traversal()),
  fn<Text>("isCIDR", [STRING], BOOL, ([text]) => parseCidr(text) instanceof CidrValue, traversal()),
  fn<OneCidr>("string", [CIDR], STRING, ([cidr]) => cidr.toString()),
  method<OneCidr>("ip", [CIDR], IP, ([cidr]) => cidr.ip),
  method<OneCidr>("masked", [CIDR], CIDR, ([cidr]) => cidr.masked()),
  method<OneCidr>("prefixLength", [CIDR], INT, ([cidr]) => BigInt(cidr.length)),
  method<readonly [CidrValue, IpValue]>("containsIP", [CIDR, IP], BOOL, ([cidr, ip]) => cidr.contains(ip)),
  method<readonly [CidrValue, string]>("containsIP", [CIDR, STRING], BOOL, ([cidr, text]) => cidr.contains(orThrow(parseIp(text)))),
  method<readonly [CidrValue, CidrValue]>("containsCIDR", [CIDR, CIDR], BOOL, ([cidr, other]) => other.length >= cidr.length && cidr.contains(other.ip)),
  method<readonly [CidrValue, string]>("containsCIDR", [CIDR, STRING], BOOL, ([cidr, text]) => {
    const other = orThrow(parseCidr(text));
    return other.length >= cidr.length && cidr.contains(other.ip);
  }),
];
