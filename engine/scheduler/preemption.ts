import { labelSelectorPredicate } from "../apimachinery/selectors.ts";
import type { PodDisruptionBudget } from "../resources/types.ts";
import { withoutPod, withPod, type NodeInfo, type PodInfo } from "./node-info.ts";
import { priorityOf } from "./nominations.ts";
import type { Profile } from "./profile.ts";
import { fitsOn } from "./schedule-pod.ts";
import { DEFAULT_ARGS } from "./scheduler-settings.ts";

export const PREEMPTION_REASON = "PreemptionByScheduler";
/** Where a pod may have room if others go. */
export interface Preemption {
  readonly nodeName: string;
  /** Most important first. */
  readonly victims: readonly PodInfo[];
  /** Victims whose disruption budgets cannot spare them. */
  readonly violations: number;
}

export interface PreemptionInputs {
  readonly pod: PodInfo;
  readonly nodes: readonly NodeInfo[];
  readonly profile: Profile;
  readonly budgets: readonly PodDisruptionBudget[];
  /** Where the search begins, so that equal nodes take turns. */
  readonly start: number;
  /** The node with the pods that are nominated for it and come before this one. */
  readonly withReserved: (node: NodeInfo) => NodeInfo | undefined;
  /** Where it was nominated before. */
  readonly nominatedNode: string | undefined;
}

/**
 * The node where the least is lost by making room, and what is lost: upstream's criteria, in its order. Pods of a lower priority only;
 * as many of them stay as can, those that a budget protects and the important ones first. Undefined when nothing helps. Pure.
 */
export function choosePreemption(inputs: PreemptionInputs): Preemption | undefined {
  const { pod, nodes, nominatedNode } = inputs;
  if (pod.pod.spec.preemptionPolicy === "Never") return undefined;
  if (isRoomBeingMade(pod, nodes, nominatedNode)) return undefined;
  const { nodesPercent, nodesMin } = inputs.profile.preemption ?? DEFAULT_ARGS.preemption;
  // So many nodes are looked at before the best of those is taken.
  const wanted = Math.max(nodesMin, Math.floor((nodes.length * nodesPercent) / 100));
  const candidates: Preemption[] = [];
  for (let index = 0; index < nodes.length && candidates.length < wanted; index++) {
    const candidate = selectVictims(inputs, nodes[(inputs.start + index) % nodes.length] as NodeInfo); // the index is within bounds
    if (candidate !== undefined) candidates.push(candidate);
  }
  return candidates.reduce<Preemption | undefined>((best, next) => (best === undefined || isLess(lossOf(next), lossOf(best)) ? next : best), undefined);
}

/** Room is being made already: what leaves must be gone before more is asked to. */
export function isRoomBeingMade(pod: PodInfo, nodes: readonly NodeInfo[], nominatedNode: string | undefined): boolean {
  const nominated = nodes.find(({ name }) => name === nominatedNode);
  return nominated?.pods.some((other) => priorityOf(other) < priorityOf(pod) && isLeavingForAnother(other)) === true;
}

/** The fewest pods that must go from a node; undefined when not even all of them would help. */
function selectVictims({ pod, nodes, profile, budgets, withReserved }: PreemptionInputs, node: NodeInfo): Preemption | undefined {
  const lesser = node.pods.filter((other) => priorityOf(other) < priorityOf(pod)).sort(byImportance);
  if (lesser.length === 0) return undefined;
  const fits = (state: NodeInfo) => {
    const reserved = withReserved(state);
    return fitsOn(pod, state, nodes, profile) && (reserved === undefined || fitsOn(pod, reserved, nodes, profile));
  };
  let state = lesser.reduce((info, other) => withoutPod(info, other.key), node);
  if (!fits(state)) return undefined;
  const { violating, others } = splitByBudgets(lesser, budgets);
  const victims: PodInfo[] = [];
  let violations = 0;
  for (const other of [...violating, ...others]) {
    const spared = withPod(state, other);
    if (fits(spared)) {
      state = spared;
      continue;
    }
    victims.push(other);
    if (violating.includes(other)) violations++;
  }
  return { nodeName: node.name, victims: victims.sort(byImportance), violations };
}

/** Which pods their budgets cannot spare, when the more important ones are asked first. An eviction that was granted already counts no more. */
function splitByBudgets(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly PodInfo[]; readonly others: readonly PodInfo[] } {
  const left = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of pods) {
    const { metadata } = info.pod;
    let isSpared = false;
    for (const budget of budgets) {
      const { matchLabels = {}, matchExpressions = [] } = budget.spec?.selector ?? {};
      const isEmpty = Object.keys(matchLabels).length + matchExpressions.length === 0;
      if (budget.metadata.namespace !== metadata.namespace || isEmpty || !labelSelectorPredicate(budget.spec?.selector)(metadata.labels)) continue;
      if (budget.status?.disruptedPods?.[metadata.name ?? ""] !== undefined) continue;
      const after = (left.get(budget) ?? 0) - 1;
      left.set(budget, after);
      isSpared ||= after < 0;
    }
    (isSpared ? violating : others).push(info);
  }
  return { violating, others };
}

/**
 * What is lost, the weightiest first: broken budgets, the most important victim, all victims' priorities, their number, how young the
 * oldest of the most important ones is.
 */
function lossOf({ victims, violations }: Preemption): readonly number[] {
  const highest = Math.max(-Infinity, ...victims.map(priorityOf));
  const earliest = Math.min(Infinity, ...victims.filter((victim) => priorityOf(victim) === highest).map(startMs));
  // Negative priorities must not make a victim look like a gain.
  const sum = victims.reduce((total, victim) => total + priorityOf(victim) + 2 ** 31, 0);
  return [violations, highest, sum, victims.length, -earliest];
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index >= 0 && (a[index] as number) < (b[index] as number); // both are of one length
}

/** By priority, then by how long it runs. */
function byImportance(a: PodInfo, b: PodInfo): number {
  return priorityOf(b) - priorityOf(a) || startMs(a) - startMs(b);
}

function startMs({ pod }: PodInfo): number {
  return Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? "") || 0;
}

function isLeavingForAnother({ pod }: PodInfo): boolean {
  return (
    pod.metadata.deletionTimestamp !== undefined &&
    pod.status?.conditions?.some(({ type, status, reason }) => type === "DisruptionTarget" && status === "True" && reason === PREEMPTION_REASON) === true
  );
}
