import { effectiveSpec } from "../resources/effective-spec.ts";
import { hostPortsOf, type HostPort } from "../resources/host-ports.ts";
import { amounts, podRequests, type ResourceAmounts } from "../resources/pod-requests.ts";
import type { Node, Pod, PodSpec } from "../resources/types.ts";
import type { PodDevices } from "./devices/pod-devices.ts";
import type { PodStorage } from "./pod-storage.ts";

/**
 * A node with the pods on it, as the scheduler sees it. An immutable value: every change makes a new one,
 * so what was found out about it holds for as long as the snapshot has this very value.
 */
export interface NodeInfo {
  readonly name: string;
  /** No two values have the same; for those who remember which they have seen, without holding on to them. */
  readonly version: number;
  readonly node: Node;
  readonly pods: readonly PodInfo[];
  readonly allocatable: ResourceAmounts;
  readonly requested: ResourceAmounts;
  /** As `requested`, but a container without a request counts as 100m and 200Mi: scores should not see it as free. */
  readonly scoredRequested: ResourceAmounts;
  readonly usedPorts: readonly HostPort[];
}

/** A pod with what the plugins need of it, computed once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly requests: ResourceAmounts;
  readonly scoredRequests: ResourceAmounts;
  readonly ports: readonly HostPort[];
  /** Equal for pods that every node-local filter must treat alike. */
  readonly signature: string;
  /** Set while the pod is being scheduled, when it has claims. */
  readonly storage?: PodStorage | undefined;
  /** Set while the pod is being scheduled, when it wants devices. */
  readonly devices?: PodDevices | undefined;
  /** Set while the pod is being scheduled: the labels of any namespace, by which affinities choose. */
  readonly namespaceLabels?: NamespaceLabels | undefined;
}

/** Undefined for a namespace that is not known. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

let versions = 0;

const DEFAULT_SCORED_MILLI_CPU = 100;
const DEFAULT_SCORED_MEMORY_BYTES = 200 * 1024 * 1024;

export function podInfo(pod: Pod): PodInfo {
  const { metadata } = pod;
  const spec = effectiveSpec(pod, { countsWhole: true });
  const requests = podRequests(spec);
  const ports = hostPortsOf(pod);
  const signature = JSON.stringify([requests, ports, spec.nodeSelector, spec.affinity?.nodeAffinity, spec.tolerations, spec.nodeName]);
  return { pod, key: `${metadata.namespace ?? ""}/${metadata.name ?? ""}`, requests, scoredRequests: scoredRequests(spec, requests), ports, signature };
}

/** Whether a pod has given back any of what it took. */
export function takesLess({ requests }: PodInfo, before: PodInfo): boolean {
  return Object.entries(before.requests).some(([name, amount]) => (requests[name] ?? 0) < amount);
}

export function nodeInfo(node: Node, pods: readonly PodInfo[] = []): NodeInfo {
  const empty: NodeInfo = {
    name: node.metadata.name ?? "",
    version: ++versions,
    node,
    pods: [],
    allocatable: amounts(node.status?.allocatable),
    requested: {},
    scoredRequested: {},
    usedPorts: [],
  };
  return pods.reduce(withPod, empty);
}

export function withPod(info: NodeInfo, pod: PodInfo): NodeInfo {
  return {
    ...info,
    version: ++versions,
    pods: [...info.pods, pod],
    requested: combine(info.requested, pod.requests, 1),
    scoredRequested: combine(info.scoredRequested, pod.scoredRequests, 1),
    usedPorts: pod.ports.length === 0 ? info.usedPorts : [...info.usedPorts, ...pod.ports],
  };
}

export function withoutPod(info: NodeInfo, key: string): NodeInfo {
  const gone = info.pods.find((pod) => pod.key === key);
  if (gone === undefined) return info;
  const pods = info.pods.filter((pod) => pod !== gone);
  return {
    ...info,
    version: ++versions,
    pods,
    requested: combine(info.requested, gone.requests, -1),
    scoredRequested: combine(info.scoredRequested, gone.scoredRequests, -1),
    usedPorts: gone.ports.length === 0 ? info.usedPorts : pods.flatMap((pod) => pod.ports),
  };
}

function scoredRequests({ containers }: PodSpec, requests: ResourceAmounts): ResourceAmounts {
  let cpu = requests["cpu"] ?? 0;
  let memory = requests["memory"] ?? 0;
  for (const container of containers) {
    if (container.resources?.requests?.["cpu"] === undefined) cpu += DEFAULT_SCORED_MILLI_CPU;
    if (container.resources?.requests?.["memory"] === undefined) memory += DEFAULT_SCORED_MEMORY_BYTES;
  }
  return { cpu, memory };
}

function combine(left: ResourceAmounts, right: ResourceAmounts, sign: 1 | -1): ResourceAmounts {
  const out: Record<string, number> = { ...left };
  for (const name in right) out[name] = (out[name] ?? 0) + sign * (right[name] ?? 0);
  return out;
}
