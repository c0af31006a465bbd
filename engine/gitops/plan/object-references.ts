import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Container, PodSpec } from "../../resources/types.ts";

/** Something that an object needs to exist. */
export interface ObjectReference {
  readonly group: string;
  readonly kind: string;
  /** Absent for kinds of the whole cluster. */
  readonly namespace?: string;
  readonly name: string;
  /** A key that must be in it. */
  readonly key?: string;
  /** Where the object says so. */
  readonly field: string;
}

type Found = Omit<ObjectReference, "namespace"> & { readonly isNamespaced: boolean };

const known = new WeakMap<KubeObject, readonly ObjectReference[]>();

/** Everything the object cannot work without. What is optional, and what others make on demand (certificates of an Ingress), is not among it. */
export function referencesOf(object: KubeObject): readonly ObjectReference[] {
  const before = known.get(object);
  if (before !== undefined) return before;
  const { namespace } = object.metadata;
  const found = [...collect(object)].map(({ isNamespaced, ...reference }): ObjectReference =>
    isNamespaced ? { ...reference, ...(namespace === undefined ? {} : { namespace }) } : reference,
  );
  known.set(object, found);
  return found;
}

/** As much of the kinds below as is looked at; all of it was held against their schemas. */
interface Fields {
  readonly spec?: {
    readonly template?: { readonly spec?: PodSpec };
    readonly jobTemplate?: { readonly spec?: { readonly template?: { readonly spec?: PodSpec } } };
    readonly storageClassName?: string;
    readonly volumeClaimTemplates?: readonly { readonly spec?: { readonly storageClassName?: string } }[];
    readonly scaleTargetRef?: { readonly apiVersion?: string; readonly kind?: string; readonly name?: string };
  };
  readonly roleRef?: { readonly kind: string; readonly name: string };
}

function* collect(object: KubeObject): Generator<Found> {
  const { spec, roleRef } = object as KubeObject & Fields;
  switch (object.kind) {
    case "Pod":
      return yield* ofPod(spec as unknown as PodSpec, "spec"); // the kind says so
    case "Deployment":
    case "StatefulSet":
    case "DaemonSet":
    case "ReplicaSet":
    case "ReplicationController":
    case "Job":
      if (spec?.template?.spec !== undefined) yield* ofPod(spec.template.spec, "spec.template.spec");
      for (const [index, claim] of (spec?.volumeClaimTemplates ?? []).entries())
        yield* storageClass(claim.spec?.storageClassName, `spec.volumeClaimTemplates[${index}].spec.storageClassName`);
      return;
    case "CronJob":
      if (spec?.jobTemplate?.spec?.template?.spec !== undefined) yield* ofPod(spec.jobTemplate.spec.template.spec, "spec.jobTemplate.spec.template.spec");
      return;
    case "PersistentVolumeClaim":
      return yield* storageClass(spec?.storageClassName, "spec.storageClassName");
    case "RoleBinding":
    case "ClusterRoleBinding":
      if (roleRef !== undefined)
        yield { group: "rbac.authorization.k8s.io", kind: roleRef.kind, name: roleRef.name, isNamespaced: roleRef.kind === "Role", field: "roleRef.name" };
      return;
    case "HorizontalPodAutoscaler": {
      const { apiVersion = "", kind = "", name = "" } = spec?.scaleTargetRef ?? {};
      if (name !== "")
        yield { group: apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "", kind, name, isNamespaced: true, field: "spec.scaleTargetRef.name" };
    }
  }
}

/** The empty class means "none" on purpose. */
function* storageClass(name: string | undefined, field: string): Generator<Found> {
  if (name !== undefined && name !== "") yield { group: "storage.k8s.io", kind: "StorageClass", name, isNamespaced: false, field };
}

function* ofPod(pod: PodSpec, at: string): Generator<Found> {
  const account = pod.serviceAccountName ?? pod.serviceAccount ?? "";
  if (account !== "" && account !== "default")
    yield { group: "", kind: "ServiceAccount", name: account, isNamespaced: true, field: `${at}.serviceAccountName` };
  if (pod.priorityClassName !== undefined && pod.priorityClassName !== "" && !pod.priorityClassName.startsWith("system-"))
    yield { group: "scheduling.k8s.io", kind: "PriorityClass", name: pod.priorityClassName, isNamespaced: false, field: `${at}.priorityClassName` };
  if (pod.runtimeClassName !== undefined && pod.runtimeClassName !== "")
    yield { group: "node.k8s.io", kind: "RuntimeClass", name: pod.runtimeClassName, isNamespaced: false, field: `${at}.runtimeClassName` };
  for (const [index, volume] of (pod.volumes ?? []).entries()) {
    const here = `${at}.volumes[${index}]`;
    yield* source("ConfigMap", volume.configMap, `${here}.configMap.name`);
    yield* source("Secret", volume.secret === undefined ? undefined : { ...volume.secret, name: volume.secret.secretName ?? "" }, `${here}.secret.secretName`);
    if (volume.persistentVolumeClaim !== undefined)
      yield {
        group: "",
        kind: "PersistentVolumeClaim",
        name: volume.persistentVolumeClaim.claimName,
        isNamespaced: true,
        field: `${here}.persistentVolumeClaim.claimName`,
      };
    for (const [part, projection] of (volume.projected?.sources ?? []).entries()) {
      yield* source("ConfigMap", projection.configMap, `${here}.projected.sources[${part}].configMap.name`);
      yield* source("Secret", projection.secret, `${here}.projected.sources[${part}].secret.name`);
    }
  }
  for (const list of ["initContainers", "containers"] as const)
    for (const [index, container] of (pod[list] ?? []).entries()) yield* ofContainer(container, `${at}.${list}[${index}]`);
}

function* ofContainer(container: Container, at: string): Generator<Found> {
  for (const [index, from] of (container.envFrom ?? []).entries()) {
    yield* source("ConfigMap", from.configMapRef, `${at}.envFrom[${index}].configMapRef.name`);
    yield* source("Secret", from.secretRef, `${at}.envFrom[${index}].secretRef.name`);
  }
  for (const [index, { valueFrom }] of (container.env ?? []).entries()) {
    yield* source("ConfigMap", valueFrom?.configMapKeyRef, `${at}.env[${index}].valueFrom.configMapKeyRef.name`);
    yield* source("Secret", valueFrom?.secretKeyRef, `${at}.env[${index}].valueFrom.secretKeyRef.name`);
  }
}

function* source(
  kind: "ConfigMap" | "Secret",
  from: { readonly name?: string; readonly key?: string; readonly optional?: boolean; readonly items?: readonly { readonly key: string }[] } | undefined,
  field: string,
): Generator<Found> {
  if (from?.name === undefined || from.name === "" || from.optional === true) return;
  const reference = { group: "", kind, name: from.name, isNamespaced: true, field };
  const keys = from.key === undefined ? (from.items ?? []).map((item) => item.key) : [from.key];
  if (keys.length === 0) yield reference;
  for (const key of keys) yield { ...reference, key };
}
