import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { environmentName, serverOptions } from "../../../engine/options/config.ts";
import { flagKey } from "../../../engine/options/flag-names.ts";
import { agentCommand, kubeletFilesOf } from "../../../node-agent/agent-flags.ts";
import { agentOptions, variableOf } from "../../../node-agent/agent-options.ts";
import { isToldNetwork, resolveAgentConfig } from "../../../node-agent/config.ts";
import { idleFlagNotices, readKubeletConfiguration } from "../../../node-agent/kubelet-config-file.ts";
import { kubeletFields } from "../../../node-agent/kubelet-fields.ts";

/** All fields of upstream's KubeletConfiguration, v1beta1 of 1.36, and all flags of its kubelet. */
const UPSTREAM_FIELDS =
  "enableServer staticPodPath podLogsDir syncFrequency fileCheckFrequency httpCheckFrequency staticPodURL staticPodURLHeader address port readOnlyPort tlsCertFile tlsPrivateKeyFile tlsCipherSuites tlsCurvePreferences tlsMinVersion rotateCertificates serverTLSBootstrap authentication.x509.clientCAFile authentication.webhook.enabled authentication.webhook.cacheTTL authentication.anonymous.enabled authorization.mode authorization.webhook.cacheAuthorizedTTL authorization.webhook.cacheUnauthorizedTTL registryPullQPS registryBurst imagePullCredentialsVerificationPolicy preloadedImagesVerificationAllowlist eventRecordQPS eventBurst enableDebuggingHandlers enableContentionProfiling healthzPort healthzBindAddress oomScoreAdj clusterDomain clusterDNS streamingConnectionIdleTimeout nodeStatusUpdateFrequency nodeStatusReportFrequency nodeLeaseDurationSeconds imageMinimumGCAge imageMaximumGCAge imageGCHighThresholdPercent imageGCLowThresholdPercent volumeStatsAggPeriod kubeletCgroups systemCgroups cgroupRoot cgroupsPerQOS cgroupDriver cpuManagerPolicy singleProcessOOMKill cpuManagerPolicyOptions cpuManagerReconcilePeriod memoryManagerPolicy topologyManagerPolicy topologyManagerScope topologyManagerPolicyOptions qosReserved runtimeRequestTimeout hairpinMode maxPods podCIDR podPidsLimit resolvConf runOnce cpuCFSQuota cpuCFSQuotaPeriod nodeStatusMaxImages maxOpenFiles contentType kubeAPIQPS kubeAPIBurst serializeImagePulls maxParallelImagePulls evictionHard evictionSoft evictionSoftGracePeriod evictionPressureTransitionPeriod evictionMaxPodGracePeriod evictionMinimumReclaim mergeDefaultEvictionSettings podsPerCore enableControllerAttachDetach protectKernelDefaults makeIPTablesUtilChains iptablesMasqueradeBit iptablesDropBit featureGates failSwapOn memorySwap.swapBehavior containerLogMaxSize containerLogMaxFiles containerLogMaxWorkers containerLogMonitorInterval configMapAndSecretChangeDetectionStrategy systemReserved kubeReserved reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup kubeReservedCgroup enforceNodeAllocatable allowedUnsafeSysctls volumePluginDir providerID kernelMemcgNotification logging.format logging.flushFrequency logging.verbosity logging.vmodule logging.options enableSystemLogHandler enableSystemLogQuery shutdownGracePeriod shutdownGracePeriodCriticalPods shutdownGracePeriodByPodPriority crashLoopBackOff.maxContainerRestartPeriod reservedMemory enableProfilingHandler enableDebugFlagsHandler seccompDefault memoryThrottlingFactor memoryReservationPolicy registerWithTaints registerNode tracing.endpoint tracing.samplingRatePerMillion localStorageCapacityIsolation containerRuntimeEndpoint imageServiceEndpoint failCgroupV1 userNamespaces.idsPerPod".split(
    " ",
  );
const UPSTREAM_FLAGS =
  "anonymous-auth authentication-token-webhook authentication-token-webhook-cache-ttl authorization-mode authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl client-ca-file config-dir logging-format log-flush-frequency tls-cert-file v vmodule address allowed-unsafe-sysctls bootstrap-kubeconfig cert-dir cgroup-driver cgroup-root cgroups-per-qos cloud-provider cluster-dns cluster-domain config container-log-max-files container-log-max-size container-runtime-endpoint contention-profiling cpu-cfs-quota cpu-cfs-quota-period cpu-manager-policy cpu-manager-policy-options cpu-manager-reconcile-period enable-controller-attach-detach enable-debugging-handlers enable-server enforce-node-allocatable event-burst event-qps eviction-hard eviction-max-pod-grace-period eviction-minimum-reclaim eviction-pressure-transition-period eviction-soft eviction-soft-grace-period exit-on-lock-contention experimental-allocatable-ignore-eviction experimental-mounter-path fail-cgroupv1 fail-swap-on feature-gates file-check-frequency hairpin-mode healthz-bind-address healthz-port hostname-override http-check-frequency image-credential-provider-bin-dir image-credential-provider-config image-gc-high-threshold image-gc-low-threshold image-service-endpoint kernel-memcg-notification kube-api-burst kube-api-content-type kube-api-qps kube-reserved kube-reserved-cgroup kubeconfig kubelet-cgroups local-storage-capacity-isolation lock-file make-iptables-util-chains manifest-url manifest-url-header max-open-files max-pods maximum-dead-containers maximum-dead-containers-per-container memory-manager-policy minimum-container-ttl-duration minimum-image-ttl-duration node-ip node-labels node-status-max-images node-status-update-frequency oom-score-adj pod-cidr pod-manifest-path pod-max-pids pods-per-core port protect-kernel-defaults provider-id qos-reserved read-only-port register-node register-with-taints registry-burst registry-qps reserved-cpus reserved-memory resolv-conf root-dir rotate-certificates rotate-server-certificates runonce runtime-cgroups runtime-request-timeout seccomp-default serialize-image-pulls streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved system-reserved-cgroup tls-cipher-suites tls-min-version tls-private-key-file topology-manager-policy topology-manager-policy-options topology-manager-scope volume-plugin-dir volume-stats-agg-period".split(
    " ",
  );
const JOINS = { server: "https://192.0.2.1:6443", token: "t" };
const HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "kubelet-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

let serial = 0;
function written(text: string, name = `${++serial}.yaml`): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const read = (text: string) => readKubeletConfiguration(written(HEAD + text), undefined);
const resolved = (text: string, flags: Readonly<Record<string, string>> = {}, environment = {}) => resolveAgentConfig({ ...JOINS, ...flags }, environment, {}, read(text).told);
/** Without the folder that it is in. */
const refusalOf = (text: string) => {
  try {
    return read(text);
  } catch (error) {
    return (error instanceof Error ? error.message : "").replaceAll(/\/\S*\/(?:\d+)\.yaml/g, "k.yaml").split("\n");
  }
};

describe("the list of kubelet's settings", () => {
  test("has each field once, and every flag in it or among the agent's own", () => {
    expect(kubeletFields.flatMap(({ field }) => field ?? []).sort()).toEqual([...UPSTREAM_FIELDS].sort());
    const own = agentOptions.flatMap(({ flags }) => (flags === undefined ? [] : [flags.split(" ")[0]?.slice(2)]));
    const idle = kubeletFields.flatMap((row) => ("option" in row ? [] : [row.flag]));
    expect(UPSTREAM_FLAGS.filter((flag) => !own.includes(flag) && !idle.includes(flag))).toEqual([]);
    expect(own.filter((flag) => idle.includes(flag))).toEqual([]);
  });

  test("serves options that there are, each from one field", () => {
    const served = kubeletFields.flatMap((row) => ("option" in row ? [row.option] : []));
    expect([new Set(served).size, served.filter((key) => !agentOptions.some((row) => row.key === key))]).toEqual([served.length, []]);
  });

  test("is part of the help", () => {
    let text = "";
    agentCommand()
      .configureOutput({ writeOut: (part) => void (text += part) })
      .outputHelp();
    expect(text).toMatch(/--config-dir <dir>[\s\S]*Taken from command lines of kubelet[\s\S]* --kube-api-qps /);
  });
});

describe("a KubeletConfiguration", () => {
  test("says what flags and variables do not", () => {
    const text = `
maxPods: 20
evictionHard: {memory.available: 200Mi, nodefs.available: 5%}
evictionSoft: {memory.available: 1Gi}
evictionSoftGracePeriod: {memory.available: 1m30s}
evictionMinimumReclaim: {memory.available: 100Mi}
systemReserved: {cpu: 200m}
clusterDNS: [10.43.0.10, "fd00:43::a"]
registerWithTaints: [{key: dedicated, value: ci, effect: NoSchedule}, {key: spot, effect: PreferNoSchedule}]
containerLogMaxSize: 1Mi
crashLoopBackOff: {maxContainerRestartPeriod: 20s}
authentication: {webhook: {cacheTTL: 1m}, x509: {clientCAFile: ca.crt}}
nodeStatusUpdateFrequency: 1m
registerNode: false
podPidsLimit: -5
tlsMinVersion: VersionTLS13
tlsCipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
`;
    expect(resolved(text, { maxPods: "30" }, { MAINSTAY_SYSTEM_RESERVED: "cpu=1" })).toMatchObject({
      maxPods: 30,
      systemReserved: "cpu=1",
      evictionHard: "memory.available<200Mi,nodefs.available<5%",
      evictionSoft: "memory.available<1Gi",
      evictionSoftGracePeriod: "memory.available=1m30s",
      evictionMinimumReclaim: "memory.available=100Mi",
      clusterDns: "10.43.0.10,fd00:43::a",
      registerWithTaints: "dedicated=ci:NoSchedule,spot:PreferNoSchedule",
      containerLogMaxSize: 1 << 20,
      maxContainerRestartPeriod: 20_000,
      authenticationTokenWebhookCacheTtl: 60_000,
      clientCaFile: path.join(folder, "ca.crt"),
      nodeStatusUpdateFrequency: 60_000,
      registerNode: false,
      podMaxPids: -1,
      tlsMinVersion: "TLSv1.3",
      tlsCipherSuites: expect.stringMatching(/:ECDHE-RSA-AES128-GCM-SHA256$/),
    });
  });

  test("leaves the usual where it says nothing, or zero of what cannot be absent", () => {
    const usual = resolveAgentConfig(JOINS, {});
    expect(resolved("maxPods: 0\nsyncFrequency: 0s\nnodeLeaseDurationSeconds: 0\nclusterDomain: ''\nclusterDNS: []\n")).toEqual(usual);
    expect(resolved("resolvConf: ''\nimageGCLowThresholdPercent: 0\n")).toEqual({ ...usual, resolvConf: "", imageGcLowThreshold: 0 });
  });

  test("counts as told of the cluster's network, so that no server is asked", () => {
    const { told } = read("clusterDNS: [10.43.0.10]\nclusterDomain: mine\n");
    expect([isToldNetwork({}, {}, told), isToldNetwork({ clusterCidr: "10.0.0.0/8" }, {}, told)]).toEqual([false, true]);
  });

  test("keeps the usual thresholds of signals that it does not name, where it says so", () => {
    expect(resolved("evictionHard: {memory.available: 1Gi}\n").evictionHard).toBe("memory.available<1Gi");
    expect(resolved("evictionHard: {memory.available: 1Gi}\nmergeDefaultEvictionSettings: true\n").evictionHard).toBe(
      "memory.available<1Gi,nodefs.available<5%,nodefs.inodesFree<5%,imagefs.available<5%,imagefs.inodesFree<5%",
    );
  });

  test("has others laid over it in the order of their names, folders among them; null takes back", () => {
    const base = written(`${HEAD}maxPods: 1\npodsPerCore: 7\nevictionHard: {memory.available: 1Gi, nodefs.available: 10%}\n`);
    written(`${HEAD}maxPods: 3\nevictionHard: {memory.available: 2Gi}\n`, "conf.d/20-more.conf");
    written(`${HEAD}maxPods: 2\npodsPerCore: null\n`, "conf.d/10-first.conf");
    written(`${HEAD}containerLogMaxFiles: 9\n`, "conf.d/15-folder/a.conf");
    written("not: read", "conf.d/99-readme.txt");
    const { told } = readKubeletConfiguration(base, path.join(folder, "conf.d"));
    expect(resolveAgentConfig(JOINS, {}, {}, told)).toMatchObject({ maxPods: 3, podsPerCore: 0, containerLogMaxFiles: 9, evictionHard: "memory.available<2Gi,nodefs.available<10%" });
    expect(told.get("maxPods")?.origin).toBe(`${folder}/conf.d/20-more.conf:3 maxPods`);
  });

  test.each<[string, readonly string[]]>([
    ["maxPod: 3\n", ["k.yaml:3 maxPod: unknown field; is maxPods meant?"]],
    [
      "\nmaxPods: many\nevictionHard: [a]\nsyncFrequency: 60\n",
      ["k.yaml:4 maxPods: must be a whole number", "k.yaml:5 evictionHard: must be texts by name", "k.yaml:6 syncFrequency: must be a duration such as 30s, 5m or 1h30m"],
    ],
    ["authentication:\n  anonymus: {}\n", ["k.yaml:4 authentication.anonymus: unknown field; is anonymous meant?"]],
    ["authentication: yes\n", ["k.yaml:3 authentication: must have fields of its own"]],
    [
      "registerWithTaints:\n- {key: a, effect: NoSchedule}\n- {key: 7, efect: NoSchedule}\n",
      ["k.yaml:5 registerWithTaints[1].key: must be a text", "k.yaml:5 registerWithTaints[1].efect: unknown field; is effect meant?"],
    ],
    ["systemReserved: {cpu: 1}\n", ["k.yaml:3 systemReserved: must be texts by name"]],
    ["maxPods: 1\nmaxPods: 2\n", ["k.yaml:4 duplicated mapping key"]],
    [
      "readOnlyPort: 10255\nauthorization: {mode: AlwaysAllow}\n",
      [
        'k.yaml:4 authorization.mode "AlwaysAllow": must be Webhook: what callers may do is always judged by the API server',
        'k.yaml:3 readOnlyPort "10255": must be 0: there is no port without authentication',
      ],
    ],
  ])("that cannot be is refused with file and line: %j", (text, expected) => {
    expect(refusalOf(text)).toEqual(expected);
  });

  test("must be one, and of that kind", () => {
    expect(() => readKubeletConfiguration(written("a: 1"), undefined)).toThrow(/:1 must be a KubeletConfiguration of kubelet.config.k8s.io\/v1beta1/);
    expect(() => readKubeletConfiguration(written(`${HEAD}---\n${HEAD}`), undefined)).toThrow("must hold one KubeletConfiguration");
    expect(() => readKubeletConfiguration(path.join(folder, "none.yaml"), undefined)).toThrow(/none.yaml: ENOENT/);
  });

  test.each([
    ["maxPods: -1\n", /:3 maxPods "-1": must be a whole number from 0 to/],
    ["evictionHard: {memory.free: 1Mi}\n", /:3 evictionHard: eviction threshold "memory.free<1Mi": the signal must be one of/],
    ["registerWithTaints: [{key: a, effect: Sometimes}]\n", /:3 registerWithTaints: taint "a:Sometimes"/],
    ["imageGCHighThresholdPercent: 70\n", /--image-gc-low-threshold 80 must be below .*:3 imageGCHighThresholdPercent 70/],
    ["serializeImagePulls: true\nmaxParallelImagePulls: 3\n", /:4 maxParallelImagePulls cannot be larger than 1 unless .*:3 serializeImagePulls is false/],
    ["containerLogMaxFiles: 1\n", /:3 containerLogMaxFiles "1": must be a whole number from 2/],
    ["containerLogMaxSize: lots\n", /:3 containerLogMaxSize "lots": /],
    ["containerLogMonitorInterval: 1s\n", /:3 containerLogMonitorInterval "1s": must be 3s or more/],
    ["crashLoopBackOff: {maxContainerRestartPeriod: 10m}\n", /:3 crashLoopBackOff.maxContainerRestartPeriod "10m": must be from 1s to 300s/],
    ["shutdownGracePeriod: 5s\nshutdownGracePeriodCriticalPods: 6s\n", /:4 shutdownGracePeriodCriticalPods must not be longer than \S+:3 shutdownGracePeriod/],
    ["shutdownGracePeriod: 30s\nshutdownGracePeriodByPodPriority: [{priority: 1, shutdownGracePeriodSeconds: 2}]\n", /:4 shutdownGracePeriodByPodPriority stands in place of/],
    ["imageMaximumGCAge: 1m\n", /:3 imageMaximumGCAge must be longer than --minimum-image-ttl-duration/],
  ])("with %j is judged as the option that it is, and named by its place", (text, refusal) => {
    expect(() => resolved(text)).toThrow(refusal);
  });

  test("may say what changes nothing, and a word is said of that where it is not so anyway", () => {
    const { notices } = read("kubeAPIQPS: 100\ncgroupDriver: cgroupfs\ncpuCFSQuotaPeriod: 0.1s\nlogging: {verbosity: 4, format: json}\nfeatureGates: {SomeGate: true}\nreadOnlyPort: 0\n");
    expect(notices.map((notice) => notice.slice(folder.length + 1).replace(/^\d+/, "k"))).toEqual([
      "k.yaml:6 logging.verbosity changes nothing: how much is logged is said by --log-level",
      "k.yaml:7 featureGates changes nothing: what the agent has is on, and what it has not cannot be switched on",
      "k.yaml:3 kubeAPIQPS changes nothing: calls of the agent are not slowed down",
    ]);
  });
});

test("no variable means one thing to a server and another to the agent of its machine", () => {
  const servers = new Set(serverOptions.map(environmentName));
  const shared = agentOptions.filter((row) => row.flags !== undefined && servers.has(variableOf(row))).map(({ key }) => key);
  // These mean the same, or the server says them to its agent by flags.
  expect(shared).toEqual(["server", "token", "dataDir", "nodeName", "nodeIp", "containerRuntimeEndpoint", "clusterCidr", "clusterDomain", "logLevel"]);
  const file = "/etc/clients.crt";
  expect(resolveAgentConfig(JOINS, { MAINSTAY_CLIENT_CA_FILE: file }).clientCaFile).toBeUndefined();
  expect(resolveAgentConfig(JOINS, { MAINSTAY_KUBELET_CLIENT_CA_FILE: file }).clientCaFile).toBe(file);
});

describe("kubelet's flags", () => {
  test("are taken, with a word where they change nothing, or refused", () => {
    const flags = agentCommand()
      .parse(
        [
          "--kube-api-qps",
          "100",
          "--anonymous-auth=false",
          "--register-node=false",
          "--fail-swap-on",
          "--v=4",
          "--hostname-override",
          "n7",
          ...Object.entries(JOINS).flatMap(([name, value]) => [`--${name}`, value]),
        ],
        { from: "user" },
      )
      .opts();
    expect(idleFlagNotices(flags)).toEqual(["--v changes nothing: how much is logged is said by --log-level", "--kube-api-qps changes nothing: calls of the agent are not slowed down"]);
    expect(resolveAgentConfig(flags, {})).toMatchObject({ registerNode: false, failSwapOn: true, nodeName: "n7" });
    expect(() => idleFlagNotices({ anonymousAuth: true })).toThrow('--anonymous-auth "true": must be false: nobody may ask the agent without saying who he is');
  });

  test("name the files, as do variables", () => {
    expect(kubeletFilesOf({ config: "a.yaml" }, { MAINSTAY_KUBELET_CONFIG: "b.yaml", MAINSTAY_KUBELET_CONFIG_DIR: "c" })).toEqual(["a.yaml", "c"]);
    expect(flagKey("--config-dir <dir>")).toBe("configDir");
  });
});
