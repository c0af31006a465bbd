import { newControllerRef } from "../../apimachinery/owner-references.ts";
import type { ObjectMeta, PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet } from "../../resources/types.ts";
import { podFromTemplate } from "../pods.ts";

const REVISION_LABEL = "controller-revision-hash";
export const POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name";
export const POD_INDEX_LABEL = "apps.kubernetes.io/pod-index";

/** The first ordinal of the set's pods. */
export function startOrdinal(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

/** The ordinal in a pod's name; undefined when the name is not one of this set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.+)-(\d+)$/.exec(pod.metadata.name ?? "");
  return match !== null && match[1] === set.metadata.name && String(Number(match[2])) === match[2] ? Number(match[2]) : undefined;
}

export function revisionOf(pod: Pod): string {
  return pod.metadata.labels?.[REVISION_LABEL] ?? "";
}

/** The pod of an ordinal: name, host name and claims are its identity and outlive it. */
export function newStatefulPod(set: StatefulSet, template: PodTemplateSpec, ordinal: number, revision: string): Pod {
  const pod = podFromTemplate(set, template);
  const { spec } = pod;
  const { generateName: _made, ...metadata } = pod.metadata;
  const name = `${set.metadata.name}-${ordinal}`;
  const claimed = new Map((set.spec.volumeClaimTemplates ?? []).map((claim) => [claim.metadata.name ?? "", claimName(set, claim, ordinal)]));
  // A claim takes the place of a volume of the same name.
  const others = (spec.volumes ?? []).filter((volume) => !claimed.has(volume.name));
  const volumes = [...[...claimed].map(([volume, claim]) => ({ name: volume, persistentVolumeClaim: { claimName: claim } })), ...others];
  return {
    ...pod,
    metadata: { name, ...metadata, labels: { ...metadata.labels, [REVISION_LABEL]: revision, ...identityLabels(name, ordinal) } },
    spec: { ...spec, hostname: name, ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}), ...(volumes.length === 0 ? {} : { volumes }) },
  };
}

export function identityLabels(name: string, ordinal: number): Record<string, string> {
  return { [POD_NAME_LABEL]: name, [POD_INDEX_LABEL]: String(ordinal) };
}

/** The claims of an ordinal. */
export function newClaims(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const metadata: ObjectMeta = {
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace ?? "",
      // So that one finds what belongs to the set by its selector, pods and claims alike.
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
      ...(template.metadata.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ...(whenDeleted(set) ? { ownerReferences: [newControllerRef(set)] } : {}),
    };
    return { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata, ...(template.spec === undefined ? {} : { spec: template.spec }) };
  });
}

function claimName(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** Whether claims go with the set. */
export function whenDeleted(set: StatefulSet): boolean {
  return set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === "Delete";
}

/** Whether claims go with pods that a smaller number of replicas removes. */
export function whenScaled(set: StatefulSet): boolean {
  return set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled === "Delete";
}
