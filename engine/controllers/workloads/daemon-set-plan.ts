import { controllerOf } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { daemonSetResource } from "../../resources/apps/daemon-set.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ControllerRevision, DaemonSet, Node, Pod } from "../../resources/types.ts";
import { isBeingDeleted, tell, type Action } from "../define-controller.ts";
import { isPodActive, isPodAvailable, isPodFinished, isPodReady } from "../pods.ts";
import { hashOf, planRevisionHistory, planRevisions } from "./controller-revisions.ts";
import { computeNodeFit, newDaemonPod, REVISION_HASH_LABEL, targetNode } from "./daemon-pods.ts";
import { isUpdated, planDaemonSetRollout, rolloutBounds, type DaemonSetChange, type PodsByNode } from "./daemon-set-rollout.ts";

/** Pods made or removed in one go; more come with the next look. */
const BURST_MAX = 250;

export interface DaemonSetInputs {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** Pods it owns, and pods of its namespace without an owner. */
  readonly pods: readonly Pod[];
  /** Revisions it owns, and those of its namespace without an owner. */
  readonly revisions: readonly ControllerRevision[];
  /** How long failed pods wait to be replaced, by uid; those that are missing don't. */
  readonly failureDelaysMs: ReadonlyMap<string, number>;
}

export interface DaemonSetStep {
  readonly actions: readonly Action[];
  /** The pods it has after adoption and release. */
  readonly members: readonly Pod[];
  /** In the current template's name; empty until its revision is made. */
  readonly hash: string;
}

/**
 * What a DaemonSet does next: claim its pods and revisions; then put one pod on every node that is meant, and none on others;
 * then, when nothing is amiss, roll to the current template and forget old revisions. Pure.
 */
export function planDaemonSet(inputs: DaemonSetInputs, nowMs: number): DaemonSetStep {
  const { set, revisions } = inputs;
  const { members, actions: claims } = planClaims(inputs);
  const history = planRevisions(set, daemonSetResource, revisions);
  const hash = history.update === undefined ? "" : hashOf(history.update);
  const step = (actions: readonly Action[]): DaemonSetStep => ({ actions, members, hash });
  if (isBeingDeleted(set)) return step([]);
  if (claims.length + history.actions.length > 0) return step([...claims, ...history.actions]);
  const { change, tales, podsByNode, meant } = planNodes({ ...inputs, pods: members }, hash, nowMs);
  if (change.remove.length + change.add.length > 0) return step([...tales, ...planChange(set, hash, change)]);
  const rollout = set.spec.updateStrategy?.type === "OnDelete" ? { remove: [], add: [] } : planDaemonSetRollout({ set, hash, podsByNode, meant }, nowMs);
  if (rollout.remove.length + rollout.add.length > 0) return step([...tales, ...planChange(set, hash, rollout)]);
  const live = new Set(members.map((pod) => pod.metadata.labels?.[REVISION_HASH_LABEL]));
  return step([...tales, ...planRevisionHistory(set, history.revisions, (revision) => revision === history.update || live.has(hashOf(revision)))]);
}

/** The nodes in a stable order with the pods on or for them; nodes that should have one are always there, and `meant` names them. */
export function podsByNodeOf(
  set: DaemonSet,
  nodes: readonly Node[],
  members: readonly Pod[],
): { readonly podsByNode: PodsByNode; readonly meant: ReadonlySet<string> } {
  const podsByNode = new Map<string, Pod[]>();
  const meant = new Set<string>();
  for (const node of nodes) {
    if (!computeNodeFit(set, node).shouldRun) continue;
    meant.add(node.metadata.name ?? "");
    podsByNode.set(node.metadata.name ?? "", []);
  }
  for (const pod of members) {
    const node = targetNode(pod);
    // What has ended and is on its way out may stay for as long as finalizers hold it: its node is free.
    if (node === undefined || (isPodFinished(pod) && isBeingDeleted(pod))) continue;
    const there = podsByNode.get(node);
    if (there === undefined) podsByNode.set(node, [pod]);
    else there.push(pod);
  }
  return { podsByNode, meant };
}

interface NodesPlan {
  readonly change: DaemonSetChange;
  /** Events and waits. */
  readonly tales: readonly Action[];
  readonly podsByNode: PodsByNode;
  readonly meant: ReadonlySet<string>;
}

function planNodes({ set, nodes, pods, failureDelaysMs }: DaemonSetInputs, hash: string, nowMs: number): NodesPlan {
  const { podsByNode, meant } = podsByNodeOf(set, nodes, pods);
  const maySurge = set.spec.updateStrategy?.type !== "OnDelete" && rolloutBounds(set, meant.size).maxSurge > 0;
  const remove: Pod[] = [];
  const add: string[] = [];
  const tales: Action[] = [];
  for (const node of nodes) {
    const name = node.metadata.name ?? "";
    const there = podsByNode.get(name) ?? [];
    const { shouldRun, mayStay } = computeNodeFit(set, node);
    if (!mayStay) {
      remove.push(...there.filter((pod) => !isBeingDeleted(pod)));
      continue;
    }
    if (there.length === 0) {
      if (shouldRun) add.push(name);
      continue;
    }
    for (const pod of there.filter((each) => isPodFinished(each) && !isBeingDeleted(each))) {
      const delayMs = failureDelaysMs.get(pod.metadata.uid ?? "") ?? 0;
      if (delayMs > 0) tales.push({ do: "wait", forMs: delayMs });
      else {
        remove.push(pod);
        tales.push(
          pod.status?.phase === "Failed"
            ? tell(
                set,
                "Warning",
                "FailedDaemonPod",
                `Found failed daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${name}, will try to kill it`,
              )
            : tell(
                set,
                "Normal",
                "SucceededDaemonPod",
                `Found succeeded daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${name}, will try to delete it`,
              ),
        );
      }
    }
    const running = there.filter(isPodActive).sort(compareAge);
    if (!maySurge) remove.push(...running.slice(1));
    else if (running.length === 0 && shouldRun && there.every(isBeingDeleted)) add.push(name);
    else if (running.length > 1) remove.push(...surplus(set, running, hash, nowMs));
  }
  return { change: { remove: [...remove, ...lost(nodes, pods)], add }, tales, podsByNode, meant };
}

/** While surging, the oldest pod of the current template and the oldest before it may stand side by side, until the new one will do. */
function surplus(set: DaemonSet, running: readonly Pod[], hash: string, nowMs: number): readonly Pod[] {
  const current = running.find((pod) => isUpdated(pod, hash));
  const older = running.find((pod) => !isUpdated(pod, hash));
  const others = running.filter((pod) => pod !== current && pod !== older);
  const isReplaced = current !== undefined && older !== undefined && (!isPodReady(older) || isPodAvailable(current, set.spec.minReadySeconds ?? 0, nowMs));
  return isReplaced && older !== undefined ? [older, ...others] : others;
}

/** Pods for nodes that are gone, which nobody will ever place. */
function lost(nodes: readonly Node[], pods: readonly Pod[]): readonly Pod[] {
  const names = new Set(nodes.map((node) => node.metadata.name));
  return pods.filter((pod) => !pod.spec.nodeName && !isBeingDeleted(pod) && !names.has(targetNode(pod) ?? ""));
}

function planChange(set: DaemonSet, hash: string, { remove, add }: DaemonSetChange): Action[] {
  const removals = remove.slice(0, BURST_MAX).map((pod): Action => ({
    do: "inOrder",
    actions: [{ do: "delete", resource: podResource, object: pod }, tell(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`)],
  }));
  const objects = add.slice(0, BURST_MAX).map((node) => newDaemonPod(set, node, hash));
  return [
    ...(removals.length === 0 ? [] : [{ do: "together", actions: removals } as const]),
    ...(objects.length === 0 ? [] : [{ do: "createMany", resource: podResource, objects } as const]),
  ];
}

function planClaims({ set, pods }: DaemonSetInputs): { readonly members: readonly Pod[]; readonly actions: readonly Action[] } {
  const matches = labelSelectorPredicate(set.spec.selector);
  const own = pods.filter((pod) => isControlledBy(pod, set));
  const orphans = isBeingDeleted(set) ? [] : pods.filter((pod) => controllerOf(pod) === undefined && matches(pod.metadata.labels) && !isBeingDeleted(pod));
  const strangers = isBeingDeleted(set) ? [] : own.filter((pod) => !matches(pod.metadata.labels) && !isBeingDeleted(pod));
  return {
    members: [...own.filter((pod) => matches(pod.metadata.labels)), ...orphans],
    actions: [
      ...orphans.map((object): Action => ({ do: "adopt", resource: podResource, object, owner: set, ownerResource: daemonSetResource })),
      ...strangers.map((object): Action => ({ do: "release", resource: podResource, object, ownerUid: set.metadata.uid ?? "" })),
    ],
  };
}

/** Placed before unplaced, then the older first. */
export function compareAge(a: Pod, b: Pod): number {
  const placed = (pod: Pod) => (pod.spec.nodeName ? 0 : 1);
  return (
    placed(a) - placed(b) ||
    Date.parse(a.metadata.creationTimestamp ?? "") - Date.parse(b.metadata.creationTimestamp ?? "") ||
    ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1)
  );
}
