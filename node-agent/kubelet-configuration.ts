import type { AgentConfig } from "./config.ts";
import { parseTaints } from "./node/registration.ts";
import { parseReserved } from "./resources/reserved.ts";

/** What `/configz` shows: the agent's settings in the words of upstream's KubeletConfiguration (kubelet.config.k8s.io/v1beta1), those that it has. Pure. */
export function computeKubeletConfiguration(config: Omit<AgentConfig, "token">, nodeIp: string): object {
  return {
    enableServer: true,
    address: nodeIp,
    port: config.port,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true, cacheTTL: "2m0s" }, x509: {} },
    authorization: { mode: "Webhook", webhook: { cacheAuthorizedTTL: "5m0s", cacheUnauthorizedTTL: "30s" } },
    serverTLSBootstrap: false,
    rotateCertificates: true,
    clusterDomain: config.clusterDomain,
    clusterDNS: config.clusterDns.split(","),
    cgroupDriver: "cgroupfs",
    cgroupsPerQOS: true,
    containerRuntimeEndpoint: config.containerRuntimeEndpoint ?? "",
    failSwapOn: false,
    maxPods: config.maxPods,
    podPidsLimit: config.podMaxPids,
    serializeImagePulls: false,
    imageGCHighThresholdPercent: config.imageGcHighThreshold,
    imageGCLowThresholdPercent: config.imageGcLowThreshold,
    evictionHard: pairs(config.evictionHard, "<"),
    evictionSoft: pairs(config.evictionSoft, "<"),
    evictionSoftGracePeriod: pairs(config.evictionSoftGracePeriod, "="),
    evictionMaxPodGracePeriod: config.evictionMaxPodGracePeriod,
    evictionPressureTransitionPeriod: "5m0s",
    systemReserved: parseReserved(config.systemReserved),
    kubeReserved: parseReserved(config.kubeReserved),
    registerWithTaints: parseTaints(config.registerWithTaints),
  };
}

/** `memory.available<100Mi,…`, which has been judged when the agent started. */
function pairs(text: string, separator: string): Record<string, string> {
  return Object.fromEntries(text.split(",").flatMap((part) => {
    const [name = "", value = ""] = part.trim().split(separator);
    return name === "" ? [] : [[name, value] as const];
  }));
}
