import { formatQuantity } from "../engine/apimachinery/quantity.ts";
import { formatGoDuration } from "../engine/lib/go-duration.ts";
import type { AgentConfig } from "./agent-options.ts";
import { parseTaints } from "./node/registration.ts";
import { parseReserved } from "./resources/reserved.ts";

/** What `/configz` shows: the agent's settings in the words of upstream's KubeletConfiguration (kubelet.config.k8s.io/v1beta1), those that it has. Pure. */
export function computeKubeletConfiguration(config: Omit<AgentConfig, "token">, nodeIp: string): object {
  return {
    enableServer: true,
    address: nodeIp,
    port: config.port,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true, cacheTTL: formatGoDuration(config.authenticationTokenWebhookCacheTtl) },
      x509: config.clientCaFile === undefined ? {} : { clientCAFile: config.clientCaFile },
    },
    authorization: {
      mode: "Webhook",
      webhook: {
        cacheAuthorizedTTL: formatGoDuration(config.authorizationWebhookCacheAuthorizedTtl),
        cacheUnauthorizedTTL: formatGoDuration(config.authorizationWebhookCacheUnauthorizedTtl),
      },
    },
    enableDebuggingHandlers: config.enableDebuggingHandlers,
    enableSystemLogHandler: config.enableSystemLogHandler,
    serverTLSBootstrap: false,
    rotateCertificates: true,
    clusterDomain: config.clusterDomain,
    clusterDNS: config.clusterDns.split(","),
    cgroupDriver: "cgroupfs",
    cgroupsPerQOS: true,
    containerRuntimeEndpoint: config.containerRuntimeEndpoint ?? "",
    failSwapOn: config.failSwapOn,
    failCgroupV1: config.failCgroupv1,
    ...(config.podManifestPath === undefined ? {} : { staticPodPath: config.podManifestPath }),
    fileCheckFrequency: formatGoDuration(config.fileCheckFrequency),
    syncFrequency: formatGoDuration(config.syncFrequency),
    resolvConf: config.resolvConf,
    maxPods: config.maxPods,
    podsPerCore: config.podsPerCore,
    podPidsLimit: config.podMaxPids,
    ...(config.podLogsDir === undefined ? {} : { podLogsDir: config.podLogsDir }),
    containerLogMaxSize: formatQuantity(config.containerLogMaxSize, "BinarySI"),
    containerLogMaxFiles: config.containerLogMaxFiles,
    containerLogMonitorInterval: formatGoDuration(config.containerLogMonitorInterval),
    shutdownGracePeriod: formatGoDuration(config.shutdownGracePeriod),
    shutdownGracePeriodCriticalPods: formatGoDuration(config.shutdownGracePeriodCriticalPods),
    ...(config.shutdownGracePeriodByPodPriority.length === 0
      ? {}
      : {
          shutdownGracePeriodByPodPriority: config.shutdownGracePeriodByPodPriority.map(({ priority, seconds }) => ({
            priority,
            shutdownGracePeriodSeconds: seconds,
          })),
        }),
    crashLoopBackOff: { maxContainerRestartPeriod: formatGoDuration(config.maxContainerRestartPeriod) },
    serializeImagePulls: config.serializeImagePulls ?? false,
    imagePullCredentialsVerificationPolicy: config.imagePullCredentialsVerificationPolicy,
    ...(config.preloadedImagesVerificationAllowlist.length === 0 ? {} : { preloadedImagesVerificationAllowlist: config.preloadedImagesVerificationAllowlist }),
    ...(config.maxParallelImagePulls === undefined ? {} : { maxParallelImagePulls: config.maxParallelImagePulls }),
    imageMinimumGCAge: formatGoDuration(config.minimumImageTtlDuration),
    imageMaximumGCAge: formatGoDuration(config.imageMaximumGcAge),
    imageGCHighThresholdPercent: config.imageGcHighThreshold,
    imageGCLowThresholdPercent: config.imageGcLowThreshold,
    evictionHard: pairs(config.evictionHard, "<"),
    evictionSoft: pairs(config.evictionSoft, "<"),
    evictionSoftGracePeriod: pairs(config.evictionSoftGracePeriod, "="),
    evictionMaxPodGracePeriod: config.evictionMaxPodGracePeriod,
    evictionMinimumReclaim: pairs(config.evictionMinimumReclaim, "="),
    evictionPressureTransitionPeriod: formatGoDuration(config.evictionPressureTransitionPeriod),
    mergeDefaultEvictionSettings: config.mergeDefaultEvictionSettings,
    systemReserved: parseReserved(config.systemReserved),
    kubeReserved: parseReserved(config.kubeReserved),
    registerWithTaints: parseTaints(config.registerWithTaints),
    registerNode: config.registerNode,
    ...(config.providerId === undefined ? {} : { providerID: config.providerId }),
    nodeStatusUpdateFrequency: formatGoDuration(config.nodeStatusUpdateFrequency),
    nodeStatusReportFrequency: formatGoDuration(config.nodeStatusReportFrequency),
    nodeStatusMaxImages: config.nodeStatusMaxImages,
    nodeLeaseDurationSeconds: config.nodeLeaseDurationSeconds,
    allowedUnsafeSysctls: config.allowedUnsafeSysctls,
    seccompDefault: config.seccompDefault,
  };
}

/** `memory.available<100Mi,…`, which has been judged when the agent started. */
function pairs(text: string, separator: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").flatMap((part) => {
      const [name = "", value = ""] = part.trim().split(separator);
      return name === "" ? [] : [[name, value] as const];
    }),
  );
}
