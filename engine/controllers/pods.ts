import { findCondition, isConditionTrue } from "../apimachinery/conditions.ts";
import { controllerOf, type KubeObject } from "../apimachinery/object-meta.ts";
import { newControllerRef } from "../apimachinery/owner-references.ts";
import type { Pod, PodCondition, PodTemplateSpec } from "../resources/types.ts";

/** The index of pods, or of what else is owned, by the uid of the owner that manages them; those without one are under the empty uid. */
export const OWNER_INDEX = "controllerUid";
export const ownerIndex = (owned: Pick<KubeObject, "metadata">): readonly string[] => [controllerOf(owned)?.uid ?? ""];

/** The index of those without such an owner, by their namespace: whoever selects them may adopt them. */
export const ORPHAN_INDEX = "orphanNamespace";
export const orphanIndex = (owned: Pick<KubeObject, "metadata">): readonly string[] =>
  controllerOf(owned) === undefined ? [owned.metadata.namespace ?? ""] : [];

/** The index of pods by the name of their node; unplaced ones are under the empty name. */
export const NODE_INDEX = "node";
export const nodeIndex = (pod: Pod): readonly string[] => [pod.spec.nodeName ?? ""];

/** The pod that an owner's template asks for: labels, annotations and finalizers are the template's. Its name is made by the API server. */
export function podFromTemplate(owner: KubeObject, template: PodTemplateSpec | undefined): Pod {
  const { metadata, spec = { containers: [] } } = template ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace ?? "",
      labels: { ...metadata?.labels },
      ...(metadata?.annotations === undefined ? {} : { annotations: { ...metadata.annotations } }),
      ...(metadata?.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
      ownerReferences: [newControllerRef(owner)],
    },
    spec,
  };
}

export function isPodFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Whether a pod counts: neither finished nor on its way out. */
export function isPodActive(pod: Pod): boolean {
  return !isPodFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isPodTerminating(pod: Pod): boolean {
  return !isPodFinished(pod) && pod.metadata.deletionTimestamp !== undefined;
}

export function isPodReady(pod: Pod): boolean {
  return isConditionTrue(pod.status?.conditions, "Ready");
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  return millisecondsToAvailable(pod, minReadySeconds, nowMs) === 0;
}

/** 0 when the pod is available, undefined when it is not ready, else the time until it will be. */
export function millisecondsToAvailable(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isPodReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime;
  return !since ? undefined : Math.max(0, Date.parse(since) + minReadySeconds * 1000 - nowMs);
}

/** Says in a pod's status that it ends for the cluster's sake and not by its own doing; Jobs tell the two apart. */
export function disruption(reason: string, message: string, now: string): PodCondition {
  return { type: "DisruptionTarget", status: "True", reason, message, lastTransitionTime: now };
}
