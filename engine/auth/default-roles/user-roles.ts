import type { ClusterRole } from "../../resources/types.ts";
import { clusterRole, paths, READ, rule } from "./define-role.ts";

/** What administrators give to people: everything, all of a namespace, most of it, or reading it; and the parts that the last three are put together from. */
export const userRoles: readonly ClusterRole[] = [
  clusterRole("admin", [], { aggregates: "admin" }),
  clusterRole("cluster-admin", [rule("*", "*", "*"), paths("*", "*")]),
  clusterRole("edit", [], { aggregateTo: "admin", aggregates: "edit" }),
  clusterRole(
    "system:aggregate-to-admin",
    [
      rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
      rule("create,delete,deletecollection,get,list,patch,update,watch", "rbac.authorization.k8s.io", "rolebindings,roles"),
    ],
    { aggregateTo: "admin" },
  ),
  clusterRole(
    "system:aggregate-to-edit",
    [
      rule(READ, "core", "pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy"),
      rule("impersonate", "core", "serviceaccounts"),
      rule("create,delete,deletecollection,patch,update", "core", "pods,pods/attach,pods/exec,pods/portforward,pods/proxy"),
      rule("create", "core", "pods/eviction"),
      rule(
        "create,delete,deletecollection,patch,update",
        "core",
        "configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy",
      ),
      rule("create", "core", "serviceaccounts/token"),
      rule("create,delete,deletecollection,patch,update", "core,events.k8s.io", "events"),
      rule(
        "create,delete,deletecollection,patch,update",
        "apps",
        "daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale",
      ),
      rule("create,delete,deletecollection,patch,update", "autoscaling", "horizontalpodautoscalers"),
      rule("create,delete,deletecollection,patch,update", "batch", "cronjobs,jobs"),
      rule(
        "create,delete,deletecollection,patch,update",
        "extensions",
        "daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale",
      ),
      rule("create,delete,deletecollection,patch,update", "policy", "poddisruptionbudgets"),
      rule("create,delete,deletecollection,patch,update", "networking.k8s.io", "ingresses,networkpolicies"),
      rule("create,delete,deletecollection,get,list,patch,update,watch", "coordination.k8s.io", "leases"),
      rule("create,delete,deletecollection,patch,update", "resource.k8s.io", "resourceclaims,resourceclaimtemplates"),
    ],
    { aggregateTo: "edit" },
  ),
  clusterRole(
    "system:aggregate-to-view",
    [
      rule(
        READ,
        "core",
        "configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status",
      ),
      rule(READ, "core", "bindings,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status"),
      rule(READ, "core", "namespaces"),
      rule(READ, "core,events.k8s.io", "events"),
      rule(READ, "discovery.k8s.io", "endpointslices"),
      rule(
        READ,
        "apps",
        "controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status",
      ),
      rule(READ, "autoscaling", "horizontalpodautoscalers,horizontalpodautoscalers/status"),
      rule(READ, "batch", "cronjobs,cronjobs/status,jobs,jobs/status"),
      rule(
        READ,
        "extensions",
        "daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale",
      ),
      rule(READ, "policy", "poddisruptionbudgets,poddisruptionbudgets/status"),
      rule(READ, "networking.k8s.io", "ingresses,ingresses/status,networkpolicies"),
      rule(READ, "resource.k8s.io", "resourceclaims,resourceclaims/status,resourceclaimtemplates"),
    ],
    { aggregateTo: "view" },
  ),
  clusterRole("view", [], { aggregateTo: "edit", aggregates: "view" }),
];
