import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../../resources/types.ts";
import {
  AUTHENTICATED_GROUP,
  CONTROLLER_USER,
  MASTERS_GROUP,
  SCHEDULER_USER,
  SERVICE_ACCOUNTS_GROUP,
  UNAUTHENTICATED_GROUP,
} from "../../apimachinery/known-users.ts";
import { componentRoles } from "./component-roles.ts";
import { controllerRoles } from "./controller-roles.ts";
import { account, clusterRoleBinding, group, roleBinding, user } from "./define-role.ts";
import { mainstayBindings, mainstayNamespacedBindings, mainstayNamespacedRoles, mainstayRoles } from "./mainstay-roles.ts";
import { namespacedRoles } from "./namespaced-roles.ts";
import { userRoles } from "./user-roles.ts";

/** What every cluster has: the roles and bindings of Kubernetes 1.36, and Mainstay's own beside them. */
export interface DefaultRoles {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

const CONTROLLER_PREFIX = "system:controller:";

/** Those of Kubernetes alone. */
export const kubernetesRoles: DefaultRoles = {
  clusterRoles: [...userRoles, ...componentRoles, ...controllerRoles],
  clusterRoleBindings: [
    clusterRoleBinding("cluster-admin", [group(MASTERS_GROUP)]),
    clusterRoleBinding("system:basic-user", [group(AUTHENTICATED_GROUP)]),
    clusterRoleBinding("system:discovery", [group(AUTHENTICATED_GROUP)]),
    clusterRoleBinding("system:kube-controller-manager", [user(CONTROLLER_USER)]),
    clusterRoleBinding("system:kube-dns", [account("kube-dns")]),
    clusterRoleBinding("system:kube-scheduler", [user(SCHEDULER_USER)]),
    clusterRoleBinding("system:monitoring", [group("system:monitoring")]),
    // Nobody: nodes have their rights from the node authorizer, which knows whose pods need what.
    clusterRoleBinding("system:node", []),
    clusterRoleBinding("system:node-proxier", [user("system:kube-proxy")]),
    clusterRoleBinding("system:public-info-viewer", [group(AUTHENTICATED_GROUP), group(UNAUTHENTICATED_GROUP)]),
    clusterRoleBinding("system:service-account-issuer-discovery", [group(SERVICE_ACCOUNTS_GROUP)]),
    clusterRoleBinding("system:volume-scheduler", [user(SCHEDULER_USER)]),
    ...controllerRoles.map(({ metadata: { name = "" } }) => clusterRoleBinding(name, [account(name.slice(CONTROLLER_PREFIX.length))])),
  ],
  roles: namespacedRoles,
  roleBindings: [
    roleBinding("kube-public", "system:controller:bootstrap-signer", [account("bootstrap-signer")]),
    roleBinding(
      "kube-system",
      "extension-apiserver-authentication-reader",
      [user(CONTROLLER_USER), user(SCHEDULER_USER)],
      "system::extension-apiserver-authentication-reader",
    ),
    roleBinding("kube-system", "system::leader-locking-kube-controller-manager", [
      user(CONTROLLER_USER),
      account("kube-controller-manager"),
      account("leader-election-controller"),
    ]),
    roleBinding("kube-system", "system::leader-locking-kube-scheduler", [user(SCHEDULER_USER), account("kube-scheduler")]),
    roleBinding("kube-system", "system:controller:bootstrap-signer", [account("bootstrap-signer")]),
    roleBinding("kube-system", "system:controller:cloud-provider", [account("cloud-provider")]),
    roleBinding("kube-system", "system:controller:token-cleaner", [account("token-cleaner")]),
  ],
};

export const defaultRoles: DefaultRoles = {
  clusterRoles: [...kubernetesRoles.clusterRoles, ...mainstayRoles],
  clusterRoleBindings: [...kubernetesRoles.clusterRoleBindings, ...mainstayBindings],
  roles: [...kubernetesRoles.roles, ...mainstayNamespacedRoles],
  roleBindings: [...kubernetesRoles.roleBindings, ...mainstayNamespacedBindings],
};
