import type { FieldSpec, NameReference } from "./field-spec.ts";
import type { FieldTables } from "./transformer-config.ts";

/**
 * The fields that kustomize knows out of the box (api/internal/konfig/builtinpluginconsts of sigs.k8s.io/kustomize), as facts: which
 * kinds carry pods and where, and which fields name other objects. Gaps of upstream's tables are kept, for a repository renders the same here as there.
 */

type Selector = Partial<Pick<FieldSpec, "group" | "version" | "kind">>;

const spec = (path: string, selector: Selector = {}, create = false): FieldSpec => ({ group: "", version: "", kind: "", ...selector, path, create });
const kind = (name: string, group = ""): Selector => ({ kind: name, group });

const RBAC = "rbac.authorization.k8s.io";
const POD: Selector = { version: "v1", kind: "Pod" };
const AFFINITY_TERMS = ["podAffinity", "podAntiAffinity"].flatMap((affinity) => [
  `spec/template/spec/affinity/${affinity}/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels`,
  `spec/template/spec/affinity/${affinity}/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels`,
]);
const SPREADING = [...AFFINITY_TERMS, "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels"];

const METADATA_LABELS: readonly FieldSpec[] = [
  spec("metadata/labels", {}, true),
  spec("spec/template/metadata/labels", { version: "v1", kind: "ReplicationController" }, true),
  ...["Deployment", "ReplicaSet", "DaemonSet"].map((name) => spec("spec/template/metadata/labels", kind(name), true)),
  spec("spec/template/metadata/labels", kind("StatefulSet", "apps"), true),
  spec("spec/template/metadata/labels", kind("Job", "batch"), true),
  spec("spec/jobTemplate/metadata/labels", kind("CronJob", "batch"), true),
  spec("spec/jobTemplate/spec/template/metadata/labels", kind("CronJob", "batch"), true),
];
const CLAIM_TEMPLATE_LABELS: readonly FieldSpec[] = [spec("spec/volumeClaimTemplates[]/metadata/labels", kind("StatefulSet", "apps"), true)];

const COMMON_LABELS: readonly FieldSpec[] = [
  spec("spec/selector", { version: "v1", kind: "Service" }, true),
  spec("spec/selector", { version: "v1", kind: "ReplicationController" }, true),
  spec("spec/selector/matchLabels", kind("Deployment"), true),
  ...SPREADING.map((path) => spec(path, kind("Deployment", "apps"))),
  spec("spec/selector/matchLabels", kind("ReplicaSet"), true),
  spec("spec/selector/matchLabels", kind("DaemonSet"), true),
  spec("spec/selector/matchLabels", kind("StatefulSet", "apps"), true),
  ...SPREADING.map((path) => spec(path, kind("StatefulSet", "apps"))),
  spec("spec/selector/matchLabels", kind("Job", "batch")),
  spec("spec/jobTemplate/spec/selector/matchLabels", kind("CronJob", "batch")),
  spec("spec/selector/matchLabels", kind("PodDisruptionBudget", "policy")),
  ...["spec/podSelector", "spec/ingress/from/podSelector", "spec/egress/to/podSelector"].map((path) =>
    spec(`${path}/matchLabels`, kind("NetworkPolicy", "networking.k8s.io")),
  ),
  ...METADATA_LABELS,
  ...CLAIM_TEMPLATE_LABELS,
];

const COMMON_ANNOTATIONS: readonly FieldSpec[] = [
  spec("metadata/annotations", {}, true),
  spec("spec/template/metadata/annotations", { version: "v1", kind: "ReplicationController" }, true),
  ...["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"].map((name) => spec("spec/template/metadata/annotations", kind(name), true)),
  spec("spec/template/metadata/annotations", kind("Job", "batch"), true),
  spec("spec/jobTemplate/metadata/annotations", kind("CronJob", "batch"), true),
  spec("spec/jobTemplate/spec/template/metadata/annotations", kind("CronJob", "batch"), true),
];

const VAR_FIELDS = [
  ...["containers", "initContainers"].flatMap((list) => [`${list}/args`, `${list}/command`, `${list}/env/value`, `${list}/volumeMounts/mountPath`]),
];
const varFields = (name: string, pod: string, nfs: string): readonly FieldSpec[] => [
  ...VAR_FIELDS.map((field) => spec(`${pod}/${field}`, kind(name))),
  spec(nfs, kind(name)),
];
const VAR_REFERENCES: readonly FieldSpec[] = [
  ...varFields("CronJob", "spec/jobTemplate/spec/template/spec", "spec/jobTemplate/spec/template/volumes/nfs/server"),
  ...["DaemonSet", "Deployment", "Job", "ReplicaSet"].flatMap((name) => varFields(name, "spec/template/spec", "spec/template/spec/volumes/nfs/server")),
  spec("spec/template/metadata/annotations", kind("Deployment")),
  ...["spec/rules/host", "spec/tls/hosts", "spec/tls/secretName"].map((path) => spec(path, kind("Ingress"))),
  ...varFields("Pod", "spec", "spec/volumes/nfs/server"),
  spec("spec/ports/port", kind("Service")),
  spec("spec/ports/targetPort", kind("Service")),
  ...varFields("StatefulSet", "spec/template/spec", "spec/volumeClaimTemplates/spec/nfs/server"),
  spec("spec/nfs/server", kind("PersistentVolume")),
  spec("metadata/labels"),
  spec("metadata/annotations"),
];

export const DEFAULT_FIELD_SPECS: Partial<FieldTables> = {
  namePrefix: [spec("metadata/name")],
  nameSuffix: [spec("metadata/name")],
  namespace: [
    spec("metadata/name", kind("Namespace"), true),
    spec("spec/service/namespace", kind("APIService", "apiregistration.k8s.io"), true),
    spec("spec/conversion/webhook/clientConfig/service/namespace", kind("CustomResourceDefinition", "apiextensions.k8s.io")),
  ],
  commonLabels: COMMON_LABELS,
  templateLabels: [...METADATA_LABELS, ...CLAIM_TEMPLATE_LABELS],
  volumeClaimTemplateLabels: CLAIM_TEMPLATE_LABELS,
  commonAnnotations: COMMON_ANNOTATIONS,
  varReference: VAR_REFERENCES,
  images: ["spec", "spec/template/spec"].flatMap((pod) => [
    spec(`${pod}/containers[]/image`, {}, true),
    spec(`${pod}/initContainers[]/image`, {}, true),
    spec(`${pod}/volumes[]/image/reference`, {}, true),
  ]),
  replicas: ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"].map((name) => spec("spec/replicas", kind(name), true)),
};

/** Every kind with pods, and where its pod's spec stands. ReplicationController is in some of upstream's tables only. */
const POD_SPECS: readonly (readonly [Selector, string])[] = [
  [POD, "spec"],
  [kind("PodTemplate"), "template/spec"],
  ...["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job"].map((name) => [kind(name), "spec/template/spec"] as const),
  [kind("CronJob"), "spec/jobTemplate/spec/template/spec"],
];
const WORKLOADS: readonly (readonly [Selector, string])[] = [
  [kind("Pod"), "spec"],
  ...["StatefulSet", "Deployment", "ReplicationController", "Job", "DaemonSet"].map((name) => [kind(name), "spec/template/spec"] as const),
  [kind("CronJob"), "spec/jobTemplate/spec/template/spec"],
];
const inPods = (fields: readonly string[], pods = POD_SPECS): readonly FieldSpec[] =>
  pods.flatMap(([selector, path]) => fields.map((field) => spec(`${path}/${field}`, selector)));
const containerFields = (field: string): readonly string[] => [`containers/${field}`, `initContainers/${field}`];
const reference = (selector: Selector, fieldSpecs: readonly FieldSpec[]): NameReference => ({ group: "", version: "", kind: "", ...selector, fieldSpecs });
const RULES = [spec("rules/resourceNames", kind("Role")), spec("rules/resourceNames", kind("ClusterRole"))];

export const DEFAULT_NAME_REFERENCES: readonly NameReference[] = [
  ...["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"].map((name) =>
    reference(kind(name), [spec("spec/scaleTargetRef/name", kind("HorizontalPodAutoscaler"))]),
  ),
  reference({ version: "v1", kind: "ConfigMap" }, [
    ...inPods([
      "volumes/configMap/name",
      ...containerFields("env/valueFrom/configMapKeyRef/name"),
      ...containerFields("envFrom/configMapRef/name"),
      "volumes/projected/sources/configMap/name",
    ]),
    spec("spec/configSource/configMap", kind("Node")),
    ...RULES,
    spec("metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap", kind("Ingress")),
  ]),
  reference({ version: "v1", kind: "Secret" }, [
    ...inPods([
      "volumes/secret/secretName",
      ...containerFields("env/valueFrom/secretKeyRef/name"),
      ...containerFields("envFrom/secretRef/name"),
      "imagePullSecrets/name",
      "volumes/projected/sources/secret/name",
    ]),
    spec("spec/tls/secretName", kind("Ingress")),
    ...["ingress.kubernetes.io\\/auth-secret", "nginx.ingress.kubernetes.io\\/auth-secret", "nginx.ingress.kubernetes.io\\/auth-tls-secret"].map((name) =>
      spec(`metadata/annotations/${name}`, kind("Ingress")),
    ),
    spec("imagePullSecrets/name", kind("ServiceAccount")),
    ...["secretName", "adminSecretName", "userSecretName", "secretRef"].map((name) => spec(`parameters/${name}`, kind("StorageClass"))),
    ...RULES,
    spec("spec/template/spec/containers/env/valueFrom/secretKeyRef/name", { group: "serving.knative.dev", version: "v1", kind: "Service" }),
    spec("spec/azureFile/secretName", kind("PersistentVolume")),
  ]),
  reference({ version: "v1", kind: "Service" }, [
    spec("spec/serviceName", kind("StatefulSet", "apps")),
    ...[
      "spec/rules/http/paths/backend/serviceName",
      "spec/backend/serviceName",
      "spec/rules/http/paths/backend/service/name",
      "spec/defaultBackend/service/name",
    ].map((path) => spec(path, kind("Ingress"))),
    spec("spec/service/name", kind("APIService", "apiregistration.k8s.io")),
    ...["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"].map((name) =>
      spec("webhooks/clientConfig/service", kind(name, "admissionregistration.k8s.io")),
    ),
  ]),
  reference(kind("Role", RBAC), [spec("roleRef/name", kind("RoleBinding", RBAC))]),
  reference(kind("ClusterRole", RBAC), [spec("roleRef/name", kind("RoleBinding", RBAC)), spec("roleRef/name", kind("ClusterRoleBinding", RBAC))]),
  reference({ version: "v1", kind: "ServiceAccount" }, [
    spec("subjects", kind("RoleBinding", RBAC)),
    spec("subjects", kind("ClusterRoleBinding", RBAC)),
    ...inPods(["serviceAccountName"], WORKLOADS),
  ]),
  reference({ version: "v1", kind: "PersistentVolumeClaim" }, inPods(["volumes/persistentVolumeClaim/claimName"], WORKLOADS)),
  reference({ version: "v1", kind: "PersistentVolume" }, [
    spec("spec/volumeName", kind("PersistentVolumeClaim")),
    spec("rules/resourceNames", kind("ClusterRole")),
  ]),
  reference({ group: "storage.k8s.io", version: "v1", kind: "StorageClass" }, [
    spec("spec/storageClassName", kind("PersistentVolume")),
    spec("spec/storageClassName", kind("PersistentVolumeClaim")),
    spec("spec/volumeClaimTemplates/spec/storageClassName", kind("StatefulSet")),
  ]),
  reference({ group: "scheduling.k8s.io", version: "v1", kind: "PriorityClass" }, inPods(["priorityClassName"], WORKLOADS)),
  reference({ group: "networking.k8s.io/v1", version: "v1", kind: "IngressClass" }, [spec("spec/ingressClassName", kind("Ingress"))]),
  reference(kind("ValidatingAdmissionPolicy", "admissionregistration.k8s.io"), [
    spec("spec/policyName", kind("ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io")),
  ]),
];
