/** Group, version and kind; empty text where one is not stated. */
export interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface ResourceId extends Gvk {
  readonly name: string;
  readonly namespace: string;
}

/** What stands for the namespace of objects that have none, as upstream's builds compare them. */
const NO_NAMESPACE = "_non_namespaceable_";

/**
 * The kinds a build takes for cluster-scoped: those of the API that kustomize has compiled in. Kinds that came later count as
 * namespaced there, and so they do here; whoever applies the result knows better and drops their namespace.
 */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set(
  `v1: ComponentStatus Namespace Node NodeProxyOptions PersistentVolume
admissionregistration.k8s.io/v1: MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration
admissionregistration.k8s.io/v1beta1: MutatingWebhookConfiguration ValidatingWebhookConfiguration
apiextensions.k8s.io/v1: CustomResourceDefinition
apiextensions.k8s.io/v1beta1: CustomResourceDefinition
apiregistration.k8s.io/v1: APIService
apiregistration.k8s.io/v1beta1: APIService
certificates.k8s.io/v1: CertificateSigningRequest
certificates.k8s.io/v1beta1: CertificateSigningRequest
flowcontrol.apiserver.k8s.io/v1beta1: FlowSchema PriorityLevelConfiguration
networking.k8s.io/v1: IngressClass
networking.k8s.io/v1beta1: IngressClass
node.k8s.io/v1: RuntimeClass
node.k8s.io/v1beta1: RuntimeClass
policy/v1beta1: PodSecurityPolicy
rbac.authorization.k8s.io/v1: ClusterRole ClusterRoleBinding
rbac.authorization.k8s.io/v1beta1: ClusterRole ClusterRoleBinding
scheduling.k8s.io/v1: PriorityClass
scheduling.k8s.io/v1beta1: PriorityClass
storage.k8s.io/v1: CSIDriver CSINode StorageClass VolumeAttachment
storage.k8s.io/v1beta1: CSIDriver CSINode StorageClass VolumeAttachment`
    .split("\n")
    .flatMap((line) => {
      const [apiVersion = "", kinds = ""] = line.split(": ");
      return kinds.split(" ").map((kind) => `${apiVersion} ${kind}`);
    }),
);

/** `apps/v1` and `Deployment` as one value. */
export function gvkOf(apiVersion: string, kind: string): Gvk {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? { group: "", version: apiVersion, kind } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

export function apiVersionOf({ group, version }: Gvk): string {
  return group === "" ? version : `${group}/${version}`;
}

export function isClusterScoped(gvk: Gvk): boolean {
  return CLUSTER_SCOPED.has(`${apiVersionOf(gvk)} ${gvk.kind}`);
}

/** The namespace by which ids are compared: none is `default`. */
export function effectiveNamespace(id: ResourceId): string {
  if (isClusterScoped(id)) return NO_NAMESPACE;
  return id.namespace === "" ? "default" : id.namespace;
}

/** Whether a kind fits a pattern whose empty fields fit everything. */
export function isSelected(gvk: Gvk, pattern: Partial<Gvk>): boolean {
  return (
    (!pattern.group || gvk.group === pattern.group) && (!pattern.version || gvk.version === pattern.version) && (!pattern.kind || gvk.kind === pattern.kind)
  );
}

export function equalGvk(a: Gvk, b: Gvk): boolean {
  return a.group === b.group && a.version === b.version && a.kind === b.kind;
}

export function equalIds(a: ResourceId, b: ResourceId): boolean {
  return a.name === b.name && equalGvk(a, b) && effectiveNamespace(a) === effectiveNamespace(b);
}

/** Equal for equal ids, as `equalIds` has it. */
export function idKey(id: ResourceId): string {
  return [id.group, id.version, id.kind, effectiveNamespace(id), id.name].join("\n");
}

/** `Deployment shop/web`, for messages. */
export function describeId(id: ResourceId): string {
  return `${id.kind} ${id.namespace === "" ? "" : `${id.namespace}/`}${id.name}`;
}
