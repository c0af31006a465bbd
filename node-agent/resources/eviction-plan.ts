import { formatQuantity } from "../../engine/apimachinery/quantity.ts";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import { amounts, podLimits, podRequests } from "../../engine/resources/pod-requests.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { isCritical } from "../pods/admission/admit-pod.ts";
import { qosOf } from "../cgroups/pod-cgroup.ts";
import { resourceOf, type Pressure } from "./pressure.ts";
import { thresholdAmount, type Measurement, type Threshold } from "./thresholds.ts";

/** What a pod was found to use. Bytes; the disk is what the pod writes outside of its persistent volumes. */
export interface PodConsumption {
  readonly memoryBytes: number;
  readonly processes: number;
  readonly diskBytes: number;
  readonly inodes: number;
  /** Of each container: its writable layer and its logs. */
  readonly containers: ReadonlyMap<string, { readonly memoryBytes: number; readonly diskBytes: number }>;
  /** Of each emptyDir on the disk. */
  readonly emptyDirs: ReadonlyMap<string, number>;
}

export interface Eviction {
  readonly pod: Pod;
  /** What was short, in the words of upstream's metrics. */
  readonly signal: string;
  readonly message: string;
  /** Within this time its containers must have ended. */
  readonly graceSeconds: number;
}

const HARD_GRACE_SECONDS = 1;

/** The pod that has to go for a threshold; undefined when none may. `softGraceSeconds` bounds the time that a soft eviction gives. Pure. */
export function chooseEviction(
  threshold: Threshold,
  measured: Measurement,
  pods: readonly Pod[],
  consumption: ReadonlyMap<string, PodConsumption>,
  softGraceSeconds: number,
): Eviction | undefined {
  const pod = rankPods(threshold, pods.filter(mayGo), consumption)[0];
  if (pod === undefined) return undefined;
  const resource = resourceOf(threshold.signal);
  const show = (amount: number) =>
    formatQuantity(Math.max(0, Math.floor(amount)), resource === "memory" || resource === "ephemeral-storage" ? "BinarySI" : "DecimalSI");
  const shortage = `The node was low on resource: ${resource}. Threshold quantity: ${show(thresholdAmount(threshold, measured.capacity))}, available: ${show(measured.available)}. `;
  const own = pod.spec.terminationGracePeriodSeconds ?? 30;
  return {
    pod,
    signal: threshold.signal,
    message: `${shortage}${describeUsage(pod, resource, consumption.get(pod.metadata.uid ?? ""))}`,
    graceSeconds: threshold.graceMs === 0 ? HARD_GRACE_SECONDS : Math.min(own, softGraceSeconds),
  };
}

/** Who uses more than it asked for goes first, then who matters less, then who is furthest above what it asked for. Pure. */
export function rankPods(threshold: Threshold, pods: readonly Pod[], consumption: ReadonlyMap<string, PodConsumption>): readonly Pod[] {
  const resource = resourceOf(threshold.signal);
  const used = (pod: Pod) => {
    const found = consumption.get(pod.metadata.uid ?? "");
    return { memory: found?.memoryBytes ?? 0, "ephemeral-storage": found?.diskBytes ?? 0, pids: found?.processes ?? 0, inodes: found?.inodes ?? 0 }[resource];
  };
  // Of processes and inodes nobody asks for a number.
  const asked = (pod: Pod) => (resource === "memory" || resource === "ephemeral-storage" ? (podRequests(pod.spec)[resource] ?? 0) : 0);
  const isOver = (pod: Pod) => (resource === "memory" || resource === "ephemeral-storage" ? Number(used(pod) > asked(pod)) : 0);
  return [...pods].sort((a, b) => isOver(b) - isOver(a) || (a.spec.priority ?? 0) - (b.spec.priority ?? 0) || used(b) - asked(b) - (used(a) - asked(a)));
}

/** Pods that write more than they may: an emptyDir beyond its size, a container beyond its limit, or the pod beyond its own. Pure. */
export function chooseOverfull(pods: readonly Pod[], consumption: ReadonlyMap<string, PodConsumption>): readonly Eviction[] {
  return pods.filter(mayGo).flatMap((pod): Eviction[] => {
    const used = consumption.get(pod.metadata.uid ?? "");
    const excess = used === undefined ? undefined : describeExcess(pod, used);
    return excess === undefined ? [] : [{ pod, ...excess, graceSeconds: HARD_GRACE_SECONDS }];
  });
}

/** Whether it is worth measuring what the pod writes although the disk has room. */
export function boundsDisk({ spec }: Pod): boolean {
  return (
    spec.volumes?.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && !emptyDir.medium) === true || podLimits(spec)["ephemeral-storage"] !== undefined
  );
}

function describeExcess({ spec }: Pod, used: PodConsumption): Pick<Eviction, "signal" | "message"> | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit === undefined || emptyDir.medium ? undefined : amounts({ size: emptyDir.sizeLimit })["size"];
    if (limit !== undefined && limit > 0 && (used.emptyDirs.get(name) ?? 0) > limit)
      return { signal: "emptydirfs.limit", message: `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir?.sizeLimit}". ` };
  }
  const limitOf = (limits: Readonly<Record<string, string>> | undefined) => amounts(limits)["ephemeral-storage"];
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  const bounded = all.map(({ resources }) => limitOf(resources?.limits));
  const total = podLimits(spec)["ephemeral-storage"];
  // A sum over some containers says nothing about the pod.
  if (total !== undefined && bounded.every((limit) => limit !== undefined) && used.diskBytes > total)
    return {
      signal: "ephemeralpodfs.limit",
      message: `Pod ephemeral local storage usage exceeds the total limit of containers ${formatQuantity(total, "BinarySI")}. `,
    };
  for (const [index, { name }] of all.entries()) {
    const limit = bounded[index];
    if (limit !== undefined && (used.containers.get(name)?.diskBytes ?? 0) > limit)
      return {
        signal: "ephemeralcontainerfs.limit",
        message: `Container ${name} exceeded its local ephemeral storage limit "${formatQuantity(limit, "BinarySI")}". `,
      };
  }
  return undefined;
}

/** What a pod uses of memory or disk: all of it, where it asks for memory as a whole, and of each container that uses more than it asked for. */
function describeUsage({ metadata, spec }: Pod, resource: ReturnType<typeof resourceOf>, used: PodConsumption | undefined): string {
  if (resource !== "memory" && resource !== "ephemeral-storage") return "";
  const show = (bytes: number) => formatQuantity(Math.floor(bytes / 1024) * 1024, "BinarySI");
  const sentence = (what: string, usage: number, asked: number) =>
    `${what} was using ${show(usage)}, request is ${formatQuantity(asked, "BinarySI")}, has larger consumption of ${resource}. `;
  const whole = resource === "memory" ? amounts(spec.resources?.requests)["memory"] : undefined;
  const containers = podContainers(spec).map(({ name, resources }) => {
    const found = used?.containers.get(name);
    const usage = resource === "memory" ? (found?.memoryBytes ?? 0) : (found?.diskBytes ?? 0);
    const asked = amounts(resources?.requests)[resource] ?? 0;
    return usage > asked ? sentence(`Container ${name}`, usage, asked) : "";
  });
  return [whole === undefined ? "" : sentence(`Pod ${metadata.name}`, used?.memoryBytes ?? 0, whole), ...containers].join("");
}

function mayGo(pod: Pod): boolean {
  const isOver = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" || pod.metadata.deletionTimestamp !== undefined;
  return !isOver && !isCritical(pod);
}

/** Why a node under pressure takes no such pod; undefined when it does. Best effort is what memory is short of, and disks are short for all. Pure. */
export function refuseUnderPressure(pod: Pod, pressures: ReadonlySet<Pressure>): { readonly reason: string; readonly message: string } | undefined {
  if (pressures.size === 0 || isCritical(pod)) return undefined;
  const refusal = { reason: "Evicted", message: `The node had condition: [${[...pressures].sort().join(", ")}]. ` };
  if (pressures.size > 1 || !pressures.has("MemoryPressure")) return refusal;
  const isTolerated = (pod.spec.tolerations ?? []).some(
    ({ key, operator, effect }) => (key === "node.kubernetes.io/memory-pressure" || (!key && operator === "Exists")) && (!effect || effect === "NoSchedule"),
  );
  return qosOf(pod) !== "BestEffort" || isTolerated ? undefined : refusal;
}
