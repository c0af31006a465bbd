import type { TokenLookup } from "../auth/service-account-token.ts";
import { podResource } from "../resources/core/pod.ts";
import { secretResource } from "../resources/core/secret.ts";
import { serviceAccountResource } from "../resources/core/service-account.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { ObjectStore } from "../storage/object-store.ts";

/** Whether what tokens are bound to still exists: from the cache, and from the store where the cache says no. */
export function tokenLookup(store: ObjectStore): TokenLookup {
  const find = async <T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, name: string) =>
    ((await store.get(definition, namespace, name, { resourceVersion: "0" })) ?? (await store.get(definition, namespace, name)))?.object;
  return {
    serviceAccount: (namespace, name) => find(serviceAccountResource, namespace, name),
    pod: (namespace, name) => find(podResource, namespace, name),
    secret: (namespace, name) => find(secretResource, namespace, name),
  };
}
