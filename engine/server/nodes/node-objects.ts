import type { NodeObjects } from "../../auth/node-authorizer.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

/** What the node authorizer asks, out of the store's cache: it is asked at every read of an agent. */
export function nodeObjects(store: ObjectStore, catalog: readonly ResourceDefinition[]): NodeObjects {
  const cached = { resourceVersion: "0" };
  return {
    podsOn: async (nodeName) =>
      (await store.list(podResource, "", { ...cached, fieldSelector: `spec.nodeName=${nodeName}` })).items.map(({ object }) => object),
    pod: async (namespace, name) => ((await store.get(podResource, namespace, name, cached)) ?? (await store.get(podResource, namespace, name)))?.object,
    async find(group, resource, namespace, name) {
      const definition = catalog.find((candidate) => candidate.group === group && candidate.resource === resource);
      return definition === undefined ? undefined : (await store.get(definition, namespace, name, cached))?.object;
    },
  };
}
