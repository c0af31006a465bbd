/** IPv4 addresses as numbers: what address claims and certificates need, no more. */

/** `10.43.0.0/16` as its first address and size. Throws an Error for anything else. */
export interface IpRange {
  readonly text: string;
  readonly base: number;
  readonly size: number;
}

export function parseIpRange(text: string): IpRange {
  const [address = "", bits = ""] = text.split("/");
  const prefix = Number(bits);
  const base = parseIp(address);
  if (base === undefined || !/^\d{1,2}$/.test(bits) || prefix > 32) throw new Error(`${JSON.stringify(text)} is not an IPv4 range such as 10.43.0.0/16`);
  const size = 2 ** (32 - prefix);
  return { text, base: base - (base % size), size };
}

export function parseIp(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((value, part) => value * 256 + part, 0);
}

export function formatIp(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** Whether the address may be given to a Service: in the range, but neither its first (the network) nor its last (the broadcast) one. */
export function isAssignable({ base, size }: IpRange, value: number): boolean {
  return value > base && value < base + size - 1;
}

/** The first assignable address: that of the `kubernetes` Service. */
export function firstAddress(range: IpRange): string {
  return formatIp(range.base + 1);
}
