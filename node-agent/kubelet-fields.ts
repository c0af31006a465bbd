import type { IdleSetting } from "../engine/options/idle-setting.ts";
import type { AgentConfig } from "./agent-options.ts";

/** What a value of a KubeletConfiguration is. */
export type ValueShape = "boolean" | "integer" | "number" | "text" | "duration" | "texts" | "integers" | "textByName" | "booleanByName" | "anything";

/** What a field holds; a mapping is what each item of a list holds. */
export type FieldShape = ValueShape | Readonly<Record<string, ValueShape>>;

/** A field of KubeletConfiguration or a flag of kubelet, mostly both: one that is an option of this agent, or one that has nothing to change here. */
export type KubeletField = (ServedField | IdleField) & {
  /** With dots; none for what is a flag alone. */
  readonly field?: string;
  readonly shape: FieldShape;
  /** Whether an amount of zero stands for the default, as for upstream's fields that cannot be absent. */
  readonly zeroIsDefault?: true;
};

export interface ServedField {
  readonly option: keyof AgentConfig;
  /** How it is written as that option, where not as it stands. */
  readonly text?: (value: unknown) => string;
  /** It names a file, from the folder of the configuration where it is not absolute. */
  readonly isPath?: true;
}

export interface IdleField extends IdleSetting {
  readonly flag?: string;
}

const TAINT: FieldShape = { key: "text", value: "text", effect: "text", timeAdded: "text" };
const pairs = (separator: string) => (value: unknown) =>
  Object.entries(value as Readonly<Record<string, string>>)
    .map(([name, amount]) => `${name}${separator}${amount}`)
    .join(","); // as its shape is
const commas = (value: unknown) => (value as readonly unknown[]).join(","); // as its shape is
const taints = (value: unknown) =>
  (value as readonly Readonly<Record<string, string>>[])
    .map(({ key, value: text, effect }) => `${key}${text === undefined ? "" : `=${text}`}:${effect}`)
    .join(","); // as its shape is

const periods = (value: unknown) =>
  (value as readonly Readonly<Record<string, number>>[]).map(({ priority = 0, shutdownGracePeriodSeconds: seconds = 0 }) => `${priority}=${seconds}`).join(","); // as its shape is

const CERTIFICATES = "agents show certificates of the cluster's own authority, which they renew themselves";
const ONE_RATE = "calls of the agent are not slowed down";
const PULL_RATE = "how many images are pulled at once is bounded, see maxParallelImagePulls, and not how often";
const OWN_CGROUPS = "the agent makes cgroups below its own, and none for itself or the machine's processes";
const NO_CPU_SETS = "processors and memory are shared by all pods, none has some of its own";
const NO_PROFILES = "there are no profiles to be had over HTTP";
const NO_URL = "pods come from the API and from the files of a folder";
const OWN_IPTABLES = "the agent keeps rules for Services by names of its own";

/**
 * Every field of upstream's KubeletConfiguration (v1beta1 of 1.36) and every flag of kubelet; flags that are options of the agent by the
 * same name are in its table.
 */
export const kubeletFields: readonly KubeletField[] = [
  { field: "port", shape: "integer", option: "port", zeroIsDefault: true },
  { field: "authentication.x509.clientCAFile", shape: "text", option: "clientCaFile", isPath: true },
  { field: "authentication.webhook.cacheTTL", shape: "duration", option: "authenticationTokenWebhookCacheTtl", zeroIsDefault: true },
  { field: "authorization.webhook.cacheAuthorizedTTL", shape: "duration", option: "authorizationWebhookCacheAuthorizedTtl", zeroIsDefault: true },
  { field: "authorization.webhook.cacheUnauthorizedTTL", shape: "duration", option: "authorizationWebhookCacheUnauthorizedTtl", zeroIsDefault: true },
  { field: "tlsMinVersion", shape: "text", option: "tlsMinVersion", zeroIsDefault: true },
  { field: "tlsCipherSuites", shape: "texts", option: "tlsCipherSuites", text: commas },
  { field: "tlsCurvePreferences", shape: "integers", option: "tlsCurvePreferences", text: commas },
  { field: "enableDebuggingHandlers", shape: "boolean", option: "enableDebuggingHandlers" },
  { field: "enableSystemLogHandler", shape: "boolean", option: "enableSystemLogHandler" },
  { field: "containerRuntimeEndpoint", shape: "text", option: "containerRuntimeEndpoint", zeroIsDefault: true },
  { field: "serializeImagePulls", shape: "boolean", option: "serializeImagePulls" },
  { field: "maxParallelImagePulls", shape: "integer", option: "maxParallelImagePulls" },
  { field: "imagePullCredentialsVerificationPolicy", shape: "text", option: "imagePullCredentialsVerificationPolicy", zeroIsDefault: true },
  { field: "preloadedImagesVerificationAllowlist", shape: "texts", option: "preloadedImagesVerificationAllowlist", text: commas },
  { field: "clusterDomain", shape: "text", option: "clusterDomain", zeroIsDefault: true },
  { field: "clusterDNS", shape: "texts", option: "clusterDns", text: commas, zeroIsDefault: true },
  { field: "resolvConf", shape: "text", option: "resolvConf", isPath: true },
  { field: "evictionHard", shape: "textByName", option: "evictionHard", text: pairs("<") },
  { field: "evictionSoft", shape: "textByName", option: "evictionSoft", text: pairs("<") },
  { field: "evictionSoftGracePeriod", shape: "textByName", option: "evictionSoftGracePeriod", text: pairs("=") },
  { field: "evictionMaxPodGracePeriod", shape: "integer", option: "evictionMaxPodGracePeriod" },
  { field: "evictionMinimumReclaim", shape: "textByName", option: "evictionMinimumReclaim", text: pairs("=") },
  { field: "evictionPressureTransitionPeriod", shape: "duration", option: "evictionPressureTransitionPeriod", zeroIsDefault: true },
  { field: "mergeDefaultEvictionSettings", shape: "boolean", option: "mergeDefaultEvictionSettings" },
  { field: "systemReserved", shape: "textByName", option: "systemReserved", text: pairs("=") },
  { field: "kubeReserved", shape: "textByName", option: "kubeReserved", text: pairs("=") },
  { field: "imageGCHighThresholdPercent", shape: "integer", option: "imageGcHighThreshold" },
  { field: "imageGCLowThresholdPercent", shape: "integer", option: "imageGcLowThreshold" },
  { field: "imageMinimumGCAge", shape: "duration", option: "minimumImageTtlDuration", zeroIsDefault: true },
  { field: "imageMaximumGCAge", shape: "duration", option: "imageMaximumGcAge" },
  { field: "podPidsLimit", shape: "integer", option: "podMaxPids", text: (value) => String(Math.max(-1, Number(value))) },
  { field: "allowedUnsafeSysctls", shape: "texts", option: "allowedUnsafeSysctls", text: commas },
  { field: "seccompDefault", shape: "boolean", option: "seccompDefault" },
  { field: "containerLogMaxSize", shape: "text", option: "containerLogMaxSize", zeroIsDefault: true },
  { field: "containerLogMaxFiles", shape: "integer", option: "containerLogMaxFiles" },
  { field: "containerLogMonitorInterval", shape: "duration", option: "containerLogMonitorInterval" },
  { field: "podLogsDir", shape: "text", option: "podLogsDir", isPath: true, zeroIsDefault: true },
  { field: "shutdownGracePeriod", shape: "duration", option: "shutdownGracePeriod" },
  { field: "shutdownGracePeriodCriticalPods", shape: "duration", option: "shutdownGracePeriodCriticalPods" },
  {
    field: "shutdownGracePeriodByPodPriority",
    shape: { priority: "integer", shutdownGracePeriodSeconds: "integer" },
    option: "shutdownGracePeriodByPodPriority",
    text: periods,
  },
  { field: "crashLoopBackOff.maxContainerRestartPeriod", shape: "duration", option: "maxContainerRestartPeriod" },
  { field: "staticPodPath", shape: "text", option: "podManifestPath", isPath: true, zeroIsDefault: true },
  { field: "fileCheckFrequency", shape: "duration", option: "fileCheckFrequency", zeroIsDefault: true },
  { field: "syncFrequency", shape: "duration", option: "syncFrequency", zeroIsDefault: true },
  { field: "registerWithTaints", shape: TAINT, option: "registerWithTaints", text: taints },
  { field: "providerID", shape: "text", option: "providerId", zeroIsDefault: true },
  { field: "registerNode", shape: "boolean", option: "registerNode" },
  { field: "maxPods", shape: "integer", option: "maxPods", zeroIsDefault: true },
  { field: "podsPerCore", shape: "integer", option: "podsPerCore" },
  { field: "nodeStatusUpdateFrequency", shape: "duration", option: "nodeStatusUpdateFrequency", zeroIsDefault: true },
  { field: "nodeStatusReportFrequency", shape: "duration", option: "nodeStatusReportFrequency", zeroIsDefault: true },
  { field: "nodeStatusMaxImages", shape: "integer", option: "nodeStatusMaxImages" },
  { field: "nodeLeaseDurationSeconds", shape: "integer", option: "nodeLeaseDurationSeconds", zeroIsDefault: true },
  { field: "failSwapOn", shape: "boolean", option: "failSwapOn" },
  { field: "failCgroupV1", shape: "boolean", option: "failCgroupv1" },

  {
    field: "authentication.anonymous.enabled",
    flag: "anonymous-auth",
    shape: "boolean",
    why: "nobody may ask the agent without saying who he is",
    holds: ["false"],
    isStrict: true,
  },
  {
    field: "authentication.webhook.enabled",
    flag: "authentication-token-webhook",
    shape: "boolean",
    why: "tokens are always judged by the API server",
    holds: ["true"],
    isStrict: true,
  },
  {
    field: "authorization.mode",
    flag: "authorization-mode",
    shape: "text",
    why: "what callers may do is always judged by the API server",
    holds: ["Webhook", ""],
    isStrict: true,
  },
  { field: "readOnlyPort", flag: "read-only-port", shape: "integer", why: "there is no port without authentication", holds: ["0"], isStrict: true },
  {
    field: "enableServer",
    flag: "enable-server",
    shape: "boolean",
    why: "the API server reaches logs and streams of containers through the agent's endpoint",
    holds: ["true"],
    isStrict: true,
  },
  { field: "address", flag: "address", shape: "text", why: "the agent's endpoint is at the node's address, see --node-ip" },
  { field: "healthzPort", flag: "healthz-port", shape: "integer", why: "/healthz is at the agent's endpoint", holds: ["0"] },
  { field: "healthzBindAddress", flag: "healthz-bind-address", shape: "text", why: "/healthz is at the agent's endpoint", holds: [""] },
  { field: "tlsCertFile", flag: "tls-cert-file", shape: "text", why: CERTIFICATES, holds: [""], isStrict: true },
  { field: "tlsPrivateKeyFile", flag: "tls-private-key-file", shape: "text", why: CERTIFICATES, holds: [""], isStrict: true },
  { field: "rotateCertificates", flag: "rotate-certificates", shape: "boolean", why: CERTIFICATES, holds: ["true"] },
  { field: "serverTLSBootstrap", flag: "rotate-server-certificates", shape: "boolean", why: CERTIFICATES, holds: ["true"] },
  { field: "streamingConnectionIdleTimeout", flag: "streaming-connection-idle-timeout", shape: "duration", why: "streams end when one of their ends does" },
  { field: "enableContentionProfiling", flag: "contention-profiling", shape: "boolean", why: NO_PROFILES, holds: ["false"] },
  { field: "enableProfilingHandler", shape: "boolean", why: NO_PROFILES, holds: ["false"] },
  { field: "enableDebugFlagsHandler", shape: "boolean", why: "how much is logged is said by --log-level", holds: ["false"] },
  { field: "enableSystemLogQuery", shape: "boolean", why: "the machine's logs are read as files, not asked of its journal", holds: ["false"], isStrict: true },
  { field: "showHiddenMetricsForVersion", shape: "text", why: "no metrics are hidden", holds: [""] },
  { field: "tracing.endpoint", shape: "text", why: "no traces are sent" },
  { field: "tracing.samplingRatePerMillion", shape: "integer", why: "no traces are sent", holds: ["0"] },
  { field: "logging.verbosity", flag: "v", shape: "integer", why: "how much is logged is said by --log-level" },
  { field: "logging.vmodule", flag: "vmodule", shape: "anything", why: "how much is logged is said by --log-level" },
  { field: "logging.format", flag: "logging-format", shape: "text", why: "the log has one form, see --log-level", holds: ["text", "json"] },
  { field: "logging.flushFrequency", flag: "log-flush-frequency", shape: "anything", why: "every line of the log is written at once" },
  { field: "logging.options", shape: "anything", why: "the log has one form, see --log-level" },
  {
    field: "featureGates",
    flag: "feature-gates",
    shape: "booleanByName",
    why: "what the agent has is on, and what it has not cannot be switched on",
    holds: [""],
  },

  { field: "staticPodURL", flag: "manifest-url", shape: "text", why: NO_URL, holds: [""], isStrict: true },
  { field: "staticPodURLHeader", flag: "manifest-url-header", shape: "anything", why: NO_URL },
  { field: "httpCheckFrequency", flag: "http-check-frequency", shape: "duration", why: NO_URL },
  { field: "runOnce", flag: "runonce", shape: "boolean", why: "the agent runs until it is told to stop", holds: ["false"], isStrict: true },
  {
    field: "imageServiceEndpoint",
    flag: "image-service-endpoint",
    shape: "text",
    why: "images are those of the container runtime",
    holds: [""],
    isStrict: true,
  },
  { field: "registryPullQPS", flag: "registry-qps", shape: "integer", why: PULL_RATE },
  { field: "registryBurst", flag: "registry-burst", shape: "integer", why: PULL_RATE },
  { field: "runtimeRequestTimeout", flag: "runtime-request-timeout", shape: "duration", why: "the runtime is given the time that it takes" },
  { flag: "image-credential-provider-config", shape: "text", why: "registries are asked with the pods' imagePullSecrets", isStrict: true },
  { flag: "image-credential-provider-bin-dir", shape: "text", why: "registries are asked with the pods' imagePullSecrets" },

  { field: "eventRecordQPS", flag: "event-qps", shape: "integer", why: "events that say the same are counted in one" },
  { field: "eventBurst", flag: "event-burst", shape: "integer", why: "events that say the same are counted in one" },
  { field: "kubeAPIQPS", flag: "kube-api-qps", shape: "integer", why: ONE_RATE },
  { field: "kubeAPIBurst", flag: "kube-api-burst", shape: "integer", why: ONE_RATE },
  { field: "contentType", flag: "kube-api-content-type", shape: "text", why: "the agent and the API speak JSON", holds: ["application/json"] },
  { field: "configMapAndSecretChangeDetectionStrategy", shape: "text", why: "ConfigMaps and Secrets that are shown in volumes are followed", holds: ["Watch"] },
  { field: "podCIDR", flag: "pod-cidr", shape: "text", why: "the Node says which addresses its pods get", holds: [""] },
  {
    field: "enableControllerAttachDetach",
    flag: "enable-controller-attach-detach",
    shape: "boolean",
    why: "volumes are attached by the controller",
    holds: ["true"],
    isStrict: true,
  },
  { field: "volumePluginDir", flag: "volume-plugin-dir", shape: "text", why: "volumes of drivers are CSI's" },
  { field: "volumeStatsAggPeriod", flag: "volume-stats-agg-period", shape: "duration", why: "volumes are measured when somebody asks" },
  {
    field: "localStorageCapacityIsolation",
    flag: "local-storage-capacity-isolation",
    shape: "boolean",
    why: "what pods write is always counted",
    holds: ["true"],
    isStrict: true,
  },
  { field: "hairpinMode", flag: "hairpin-mode", shape: "text", why: "a pod reaches itself through its Service by the network's own means" },
  { field: "makeIPTablesUtilChains", flag: "make-iptables-util-chains", shape: "boolean", why: OWN_IPTABLES },
  { field: "iptablesMasqueradeBit", flag: "iptables-masquerade-bit", shape: "integer", why: OWN_IPTABLES },
  { field: "iptablesDropBit", flag: "iptables-drop-bit", shape: "integer", why: OWN_IPTABLES },

  { field: "cgroupRoot", flag: "cgroup-root", shape: "text", why: OWN_CGROUPS, holds: ["", "/"], isStrict: true },
  { field: "kubeletCgroups", flag: "kubelet-cgroups", shape: "text", why: OWN_CGROUPS, holds: [""] },
  { field: "systemCgroups", flag: "system-cgroups", shape: "text", why: OWN_CGROUPS, holds: [""], isStrict: true },
  { field: "systemReservedCgroup", flag: "system-reserved-cgroup", shape: "text", why: OWN_CGROUPS, holds: [""], isStrict: true },
  { field: "kubeReservedCgroup", flag: "kube-reserved-cgroup", shape: "text", why: OWN_CGROUPS, holds: [""], isStrict: true },
  {
    field: "enforceNodeAllocatable",
    flag: "enforce-node-allocatable",
    shape: "texts",
    why: "pods together are held to what is not reserved, and nothing else is",
    holds: ["pods"],
    isStrict: true,
  },
  { flag: "runtime-cgroups", shape: "text", why: OWN_CGROUPS, holds: [""] },
  { field: "cgroupsPerQOS", flag: "cgroups-per-qos", shape: "boolean", why: "every class of pods has its cgroup", holds: ["true"], isStrict: true },
  { field: "cgroupDriver", flag: "cgroup-driver", shape: "text", why: "cgroups are made without the help of systemd", holds: ["cgroupfs", ""] },
  { field: "cpuCFSQuota", flag: "cpu-cfs-quota", shape: "boolean", why: "limits of processor time are always held", holds: ["true"], isStrict: true },
  {
    field: "cpuCFSQuotaPeriod",
    flag: "cpu-cfs-quota-period",
    shape: "duration",
    why: "limits of processor time are held over 100ms",
    holds: ["100ms", "0s"],
    isStrict: true,
  },
  { field: "cpuManagerPolicy", flag: "cpu-manager-policy", shape: "text", why: NO_CPU_SETS, holds: ["none", ""], isStrict: true },
  { field: "cpuManagerPolicyOptions", flag: "cpu-manager-policy-options", shape: "textByName", why: NO_CPU_SETS, holds: [""] },
  { field: "cpuManagerReconcilePeriod", flag: "cpu-manager-reconcile-period", shape: "duration", why: NO_CPU_SETS },
  { field: "memoryManagerPolicy", flag: "memory-manager-policy", shape: "text", why: NO_CPU_SETS, holds: ["None", ""], isStrict: true },
  { field: "reservedMemory", flag: "reserved-memory", shape: { numaNode: "integer", limits: "textByName" }, why: NO_CPU_SETS, holds: [""], isStrict: true },
  { field: "reservedSystemCPUs", flag: "reserved-cpus", shape: "text", why: NO_CPU_SETS, holds: [""], isStrict: true },
  { field: "topologyManagerPolicy", flag: "topology-manager-policy", shape: "text", why: NO_CPU_SETS, holds: ["none", ""], isStrict: true },
  { field: "topologyManagerScope", flag: "topology-manager-scope", shape: "text", why: NO_CPU_SETS, holds: ["container", ""] },
  { field: "topologyManagerPolicyOptions", flag: "topology-manager-policy-options", shape: "textByName", why: NO_CPU_SETS, holds: [""] },
  { field: "qosReserved", flag: "qos-reserved", shape: "textByName", why: "no memory is kept for classes of pods", holds: [""], isStrict: true },
  { field: "memoryThrottlingFactor", shape: "number", why: "memory is limited, not slowed down" },
  { field: "memoryReservationPolicy", shape: "text", why: "the kernel keeps no memory for single pods", holds: ["None", ""], isStrict: true },
  { field: "memorySwap.swapBehavior", shape: "text", why: "pods do not swap", holds: ["NoSwap", ""], isStrict: true },
  { field: "singleProcessOOMKill", shape: "boolean", why: "the container runtime says who dies of a container's processes" },
  { field: "kernelMemcgNotification", flag: "kernel-memcg-notification", shape: "boolean", why: "memory is looked at every ten seconds", holds: ["false"] },
  { field: "oomScoreAdj", flag: "oom-score-adj", shape: "integer", why: "who starts the agent says how likely the kernel ends it" },
  { field: "maxOpenFiles", flag: "max-open-files", shape: "integer", why: "who starts the agent says how many files it may open" },
  { field: "containerLogMaxWorkers", shape: "integer", why: "logs are put aside one after the other", holds: ["1"] },
  {
    field: "protectKernelDefaults",
    flag: "protect-kernel-defaults",
    shape: "boolean",
    why: "the agent sets the kernel parameters that it needs",
    holds: ["false"],
    isStrict: true,
  },
  { field: "userNamespaces.idsPerPod", shape: "integer", why: "pods have no user namespaces" },

  { flag: "bootstrap-kubeconfig", shape: "text", why: "a machine joins with --server and --token", holds: [""], isStrict: true },
  { flag: "cert-dir", shape: "text", why: "certificates are in the data directory" },
  { flag: "cloud-provider", shape: "text", why: "no cloud is asked about the machine", holds: [""], isStrict: true },
  { flag: "lock-file", shape: "text", why: "the data directory is the lock", holds: [""] },
  { flag: "exit-on-lock-contention", shape: "boolean", why: "the data directory is the lock", holds: ["false"] },
  { flag: "minimum-container-ttl-duration", shape: "duration", why: "of each container the last one that ended is kept", holds: ["0s"] },
  { flag: "maximum-dead-containers-per-container", shape: "integer", why: "of each container the last one that ended is kept", holds: ["1"] },
  { flag: "maximum-dead-containers", shape: "integer", why: "of each container the last one that ended is kept", holds: ["-1"] },
  { flag: "experimental-mounter-path", shape: "text", why: "volumes are mounted by the machine's mount", holds: [""], isStrict: true },
  { flag: "experimental-allocatable-ignore-eviction", shape: "boolean", why: "what evictions keep free is not for pods", holds: ["false"], isStrict: true },
];
