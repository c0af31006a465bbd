import type { Service } from "../types.ts";
import { addressWarnings, cidrWarnings } from "../validation/ip.ts";
import { isHeadless } from "../validation/service-families.ts";

/** What is accepted of a Service, yet ignored, given up or written in another way than everybody else does. */
export function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const { type = "ClusterIP", clusterIPs = [], externalIPs = [], loadBalancerIP = "", loadBalancerSourceRanges = [], externalName = "" } = spec;
  const isAlias = type === "ExternalName";
  const hasNone = type === "ClusterIP" && isHeadless(spec);
  const when = (isSo: boolean, text: string) => (isSo ? [text] : []);
  return [
    ...when(
      metadata.annotations?.["service.kubernetes.io/topology-aware-hints"] !== undefined,
      "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
    ),
    ...(isAlias || isHeadless(spec) ? [] : clusterIPs.flatMap((address, index) => addressWarnings(address, `spec.clusterIPs[${index}]`))),
    ...when(hasNone && loadBalancerIP !== "", "spec.loadBalancerIP is ignored for headless services"),
    ...when(hasNone && externalIPs.length > 0, "spec.externalIPs is ignored for headless services"),
    ...when(hasNone && (spec.sessionAffinity ?? "None") !== "None", "spec.SessionAffinity is ignored for headless services"),
    ...externalIPs.flatMap((address, index) => addressWarnings(address, `spec.externalIPs[${index}]`)),
    ...when(externalIPs.length > 0 && !hasNone && !isAlias, "spec.externalIPs is deprecated and may no longer be implemented in some clusters"),
    ...addressWarnings(loadBalancerIP, "spec.loadBalancerIP"),
    ...loadBalancerSourceRanges.flatMap((range, index) => cidrWarnings(range, `spec.loadBalancerSourceRanges[${index}]`)),
    ...when(isAlias && externalIPs.length > 0, 'spec.externalIPs is ignored when spec.type is "ExternalName"'),
    ...when(!isAlias && externalName !== "", 'spec.externalName is ignored when spec.type is not "ExternalName"'),
    ...when(spec.trafficDistribution === "PreferClose", 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'),
  ];
}
