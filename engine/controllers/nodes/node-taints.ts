import { findCondition } from "../../apimachinery/conditions.ts";
import { formatTime } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { nodeResource } from "../../resources/core/node.ts";
import type { Node, Taint } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { computeZones, EvictionTurns, evictionRate, isDisrupted, zoneOf } from "./node-zones.ts";

const UNREACHABLE = "node.kubernetes.io/unreachable";
const NOT_READY = "node.kubernetes.io/not-ready";
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
/** Conditions that keep new pods away while they hold. */
const CONDITION_TAINTS: Readonly<Record<string, string>> = {
  MemoryPressure: "node.kubernetes.io/memory-pressure",
  DiskPressure: "node.kubernetes.io/disk-pressure",
  PIDPressure: "node.kubernetes.io/pid-pressure",
  NetworkUnavailable: "node.kubernetes.io/network-unavailable",
};
const MANAGED = new Set([UNREACHABLE, NOT_READY, UNSCHEDULABLE, ...Object.values(CONDITION_TAINTS)]);

export interface NodeTaintInputs {
  readonly node: Node;
  /**
   * Whether pods may be told to leave a node that is down now (`granted`), not yet (`later`, after this long if that is known),
   * or not at all, because then everything is down and the fault is more likely ours (`lifted`).
   */
  readonly eviction: { readonly is: "granted" } | { readonly is: "later"; readonly afterMs: number | undefined } | { readonly is: "lifted" };
}

/** The taints that stand for a node's conditions, written under the resourceVersion they were computed from. Pure. */
export function planNodeTaints({ node, eviction }: NodeTaintInputs, nowMs: number): readonly Action[] {
  const taints = computeNodeTaints(node, eviction.is, nowMs);
  const isSame = jsonEqual(taints, node.spec?.taints ?? []);
  return [
    ...(eviction.is === "later" && eviction.afterMs !== undefined ? [{ do: "wait", forMs: eviction.afterMs } as const] : []),
    ...(isSame
      ? []
      : [
          {
            do: "patch",
            resource: nodeResource,
            object: node,
            type: "merge",
            patch: { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } },
          } as const,
        ]),
  ];
}

/** All taints the node should have: those of its conditions, and before them those that others set. */
export function computeNodeTaints(node: Node, eviction: NodeTaintInputs["eviction"]["is"], nowMs: number): readonly Taint[] {
  const known = node.spec?.taints ?? [];
  const wanted: Taint[] = [];
  const add = (key: string, effect: string) => {
    const same = known.find((taint) => taint.key === key && taint.effect === effect);
    // The time tells since when pods have been asked to leave.
    wanted.push(same ?? { key, effect, ...(effect === "NoExecute" ? { timeAdded: formatTime(nowMs) } : {}) });
  };
  const down = downTaint(node);
  if (down !== undefined) add(down, "NoSchedule");
  if (needsEviction(node) && eviction !== "lifted" && (eviction === "granted" || hasEvictionTaint(node))) add(down ?? NOT_READY, "NoExecute");
  for (const [type, taint] of Object.entries(CONDITION_TAINTS)) if (findCondition(node.status?.conditions, type)?.status === "True") add(taint, "NoSchedule");
  if (node.spec?.unschedulable === true) add(UNSCHEDULABLE, "NoSchedule");
  return [...known.filter((taint) => !MANAGED.has(taint.key)), ...wanted];
}

/** A node that was just made and never reported is not ready, rather than lost. */
function downTaint(node: Node): string | undefined {
  const ready = findCondition(node.status?.conditions, "Ready")?.status;
  return ready === "True" ? undefined : ready === "Unknown" ? UNREACHABLE : NOT_READY;
}

function needsEviction(node: Node): boolean {
  const ready = findCondition(node.status?.conditions, "Ready")?.status;
  return ready !== undefined && ready !== "True";
}

function hasEvictionTaint(node: Node): boolean {
  return (node.spec?.taints ?? []).some(({ key, effect }) => effect === "NoExecute" && (key === UNREACHABLE || key === NOT_READY));
}

/** Keeps the taints of nodes in step with their conditions. Nodes go down at a bounded rate: mass failures are more often ours than theirs. */
export function nodeTaintController({ clock, informers, timings }: ControllerContext): ControllerDefinition<NodeTaintInputs> {
  const nodes = informers.informer(nodeResource);
  const turns = new EvictionTurns();
  const readiness = (node: Node | undefined) => findCondition(node?.status?.conditions, "Ready")?.status;
  /** When a node comes or goes, others that are down may get their turn, or lose it. */
  const concerned = (node: Node) => [
    node.metadata.name ?? "",
    ...nodes
      .list()
      .filter((other) => needsEviction(other) || hasEvictionTaint(other))
      .map((other) => other.metadata.name ?? ""),
  ];

  const evictionOf = (node: Node): NodeTaintInputs["eviction"] => {
    if (!needsEviction(node)) return { is: "granted" };
    const zones = computeZones(nodes.list(), timings);
    if (isDisrupted(zones)) return { is: "lifted" };
    if (hasEvictionTaint(node)) return { is: "granted" };
    const rate = evictionRate(zones.get(zoneOf(node)), timings);
    if (rate === 0) return { is: "later", afterMs: undefined };
    const afterMs = turns.take(zoneOf(node), rate, clock.monotonic());
    return afterMs === 0 ? { is: "granted" } : { is: "later", afterMs };
  };

  return {
    name: "node-taint-controller",
    workers: 1,
    watches: [
      watch(nodes, concerned, (old, node) => readiness(old) !== readiness(node)),
      watch(
        nodes,
        ({ metadata: { name = "" } }) => [name],
        (old, node) => !jsonEqual([old?.spec, old?.status?.conditions], [node?.spec, node?.status?.conditions]),
      ),
    ],
    observe(name) {
      const node = nodes.get("", name);
      return node && { node, eviction: evictionOf(node) };
    },
    plan: planNodeTaints,
  };
}
