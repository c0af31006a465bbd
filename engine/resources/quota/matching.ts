import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { qosClass } from "../core/pod.ts";
import type { ResourceReference } from "../define-resource.ts";
import type { PersistentVolumeClaim, Pod, PodAffinityTerm, ResourceQuota, ScopedResourceSelectorRequirement } from "../types.ts";
import { quotaNamesOf } from "./usage.ts";

type Kind = Pick<ResourceReference, "group" | "resource">;

/** Whether a quota counts an object: it bounds something that the kind takes, and all its scopes choose the object. Pure. */
export function doesQuotaMatch(quota: ResourceQuota, kind: Kind, object: KubeObject): boolean {
  const names = Object.keys(quota.status?.hard ?? quota.spec?.hard ?? {});
  return quotaNamesOf(kind, names).length > 0 && scopesOf(quota).every((scope) => doesScopeMatch(scope, kind, object));
}

/** Both ways of naming scopes as one. */
export function scopesOf({ spec }: ResourceQuota): readonly ScopedResourceSelectorRequirement[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName): ScopedResourceSelectorRequirement => ({ scopeName, operator: "Exists" })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
}

export function doesScopeMatch(scope: ScopedResourceSelectorRequirement, { group, resource }: Kind, object: KubeObject): boolean {
  if (group === "" && resource === "pods") return doesPodMatch(scope, object as Pod); // the kind decides
  if (group === "" && resource === "persistentvolumeclaims" && scope.scopeName === "VolumeAttributesClass")
    return chooses(scope, attributesClassesOf(object as PersistentVolumeClaim)); // likewise
  return false;
}

function doesPodMatch(scope: ScopedResourceSelectorRequirement, { spec }: Pod): boolean {
  switch (scope.scopeName) {
    case "Terminating":
      return spec.activeDeadlineSeconds !== undefined;
    case "NotTerminating":
      return spec.activeDeadlineSeconds === undefined;
    case "BestEffort":
      return qosClass(spec) === "BestEffort";
    case "NotBestEffort":
      return qosClass(spec) !== "BestEffort";
    case "PriorityClass":
      return chooses(scope, spec.priorityClassName ? [spec.priorityClassName] : []);
    case "CrossNamespacePodAffinity":
      return affinityTerms(spec).some(({ namespaces, namespaceSelector }) => (namespaces ?? []).length > 0 || namespaceSelector !== undefined);
    default:
      return false;
  }
}

/** As a label selector would choose, for the one label that an object has once for each value, or not at all. */
function chooses({ operator, values = [] }: ScopedResourceSelectorRequirement, actual: readonly string[]): boolean {
  switch (operator) {
    case "In":
      return actual.some((value) => values.includes(value));
    case "NotIn":
      return actual.length === 0 || actual.some((value) => !values.includes(value));
    case "DoesNotExist":
      return actual.length === 0;
    default:
      return actual.length > 0;
  }
}

function attributesClassesOf({ spec, status }: PersistentVolumeClaim): readonly string[] {
  return [spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName].filter(
    (name) => name !== undefined && name !== "",
  ) as string[]; // undefined is filtered out
}

function affinityTerms({ affinity }: Pod["spec"]): readonly PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((rules) => [
    ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
}
