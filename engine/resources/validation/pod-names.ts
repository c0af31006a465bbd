import { forbiddenField, invalidField, invalidFields, requiredField, tooLong, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainProblems, underscoredSubdomainProblems } from "../../apimachinery/names.ts";
import type { HostAlias, PodSpec } from "../types.ts";
import { addressErrors } from "./ip.ts";

const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_CHARACTERS_MAX = 2048;
const HOSTNAME_LENGTH_MAX = 64;

/** How a pod asks for names. */
export function validateDns({ dnsPolicy, dnsConfig }: PodSpec, path: string): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  const at = `${path}.dnsConfig`;
  if (dnsPolicy === "None" && dnsConfig === undefined) return [requiredField(at, "must provide `dnsConfig` when `dnsPolicy` is None")];
  if (dnsPolicy === "None" && nameservers.length === 0)
    return [requiredField(`${at}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None")];
  const errors: FieldError[] = [];
  if (nameservers.length > NAMESERVERS_MAX)
    errors.push(invalidField(`${at}.nameservers`, nameservers, `must not have more than ${NAMESERVERS_MAX} nameservers`));
  errors.push(...nameservers.flatMap((address, index) => addressErrors(address, `${at}.nameservers[${index}]`)));
  if (searches.length > SEARCHES_MAX) errors.push(invalidField(`${at}.searches`, searches, `must not have more than ${SEARCHES_MAX} search paths`));
  if (searches.join(" ").length > SEARCH_CHARACTERS_MAX)
    errors.push(invalidField(`${at}.searches`, searches, `must not have more than ${SEARCH_CHARACTERS_MAX} characters (including spaces) in the search list`));
  for (const [index, search] of searches.entries()) {
    const name = search.replace(/\.$/, "");
    if (search !== ".") errors.push(...invalidFields(`${at}.searches[${index}]`, name, underscoredSubdomainProblems(name)));
  }
  for (const [index, option] of options.entries()) if (!option.name) errors.push(requiredField(`${at}.options[${index}]`, "must not be empty"));
  return errors;
}

export function validateHostAliases(aliases: readonly HostAlias[], path: string): FieldError[] {
  return aliases.flatMap(({ ip, hostnames = [] }, index) => {
    const at = `${path}[${index}]`;
    return [...addressErrors(ip, `${at}.ip`), ...hostnames.flatMap((name, n) => invalidFields(`${at}.hostnames[${n}]`, name, dnsSubdomainProblems(name)))];
  });
}

/** A pod that says what its machine is called cannot take that from elsewhere as well. */
export function validateHostnameOverride({ hostnameOverride: name, setHostnameAsFQDN, hostNetwork }: PodSpec, path: string): FieldError[] {
  if (name === undefined) return [];
  const at = `${path}.hostnameOverride`;
  return [
    ...(setHostnameAsFQDN === true ? [forbiddenField(at, "may not be specified when setHostnameAsFQDN is true")] : []),
    ...(hostNetwork === true ? [forbiddenField(at, "may not be specified when hostNetwork is true")] : []),
    ...(name.length > HOSTNAME_LENGTH_MAX ? [tooLong(at, HOSTNAME_LENGTH_MAX)] : []),
    ...invalidFields(at, name, dnsSubdomainProblems(name)),
  ];
}
