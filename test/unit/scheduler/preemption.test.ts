import { describe, expect, test } from "vitest";
import type { Node, Pod, PodDisruptionBudget } from "../../../engine/resources/types.ts";
import { nodeInfo, podInfo, type NodeInfo, type PodInfo } from "../../../engine/scheduler/node-info.ts";
import { Nominations } from "../../../engine/scheduler/nominations.ts";
import { explainPreemption } from "../../../engine/scheduler/preemption-message.ts";
import { choosePreemption, type PreemptionInputs } from "../../../engine/scheduler/preemption.ts";
import { createProfile, type Profile } from "../../../engine/scheduler/profile.ts";
import { FilterCache, schedulePod } from "../../../engine/scheduler/schedule-pod.ts";
import { at } from "../../kit/objects.ts";
import { aBudget } from "../../kit/workloads.ts";

const profile = createProfile();

interface PodShape {
  readonly cpu?: number;
  readonly priority?: number;
  readonly labels?: Record<string, string>;
  readonly startedAt?: number;
  readonly deletedAt?: number;
  readonly reason?: string;
  readonly spec?: Partial<Pod["spec"]>;
}
function pod(name: string, { cpu = 1, priority = 0, labels = { app: name }, startedAt = 0, deletedAt, reason, spec = {} }: PodShape = {}): PodInfo {
  const conditions = reason === undefined ? [] : [{ type: "DisruptionTarget", status: "True", reason }];
  return podInfo({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels, creationTimestamp: at(startedAt), ...(deletedAt === undefined ? {} : { deletionTimestamp: at(deletedAt) }) },
    spec: { priority, containers: [{ name: "c", image: "i", resources: { requests: { cpu: String(cpu) } } }], ...spec },
    status: { startTime: at(startedAt), conditions },
  });
}
const node = (name: string, pods: readonly PodInfo[], more: Partial<Node["spec"]> = {}): NodeInfo =>
  nodeInfo(
    { apiVersion: "v1", kind: "Node", metadata: { name, labels: { "kubernetes.io/hostname": name } }, spec: { ...more }, status: { allocatable: { cpu: "2", memory: "8Gi", pods: "110" } } } as Node,
    pods,
  );
const choose = (wanted: PodInfo, nodes: readonly NodeInfo[], more: Partial<PreemptionInputs> = {}) => {
  const found = choosePreemption({ pod: wanted, nodes, profile, budgets: [], start: 0, withReserved: () => undefined, nominatedNode: undefined, ...more });
  return found === undefined ? undefined : `${found.nodeName}: ${found.victims.map(({ pod: victim }) => victim.metadata.name).join(" ")}`;
};
const urgent = (shape: PodShape = {}) => pod("urgent", { priority: 100, ...shape });

describe("room for an important pod", () => {
  test.each<[string, PodInfo, readonly NodeInfo[], string | undefined]>([
    ["is made by the least important", urgent(), [node("n1", [pod("a", { priority: 5 }), pod("b", { priority: 9 })])], "n1: a"],
    ["is made by as few as will do", urgent({ cpu: 2 }), [node("n1", [pod("a"), pod("b")])], "n1: a b"],
    ["is made where a less important one goes", urgent(), [node("n1", [pod("a", { cpu: 2, priority: 50 })]), node("n2", [pod("b", { cpu: 2, priority: 5 })])], "n2: b"],
    ["is made where less goes in all", urgent({ cpu: 2 }), [node("n1", [pod("a"), pod("b")]), node("n2", [pod("c", { cpu: 2 })])], "n2: c"],
    ["is made by whoever started last", urgent({ cpu: 2 }), [node("n1", [pod("a", { cpu: 2, startedAt: 10 })]), node("n2", [pod("b", { cpu: 2, startedAt: 20 })])], "n2: b"],
    ["spares on one node who has run for longer", urgent(), [node("n1", [pod("old", { startedAt: 1 }), pod("young", { startedAt: 2 })])], "n1: young"],
    ["is not made by equals", urgent(), [node("n1", [pod("a", { cpu: 2, priority: 100 })])], undefined],
    ["is not made where it would not help", urgent({ cpu: 3 }), [node("n1", [pod("a", { cpu: 2 })])], undefined],
    ["is not made on nodes that it may not go to", urgent(), [node("n1", [pod("a", { cpu: 2 })], { unschedulable: true })], undefined],
    ["is not made when the pod is too polite", urgent({ spec: { preemptionPolicy: "Never" } }), [node("n1", [pod("a", { cpu: 2 })])], undefined],
    [
      "is made by pods that it will not stand beside",
      urgent({
        spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "noisy" } } }] } } },
      }),
      [node("n1", [pod("a", { cpu: 0.1, labels: { app: "noisy" } }), pod("b", { cpu: 0.1 })])],
      "n1: a",
    ],
  ])("%s", (_name, wanted, nodes, expected) => expect(choose(wanted, nodes)).toBe(expected));

  test("is looked for on as many nodes as was told", () => {
    const nodes = [node("n1", [pod("a", { cpu: 2, priority: 50 })]), node("n2", [pod("b", { cpu: 2, priority: 40 })]), node("n3", [pod("c", { cpu: 2, priority: 5 })])];
    const among = (nodesPercent: number, nodesMin: number) => choose(urgent(), nodes, { profile: { ...profile, preemption: { nodesPercent, nodesMin } } });
    expect([among(0, 1), among(0, 2), among(70, 1), among(100, 1)]).toEqual(["n1: a", "n2: b", "n2: b", "n3: c"]);
  });

  const budget = (allowed: number, more: Partial<NonNullable<PodDisruptionBudget["status"]>> = {}) => aBudget("b", { status: { disruptionsAllowed: allowed, ...more } });
  const web = (name: string, shape: PodShape = {}) => pod(name, { labels: { app: "web" }, ...shape });
  test.each<[string, readonly PodDisruptionBudget[], string]>([
    ["is made rather by pods that no budget protects, even if they matter more", [budget(0)], "n1: other"],
    ["is made by those that a budget can spare", [budget(1)], "n1: web"],
    ["is made by those whose eviction was granted already", [budget(0, { disruptedPods: { web: at(1) } })], "n1: web"],
  ])("%s", (_name, budgets, expected) => expect(choose(urgent(), [node("n1", [web("web", { priority: 1 }), pod("other", { priority: 2 })])], { budgets })).toBe(expected));

  test("is made by protected pods when nothing else helps, and on the node where fewest are", () => {
    expect(choose(urgent({ cpu: 2 }), [node("n1", [web("a"), web("b")]), node("n2", [web("c"), pod("d", { priority: 50 })])], { budgets: [budget(0)] })).toBe("n2: d c");
  });

  test("is not asked for again while those who were asked are leaving", () => {
    const leaving = pod("a", { cpu: 2, deletedAt: 5, reason: "PreemptionByScheduler" });
    const nodes = [node("n1", [leaving]), node("n2", [pod("b", { cpu: 2 })])];
    expect(choose(urgent(), nodes, { nominatedNode: "n1" })).toBeUndefined();
    expect(choose(urgent(), nodes, { nominatedNode: "n2" })).toBe("n1: a");
  });

  test("counts what is kept for others", () => {
    const nominations = new Nominations();
    nominations.set(pod("first", { cpu: 1, priority: 200 }), "n1");
    expect(choose(urgent({ cpu: 2 }), [node("n1", [pod("a")])], { withReserved: (info) => nominations.withReserved(urgent({ cpu: 2 }), info) })).toBeUndefined();
  });
});

describe("room that is kept for a pod", () => {
  const nominations = new Nominations();
  nominations.set(urgent({ cpu: 2 }), "n1");
  const place = (wanted: PodInfo) => schedulePod(wanted, [node("n1", [])], profile, 0, new FilterCache(), (info) => nominations.withReserved(wanted, info));
  test("is not given to a less important one", () => {
    expect(place(pod("late", { priority: 1 }))).toMatchObject({ is: "unschedulable", message: "0/1 nodes are available: 1 Insufficient cpu." });
  });
  test("is given to itself and to a more important one", () => {
    expect(place(urgent({ cpu: 2 }))).toMatchObject({ is: "fits" });
    expect(place(pod("king", { priority: 999 }))).toMatchObject({ is: "fits" });
    expect(nominations.below("n1", 999).map(({ key }) => key)).toEqual(["default/urgent"]);
  });
});

describe("a pod for which nobody makes room is told why", () => {
  const told = (wanted: PodInfo, nodes: readonly NodeInfo[], isMade = false) => {
    const decision = schedulePod(wanted, nodes, profile, 0, new FilterCache());
    return decision.is === "fits" ? "fits" : `${decision.message} ${explainPreemption(wanted, nodes, decision.refused, profile, isMade)}`;
  };
  const full = (name: string) => node(name, [pod(`on-${name}`, { cpu: 2, priority: 100 })]);
  test.each<[string, PodInfo, readonly NodeInfo[], string]>([
    [
      "nobody is less important",
      urgent(),
      [full("n1"), full("n2")],
      "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
    ],
    [
      "the node is out of the question",
      urgent(),
      [full("n1"), node("n2", [], { unschedulable: true })],
      "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
    ],
    [
      "it is larger than any node",
      urgent({ cpu: 3 }),
      [node("n1", [pod("a")])],
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    ],
    [
      "all who may go are not enough",
      urgent({ cpu: 2 }),
      [node("n1", [pod("a"), pod("b", { priority: 100 })])],
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Insufficient cpu.",
    ],
    [
      "it is too polite",
      urgent({ spec: { preemptionPolicy: "Never" } }),
      [full("n1")],
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.",
    ],
  ])("%s", (_why, wanted, nodes, expected) => expect(told(wanted, nodes)).toBe(expected));

  test("devices that it claims are told of with it, and are not where a scheduler does not look at them", () => {
    const claiming = urgent({ spec: { resourceClaims: [{ name: "gpu", resourceClaimName: "mine" }] } });
    const refused = [{ node: full("n1"), rejection: { by: "NodeResourcesFit", reasons: ["Insufficient cpu"] } }];
    const explain = (filters: Profile["filters"]) => explainPreemption(claiming, [full("n1")], refused, { ...profile, filters }, false);
    expect(explain(profile.filters)).toMatch(/^still not schedulable, preemption: /);
    expect(explain(profile.filters.filter(({ name }) => name !== "DynamicResources"))).toMatch(/^preemption: /);
  });

  test("room is being made already", () =>
    expect(told(urgent(), [full("n1")], true)).toBe(
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to a terminating pod on the nominated node.",
    ));
});
