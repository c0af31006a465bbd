import { isConditionTrue } from "../apimachinery/conditions.ts";
import { unlessGone } from "../apimachinery/status-error.ts";
import { formatTime } from "../lib/clock.ts";
import { nodeResource } from "../resources/core/node.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Node, Pod } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { isBeingDeleted, read, type Action, type ControllerDefinition } from "./define-controller.ts";
import { disruption, isPodFinished, isPodTerminating } from "./pods.ts";

const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const DELETED_PER_ROUND_MAX = 500;

export interface PodGarbageInputs {
  readonly pods: readonly Pod[];
  readonly nodes: ReadonlyMap<string, Node>;
  /** Nodes that have been gone for long enough; the API itself has said so. */
  readonly goneNodes: ReadonlySet<string>;
}

/**
 * Removes, without grace, pods that nobody will end any more: on nodes that are gone or out of service, deleted before they were placed,
 * or finished and beyond the number that is kept. Pure.
 */
export function planPodGarbage({ pods, nodes, goneNodes }: PodGarbageInputs, terminatedMax: number, nowMs: number): readonly Action[] {
  const orphans = pods.filter((pod) => goneNodes.has(pod.spec.nodeName ?? ""));
  const unserved = pods.filter((pod) => isPodTerminating(pod) && isOutOfService(nodes.get(pod.spec.nodeName ?? "")));
  const unplaced = pods.filter((pod) => !pod.spec.nodeName && isBeingDeleted(pod));
  const finished = pods.filter((pod) => isPodFinished(pod) && !isBeingDeleted(pod) && !goneNodes.has(pod.spec.nodeName ?? ""));
  const byAge = [...finished].sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1));
  const surplus = byAge.slice(0, Math.max(0, finished.length - terminatedMax));
  return [
    ...orphans.map((pod) => remove(pod, "PodGC: node no longer exists", nowMs)),
    ...unserved.map((pod) => remove(pod, "PodGC: node is out of service", nowMs)),
    ...[...unplaced, ...surplus].map((pod) => remove(pod, undefined, nowMs)),
  ].slice(0, DELETED_PER_ROUND_MAX);
}

/** `disrupted` says why the pod was cut off; it ends as failed, as it would if its node could still say so. */
function remove(pod: Pod, disrupted: string | undefined, nowMs: number): Action {
  const deletion: Action = { do: "delete", resource: podResource, object: pod, options: { gracePeriodSeconds: 0 } };
  if (disrupted === undefined || isPodFinished(pod)) return deletion;
  const status = { phase: "Failed", conditions: [disruption("DeletionByPodGC", disrupted, formatTime(nowMs))] };
  return { do: "inOrder", actions: [{ do: "patch", resource: podResource, object: pod, patch: { status }, subresource: "status" }, deletion] };
}

/** An administrator has said that the node will not come back as it was, and it is indeed not up. */
function isOutOfService(node: Node | undefined): boolean {
  return node !== undefined && !isConditionTrue(node.status?.conditions, "Ready") && node.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true;
}

/** Looks for such pods now and then. */
export function podGarbageCollector({ client, clock, informers, timings }: ControllerContext): ControllerDefinition<PodGarbageInputs> {
  const pods = informers.informer(podResource);
  const nodes = informers.informer(nodeResource);
  const missingSinceMs = new Map<string, number>();

  /** Names of nodes that pods are on and that have been missing for the quarantine; a cache alone may not decide that. */
  const findGoneNodes = async (): Promise<ReadonlySet<string>> => {
    const nowMs = clock.monotonic();
    const missing = new Set(pods.list().flatMap(({ spec: { nodeName } }) => (nodeName && nodes.get("", nodeName) === undefined ? [nodeName] : [])));
    for (const name of missingSinceMs.keys()) if (!missing.has(name)) missingSinceMs.delete(name);
    for (const name of missing) if (!missingSinceMs.has(name)) missingSinceMs.set(name, nowMs);
    const due = [...missingSinceMs].filter(([, sinceMs]) => nowMs - sinceMs >= timings.podGcQuarantineMs).map(([name]) => name);
    const live = await Promise.all(due.map((name) => unlessGone(client.for(nodeResource).get("", name))));
    return new Set(due.filter((_name, index) => live[index] === undefined));
  };

  return {
    name: "pod-garbage-collector",
    workers: 1,
    watches: [],
    reads: [read(pods), read(nodes)],
    initialKeys: ["pods"],
    observe: async () => ({
      goneNodes: await findGoneNodes(),
      pods: pods.list(),
      nodes: new Map(nodes.list().map((node) => [node.metadata.name ?? "", node])),
    }),
    plan: (inputs, nowMs) => [
      { do: "wait", forMs: timings.podGcPeriodMs },
      { do: "together", actions: planPodGarbage(inputs, timings.terminatedPodsMax, nowMs) },
    ],
  };
}
