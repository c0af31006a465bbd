import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason, unlessGone } from "../../apimachinery/status-error.ts";
import { defaultRoles } from "../../auth/default-roles/default-roles.ts";
import { planBinding, planRole, type Reconciliation } from "../../auth/reconcile-roles.ts";
import type { Client } from "../../client/client.ts";
import { clusterRoleBindingResource } from "../../resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../resources/rbac/cluster-role.ts";
import { roleBindingResource } from "../../resources/rbac/role-binding.ts";
import { roleResource } from "../../resources/rbac/role.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";

/** Writes under way at the same time: the store commits them together. */
const PARALLEL_MAX = 32;
/** Another server that starts may be faster with each of them. */
const TRIES_MAX = 3;

/**
 * Makes the default roles and bindings be as they have to be: missing ones are created, missing rights put back. Harmless to repeat. What the
 * server has heard of is enough to begin with: a write that comes too late looks anew.
 */
export async function bootstrapRoles(client: Client): Promise<void> {
  // Roles first, so that no binding of ours ever grants nothing.
  await reconcile(client, clusterRoleResource, defaultRoles.clusterRoles, planRole);
  await reconcile(client, clusterRoleBindingResource, defaultRoles.clusterRoleBindings, planBinding);
  await reconcile(client, roleResource, defaultRoles.roles, planRole);
  await reconcile(client, roleBindingResource, defaultRoles.roleBindings, planBinding);
}

async function reconcile<T extends KubeObject>(
  client: Client,
  resource: ResourceReference<T>,
  expected: readonly T[],
  plan: (expected: T, existing: T | undefined) => Reconciliation<T>,
): Promise<void> {
  const api = client.for(resource);
  const known = new Map((await api.list("", { resourceVersion: "0" })).items.map((object) => [keyOf(object), object]));
  const apply = async (object: T): Promise<void> => {
    const { namespace = "", name = "" } = object.metadata;
    for (let tries = 1, existing = known.get(keyOf(object)); ; tries++) {
      try {
        return await execute(client, resource, plan(object, existing));
      } catch (error) {
        if (tries === TRIES_MAX || !(hasReason(error, "AlreadyExists") || hasReason(error, "Conflict") || hasReason(error, "NotFound"))) throw error;
        existing = await unlessGone(api.get(namespace, name));
      }
    }
  };
  for (let done = 0; done < expected.length; done += PARALLEL_MAX) await Promise.all(expected.slice(done, done + PARALLEL_MAX).map(apply));
}

async function execute<T extends KubeObject>(client: Client, resource: ResourceReference<T>, step: Reconciliation<T>): Promise<void> {
  const api = client.for(resource);
  switch (step.do) {
    case "nothing":
      return;
    case "create":
      await api.create(step.object);
      return;
    case "update":
      await api.update(step.object);
      return;
    case "recreate":
      await api.delete(step.object.metadata.namespace ?? "", step.object.metadata.name ?? "", {});
      await api.create(step.object);
  }
}

function keyOf({ metadata: { namespace = "", name = "" } }: KubeObject): string {
  return `${namespace}/${name}`;
}
