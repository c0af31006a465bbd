import { hasStatus } from "../kept-status.ts";
import { controllerOf, objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { describeError } from "../../lib/log.ts";
import { controllerRevisionResource } from "../../resources/apps/controller-revision.ts";
import { daemonSetResource } from "../../resources/apps/daemon-set.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, tell, update, watch, type Action, type ControllerDefinition, type Outcome } from "../define-controller.ts";
import { ownerKeys } from "../owner-keys.ts";
import { isPodAvailable, isPodReady, millisecondsToAvailable, ORPHAN_INDEX, orphanIndex, OWNER_INDEX, ownerIndex } from "../pods.ts";
import { isRevisionOf } from "./controller-revisions.ts";
import { computeNodeFit, targetNode } from "./daemon-pods.ts";
import { compareAge, planDaemonSet, podsByNodeOf, type DaemonSetInputs } from "./daemon-set-plan.ts";
import { isUpdated } from "./daemon-set-rollout.ts";
import { FailureDelays } from "./failure-delays.ts";

/** Keeps one pod of each DaemonSet on every node that is meant. */
export function daemonSetController({ informers, clock }: ControllerContext): ControllerDefinition<DaemonSetInputs> {
  const sets = informers.informer(daemonSetResource);
  const pods = informers.informer(podResource);
  const nodes = informers.informer(nodeResource);
  const revisions = informers.informer(controllerRevisionResource);
  const delays = new FailureDelays((failures) => backoffMs({ initialMs: 1_000, maxMs: 15 * 60_000 }, failures));
  pods.addIndex(OWNER_INDEX, ownerIndex);
  pods.addIndex(ORPHAN_INDEX, orphanIndex);

  const ownersOf = ownerKeys(sets, ({ spec }) => spec.selector);
  const all = () => sets.list().map(objectKey);
  // What heartbeats change is of no interest; what may decide about a node is.
  const matters = (old: Node | undefined, node: Node | undefined) =>
    old === undefined || node === undefined || !jsonEqual(old.metadata.labels, node.metadata.labels) || !jsonEqual(old.spec, node.spec);

  return {
    name: "daemonset-controller",
    watches: [watch(sets, (set) => [objectKey(set)]), watch(pods, ownersOf), watch(revisions, ownersOf), watch(nodes, all, matters)],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const set = sets.get(namespace, name);
      if (set === undefined) return undefined;
      const own = pods.byIndex(OWNER_INDEX, set.metadata.uid ?? "");
      return {
        set,
        nodes: nodes.list(),
        pods: [...own, ...pods.byIndex(ORPHAN_INDEX, namespace)],
        revisions: revisions.list(namespace).filter((revision) => isControlledBy(revision, set) || controllerOf(revision) === undefined),
        failureDelaysMs: new Map(
          own
            .filter((pod) => pod.status?.phase === "Failed" && !isBeingDeleted(pod))
            .map((pod) => [pod.metadata.uid ?? "", delays.delayMs(`${set.metadata.uid}/${targetNode(pod)}`, pod.metadata.uid ?? "", clock.now())]),
        ),
      };
    },
    plan: (inputs, nowMs) => planDaemonSet(inputs, nowMs).actions,
    conclude: concludeDaemonSet,
  };
}

/** Events and status, given how the step went. Pure. */
function concludeDaemonSet(inputs: DaemonSetInputs, { created, existing, failure }: Outcome, nowMs: number): readonly Action[] {
  const { set } = inputs;
  const taken = existing as ControllerRevision | undefined; // pods have no name before they are made, so only a revision's can be taken
  if (taken !== undefined && !isRevisionOf(set, taken)) {
    const collided = { ...statusOrNone(set), collisionCount: (set.status?.collisionCount ?? 0) + 1 };
    return [update(daemonSetResource, { ...set, status: collided }, "status")];
  }
  const step = planDaemonSet(inputs, nowMs);
  const status = computeDaemonSetStatus(set, inputs.nodes, step.members, step.hash, nowMs);
  const waits = step.members
    .map((pod) => millisecondsToAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs))
    .filter((wait) => wait !== undefined && wait > 0) as number[]; // undefined was filtered out
  return [
    ...created.filter((object) => object.kind === "Pod").map((pod) => tell(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`)),
    ...(failure === undefined ? [] : [tell(set, "Warning", "FailedCreate", `Error creating: ${describeError(failure)}`)]),
    ...(hasStatus(daemonSetResource, set, status) ? [] : [update(daemonSetResource, { ...set, status }, "status")]),
    ...(waits.length === 0 ? [] : [{ do: "wait", forMs: Math.min(...waits) } as const]),
  ];
}

/** What a DaemonSet says of itself: nodes, not pods, are counted. Pure. */
export function computeDaemonSetStatus(set: DaemonSet, nodes: readonly Node[], members: readonly Pod[], hash: string, nowMs: number): DaemonSetStatus {
  const { podsByNode, meant } = podsByNodeOf(set, nodes, members);
  const desired = meant.size;
  let [current, misscheduled, ready, available, updated] = [0, 0, 0, 0, 0];
  for (const node of nodes) {
    const [oldest] = [...(podsByNode.get(node.metadata.name ?? "") ?? [])].sort(compareAge);
    if (oldest === undefined) continue;
    if (!computeNodeFit(set, node).shouldRun) {
      misscheduled++;
      continue;
    }
    current++;
    if (isPodReady(oldest)) ready++;
    if (isPodAvailable(oldest, set.spec.minReadySeconds ?? 0, nowMs)) available++;
    if (isUpdated(oldest, hash)) updated++;
  }
  const { collisionCount, conditions } = set.status ?? {};
  return {
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready,
    observedGeneration: set.metadata.generation ?? 0,
    ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
    ...(available === 0 ? {} : { numberAvailable: available }),
    ...(desired - available === 0 ? {} : { numberUnavailable: desired - available }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}

function statusOrNone(set: DaemonSet): DaemonSetStatus {
  return set.status ?? { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
}
