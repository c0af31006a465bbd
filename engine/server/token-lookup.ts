import type { AuthenticatorParts } from "../auth/authenticate.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { nodeResource } from "../resources/core/node.ts";
import { podResource } from "../resources/core/pod.ts";
import { secretResource } from "../resources/core/secret.ts";
import { serviceAccountResource } from "../resources/core/service-account.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { noteTokenUse } from "./token-tracking.ts";

/** Whether what tokens are bound to still exists: from the cache, and from the store where the cache says no. */
export function tokenLookup(store: ObjectStore, clock: Clock, logger: Logger): AuthenticatorParts["lookup"] {
  const find = async <T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, name: string) =>
    ((await store.get(definition, namespace, name, { resourceVersion: "0" })) ?? (await store.get(definition, namespace, name)))?.object;
  return {
    serviceAccount: (namespace, name) => find(serviceAccountResource, namespace, name),
    pod: (namespace, name) => find(podResource, namespace, name),
    secret: (namespace, name) => find(secretResource, namespace, name),
    noteUse: (secret) => noteTokenUse(store, secret, clock, logger),
    secretObject: (namespace, name) => find(secretResource, namespace, name),
    node: (name) => find(nodeResource, "", name),
  };
}
