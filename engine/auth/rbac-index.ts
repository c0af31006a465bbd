import type { UserInfo } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { clusterRoleBindingResource } from "../resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../resources/rbac/cluster-role.ts";
import { roleBindingResource } from "../resources/rbac/role-binding.ts";
import { roleResource } from "../resources/rbac/role.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject } from "../resources/types.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { serviceAccountUsername } from "../apimachinery/known-users.ts";

type Binding = (RoleBinding | ClusterRoleBinding) & KubeObject;

/** A binding that applies to a user, and what it grants; `rules` are undefined when its role does not exist. */
export interface Grant {
  readonly binding: Binding;
  readonly subject: Subject;
  readonly rules: readonly PolicyRule[] | undefined;
}

/** Roles by name and bindings by subject, so that a decision looks at those of one user only, however many there are. */
export class RbacIndex {
  /** `NAMESPACE/NAME`; cluster roles have no namespace. */
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, Binding>();
  readonly #bySubject = new Map<string, Map<string, Subject>>();

  setRole(role: (Role | ClusterRole) & KubeObject): void {
    this.#roles.set(keyOf(role), role.rules ?? []);
  }

  deleteRole(role: KubeObject): void {
    this.#roles.delete(keyOf(role));
  }

  setBinding(binding: Binding): void {
    this.deleteBinding(binding);
    const key = keyOf(binding);
    this.#bindings.set(key, binding);
    for (const subject of binding.subjects ?? []) {
      const topic = subjectKey(binding.metadata.namespace ?? "", subject);
      if (topic === undefined) continue;
      const members = this.#bySubject.get(topic) ?? new Map<string, Subject>();
      if (!members.has(key)) members.set(key, subject);
      this.#bySubject.set(topic, members);
    }
  }

  deleteBinding(binding: KubeObject): void {
    const key = keyOf(binding);
    const known = this.#bindings.get(key);
    if (known === undefined) return;
    this.#bindings.delete(key);
    for (const subject of known.subjects ?? []) {
      const topic = subjectKey(known.metadata.namespace ?? "", subject) ?? "";
      this.#bySubject.get(topic)?.delete(key);
      if (this.#bySubject.get(topic)?.size === 0) this.#bySubject.delete(topic);
    }
  }

  clearRoles(namespaced: boolean): void {
    for (const key of [...this.#roles.keys()]) if (key.startsWith("/") !== namespaced) this.#roles.delete(key);
  }

  clearBindings(namespaced: boolean): void {
    for (const [key, binding] of [...this.#bindings]) if (key.startsWith("/") !== namespaced) this.deleteBinding(binding);
  }

  /** The rules of a role that a binding in this namespace refers to; undefined when there is no such role. */
  rulesOf({ kind, name }: RoleRef, bindingNamespace: string): readonly PolicyRule[] | undefined {
    return this.#roles.get(`${kind === "Role" ? bindingNamespace : ""}/${name}`);
  }

  /** What is granted to a user over the whole cluster and, with a namespace, in it. */
  *grantsOf({ username, groups }: UserInfo, namespace: string): Generator<Grant> {
    const seen = new Set<string>();
    for (const scope of namespace === "" ? [""] : ["", namespace]) {
      for (const topic of [`${scope}|User|${username}`, ...groups.map((group) => `${scope}|Group|${group}`)]) {
        for (const [key, subject] of this.#bySubject.get(topic) ?? []) {
          const binding = this.#bindings.get(key);
          if (binding === undefined || seen.has(key)) continue;
          seen.add(key);
          yield { binding, subject, rules: this.rulesOf(binding.roleRef, scope) };
        }
      }
    }
  }
}

/** An index that is always as new as the store's cache. */
export function followRbac(store: Pick<ObjectStore, "follow">): RbacIndex {
  const index = new RbacIndex();
  const follow = <T extends KubeObject>(definition: ResourceDefinition<T>, clear: () => void, set: (object: T) => void, remove: (object: T) => void) =>
    store.follow(definition, {
      replaced: (objects) => (clear(), objects.forEach(set)),
      changed: (object, wasDeleted) => (wasDeleted ? remove(object) : set(object)),
    });
  for (const definition of [roleResource, clusterRoleResource]) {
    follow<Role & KubeObject>(
      definition,
      () => index.clearRoles(definition.namespaced),
      (role) => index.setRole(role),
      (role) => index.deleteRole(role),
    );
  }
  for (const definition of [roleBindingResource, clusterRoleBindingResource]) {
    follow<RoleBinding & KubeObject>(
      definition,
      () => index.clearBindings(definition.namespaced),
      (binding) => index.setBinding(binding),
      (binding) => index.deleteBinding(binding),
    );
  }
  return index;
}

function keyOf({ metadata: { namespace = "", name = "" } }: KubeObject): string {
  return `${namespace}/${name}`;
}

/** Service accounts are users under another name. One without a namespace is of that of its binding. */
function subjectKey(bindingNamespace: string, { kind, name, namespace }: Subject): string | undefined {
  if (kind !== "ServiceAccount") return `${bindingNamespace}|${kind}|${name}`;
  const own = namespace || bindingNamespace;
  return own === "" ? undefined : `${bindingNamespace}|User|${serviceAccountUsername(own, name)}`;
}
