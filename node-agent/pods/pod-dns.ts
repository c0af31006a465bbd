import type { Pod } from "../../engine/resources/types.ts";
import type { DnsSettings } from "../network/resolv-conf.ts";

/** Upstream's bounds of what a pod's resolver is told. */
const SERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_LETTERS_MAX = 2048;

/**
 * What a pod's resolver is told, by its policy: the cluster's names before the machine's domains, the machine's settings alone, or nothing but
 * what the pod adds. A machine without settings sends pods that want them to themselves, as upstream. Pure.
 */
export function computePodDns(
  pod: Pod,
  { clusterDns, clusterDomain, hostIps }: { readonly clusterDns: readonly string[]; readonly clusterDomain: string; readonly hostIps: readonly string[] },
  host: DnsSettings | undefined,
): DnsSettings {
  const { servers, searches, options } = baseOf(pod, host);
  const more = pod.spec.dnsConfig ?? {};
  const chosen = new Map(options.map((option) => [option.split(":")[0] ?? option, option]));
  for (const { name = "", value } of more.options ?? []) chosen.set(name, value === undefined ? name : `${name}:${value}`);
  return {
    servers: distinct([...servers, ...(more.nameservers ?? [])]).slice(0, SERVERS_MAX),
    searches: bounded(distinct([...searches, ...(more.searches ?? [])])),
    options: [...chosen.values()],
  };

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
  return searches.slice(0, SEARCHES_MAX).filter((domain) => (letters += domain.length + 1) <= SEARCH_LETTERS_MAX);
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
