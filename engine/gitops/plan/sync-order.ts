/**
 * The order in which kinds are applied: what others need comes first, what could get in the way of others comes last.
 * Deleting goes the other way round. Kinds that are not listed come after the listed ones and before the webhooks.
 */
const KIND_ORDER = [
  "CustomResourceDefinition",
  "Namespace",
  "ClusterRole",
  "RuntimeClass",
  "PriorityClass",
  "StorageClass",
  "IngressClass",
  "VolumeSnapshotClass",
  "ClusterRoleBinding",
  "ResourceQuota",
  "LimitRange",
  "ServiceAccount",
  "Role",
  "RoleBinding",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "ConfigMap",
  "Secret",
  "Service",
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "ReplicaSet",
  "ReplicationController",
  "Pod",
  "Job",
  "CronJob",
  "PodDisruptionBudget",
  "HorizontalPodAutoscaler",
];
const LAST_KINDS = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const RANKS: ReadonlyMap<string, number> = new Map([
  ...KIND_ORDER.map((kind, index) => [kind, index] as const),
  ...LAST_KINDS.map((kind, index) => [kind, 1000 + index] as const),
]);

/** A kind's place in the order; kinds of equal rank may be applied together. */
export function kindRank(kind: string): number {
  return RANKS.get(kind) ?? 500;
}
