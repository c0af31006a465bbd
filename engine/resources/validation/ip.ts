import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import {
  ADDRESS_BITS,
  canonicalAddress,
  cidrContains,
  formatAddress,
  formatCidr,
  isMapped,
  parseAddress,
  parseCidr,
  parseLooseAddress,
  standardAddress,
  standardBlock,
  withoutLeadingZerosInCidr,
  type Cidr,
  type IpAddress,
} from "../../lib/net/ip-address.ts";

const ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
const INTERFACE_RULE = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";

interface Problem {
  readonly detail: string;
  /** Programs read it differently; the rules of old took it. */
  readonly isLoose?: true;
}

/**
 * What is wrong with an address in a field that was there before the strict rules, so that it need not be canonical. What the object had before
 * stays good, and where upstream's StrictIPCIDRValidation is off so does what programs read differently.
 */
export function addressErrors(text: string, field: string, known: readonly string[] = []): FieldError[] {
  return known.includes(text) ? [] : gatedErrors(text, field, addressProblem(text));
}

function addressProblem(text: string): Problem | undefined {
  const address = parseAddress(text);
  if (address === undefined) return parseLooseAddress(text) === undefined ? { detail: ADDRESS_RULE } : { detail: "must not have leading 0s", isLoose: true };
  return isMapped(address) ? { detail: "must not be an IPv4-mapped IPv6 address", isLoose: true } : undefined;
}

function gatedErrors(text: string, field: string, problem: Problem | undefined): FieldError[] {
  if (problem === undefined) return [];
  const error = invalidField(field, text, problem.detail);
  return [problem.isLoose === true ? { ...error, gated: { feature: "StrictIPCIDRValidation", otherwise: [] } } : error];
}

/** What is to be said of an address that is accepted, yet written in another way than everybody else does. */
export function addressWarnings(text: string, field: string): string[] {
  const loose = parseLooseAddress(text);
  if (loose === undefined) return [];
  const shown = formatAddress(loose.family, loose.value);
  const strict = parseAddress(text);
  if (strict === undefined || isMapped(strict)) return [`${field}: non-standard IP address ${JSON.stringify(text)} is invalid: use ${JSON.stringify(shown)}`];
  return loose.family === "IPv6" && shown !== text
    ? [`${field}: IPv6 address ${JSON.stringify(text)} should be in RFC 5952 canonical format (${JSON.stringify(shown)})`]
    : [];
}

/** Addresses in newer fields have one way to be written. */
export function canonicalAddressErrors(text: string, field: string): FieldError[] {
  const problem = addressProblem(text);
  if (problem !== undefined) return [invalidField(field, text, problem.detail)];
  const canonical = canonicalAddress(text);
  return canonical === text ? [] : [invalidField(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** What is wrong with a block in a field that was there before the strict rules, as with an address. */
export function cidrErrors(text: string, field: string, known: readonly string[] = []): FieldError[] {
  return known.includes(text) ? [] : gatedErrors(text, field, cidrProblem(text));
}

function cidrProblem(text: string): Problem | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined)
    return parseWithoutZeros(text) === undefined ? { detail: CIDR_RULE } : { detail: "must not have leading 0s in IP or prefix length", isLoose: true };
  const address = addressOfCidr(text);
  if (address !== undefined && isMapped(address)) return { detail: "must not have an IPv4-mapped IPv6 address", isLoose: true };
  return address?.value === cidr.network ? undefined : { detail: "must not have bits set beyond the prefix length", isLoose: true };
}

/** What is to be said of a block that is accepted, yet means two things or is written in another way than everybody else does. */
export function cidrWarnings(text: string, field: string): string[] {
  const cidr = parseWithoutZeros(text);
  const address = addressOfCidr(withoutLeadingZerosInCidr(text));
  if (cidr === undefined || address === undefined) return [];
  const canonical = standardBlock(text);
  const single = standardAddress(formatAddress(address.family, address.value));
  const alone = `${single}/${ADDRESS_BITS[isMapped(address) ? "IPv4" : address.family]}`;
  const shown = JSON.stringify(text);
  const ambiguous =
    address.value === cidr.network
      ? []
      : [`${field}: CIDR value ${shown} is ambiguous in this context (should be ${JSON.stringify(canonical)} or ${JSON.stringify(alone)}?)`];
  if (parseCidr(text) === undefined || isMapped(address))
    return [...ambiguous, `${field}: non-standard CIDR value ${shown} is invalid: use ${JSON.stringify(canonical)}`];
  if (ambiguous.length > 0 || cidr.family === "IPv4" || canonical === text) return ambiguous;
  return [`${field}: IPv6 CIDR value ${shown} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`];
}

function parseWithoutZeros(text: string): Cidr | undefined {
  return parseCidr(withoutLeadingZerosInCidr(text));
}

function addressOfCidr(text: string): IpAddress | undefined {
  return parseAddress(text.slice(0, Math.max(0, text.indexOf("/"))));
}

/** Blocks in newer fields have one way to be written: the network's own address, canonical. */
export function canonicalCidrErrors(text: string, field: string): FieldError[] {
  const cidr = parseCidr(text);
  const problem = cidrProblem(text);
  if (cidr === undefined || problem !== undefined) return [invalidField(field, text, problem?.detail ?? CIDR_RULE)];
  const canonical = formatCidr(cidr);
  return canonical === text ? [] : [invalidField(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** An address with the length of its network's prefix, as an interface has it; there is one way to write it. */
export function interfaceAddressErrors(text: string, field: string): FieldError[] {
  const cidr = parseCidr(text);
  const address = addressOfCidr(text);
  if (cidr === undefined || address === undefined) return [invalidField(field, text, INTERFACE_RULE)];
  const canonical = `${formatAddress(address.family, address.value)}/${cidr.prefix}`;
  if (canonical !== text) return [invalidField(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
  const problem = addressProblem(text.slice(0, text.indexOf("/")));
  return problem === undefined ? [] : [invalidField(field, text.slice(0, text.indexOf("/")), problem.detail)];
}

const SPECIAL: readonly { readonly block: Cidr; readonly why: string }[] = (
  [
    ["127.0.0.0/8", "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
    ["::1/128", "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
    ["169.254.0.0/16", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
    ["fe80::/10", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
    ["224.0.0.0/24", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
    ["ff02::/16", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
  ] as const
).map(([text, why]) => ({ block: parseCidr(text) as Cidr, why })); // all are blocks

/** Addresses that mean something else on every machine are nobody's endpoint. What is no address is none either. */
export function specialAddressErrors(text: string, field: string): FieldError[] {
  const address = parseLooseAddress(text);
  if (address === undefined) return [invalidField(field, text, "must be a valid IP address")];
  if (address.value === 0n) return [invalidField(field, text, `may not be unspecified (${text})`)];
  const found = SPECIAL.find(({ block }) => cidrContains(block, { family: address.family, network: address.value }));
  return found === undefined ? [] : [invalidField(field, text, found.why)];
}
