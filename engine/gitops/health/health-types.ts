import type { KubeObject } from "../../apimachinery/object-meta.ts";

export type { Deployment, Job, Pod, ReplicaSet, Service } from "../../resources/types.ts";

/** As much of a claim as its health needs; the kind itself is not served yet, its rule is. */
export interface PersistentVolumeClaim extends KubeObject {
  readonly status?: { readonly phase?: string };
}
