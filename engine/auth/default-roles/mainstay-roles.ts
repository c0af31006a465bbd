import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from "../../resources/types.ts";
import { AUTHORITY_PATH, JOIN_PATH, NETWORK_PATH, SERVERS_PATH } from "../join-paths.ts";
import {
  AUTHENTICATED_GROUP,
  CONTROLLER_USER,
  GITOPS_USER,
  JOINERS_GROUP,
  NODES_GROUP,
  SCHEDULER_USER,
  SERVERS_GROUP,
  UNAUTHENTICATED_GROUP,
} from "../../apimachinery/known-users.ts";
import { controllerRoles } from "./controller-roles.ts";
import { clusterRole, clusterRoleBinding, group, paths, READ, role, roleBinding, rule, user, writeEvents } from "./define-role.ts";

/** The group that kubeadm writes into its bootstrap tokens. */
const KUBEADM_GROUP = "system:bootstrappers:kubeadm:default-node-token";
const WRITE = "create,update,patch,delete,deletecollection";

/** Controllers of this system share one user, which so holds what upstream gives to the service account of each. */
function allControllerRules(): readonly PolicyRule[] {
  const known = new Map(controllerRoles.flatMap(({ rules }) => rules ?? []).map((one) => [JSON.stringify(one), one]));
  return [...known.values()];
}

/** What the parts of Mainstay need beyond the roles of the upstream components whose work they do. */
export const mainstayRoles: readonly ClusterRole[] = [
  clusterRole("mainstay:controllers", [
    ...allControllerRules(),
    // The garbage collector and the namespace controller work on every kind there is.
    rule("get,list,watch,update,patch,delete,deletecollection", "*", "*"),
    rule("create", "core", "serviceaccounts,configmaps,secrets,endpoints,persistentvolumes,persistentvolumeclaims"),
    rule("create", "coordination.k8s.io", "leases"),
    rule("create", "networking.k8s.io", "ipaddresses"),
    rule("create", "apiregistration.k8s.io", "apiservices"),
    writeEvents,
  ]),
  clusterRole("mainstay:scheduler", [
    rule(READ, "core", "namespaces,nodes,pods,services"),
    rule("patch,update", "core", "pods/status"),
    rule("delete", "core", "pods"),
  ]),
  // An agent is the network's proxy and its names' server as well. Its own pods and what they name are the node authorizer's matter.
  clusterRole("mainstay:node-agent", [
    rule(READ, "core", "nodes,services,namespaces"),
    rule(READ, "discovery.k8s.io", "endpointslices"),
    rule(READ, "networking.k8s.io", "networkpolicies"),
    rule(READ, "mainstay.dev", "podaddresses"),
  ]),
  clusterRole("mainstay:node-join", [paths("post", JOIN_PATH), paths("get", NETWORK_PATH)]),
  clusterRole("mainstay:server-join", [paths("post", SERVERS_PATH)]),
  clusterRole("mainstay:authority-viewer", [paths("get", AUTHORITY_PATH)]),
  // A repository says what the cluster is: whoever may push to it may have made anything that is written there.
  clusterRole("mainstay:gitops", [
    rule(`${READ},${WRITE}`, "*", "*"),
    rule("bind,escalate", "rbac.authorization.k8s.io", "clusterroles,roles"),
    paths("get", "*"),
  ]),
];

export const mainstayBindings: readonly ClusterRoleBinding[] = [
  clusterRoleBinding("mainstay:controllers", [user(CONTROLLER_USER)]),
  clusterRoleBinding("mainstay:scheduler", [user(SCHEDULER_USER)]),
  clusterRoleBinding("mainstay:node-agent", [group(NODES_GROUP)]),
  clusterRoleBinding("mainstay:node-join", [group(JOINERS_GROUP), group(NODES_GROUP)]),
  clusterRoleBinding("mainstay:server-join", [group(SERVERS_GROUP)]),
  clusterRoleBinding("mainstay:gitops", [user(GITOPS_USER)]),
  clusterRoleBinding("mainstay:authority-viewer", [group(AUTHENTICATED_GROUP), group(UNAUTHENTICATED_GROUP)]),
  // Bootstrap tokens with kubeadm's group join as kubeadm's do, by a signing request that is approved unseen; the others by /mainstay/v1/join.
  clusterRoleBinding("system:node-bootstrapper", [group(KUBEADM_GROUP)], "mainstay:node-bootstrappers"),
  clusterRoleBinding("system:certificates.k8s.io:certificatesigningrequests:nodeclient", [group(KUBEADM_GROUP)], "mainstay:approve-node-clients"),
  clusterRoleBinding("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", [group(NODES_GROUP)], "mainstay:approve-node-renewals"),
];

export const mainstayNamespacedRoles: readonly Role[] = [
  role("kube-system", "mainstay:leader-election", [rule(`${READ},create,update,patch`, "coordination.k8s.io", "leases")]),
];

export const mainstayNamespacedBindings: readonly RoleBinding[] = [
  roleBinding("kube-system", "mainstay:leader-election", [user(CONTROLLER_USER), user(SCHEDULER_USER), user(GITOPS_USER)]),
];
