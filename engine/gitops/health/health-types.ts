import type { KubeObject } from "../../apimachinery/object-meta.ts";

export type { CronJob, DaemonSet, Deployment, Job, Pod, ReplicaSet, Service, StatefulSet } from "../../resources/types.ts";

/** As much of a claim as its health needs; the kind itself is not served yet, its rule is. */
export interface PersistentVolumeClaim extends KubeObject {
  readonly status?: { readonly phase?: string };
}

export interface HealthCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** As much of an autoscaler as its health needs, in any of its versions that says it. */
export interface HorizontalPodAutoscaler extends KubeObject {
  readonly status?: { readonly conditions?: readonly HealthCondition[] };
}
