import type { CronJob, DaemonSet, Job, PodDisruptionBudget, StatefulSet } from "../../engine/resources/types.ts";
import { at, ownedBy } from "./objects.ts";

/** Objects of the workload kinds for tests, as test/kit/objects.ts makes the others. */

interface Shape {
  readonly owner?: Parameters<typeof ownedBy>[0];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly createdAt?: number;
  readonly deletedAt?: number;
  readonly generation?: number;
}

function metadataOf(name: string, { owner, labels, annotations, createdAt = 0, deletedAt, generation = 1 }: Shape) {
  return {
    name,
    namespace: "default",
    uid: `uid-${name}`,
    resourceVersion: "1",
    generation,
    creationTimestamp: at(createdAt),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(owner === undefined ? {} : { ownerReferences: [ownedBy(owner)] }),
    ...(deletedAt === undefined ? {} : { deletionTimestamp: at(deletedAt) }),
  };
}

const TEMPLATE = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image: "app:1" }] } };

export interface JobShape extends Shape {
  readonly spec?: Partial<Job["spec"]>;
  readonly status?: Job["status"];
  /** Complete or Failed, at that second. */
  readonly ended?: readonly [type: "Complete" | "Failed", at: number];
}

export function aJob(name: string, { spec, status, ended, ...shape }: JobShape = {}): Job {
  const conditions =
    ended === undefined ? {} : { conditions: [{ type: ended[0], status: "True", lastTransitionTime: at(ended[1]) }], ...(ended[0] === "Complete" ? { completionTime: at(ended[1]) } : {}) };
  const labels = { "batch.kubernetes.io/controller-uid": `uid-${name}` };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: metadataOf(name, shape),
    spec: {
      parallelism: 1,
      ...(spec?.parallelism === undefined ? { completions: 1 } : {}),
      backoffLimit: 6,
      completionMode: "NonIndexed",
      suspend: false,
      podReplacementPolicy: "TerminatingOrFailed",
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { restartPolicy: "Never", containers: [{ name: "app", image: "app:1" }] } },
      ...spec,
    },
    status: { ...conditions, ...status },
  };
}

export interface CronJobShape extends Shape {
  readonly spec?: Partial<CronJob["spec"]>;
  readonly status?: CronJob["status"];
}

export function aCronJob(name: string, { spec, status, ...shape }: CronJobShape = {}): CronJob {
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: metadataOf(name, shape),
    spec: { schedule: "*/10 * * * *", concurrencyPolicy: "Allow", suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1, jobTemplate: { spec: { template: TEMPLATE } }, ...spec },
    status: status ?? {},
  };
}

export interface BudgetShape extends Shape {
  readonly spec?: PodDisruptionBudget["spec"];
  readonly status?: Partial<NonNullable<PodDisruptionBudget["status"]>>;
}

export function aBudget(name: string, { spec, status, ...shape }: BudgetShape = {}): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: metadataOf(name, shape),
    spec: { selector: { matchLabels: { app: "web" } }, ...spec },
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, observedGeneration: 1, ...status },
  };
}

export interface StatefulSetShape extends Shape {
  readonly image?: string;
  readonly spec?: Partial<StatefulSet["spec"]>;
  readonly status?: Partial<NonNullable<StatefulSet["status"]>>;
}

export function aStatefulSet(name: string, { image = "app:1", spec, status, ...shape }: StatefulSetShape = {}): StatefulSet {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: metadataOf(name, shape),
    spec: {
      replicas: 1,
      serviceName: name,
      selector: { matchLabels: { app: "web" } },
      template: { ...TEMPLATE, spec: { containers: [{ name: "app", image }] } },
      podManagementPolicy: "OrderedReady",
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: 1 } },
      revisionHistoryLimit: 10,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      ...spec,
    },
    status: { replicas: 0, availableReplicas: 0, ...status },
  };
}

export interface DaemonSetShape extends Shape {
  readonly image?: string;
  readonly spec?: Partial<DaemonSet["spec"]>;
  readonly template?: Partial<DaemonSet["spec"]["template"]["spec"]>;
  readonly status?: Partial<NonNullable<DaemonSet["status"]>>;
}

export function aDaemonSet(name: string, { image = "app:1", spec, template, status, ...shape }: DaemonSetShape = {}): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: metadataOf(name, shape),
    spec: {
      selector: { matchLabels: { app: "web" } },
      template: { ...TEMPLATE, spec: { containers: [{ name: "app", image }], ...template } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
      ...spec,
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0, ...status },
  };
}
