/** A rule of RBAC (rbac.authorization.k8s.io/v1 PolicyRule), with the namespaces that a RoleBinding would add. */
export interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  /** `pods`, `pods/status`, a star for all with their subresources, or a star and a slash before one subresource of all. */
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  /** All namespaces and the cluster scope when absent. */
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** A ClusterRole with its binding in one. */
export interface Policy {
  readonly name: string;
  readonly subjects: readonly { readonly kind: "User" | "Group"; readonly name: string }[];
  readonly rules: readonly Rule[];
}

export const SCHEDULER_USER = "system:kube-scheduler";
export const CONTROLLER_USER = "system:kube-controller-manager";
export const PROXY_USER = "system:kube-proxy";
export const DNS_USER = "system:dns";
export const GITOPS_USER = "mainstay:gitops";
export const NODES_GROUP = "system:nodes";
export const JOINERS_GROUP = "system:bootstrappers";
export const AUTHENTICATED_GROUP = "system:authenticated";
export const UNAUTHENTICATED_GROUP = "system:unauthenticated";

const READ = ["get", "list", "watch"];
const WRITE = ["create", "update", "patch", "delete"];
const ALL = ["*"];

const user = (name: string) => [{ kind: "User" as const, name }];
const group = (...names: readonly string[]) => names.map((name) => ({ kind: "Group" as const, name }));

const writeEvents: Rule = { verbs: ["create", "update", "patch"], apiGroups: [""], resources: ["events"] };
const leadership: Rule = { verbs: [...READ, "create", "update", "patch"], apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["kube-system"] };

/**
 * What everyone but system:masters may do: each component exactly what it needs. What a node may read of the pods it runs
 * depends on those pods; node-authorizer.ts adds it.
 */
export const policies: readonly Policy[] = [
  {
    name: "system:public-info-viewer",
    subjects: group(AUTHENTICATED_GROUP, UNAUTHENTICATED_GROUP),
    rules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/livez", "/readyz", "/version", "/version/"] }],
  },
  {
    name: "system:discovery",
    subjects: group(AUTHENTICATED_GROUP),
    rules: [{ verbs: ["get"], nonResourceURLs: ["/", "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/healthz/*", "/livez/*", "/readyz/*"] }],
  },
  {
    name: "system:basic-user",
    subjects: group(AUTHENTICATED_GROUP),
    rules: [
      { verbs: ["create"], apiGroups: ["authorization.k8s.io"], resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"] },
      { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"] },
    ],
  },
  {
    name: "system:service-account-issuer-discovery",
    subjects: group("system:serviceaccounts"),
    rules: [{ verbs: ["get"], nonResourceURLs: ["/.well-known/openid-configuration", "/openid/v1/jwks"] }],
  },
  { name: "mainstay:join", subjects: group(JOINERS_GROUP, NODES_GROUP), rules: [{ verbs: ["post"], nonResourceURLs: ["/mainstay/v1/join"] }] },
  {
    name: "system:node",
    subjects: group(NODES_GROUP),
    rules: [
      { verbs: READ, apiGroups: [""], resources: ["nodes", "services", "namespaces"] },
      { verbs: READ, apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] },
      // Which of these a node may write is bounded by the NodeRestriction admission plugin.
      { verbs: ["create", "update", "patch"], apiGroups: [""], resources: ["nodes", "nodes/status"] },
      { verbs: ["create", "delete"], apiGroups: [""], resources: ["pods"] },
      { verbs: ["update", "patch"], apiGroups: [""], resources: ["pods/status"] },
      { verbs: ["create"], apiGroups: [""], resources: ["pods/eviction", "serviceaccounts/token"] },
      { verbs: ["get", "create", "update", "patch", "delete"], apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["kube-node-lease"] },
      { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"] },
      { verbs: ["create"], apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"] },
      writeEvents,
    ],
  },
  {
    name: "system:node-proxier",
    subjects: user(PROXY_USER),
    rules: [
      { verbs: READ, apiGroups: [""], resources: ["services", "nodes"] },
      { verbs: READ, apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] },
      writeEvents,
    ],
  },
  {
    name: "system:dns",
    subjects: user(DNS_USER),
    rules: [
      { verbs: READ, apiGroups: [""], resources: ["services", "namespaces", "pods"] },
      { verbs: READ, apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] },
    ],
  },
  {
    name: "system:kube-scheduler",
    subjects: user(SCHEDULER_USER),
    rules: [
      { verbs: READ, apiGroups: [""], resources: ["nodes", "namespaces", "services"] },
      { verbs: [...READ, "delete"], apiGroups: [""], resources: ["pods"] },
      { verbs: ["create"], apiGroups: [""], resources: ["pods/binding", "bindings"] },
      { verbs: ["update", "patch"], apiGroups: [""], resources: ["pods/status"] },
      { verbs: READ, apiGroups: ["apps"], resources: ["replicasets"] },
      leadership,
      writeEvents,
    ],
  },
  {
    name: "system:kube-controller-manager",
    subjects: user(CONTROLLER_USER),
    rules: [
      // The garbage collector and the namespace controller work on every kind there is.
      { verbs: [...READ, "update", "patch", "delete", "deletecollection"], apiGroups: ALL, resources: ALL },
      { verbs: ["create"], apiGroups: [""], resources: ["pods", "serviceaccounts", "configmaps", "pods/eviction", "serviceaccounts/token"] },
      { verbs: ["create"], apiGroups: ["apps"], resources: ["replicasets"] },
      { verbs: ["create"], apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] },
      leadership,
      writeEvents,
    ],
  },
  {
    name: "mainstay:gitops",
    subjects: user(GITOPS_USER),
    rules: [
      { verbs: READ, apiGroups: ALL, resources: ALL },
      { verbs: [...WRITE, "deletecollection"], apiGroups: [""], resources: ["namespaces", "pods", "services", "configmaps", "secrets", "serviceaccounts"] },
      { verbs: ["update", "patch"], apiGroups: [""], resources: ["nodes"] },
      { verbs: [...WRITE, "deletecollection"], apiGroups: ["apps", "discovery.k8s.io", "coordination.k8s.io", "mainstay.dev"], resources: ALL },
      writeEvents,
    ],
  },
];
