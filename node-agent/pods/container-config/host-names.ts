import type { Pod } from "../../../engine/resources/types.ts";

const LABEL_MAX = 63;
/** What the kernel takes for the name of a machine. */
const KERNEL_NAME_MAX = 64;

export interface HostNames {
  readonly hostname: string;
  /** With the Service's and the cluster's domain behind it; undefined for a pod without a subdomain. */
  readonly fqdn: string | undefined;
}

/** How a pod calls itself: by its own wish, else by its name, as much of it as a DNS label may have. */
function hostNamesOf({ metadata, spec }: Pod, clusterDomain: string): HostNames {
  if (spec.hostnameOverride) return { hostname: spec.hostnameOverride, fqdn: undefined };
  const hostname = spec.hostname || (metadata.name ?? "").slice(0, LABEL_MAX).replace(/[-.]+$/, "");
  return { hostname, fqdn: spec.subdomain ? `${hostname}.${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : undefined };
}

/** What the kernel of the pod's sandbox is told. Throws where it would not take that. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const { hostname, fqdn } = hostNamesOf(pod, clusterDomain);
  if (pod.spec.setHostnameAsFQDN !== true || fqdn === undefined) return hostname;
  if (fqdn.length > KERNEL_NAME_MAX)
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${KERNEL_NAME_MAX} characters is the max, ${fqdn.length} characters requested)`,
    );
  return fqdn;
}

/**
 * A container's /etc/hosts: of a pod with addresses of its own its names, of one on the node's network the node's file. The first line
 * and the tabs are what programs and tests know it by.
 */
export function hostsFile(pod: Pod, podIps: readonly string[], clusterDomain: string, nodeHosts: string): string {
  const { hostname, fqdn } = hostNamesOf(pod, clusterDomain);
  const lines =
    pod.spec.hostNetwork === true
      ? ["# Kubernetes-managed hosts file (host network).", nodeHosts.trimEnd()]
      : [
          "# Kubernetes-managed hosts file.",
          "127.0.0.1\tlocalhost",
          "::1\tlocalhost ip6-localhost ip6-loopback",
          "fe00::0\tip6-localnet",
          "fe00::0\tip6-mcastprefix",
          "fe00::1\tip6-allnodes",
          "fe00::2\tip6-allrouters",
          ...podIps.map((ip) => [ip, ...(fqdn === undefined ? [] : [fqdn]), hostname].join("\t")),
        ];
  if ((pod.spec.hostAliases ?? []).length > 0) lines.push("", "# Entries added by HostAliases.");
  for (const { ip, hostnames } of pod.spec.hostAliases ?? []) lines.push([ip, ...(hostnames ?? [])].join("\t"));
  return `${lines.join("\n")}\n`;
}
