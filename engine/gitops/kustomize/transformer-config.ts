import { mergeFieldSpecs, mergeNameReferences, type FieldSpec, type NameReference } from "./field-spec.ts";
import { DEFAULT_NAME_REFERENCES, DEFAULT_FIELD_SPECS } from "./default-fields.ts";
import type { Gvk } from "./resource-id.ts";

/** Which fields each transformer works on: upstream's own, and what `configurations` and `crds` add. */
export interface TransformerConfig extends FieldTables {
  readonly nameReference: readonly NameReference[];
}

export interface FieldTables {
  readonly namePrefix: readonly FieldSpec[];
  readonly nameSuffix: readonly FieldSpec[];
  readonly namespace: readonly FieldSpec[];
  readonly commonLabels: readonly FieldSpec[];
  readonly labels: readonly FieldSpec[];
  readonly templateLabels: readonly FieldSpec[];
  readonly volumeClaimTemplateLabels: readonly FieldSpec[];
  readonly commonAnnotations: readonly FieldSpec[];
  readonly varReference: readonly FieldSpec[];
  readonly images: readonly FieldSpec[];
  readonly replicas: readonly FieldSpec[];
}

export const FIELD_TABLES: readonly (keyof FieldTables)[] = [
  "namePrefix",
  "nameSuffix",
  "namespace",
  "commonLabels",
  "labels",
  "templateLabels",
  "volumeClaimTemplateLabels",
  "commonAnnotations",
  "varReference",
  "images",
  "replicas",
];

export const EMPTY_CONFIG: TransformerConfig = {
  namePrefix: [],
  nameSuffix: [],
  namespace: [],
  commonLabels: [],
  labels: [],
  templateLabels: [],
  volumeClaimTemplateLabels: [],
  commonAnnotations: [],
  varReference: [],
  images: [],
  replicas: [],
  nameReference: [],
};

/** The order in which upstream lists kinds: what others need first, webhooks last. */
export const ORDER_FIRST = [
  "Namespace",
  "ResourceQuota",
  "StorageClass",
  "CustomResourceDefinition",
  "ServiceAccount",
  "PodSecurityPolicy",
  "Role",
  "ClusterRole",
  "RoleBinding",
  "ClusterRoleBinding",
  "ConfigMap",
  "Secret",
  "Endpoints",
  "Service",
  "LimitRange",
  "PriorityClass",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "Deployment",
  "StatefulSet",
  "CronJob",
  "PodDisruptionBudget",
] as const;
export const ORDER_LAST = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] as const;

export const DEFAULT_CONFIG: TransformerConfig = sorted({ ...EMPTY_CONFIG, ...DEFAULT_FIELD_SPECS, nameReference: DEFAULT_NAME_REFERENCES });

export function mergeConfigs(config: TransformerConfig, more: TransformerConfig): TransformerConfig {
  const tables = Object.fromEntries(FIELD_TABLES.map((table) => [table, mergeFieldSpecs(config[table], more[table])]));
  return sorted({ ...EMPTY_CONFIG, ...tables, nameReference: mergeNameReferences(config.nameReference, more.nameReference) });
}

export function kindRank(kind: string, first: readonly string[] = ORDER_FIRST, last: readonly string[] = ORDER_LAST): number {
  if (last.includes(kind)) return last.lastIndexOf(kind) + 1;
  return first.includes(kind) ? first.lastIndexOf(kind) - first.length : 0;
}

function sorted(config: TransformerConfig): TransformerConfig {
  const tables = Object.fromEntries(FIELD_TABLES.map((table) => [table, [...config[table]].sort(compareGvk)]));
  return { ...config, ...tables, nameReference: [...config.nameReference].sort(compareGvk) };
}

function compareGvk(a: Gvk, b: Gvk): number {
  const byRank = kindRank(a.kind) - kindRank(b.kind);
  const [left, right] = [sortText(a), sortText(b)];
  return byRank !== 0 ? byRank : left < right ? -1 : left > right ? 1 : 0;
}

/** Group, version and kind as the text upstream sorts by; nothing sorts after everything, for `~` is the last of ASCII. */
export function sortText(gvk: Gvk): string {
  return [gvk.group || "~G", gvk.version || "~V", gvk.kind || "~K"].join("_");
}

/** `Deployment.v1.apps`. */
export function gvkText(gvk: Gvk): string {
  return [gvk.kind || "[noKind]", gvk.version || "[noVer]", gvk.group || "[noGrp]"].join(".");
}
