import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { ScaleAccess } from "./define-resource.ts";

interface Replicated extends KubeObject {
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number };
}

/** The scale subresource of a kind whose spec and status say how many there are. `selector` gives the text that finds its pods. */
export function replicaScale<T extends Replicated>(selector: (object: T) => string): { readonly name: "scale"; readonly scale: ScaleAccess<T> } {
  return {
    name: "scale",
    scale: {
      specReplicas: ({ spec }) => spec.replicas ?? 1,
      statusReplicas: ({ status }) => status?.replicas ?? 0,
      selector,
      withReplicas: (object, replicas) => ({ ...object, spec: { ...object.spec, replicas } }),
    },
  };
}
