import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { canonicalAddress, cidrContains, formatAddress, formatCidr, parseAddress, parseCidr, type Cidr } from "../../lib/ip-address.ts";

const ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
const INTERFACE_RULE = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";

/** What is wrong with an address in a field that was there before the strict rules, so that it need not be canonical. */
export function addressErrors(text: string, field: string): FieldError[] {
  const address = parseAddress(text);
  if (address === undefined) return [invalidField(field, text, ADDRESS_RULE)];
  // Some programs take these as IPv4, others as IPv6.
  return address.family === "IPv6" && address.value >> 32n === 0xffffn ? [invalidField(field, text, "must not be an IPv4-mapped IPv6 address")] : [];
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
  const canonical = formatCidr(cidr);
  if (address?.value !== cidr.network) return [invalidField(field, text, `must not have bits set beyond the prefix length`)];
  return canonical === text ? [] : [invalidField(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** An address with the length of its network's prefix, as an interface has it; there is one way to write it. */
export function interfaceAddressErrors(text: string, field: string): FieldError[] {
  const cidr = parseCidr(text);
  if (cidr === undefined) return [invalidField(field, text, INTERFACE_RULE)];
  const address = text.slice(0, text.indexOf("/"));
  const canonical = `${canonicalAddress(address)}/${cidr.prefix}`;
  return canonical === text ? addressErrors(address, field) : [invalidField(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

const SPECIAL: readonly { readonly block: Cidr; readonly why: string }[] = ([
  ["127.0.0.0/8", "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  ["::1/128", "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  ["169.254.0.0/16", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  ["fe80::/10", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  ["224.0.0.0/24", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
  ["ff02::/16", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
] as const).map(([text, why]) => ({ block: parseCidr(text) as Cidr, why })); // all are blocks

/** Addresses that mean something else on every machine are nobody's endpoint. */
export function specialAddressErrors(text: string, field: string): FieldError[] {
  const address = parseAddress(text);
  if (address === undefined) return [];
  if (address.value === 0n) return [invalidField(field, text, `may not be unspecified (${text})`)];
  const found = SPECIAL.find(({ block }) => cidrContains(block, { family: address.family, network: address.value }));
  return found === undefined ? [] : [invalidField(field, text, found.why)];
}
