import os from "node:os";
import type { ClusterNetwork } from "../engine/auth/join-call.ts";
import { parseBlock, parseHostAddress } from "../engine/lib/net/ip-address.ts";
import { variableName } from "../engine/options/flag-names.ts";
import { bool, durationMs, oneOf } from "../engine/options/option-values.ts";
import { commaList } from "../engine/lib/comma-list.ts";
import { parseTlsCiphers, parseTlsGroups, parseTlsVersion, type TlsVersion } from "../engine/server/http/tls-settings.ts";
import { checkAllowedImage, VERIFICATION_POLICIES } from "./images/verification-policy.ts";
import { parseNodeLabels, parseTaints } from "./node/registration.ts";
import { absolutePath, atLeast, bytes, domain, manifestPath, pairOf, port, restartPeriod, whole, zeroOrSecond } from "./agent-option-values.ts";
import { parseReserved } from "./resources/reserved.ts";
import { parseShutdownPeriods, type ShutdownPeriod } from "./shutdown/shutdown-periods.ts";
import { DEFAULT_EVICTION_HARD, parseMinimumReclaim, parseThresholds } from "./resources/thresholds.ts";

/** Everything an agent is told; `mainstay server` passes it to the agent of its own machine. Times are milliseconds. */
export interface AgentConfig extends ClusterNetwork {
  /** A KubeletConfiguration, and a folder of files that say more of it. */
  readonly kubeletConfig: string | undefined;
  readonly kubeletConfigDir: string | undefined;
  readonly dataDir: string;
  /** Where drivers find the pods' volumes and are found themselves: kubelet's folder, laid out as a kubelet's. */
  readonly rootDir: string;
  readonly nodeName: string;
  /** Stands in for nodeName where it is given. */
  readonly hostnameOverride: string | undefined;
  readonly nodeIp: string | undefined;
  /** Either a kubeconfig with a node's certificate, or a server and a token to get one with. */
  readonly kubeconfig: string | undefined;
  readonly server: string | undefined;
  readonly token: string | undefined;
  /** Port of the agent's own endpoint, on the node's address. */
  readonly port: number;
  /** Authority of those who may ask there; the cluster's where undefined. */
  readonly clientCaFile: string | undefined;
  readonly tlsMinVersion: TlsVersion;
  /** As OpenSSL names them; its usual ones when undefined. */
  readonly tlsCipherSuites: string | undefined;
  readonly tlsCurvePreferences: string | undefined;
  /** How long the API server is believed that a token is good, that something may be done, and that it may not. */
  readonly authenticationTokenWebhookCacheTtl: number;
  readonly authorizationWebhookCacheAuthorizedTtl: number;
  readonly authorizationWebhookCacheUnauthorizedTtl: number;
  /** Whether logs and streams of containers are to be had there, and the machine's own logs. */
  readonly enableDebuggingHandlers: boolean;
  readonly enableSystemLogHandler: boolean;
  readonly containerRuntimeEndpoint: string | undefined;
  readonly serializeImagePulls: boolean | undefined;
  readonly maxParallelImagePulls: number | undefined;
  /** Of which images on the machine it is asked who may have them; see images/verification-policy.ts. */
  readonly imagePullCredentialsVerificationPolicy: (typeof VERIFICATION_POLICIES)[number];
  readonly preloadedImagesVerificationAllowlist: readonly string[];
  /** Thresholds at which pods have to go; see resources/thresholds.ts for the form. */
  readonly evictionHard: string;
  readonly evictionSoft: string;
  readonly evictionSoftGracePeriod: string;
  readonly evictionMaxPodGracePeriod: number;
  readonly evictionMinimumReclaim: string;
  readonly evictionPressureTransitionPeriod: number;
  /** Whether a signal that `evictionHard` does not name has its usual threshold. */
  readonly mergeDefaultEvictionSettings: boolean;
  /** Amounts kept from pods, for the machine's processes and for the agent's. */
  readonly systemReserved: string;
  readonly kubeReserved: string;
  /** Percent of the disk. */
  readonly imageGcHighThreshold: number;
  readonly imageGcLowThreshold: number;
  readonly minimumImageTtlDuration: number;
  /** After which time without use an image goes, whatever room there is; 0 for never. */
  readonly imageMaximumGcAge: number;
  /** Processes of one pod; -1 for no bound. */
  readonly podMaxPids: number;
  /** Kernel parameters that pods may set though they may touch others. */
  readonly allowedUnsafeSysctls: readonly string[];
  /** Whether containers that name no seccomp profile get the runtime's, and not none. */
  readonly seccompDefault: boolean;
  /** Bytes of one file of a container's log, and how many files there are with those put aside. */
  readonly containerLogMaxSize: number;
  readonly containerLogMaxFiles: number;
  readonly containerLogMonitorInterval: number;
  /** Where the logs of pods are; in `dataDir` where undefined. */
  readonly podLogsDir: string | undefined;
  /** Longest wait between restarts of a container. */
  readonly maxContainerRestartPeriod: number;
  readonly shutdownGracePeriod: number;
  readonly shutdownGracePeriodCriticalPods: number;
  readonly shutdownGracePeriodByPodPriority: readonly ShutdownPeriod[];
  /** A folder of files with a pod each, or one such file, which run here by themselves. */
  readonly podManifestPath: string | undefined;
  readonly fileCheckFrequency: number;
  /** How often volumes that follow the API are looked at though no change was reported. */
  readonly syncFrequency: number;
  /** The machine's resolver configuration that pods get; the empty text for none. */
  readonly resolvConf: string;
  /** What the machine's Node is made with; see node/registration.ts for the form. */
  readonly nodeLabels: string;
  readonly registerWithTaints: string;
  readonly providerId: string | undefined;
  /** Whether the agent makes the Node; else somebody else does. */
  readonly registerNode: boolean;
  /** Pods that the node takes, and for each of its processors; 0 of these for no such bound. */
  readonly maxPods: number;
  readonly podsPerCore: number;
  readonly nodeStatusUpdateFrequency: number;
  /** How often the Node's status is written although nothing of it has changed. */
  readonly nodeStatusReportFrequency: number;
  /** Images that the Node's status names; -1 for all. */
  readonly nodeStatusMaxImages: number;
  readonly nodeLeaseDurationSeconds: number;
  /** Whether the agent refuses to run where memory is swapped, and where cgroups are of the first version. */
  readonly failSwapOn: boolean;
  readonly failCgroupv1: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export interface AgentOptionRow {
  readonly key: keyof AgentConfig;
  /** None where upstream has none: it is said in a KubeletConfiguration alone. */
  readonly flags?: string;
  /** In the environment; MAINSTAY_ and the key where not said. The agent of a server's own machine finds that server's variables as well. */
  readonly variable?: string;
  readonly description: string;
  readonly default?: string;
  /** How its value is read; throws what would be right. */
  readonly parse?: (text: string) => unknown;
  /** Throws what is wrong with a value that is read later. */
  readonly check?: (text: string) => unknown;
}

export function variableOf({ key, variable }: AgentOptionRow): string {
  return variable ?? variableName(key);
}

export const DEFAULT_DATA_DIR = "/var/lib/mainstay/agent";

/**
 * The one table of `mainstay agent`'s options; each is also MAINSTAY_… in the environment. `kubelet-fields.ts` says which of them are
 * fields of a KubeletConfiguration.
 */
export const agentOptions: readonly AgentOptionRow[] = [
  { key: "server", flags: "--server <url>", description: "API server to join, such as https://10.0.0.1:6443" },
  { key: "token", flags: "--token <token>", description: "join token; the server keeps it in <data-dir>/server/pki/node-token" },
  { key: "kubeconfig", flags: "--kubeconfig <file>", description: "kubeconfig of a node that has joined already, instead of --server and --token" },
  {
    key: "kubeletConfig",
    flags: "--config <file>",
    description: "KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with what is not said by flag or variable",
  },
  { key: "kubeletConfigDir", flags: "--config-dir <dir>", description: "folder of further ones, *.conf, laid over it in the order of their names" },
  { key: "dataDir", flags: "--data-dir <dir>", description: "where the agent keeps everything", default: DEFAULT_DATA_DIR },
  {
    key: "rootDir",
    flags: "--root-dir <dir>",
    description:
      "folder of pods' volumes and of drivers' sockets, which drivers' manifests name (default: /var/lib/kubelet; with a --data-dir of its own, kubelet in that)",
  },
  {
    key: "nodeName",
    flags: "--node-name <name>",
    description: "name of this machine's Node",
    get default() {
      return os.hostname().toLowerCase();
    },
  },
  { key: "hostnameOverride", flags: "--hostname-override <name>", description: "the same, by the name that upstream's operators know" },
  {
    key: "nodeIp",
    flags: "--node-ip <ips>",
    description: "address of this machine towards other nodes, or one of each family with a comma between them (default: those on the default routes)",
    parse: pairOf(parseHostAddress, "an IP address"),
  },
  { key: "port", flags: "--port <port>", description: "port of the agent's own endpoint (HTTPS)", default: "10250", parse: port },
  {
    key: "clientCaFile",
    variable: "MAINSTAY_KUBELET_CLIENT_CA_FILE",
    flags: "--client-ca-file <file>",
    description: "authority of those who may ask there by certificate (default: the cluster's)",
  },
  {
    key: "tlsMinVersion",
    variable: "MAINSTAY_KUBELET_TLS_MIN_VERSION",
    flags: "--tls-min-version <version>",
    description: "VersionTLS12 or VersionTLS13, for that endpoint",
    default: "VersionTLS12",
    parse: parseTlsVersion,
  },
  {
    key: "tlsCipherSuites",
    variable: "MAINSTAY_KUBELET_TLS_CIPHER_SUITES",
    flags: "--tls-cipher-suites <names>",
    description: "its ciphers below TLS 1.3, by their IANA names (default: OpenSSL's)",
    default: "",
    parse: (text) => parseTlsCiphers(commaList(text)),
  },
  {
    key: "tlsCurvePreferences",
    description: "its ways to agree on a key, by their numbers in TLS",
    default: "",
    parse: (text) => parseTlsGroups(commaList(text)),
  },
  {
    key: "authenticationTokenWebhookCacheTtl",
    variable: "MAINSTAY_KUBELET_AUTHENTICATION_TOKEN_WEBHOOK_CACHE_TTL",
    flags: "--authentication-token-webhook-cache-ttl <duration>",
    description: "how long the API server is believed that a token is good",
    default: "2m0s",
    parse: durationMs,
  },
  {
    key: "authorizationWebhookCacheAuthorizedTtl",
    variable: "MAINSTAY_KUBELET_AUTHORIZATION_WEBHOOK_CACHE_AUTHORIZED_TTL",
    flags: "--authorization-webhook-cache-authorized-ttl <duration>",
    description: "that somebody may do something",
    default: "5m0s",
    parse: durationMs,
  },
  {
    key: "authorizationWebhookCacheUnauthorizedTtl",
    variable: "MAINSTAY_KUBELET_AUTHORIZATION_WEBHOOK_CACHE_UNAUTHORIZED_TTL",
    flags: "--authorization-webhook-cache-unauthorized-ttl <duration>",
    description: "that somebody may not",
    default: "30s",
    parse: durationMs,
  },
  {
    key: "enableDebuggingHandlers",
    flags: "--enable-debugging-handlers <bool>",
    description: "serve logs, exec, attach and port-forward",
    default: "true",
    parse: bool,
  },
  { key: "enableSystemLogHandler", description: "serve the machine's own logs", default: "true", parse: bool },
  { key: "containerRuntimeEndpoint", flags: "--container-runtime-endpoint <socket>", description: "existing CRI socket (default: a containerd of our own)" },
  {
    key: "serializeImagePulls",
    flags: "--serialize-image-pulls <bool>",
    description: "pull one image at a time (default: several, up to as many as pods start at once)",
    parse: bool,
  },
  { key: "maxParallelImagePulls", description: "images that are pulled at once", parse: whole(1) },
  {
    key: "imagePullCredentialsVerificationPolicy",
    description: `of which images on the machine it is asked who may have them: ${VERIFICATION_POLICIES.join(", ")}`,
    default: "NeverVerifyPreloadedImages",
    parse: oneOf(...VERIFICATION_POLICIES),
  },
  {
    key: "preloadedImagesVerificationAllowlist",
    description: "images of which NeverVerifyAllowlistedImages does not ask that, separated by commas; a trailing /* stands for all below",
    default: "",
    parse: commaList,
    check: (text) => commaList(text).forEach(checkAllowedImage),
  },
  {
    key: "clusterCidr",
    flags: "--cluster-cidr <cidrs>",
    description: "addresses of all pods of the cluster: a range, or one of each family (default: what the server says)",
    parse: pairOf(parseBlock, "a range of addresses"),
  },
  {
    key: "clusterDns",
    flags: "--cluster-dns <ips>",
    description: "address at which pods find the cluster's names, or one of each family (default: what the server says)",
    parse: pairOf(parseHostAddress, "an IP address"),
  },
  { key: "clusterDomain", flags: "--cluster-domain <name>", description: "domain of the cluster's names (default: what the server says)", parse: domain },
  {
    key: "resolvConf",
    flags: "--resolv-conf <file>",
    description: "the machine's resolver configuration, whose servers and domains pods get as their policy says; none when empty",
    default: "/etc/resolv.conf",
  },
  {
    key: "evictionHard",
    flags: "--eviction-hard <thresholds>",
    description: "end pods at once below these: <signal><<amount or percent>, separated by commas",
    default: DEFAULT_EVICTION_HARD,
    check: parseThresholds,
  },
  { key: "evictionSoft", flags: "--eviction-soft <thresholds>", description: "end pods when it stays below these for the grace period", default: "" },
  {
    key: "evictionSoftGracePeriod",
    flags: "--eviction-soft-grace-period <periods>",
    description: "how long for each soft signal: memory.available=1m30s",
    default: "",
  },
  {
    key: "evictionMaxPodGracePeriod",
    flags: "--eviction-max-pod-grace-period <seconds>",
    description: "most time a pod has to end in a soft eviction",
    default: "30",
    parse: whole(0, 86_400),
  },
  {
    key: "evictionMinimumReclaim",
    flags: "--eviction-minimum-reclaim <amounts>",
    description: "how far above a threshold is far enough once it was crossed: imagefs.available=2Gi",
    default: "",
    check: parseMinimumReclaim,
  },
  {
    key: "evictionPressureTransitionPeriod",
    flags: "--eviction-pressure-transition-period <duration>",
    description: "how long the node still counts as short of what it is short of no more",
    default: "5m0s",
    parse: durationMs,
  },
  { key: "mergeDefaultEvictionSettings", description: "whether signals that are not named keep their usual hard thresholds", default: "false", parse: bool },
  {
    key: "systemReserved",
    flags: "--system-reserved <amounts>",
    description: "kept from pods for the machine: cpu=200m,memory=500Mi,ephemeral-storage=1Gi",
    default: "",
    check: parseReserved,
  },
  { key: "kubeReserved", flags: "--kube-reserved <amounts>", description: "the same for the agent and the runtime", default: "", check: parseReserved },
  {
    key: "imageGcHighThreshold",
    flags: "--image-gc-high-threshold <percent>",
    description: "delete unused images when the disk is fuller than this",
    default: "85",
    parse: whole(0, 100),
  },
  { key: "imageGcLowThreshold", flags: "--image-gc-low-threshold <percent>", description: "down to this", default: "80", parse: whole(0, 100) },
  {
    key: "minimumImageTtlDuration",
    flags: "--minimum-image-ttl-duration <duration>",
    description: "but none that came later than this ago",
    default: "2m0s",
    parse: durationMs,
  },
  { key: "imageMaximumGcAge", description: "after which time without use an image is deleted anyway; 0s for never", default: "0s", parse: durationMs },
  {
    key: "podMaxPids",
    flags: "--pod-max-pids <count>",
    description: "processes that one pod may have (-1: no bound)",
    default: "-1",
    parse: whole(-1, 4_194_304),
  },
  {
    key: "allowedUnsafeSysctls",
    flags: "--allowed-unsafe-sysctls <names>",
    description: "kernel parameters that pods may set though they may touch others, separated by commas; a trailing * stands for anything",
    default: "",
    parse: commaList,
  },
  {
    key: "seccompDefault",
    flags: "--seccomp-default <bool>",
    description: "hold containers that name no seccomp profile to the runtime's",
    default: "false",
    parse: bool,
  },
  {
    key: "containerLogMaxSize",
    flags: "--container-log-max-size <quantity>",
    description: "size at which a container's log is put aside for a new one",
    default: "10Mi",
    parse: bytes,
  },
  {
    key: "containerLogMaxFiles",
    flags: "--container-log-max-files <count>",
    description: "how many files of it stay, the newest included",
    default: "5",
    parse: whole(2),
  },
  { key: "containerLogMonitorInterval", description: "how often logs are looked at for that", default: "10s", parse: atLeast(3_000, "3s") },
  { key: "podLogsDir", description: "folder of the pods' logs (default: logs in the data directory)", parse: absolutePath },
  {
    key: "maxContainerRestartPeriod",
    description: "longest wait before a container that keeps failing is started again",
    default: "5m0s",
    parse: restartPeriod,
  },
  {
    key: "shutdownGracePeriod",
    description: "how long a shutdown of the machine waits until pods have ended, where systemd-logind runs; 0s: not at all",
    default: "0s",
    parse: zeroOrSecond,
  },
  {
    key: "shutdownGracePeriodCriticalPods",
    description: "how much of that is left to pods that the node must not do without, which end last",
    default: "0s",
    parse: zeroOrSecond,
  },
  {
    key: "shutdownGracePeriodByPodPriority",
    description: "instead of both, seconds for pods from each priority on, which end in that order: 0=20,100000=10",
    default: "",
    parse: parseShutdownPeriods,
  },
  {
    key: "syncFrequency",
    flags: "--sync-frequency <duration>",
    description: "how often volumes that follow the API are looked at though no change was reported",
    default: "1m0s",
    parse: durationMs,
  },
  {
    key: "podManifestPath",
    flags: "--pod-manifest-path <path>",
    description: "folder of files with a pod each, or one such file: they run here, API or not, and the API shows them",
    parse: manifestPath,
  },
  {
    key: "fileCheckFrequency",
    flags: "--file-check-frequency <duration>",
    description: "how often they are looked at though no change was reported",
    default: "20s",
    parse: atLeast(100, "100ms"),
  },
  {
    key: "nodeLabels",
    flags: "--node-labels <labels>",
    description: "labels that the machine's Node is made with: disk=ssd,topology.kubernetes.io/zone=a",
    default: "",
    check: parseNodeLabels,
  },
  {
    key: "registerWithTaints",
    flags: "--register-with-taints <taints>",
    description: "taints that it is made with: dedicated=ci:NoSchedule",
    default: "",
    check: parseTaints,
  },
  { key: "providerId", flags: "--provider-id <id>", description: "how the provider of the machine calls it, for spec.providerID of the Node that is made" },
  {
    key: "registerNode",
    flags: "--register-node <bool>",
    description: "make the Node; else the agent waits for somebody else to make it",
    default: "true",
    parse: bool,
  },
  { key: "maxPods", flags: "--max-pods <count>", description: "pods that run on this machine at most", default: "110", parse: whole(0) },
  {
    key: "podsPerCore",
    flags: "--pods-per-core <count>",
    description: "and for each processor, where this comes to less; 0 for no such bound",
    default: "0",
    parse: whole(0),
  },
  {
    key: "nodeStatusUpdateFrequency",
    flags: "--node-status-update-frequency <duration>",
    description: "how often the machine is looked at for the Node's status",
    default: "10s",
    parse: atLeast(1_000, "1s"),
  },
  {
    key: "nodeStatusReportFrequency",
    description: "how often it is written although nothing has changed",
    default: "5m",
    parse: atLeast(1_000, "1s"),
  },
  {
    key: "nodeStatusMaxImages",
    flags: "--node-status-max-images <count>",
    description: "images that it names, the largest first (-1: all)",
    default: "50",
    parse: whole(-1),
  },
  {
    key: "nodeLeaseDurationSeconds",
    description: "after which time without a sign of life the node is lost; it gives one four times as often",
    default: "40",
    parse: whole(1),
  },
  {
    key: "failSwapOn",
    flags: "--fail-swap-on <bool>",
    description: "do not run on a machine that swaps; upstream's usual is true",
    default: "false",
    parse: bool,
  },
  {
    key: "failCgroupv1",
    flags: "--fail-cgroupv1 <bool>",
    description: "do not run on a machine with cgroups of version 1; upstream's usual is true",
    default: "false",
    parse: bool,
  },
  { key: "logLevel", flags: "--log-level <level>", description: "debug, info, warn or error", default: "info", parse: oneOf("debug", "info", "warn", "error") },
];
