import { namespaceResource } from "../resources/core/namespace.ts";
import { catalog } from "../resources/catalog.ts";
import { podResource } from "../resources/core/pod.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { Namespace } from "../resources/types.ts";
import { runController, unlessGone, type ControllerContext } from "./controller.ts";

const AGAIN_MS = 1_000;

/** Pods first: what they use must outlive them. */
export function deletionOrder(definitions: readonly ResourceDefinition[]): ResourceDefinition[] {
  const namespaced = definitions.filter((definition) => definition.namespaced);
  return [...namespaced.filter((definition) => definition.resource === podResource.resource), ...namespaced.filter((definition) => definition.resource !== podResource.resource)];
}

/** Empties a namespace that is being deleted, then lets it go. */
export function namespaceController(context: ControllerContext) {
  const { client, informers } = context;
  const namespaces = informers.informer(namespaceResource);
  const order = deletionOrder(catalog);
  return runController(
    {
      name: "namespace-controller",
      sources: [namespaces],
      connect: (queue) => {
        const add = (namespace: Namespace) => namespace.metadata.deletionTimestamp !== undefined && queue.add(namespace.metadata.name ?? "");
        return [namespaces.addHandler({ add, update: (_old, namespace) => add(namespace) })];
      },
      sync: async (name) => {
        const namespace = namespaces.get("", name);
        if (namespace?.metadata.deletionTimestamp === undefined || !(namespace.spec?.finalizers ?? []).includes("kubernetes")) return;
        for (const definition of order) {
          await client.for(definition).deleteCollection(name, {}, { propagationPolicy: "Background" });
          const left = await client.for(definition).list(name, { limit: 1 });
          // Pods end in their own time, and finalizers in theirs: look again.
          if (left.items.length > 0) return AGAIN_MS;
        }
        const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== "kubernetes");
        const finalized: Namespace = { ...namespace, spec: { ...namespace.spec, finalizers } };
        await unlessGone(client.for(namespaceResource).createSubresource("", name, "finalize", finalized));
      },
    },
    context,
  );
}
