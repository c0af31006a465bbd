import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from "../../resources/types.ts";

const API_VERSION = "rbac.authorization.k8s.io/v1";
const GROUP = "rbac.authorization.k8s.io";

/** Marks objects that the server brings along; with the annotation it also repairs them at every start. */
const LABELS = { "kubernetes.io/bootstrapping": "rbac-defaults" };
export const AUTOUPDATE_ANNOTATION = "rbac.authorization.kubernetes.io/autoupdate";

export const READ = "get,list,watch";

/** A rule about resources; each text is a list with commas, `core` is the group without a name. */
export function rule(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  const apiGroups = groups.split(",").map((group) => (group === "core" ? "" : group));
  return { verbs: verbs.split(","), apiGroups, resources: resources.split(","), ...(names === undefined ? {} : { resourceNames: names.split(",") }) };
}

/** A rule about paths that are no resources. */
export function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: verbs.split(","), nonResourceURLs: urls.split(",") };
}

/** Everyone who works on something may say so. */
export const writeEvents = rule("create,patch,update", "core,events.k8s.io", "events");

export interface Aggregation {
  /** Into which of the roles for people this one goes. */
  readonly aggregateTo?: string;
  /** What this role is put together from, instead of rules of its own. */
  readonly aggregates?: string;
}

export function clusterRole(name: string, rules: readonly PolicyRule[], { aggregateTo, aggregates }: Aggregation = {}): ClusterRole {
  const label = (to: string) => ({ [`rbac.authorization.k8s.io/aggregate-to-${to}`]: "true" });
  const labels = { ...LABELS, ...(aggregateTo === undefined ? {} : label(aggregateTo)) };
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRole",
    metadata: { name, labels, annotations: { [AUTOUPDATE_ANNOTATION]: "true" } },
    ...(aggregates === undefined ? { rules } : { aggregationRule: { clusterRoleSelectors: [{ matchLabels: label(aggregates) }] } }),
  };
}

export function role(namespace: string, name: string, rules: readonly PolicyRule[]): Role {
  return { apiVersion: API_VERSION, kind: "Role", metadata: { namespace, ...metadata(name) }, rules };
}

export const user = (name: string): Subject => ({ kind: "User", apiGroup: GROUP, name });
export const group = (name: string): Subject => ({ kind: "Group", apiGroup: GROUP, name });
export const account = (name: string): Subject => ({ kind: "ServiceAccount", name, namespace: "kube-system" });

/** Grants a cluster role everywhere, under the role's own name unless another is said. */
export function clusterRoleBinding(roleName: string, subjects: readonly Subject[], name = roleName): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRoleBinding",
    metadata: metadata(name),
    ...(subjects.length === 0 ? {} : { subjects }),
    roleRef: { apiGroup: GROUP, kind: "ClusterRole", name: roleName },
  };
}

/** Grants a role in its namespace, under the role's own name unless another is said. */
export function roleBinding(namespace: string, roleName: string, subjects: readonly Subject[], name = roleName): RoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: "RoleBinding",
    metadata: { namespace, ...metadata(name) },
    subjects,
    roleRef: { apiGroup: GROUP, kind: "Role", name: roleName },
  };
}

function metadata(name: string) {
  return { name, labels: LABELS, annotations: { [AUTOUPDATE_ANNOTATION]: "true" } };
}
