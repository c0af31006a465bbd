import type { Pod } from "../../../engine/resources/types.ts";
import type { DnsSettings } from "../../network/resolv-conf.ts";

/** Upstream's bounds of what a pod's resolver is told. */
const SERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_LETTERS_MAX = 2048;
/** Some resolvers end their program at a longer one. */
const DOMAIN_LETTERS_MAX = 253;

export interface PodDns extends DnsSettings {
  /** What of the settings went beyond the bounds and was left out, in upstream's words. */
  readonly warnings: readonly string[];
}

/**
 * What a pod's resolver is told, by its policy: the cluster's names before the machine's domains, the machine's settings alone, or nothing but
 * what the pod adds. A machine without settings sends pods that want them to themselves, as upstream. Pure.
 */
export function computePodDns(
  pod: Pod,
  { clusterDns, clusterDomain, hostIps }: { readonly clusterDns: readonly string[]; readonly clusterDomain: string; readonly hostIps: readonly string[] },
  host: DnsSettings | undefined,
): PodDns {
  const { servers, searches, options } = baseOf(pod, host);
  const more = pod.spec.dnsConfig ?? {};
  const chosen = new Map(options.map((option) => [option.split(":")[0] ?? option, option]));
  for (const { name = "", value } of more.options ?? []) chosen.set(name, value === undefined ? name : `${name}:${value}`);
  const askedServers = distinct([...servers, ...(more.nameservers ?? [])]);
  const givenServers = askedServers.slice(0, SERVERS_MAX);
  const askedSearches = distinct([...searches, ...(more.searches ?? [])]);
  const givenSearches = bounded(askedSearches);
  const warnings = [
    ...(givenServers.length === askedServers.length
      ? []
      : [`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${givenServers.join(" ")}`]),
    ...(givenSearches.length === askedSearches.length
      ? []
      : [`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${givenSearches.join(" ")}`]),
  ];
  return { servers: givenServers, searches: givenSearches, options: [...chosen.values()], warnings };

  function baseOf({ spec, metadata }: Pod, machine: DnsSettings | undefined): DnsSettings {
    const policy = spec.dnsPolicy ?? "ClusterFirst";
    if (policy === "None") return { servers: [], searches: [], options: [] };
    if (policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && spec.hostNetwork !== true)) {
      return {
        servers: clusterDns,
        searches: [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain, ...(machine?.searches ?? [])],
        options: ["ndots:5"],
      };
    }
    return machine ?? { servers: hostIps.map((ip) => (ip.includes(":") ? "::1" : "127.0.0.1")), searches: ["."], options: [] };
  }
}

function bounded(searches: readonly string[]): readonly string[] {
  let letters = -1;
  return searches
    .slice(0, SEARCHES_MAX)
    .filter(({ length }) => length <= DOMAIN_LETTERS_MAX)
    .filter(({ length }) => (letters += length + 1) <= SEARCH_LETTERS_MAX);
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
