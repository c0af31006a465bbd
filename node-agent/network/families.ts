import { ADDRESS_BITS, FAMILIES, familyOf, type IpFamily } from "../../engine/lib/net/ip-address.ts";

/** A range for each family that a cluster's pods have. */
export type FamilyRanges = Readonly<Partial<Record<IpFamily, string>>>;

/** `10.42.0.0/16,fd00:42::/56` by family. */
export function rangesByFamily(texts: string): FamilyRanges {
  return Object.fromEntries(texts.split(",").map((text) => [familyOf(text), text]));
}

/** The families that pods have. */
export function familiesIn(ranges: FamilyRanges): readonly IpFamily[] {
  return FAMILIES.filter((family) => ranges[family] !== undefined);
}

/** An address as a block of its own. */
export function singleBlock(address: string, family: IpFamily): string {
  return `${address}/${ADDRESS_BITS[family]}`;
}

/** What to listen at for every address of the machine: sockets of IPv6 take IPv4 as well. */
export function anyAddress(ranges: FamilyRanges): string {
  return ranges.IPv6 === undefined ? "0.0.0.0" : "::";
}
