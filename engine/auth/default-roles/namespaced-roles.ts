import type { Role } from "../../resources/types.ts";
import { READ, role, rule, writeEvents } from "./define-role.ts";

/** What components need in the system's own namespaces only. */
export const namespacedRoles: readonly Role[] = [
  role("kube-public", "system:controller:bootstrap-signer", [
    rule(READ, "core", "configmaps"),
    rule("update", "core", "configmaps", "cluster-info"),
    writeEvents,
  ]),
  role("kube-system", "extension-apiserver-authentication-reader", [rule(READ, "core", "configmaps", "extension-apiserver-authentication")]),
  role("kube-system", "system::leader-locking-kube-controller-manager", [
    rule("create,get,list,update,watch", "coordination.k8s.io", "leases"),
    rule("create,get,list,update,watch", "coordination.k8s.io", "leasecandidates"),
  ]),
  role("kube-system", "system::leader-locking-kube-scheduler", [
    rule("create,get,list,update,watch", "coordination.k8s.io", "leases"),
    rule("create,get,list,update,watch", "coordination.k8s.io", "leasecandidates"),
  ]),
  role("kube-system", "system:controller:bootstrap-signer", [rule(READ, "core", "secrets")]),
  role("kube-system", "system:controller:cloud-provider", [rule("create,get,list,watch", "core", "configmaps")]),
  role("kube-system", "system:controller:token-cleaner", [rule("delete,get,list,watch", "core", "secrets"), writeEvents]),
];
