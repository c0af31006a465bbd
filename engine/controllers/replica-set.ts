import { findCondition, withCondition } from "../apimachinery/conditions.ts";
import { controllerOf, objectKey, splitKey } from "../apimachinery/object-meta.ts";
import { isControlledBy, newControllerRef } from "../apimachinery/owner-references.ts";
import { labelSelectorPredicate } from "../apimachinery/selectors.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { formatTime } from "../lib/clock.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { describeError } from "../lib/log.ts";
import { replicaSetResource } from "../resources/apps/replica-set.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Pod, ReplicaSet } from "../resources/types.ts";
import { isBeingDeleted, runController, unlessGone, type ControllerContext } from "./controller.ts";
import { isPodActive, isPodAvailable, isPodReady, millisecondsToAvailable } from "./pods.ts";

/** Pods created or deleted in one go; more come with the next look. */
const BURST_MAX = 500;

export interface ReplicaSetPlan {
  readonly adopt: readonly Pod[];
  readonly release: readonly Pod[];
  readonly create: number;
  readonly remove: readonly Pod[];
  /** Pods that belong to the set, after adoption and release. */
  readonly members: readonly Pod[];
}

/**
 * What a ReplicaSet does about its pods. `pods` are all of its namespace. Pods that match and have no controller are adopted,
 * its own that no longer match are released; then the number is brought to what the spec says, the least valuable pods first.
 */
export function planReplicaSet(set: ReplicaSet, pods: readonly Pod[], nowMs: number): ReplicaSetPlan {
  const matches = labelSelectorPredicate(set.spec.selector);
  const own = pods.filter((pod) => isControlledBy(pod, set));
  const release = own.filter((pod) => !matches(pod.metadata.labels) && !isBeingDeleted(pod));
  const adopt = isBeingDeleted(set) ? [] : pods.filter((pod) => controllerOf(pod) === undefined && matches(pod.metadata.labels) && isPodActive(pod));
  const members = [...own.filter((pod) => !release.includes(pod)), ...adopt].filter(isPodActive);
  if (isBeingDeleted(set)) return { adopt: [], release: [], create: 0, remove: [], members };
  const difference = (set.spec.replicas ?? 1) - members.length;
  if (difference >= 0) return { adopt, release, create: Math.min(difference, BURST_MAX), remove: [], members };
  return { adopt, release, create: 0, remove: rankForDeletion(members, nowMs).slice(0, Math.min(-difference, BURST_MAX)), members };
}

/**
 * Least valuable first, in upstream's order: not placed, pending, not ready, lower deletion cost, more siblings on the same node,
 * ready for a shorter time, more restarts, newer.
 */
export function rankForDeletion(pods: readonly Pod[], nowMs: number): Pod[] {
  const perNode = new Map<string, number>();
  for (const pod of pods) perNode.set(pod.spec.nodeName ?? "", (perNode.get(pod.spec.nodeName ?? "") ?? 0) + 1);
  const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
  const readySince = (pod: Pod) => Date.parse(findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime ?? "") || nowMs;
  const restarts = (pod: Pod) => Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0));
  const keys: readonly ((pod: Pod) => number)[] = [
    (pod) => (pod.spec.nodeName ? 1 : 0),
    (pod) => phaseRank[pod.status?.phase ?? "Pending"] ?? 0,
    (pod) => (isPodReady(pod) ? 1 : 0),
    (pod) => Number(pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? 0) || 0,
    (pod) => -(perNode.get(pod.spec.nodeName ?? "") ?? 0),
    // Ages count by order of magnitude, so that pods of about the same age are chosen among by what follows.
    (pod) => (isPodReady(pod) ? Math.floor(Math.log2(Math.max(1, nowMs - readySince(pod)))) : 0),
    (pod) => -restarts(pod),
    (pod) => -Date.parse(pod.metadata.creationTimestamp ?? ""),
  ];
  return [...pods].sort((a, b) => {
    for (const key of keys) {
      const order = key(a) - key(b);
      if (order !== 0 && !Number.isNaN(order)) return order;
    }
    return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
  });
}

/** The set's status as its members make it; the very same status when nothing differs. `failure` is why pods could not be made. */
export function computeReplicaSetStatus(set: ReplicaSet, members: readonly Pod[], failure: string | undefined, nowMs: number): NonNullable<ReplicaSet["status"]> {
  const minReady = set.spec.minReadySeconds ?? 0;
  const templateLabels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const ready = members.filter(isPodReady);
  const known = set.status?.conditions ?? [];
  const conditions =
    failure === undefined
      ? known.filter((condition) => condition.type !== "ReplicaFailure")
      : withCondition(known, { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: failure }, formatTime(nowMs));
  return {
    replicas: members.length,
    fullyLabeledReplicas: members.filter((pod) => templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, minReady, nowMs)).length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
  };
}

/** The pod that a template asks for. Names are made by the API server. */
export function podFromTemplate(set: ReplicaSet): Pod {
  const { metadata, spec } = set.spec.template ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace ?? "",
      labels: { ...metadata?.labels },
      ...(metadata?.annotations === undefined ? {} : { annotations: { ...metadata.annotations } }),
      ...(metadata?.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
      ownerReferences: [newControllerRef(set)],
    },
    spec: spec ?? { containers: [] },
  };
}

/** Keeps each ReplicaSet's number of pods. */
export function replicaSetController(context: ControllerContext) {
  const sets = context.informers.informer(replicaSetResource);
  const pods = context.informers.informer(podResource);
  pods.addIndex("namespace", (pod) => [pod.metadata.namespace ?? ""]);
  const client = context.client.for(podResource);
  return runController(
    {
      name: "replicaset-controller",
      sources: [sets, pods],
      connect: (queue) => {
        const enqueueOwner = (pod: Pod) => {
          const owner = controllerOf(pod);
          if (owner?.kind === "ReplicaSet") return queue.add(`${pod.metadata.namespace}/${owner.name}`);
          if (owner !== undefined) return;
          // An orphan: whoever selects it may want it.
          for (const set of sets.list(pod.metadata.namespace)) if (labelSelectorPredicate(set.spec.selector)(pod.metadata.labels)) queue.add(objectKey(set));
        };
        const add = (set: ReplicaSet) => queue.add(objectKey(set));
        return [
          sets.addHandler({ add, update: (_old, set) => add(set), delete: add }),
          pods.addHandler({
            add: enqueueOwner,
            update: (old, pod) => {
              if (!jsonEqual(old.metadata.ownerReferences, pod.metadata.ownerReferences)) enqueueOwner(old);
              enqueueOwner(pod);
            },
            delete: enqueueOwner,
          }),
        ];
      },
      sync: async (key, signal) => {
        await context.consistency.settled(`rs/${key}`, pods, signal);
        const { namespace, name } = splitKey(key);
        const set = sets.get(namespace, name);
        if (set === undefined) return;
        const nowMs = context.clock.now();
        const plan = planReplicaSet(set, pods.byIndex("namespace", namespace), nowMs);
        const failure = await execute(context, set, key, plan);
        await writeStatus(context, set, plan.members, failure);
        if (failure !== undefined) throw new Error(failure);
        const waits = plan.members.map((pod) => millisecondsToAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).filter((wait) => wait !== undefined && wait > 0);
        return waits.length === 0 ? undefined : Math.min(...(waits as number[])); // undefined was filtered out
      },
    },
    context,
  );

  async function writeStatus({ client: api, clock }: ControllerContext, set: ReplicaSet, members: readonly Pod[], failure: string | undefined): Promise<void> {
    const status = computeReplicaSetStatus(set, members, failure, clock.now());
    if (!jsonEqual(status, set.status)) await unlessGone(api.for(replicaSetResource).updateStatus({ ...set, status }));
  }

  /** Carries a plan out; gives the reason when pods could not be created. */
  async function execute({ consistency, events, logger }: ControllerContext, set: ReplicaSet, key: string, plan: ReplicaSetPlan): Promise<string | undefined> {
    const note = (pod: Pod) => consistency.wrote(`rs/${key}`, pod);
    for (const pod of plan.adopt) note(await client.patch(pod.metadata.namespace ?? "", pod.metadata.name ?? "", "merge", { metadata: { uid: pod.metadata.uid, ownerReferences: [...(pod.metadata.ownerReferences ?? []), newControllerRef(set)] } }));
    for (const pod of plan.release) {
      const owners = (pod.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== set.metadata.uid);
      const released = await unlessGone(client.patch(pod.metadata.namespace ?? "", pod.metadata.name ?? "", "merge", { metadata: { uid: pod.metadata.uid, ownerReferences: owners.length === 0 ? null : owners } }));
      if (released !== undefined) note(released);
    }
    // Slow start: when creation fails, it fails once and not five hundred times.
    for (let left = plan.create, batch = 1; left > 0; left -= batch, batch = Math.min(batch * 2, left)) {
      const size = Math.min(batch, left);
      const results = await Promise.allSettled(Array.from({ length: size }, () => client.create(podFromTemplate(set))));
      for (const result of results) {
        if (result.status === "rejected") continue;
        note(result.value);
        events.record(set, { type: "Normal", reason: "SuccessfulCreate", message: `Created pod: ${result.value.metadata.name}` });
      }
      const failed = results.find((result) => result.status === "rejected");
      if (failed === undefined) continue;
      if (hasReason(failed.reason, "Forbidden") && failed.reason.status.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating")) return undefined;
      events.record(set, { type: "Warning", reason: "FailedCreate", message: `Error creating: ${describeError(failed.reason)}` });
      return describeError(failed.reason);
    }
    await Promise.all(
      plan.remove.map(async (pod) => {
        const gone = await unlessGone(client.delete(pod.metadata.namespace ?? "", pod.metadata.name ?? "", { preconditions: { uid: pod.metadata.uid ?? "" } }));
        if (gone !== undefined && gone.kind === "Pod") note(gone as Pod);
        events.record(set, { type: "Normal", reason: "SuccessfulDelete", message: `Deleted pod: ${pod.metadata.name}` });
        logger.info("deleted pod", { pod: objectKey(pod), replicaSet: key });
      }),
    );
    return undefined;
  }
}
