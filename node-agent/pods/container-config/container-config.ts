import path from "node:path";
import { milliValue, wholeValue } from "../../../engine/apimachinery/quantity.ts";
import { podContainers } from "../../../engine/resources/pod-containers.ts";
import { containerRequests } from "../../../engine/resources/pod-requests.ts";
import type { Container, Pod } from "../../../engine/resources/types.ts";
import { MountPropagation, Protocol, SecurityProfile_ProfileType } from "../../cri/runtime_pb.ts";
import { RuntimeLabel, type ContainerConfig, type ImageStatus, type SandboxConfig } from "../../cri/runtime.ts";
import type { DnsSettings } from "../../network/resolv-conf.ts";
import { expandAll } from "./expand.ts";
import { kernelHostname } from "./host-names.ts";
import { containerHugePages } from "../../cgroups/huge-page-limits.ts";
import { computePodDns } from "./pod-dns.ts";
import { isLimit, podCgroupName, qosFolder, qosOf, toQuotaUs, toShares } from "../../cgroups/pod-cgroup.ts";
import { normalSysctl } from "../admission/pod-needs.ts";
import { computeSecurityContext, groupsOf, namespaceOptions, type NodeProfiles } from "./security-context.ts";

export interface NodeSettings extends NodeProfiles {
  readonly nodeName: string;
  /** The machine's addresses, one of each family; the first is its own. */
  readonly hostIps: readonly string[];
  /** Where pods ask for names. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** What the machine's own resolver is told: a resolv.conf, or the empty text for nothing. */
  readonly resolvConf: string;
  /** Logs of all pods; each pod has a folder in it. */
  readonly logsDir: string;
  /** Below which the cgroups of pods are made. */
  readonly cgroupRoot: string;
  readonly memoryBytes: number;
  /** Bytes of each kind of huge page that the kernel has. */
  readonly hugePageSizes: readonly number[];
  /** Whether the pods' network holds them to the bandwidth that their annotations say, by now; true where it is somebody else's. */
  readonly boundsBandwidth: () => boolean;
}

/** The image a container is made from, and which of its starts this is. */
export interface ContainerStart {
  readonly image: ImageStatus & { readonly name: string };
  /** How often the container was started before. */
  readonly attempt: number;
  /** The start from which its restarts are counted for the back-off. */
  readonly backoffBase: number;
}

/** A place in the container's file system. */
export interface VolumeMountPoint {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation?: string;
}

/** What is remembered with a container in the runtime: the image its spec named, the memory it asked for, and the start from which its back-off counts. */
export const ContainerAnnotation = {
  image: "mainstay.dev/image",
  memoryRequest: "mainstay.dev/memory-request",
  backoffBase: "mainstay.dev/backoff-base",
} as const;

export function podLogDir(pod: Pod, logsDir: string): string {
  const { namespace, name, uid } = pod.metadata;
  return path.join(logsDir, `${namespace}_${name}_${uid}`);
}

/** The sandbox of a pod: its network, names and namespaces, shared by its containers. `hostDns` is what the machine's own resolver is told. Pure. */
export function computeSandboxConfig(pod: Pod, attempt: number, settings: NodeSettings, hostDns: DnsSettings | undefined): SandboxConfig {
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const isHostNetwork = pod.spec.hostNetwork === true;
  const security = pod.spec.securityContext ?? {};
  return {
    metadata: { name, namespace, uid, attempt },
    // The host's network comes with the host's name: the runtime refuses to set another.
    hostname: isHostNetwork ? "" : kernelHostname(pod, settings.clusterDomain),
    logDirectory: podLogDir(pod, settings.logsDir),
    dnsConfig: dnsOf(pod, settings, hostDns),
    portMappings: isHostNetwork
      ? []
      : pod.spec.containers.flatMap((container) =>
          (container.ports ?? [])
            .filter((port) => (port.hostPort ?? 0) > 0)
            .map((port) => ({
              protocol: port.protocol === "UDP" ? Protocol.UDP : port.protocol === "SCTP" ? Protocol.SCTP : Protocol.TCP,
              containerPort: port.containerPort,
              hostPort: port.hostPort ?? 0,
              hostIp: port.hostIP ?? "",
            })),
        ),
    // What runtimes, their plugins and networks do otherwise for one pod, its own labels and annotations say.
    labels: { ...pod.metadata.labels, ...labelsOf(pod) },
    annotations: { ...pod.metadata.annotations },
    linux: {
      cgroupParent: podCgroup(pod, settings),
      sysctls: Object.fromEntries((security.sysctls ?? []).map((sysctl) => [normalSysctl(sysctl.name), sysctl.value])),
      securityContext: {
        namespaceOptions: namespaceOptions(pod),
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
        supplementalGroups: groupsOf(pod),
        ...(security.runAsUser === undefined ? {} : { runAsUser: { value: BigInt(security.runAsUser) } }),
        // Runtimes make no privileged container in a sandbox that is not, whichever of the pod's containers it is.
        privileged: [...podContainers(pod.spec), ...(pod.spec.ephemeralContainers ?? [])].some(({ securityContext }) => securityContext?.privileged === true),
      },
    },
  };
}

export function podCgroup(pod: Pod, settings: Pick<NodeSettings, "cgroupRoot">): string {
  return `${qosFolder(settings.cgroupRoot, qosOf(pod))}/${podCgroupName(pod.metadata.uid ?? "")}`;
}

/** One container of a pod, ready for the runtime. Throws a ContainerConfigError for what cannot be. Pure. */
export function computeContainerConfig(
  pod: Pod,
  container: Container,
  { image, attempt, backoffBase }: ContainerStart,
  environment: ReadonlyMap<string, string>,
  mounts: readonly VolumeMountPoint[],
  settings: NodeSettings,
): ContainerConfig {
  return {
    metadata: { name: container.name, attempt },
    image: { image: image.name },
    command: expandAll(container.command ?? [], environment),
    args: expandAll(container.args ?? [], environment),
    workingDir: container.workingDir ?? "",
    envs: [...environment].map(([key, value]) => ({ key, value })),
    mounts: mounts.map((mount) => ({
      hostPath: mount.hostPath,
      containerPath: mount.containerPath,
      readonly: mount.readOnly,
      propagation:
        mount.propagation === "Bidirectional"
          ? MountPropagation.PROPAGATION_BIDIRECTIONAL
          : mount.propagation === "HostToContainer"
            ? MountPropagation.PROPAGATION_HOST_TO_CONTAINER
            : MountPropagation.PROPAGATION_PRIVATE,
    })),
    labels: { ...labelsOf(pod), [RuntimeLabel.containerName]: container.name },
    annotations: {
      [ContainerAnnotation.image]: container.image ?? "",
      [ContainerAnnotation.memoryRequest]: String(memoryRequest(container)),
      [ContainerAnnotation.backoffBase]: String(backoffBase),
    },
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: { ...computeResources(pod, container, settings), hugepageLimits: hugePagesOf(pod, container, settings) },
      securityContext: computeSecurityContext(pod, container, image, settings),
    },
  };
}

/**
 * Shares and quotas as upstream computes them. A container without a limit of its own is held to the pod's, and one that asks for nothing is taken to
 * ask for its limit.
 */
export function computeResources(pod: Pod, container: Container, { memoryBytes }: NodeSettings) {
  const { resources } = container;
  const limitOf = (name: string) => [resources?.limits?.[name], pod.spec.resources?.limits?.[name]].find(isLimit);
  const [cpuLimit, memoryLimit] = [limitOf("cpu"), limitOf("memory")];
  const cpu = resources?.requests?.["cpu"] ?? cpuLimit;
  return {
    cpuShares: BigInt(toShares(milliValue(cpu ?? "0"))),
    cpuPeriod: 100_000n,
    cpuQuota: cpuLimit === undefined ? 0n : BigInt(toQuotaUs(milliValue(cpuLimit))),
    memoryLimitInBytes: memoryLimit === undefined ? 0n : BigInt(wholeValue(memoryLimit)),
    oomScoreAdj: BigInt(oomScoreAdjustment(pod, container, memoryBytes)),
  };
}

function hugePagesOf(pod: Pod, container: Container, { hugePageSizes }: NodeSettings) {
  return Object.entries(containerHugePages(pod, container, hugePageSizes)).map(([pageSize, bytes]) => ({ pageSize, limit: BigInt(bytes) }));
}

/**
 * Who dies first when memory runs out: best effort before burstable before guaranteed, the second by how much they asked for, and a sidecar
 * not before those it serves.
 */
function oomScoreAdjustment(pod: Pod, container: Container, memoryBytes: number): number {
  // What the node cannot do without dies as late as guaranteed pods.
  if (pod.status?.qosClass === "Guaranteed" || pod.spec.priorityClassName === "system-node-critical") return -997;
  if (pod.status?.qosClass === "BestEffort") return 1000;
  const scoreFor = (bytes: number) => 1000 - Math.floor((1000 * (bytes + unclaimedMemory(pod))) / memoryBytes);
  const isSidecar = container.restartPolicy === "Always" && pod.spec.initContainers?.some(({ name }) => name === container.name) === true;
  const adjustment = isSidecar
    ? Math.min(scoreFor(memoryRequest(container)), scoreFor(Math.min(...pod.spec.containers.map(memoryRequest))))
    : scoreFor(memoryRequest(container));
  return Math.min(999, Math.max(3, adjustment));
}

/** Each container's part of the memory that the pod asks for as a whole and no container for itself. */
function unclaimedMemory({ spec }: Pod): number {
  const whole = spec.resources?.requests?.["memory"];
  if (whole === undefined) return 0;
  const containers = podContainers(spec);
  return Math.floor(Math.max(0, wholeValue(whole) - (containerRequests(spec)["memory"] ?? 0)) / containers.length);
}

export function memoryRequest({ resources }: Container): number {
  return wholeValue(resources?.requests?.["memory"] ?? "0");
}

function dnsOf(pod: Pod, settings: NodeSettings, hostDns: DnsSettings | undefined) {
  const { servers, searches, options } = computePodDns(pod, settings, hostDns);
  return { servers: [...servers], searches: [...searches], options: [...options] };
}

function labelsOf(pod: Pod): Record<string, string> {
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  return { [RuntimeLabel.podName]: name, [RuntimeLabel.podNamespace]: namespace, [RuntimeLabel.podUid]: uid };
}
