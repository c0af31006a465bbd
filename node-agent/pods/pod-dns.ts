import { readFileSync } from "node:fs";
import type { Pod } from "../../engine/resources/types.ts";

/** What a resolver is told. */
export interface DnsSettings {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Upstream's bounds of what a pod's resolver is told. */
const SERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_LETTERS_MAX = 2048;

/** What the machine's own resolver is told by this file; undefined where there is to be none. Throws when the file cannot be read. */
export function readHostDns(file: string): DnsSettings | undefined {
  return file === "" ? undefined : parseResolvConf(readFileSync(file, "utf8"));
}

/** The settings of a resolv.conf: servers add up, of domains the last line counts, of options each one's last word. Pure. */
export function parseResolvConf(text: string): DnsSettings {
  let searches: readonly string[] = [];
  const servers: string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === "nameserver" && rest[0] !== undefined) servers.push(rest[0]);
    if (word === "search") searches = rest.filter((domain) => domain !== ".").map((domain) => domain.replace(/\.$/, ""));
    if (word === "options") for (const option of rest) options.set(option.split(":")[0] ?? option, option);
  }
  return { servers, searches, options: [...options.values()] };
}

/**
 * What a pod's resolver is told, by its policy: the cluster's names before the machine's domains, the machine's settings alone, or nothing but
 * what the pod adds. A machine without settings sends pods that want them to themselves, as upstream. Pure.
 */
export function computePodDns(pod: Pod, { clusterDns, clusterDomain, hostIps }: { readonly clusterDns: readonly string[]; readonly clusterDomain: string; readonly hostIps: readonly string[] }, host: DnsSettings | undefined): DnsSettings {
  const { servers, searches, options } = baseOf(pod, host);
  const more = pod.spec.dnsConfig ?? {};
  const chosen = new Map(options.map((option) => [option.split(":")[0] ?? option, option]));
  for (const { name = "", value } of more.options ?? []) chosen.set(name, value === undefined ? name : `${name}:${value}`);
  return { servers: distinct([...servers, ...(more.nameservers ?? [])]).slice(0, SERVERS_MAX), searches: bounded(distinct([...searches, ...(more.searches ?? [])])), options: [...chosen.values()] };

  function baseOf({ spec, metadata }: Pod, machine: DnsSettings | undefined): DnsSettings {
    const policy = spec.dnsPolicy ?? "ClusterFirst";
    if (policy === "None") return { servers: [], searches: [], options: [] };
    if (policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && spec.hostNetwork !== true)) {
      return { servers: clusterDns, searches: [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain, ...(machine?.searches ?? [])], options: ["ndots:5"] };
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
