import { describe, expect, test } from "vitest";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { planRevisions } from "../../../engine/controllers/workloads/controller-revisions.ts";
import { computeNodeFit, newDaemonPod, targetNode } from "../../../engine/controllers/workloads/daemon-pods.ts";
import { planDaemonSet } from "../../../engine/controllers/workloads/daemon-set-plan.ts";
import { computeDaemonSetStatus } from "../../../engine/controllers/workloads/daemon-set.ts";
import { FailureDelays } from "../../../engine/controllers/workloads/failure-delays.ts";
import { daemonSetResource } from "../../../engine/resources/apps/daemon-set.ts";
import type { ControllerRevision, DaemonSet, Node, Pod } from "../../../engine/resources/types.ts";
import { aNode, aPod, START, type NodeShape, type PodShape } from "../../kit/objects.ts";
import { aDaemonSet, type DaemonSetShape } from "../../kit/workloads.ts";

const NOW = START + 3_600_000;
const HASH = "controller-revision-hash";
const base = aDaemonSet("agent");
const made = planRevisions(base, daemonSetResource, []).actions[0];
const current = (made?.do === "create" ? made.object : undefined) as ControllerRevision;
const hash = current.metadata.labels?.[HASH] ?? "";
const nodes = (...names: readonly string[]) => names.map((name) => aNode(name));
const pod = (name: string, node: string, { rev = "now", ...shape }: PodShape & { readonly rev?: "old" | "now" } = {}) =>
  aPod(name, { owner: base, node, readyAt: 1, phase: "Running", ...shape, labels: { app: "web", [HASH]: rev === "now" ? hash : "old" } });
const set = (shape: DaemonSetShape = {}) => aDaemonSet("agent", shape);
const plan = (owner: DaemonSet, onNodes: readonly Node[], pods: readonly Pod[], failureDelaysMs = new Map<string, number>()) =>
  planDaemonSet({ set: owner, nodes: onNodes, pods, revisions: [current], failureDelaysMs }, NOW).actions;
const words = (actions: readonly Action[]): string[] =>
  actions.flatMap((action) =>
    action.do === "together" || action.do === "inOrder"
      ? words(action.actions)
      : action.do === "createMany"
        ? action.objects.map((object) => `create on ${targetNode(object as Pod)}`)
        : action.do === "wait"
          ? [`wait ${action.forMs}`]
          : "object" in action
            ? [`${action.do} ${action.object.metadata.name}`]
            : [],
  );

describe("a node", () => {
  const taint = (key: string, effect: string) => ({ taints: [{ key, effect }] });
  test.each<[string, DaemonSetShape, NodeShape, [shouldRun: boolean, mayStay: boolean]]>([
    ["gets a pod", {}, {}, [true, true]],
    ["without the wanted label gets none", { template: { nodeSelector: { disk: "fast" } } }, {}, [false, false]],
    ["with the wanted label gets one", { template: { nodeSelector: { disk: "fast" } } }, { labels: { disk: "fast" } }, [true, true]],
    ["of another name gets none", { template: { nodeName: "n2" } }, {}, [false, false]],
    ["with a taint gets none and keeps what it has", {}, taint("dedicated", "NoSchedule"), [false, true]],
    ["that drives pods away keeps none", {}, taint("dedicated", "NoExecute"), [false, false]],
    ["with a taint that is tolerated gets one", { template: { tolerations: [{ key: "dedicated", operator: "Exists" }] } }, taint("dedicated", "NoExecute"), [true, true]],
    [
      "that is cordoned, not ready or short of something gets one all the same",
      {},
      { taints: ["unschedulable", "disk-pressure", "memory-pressure", "pid-pressure"].map((key) => ({ key: `node.kubernetes.io/${key}`, effect: "NoSchedule" })) },
      [true, true],
    ],
    ["without a network gets only pods that need none", {}, taint("node.kubernetes.io/network-unavailable", "NoSchedule"), [false, true]],
    ["without a network gets pods of the host's", { template: { hostNetwork: true } }, taint("node.kubernetes.io/network-unavailable", "NoSchedule"), [true, true]],
  ])("%s", (_name, shape, node, [shouldRun, mayStay]) => expect(computeNodeFit(set(shape), aNode("n1", node))).toEqual({ shouldRun, mayStay }));
});

describe("a DaemonSet's pods", () => {
  test.each<[string, DaemonSet, readonly Node[], readonly Pod[], readonly string[]]>([
    ["come to every node", set(), nodes("n1", "n2"), [pod("a", "n1")], ["create on n2"]],
    ["leave nodes that are no longer meant", set(), [aNode("n1", { taints: [{ key: "away", effect: "NoExecute" }] })], [pod("a", "n1")], ["delete a"]],
    ["are one to a node, the oldest", set(), nodes("n1"), [pod("b", "n1", { createdAt: 5 }), pod("a", "n1")], ["delete b"]],
    ["that ended make room for another", set(), nodes("n1"), [pod("a", "n1", { phase: "Failed" })], ["delete a"]],
    ["that are leaving are waited for", set(), nodes("n1"), [pod("a", "n1", { deletedAt: 1 })], []],
    ["that have ended and are held by finalizers make room too", set(), nodes("n1"), [pod("a", "n1", { deletedAt: 1, phase: "Succeeded" })], ["create on n1"]],
    [
      "for nodes that are gone are given up",
      set(),
      nodes("n1"),
      [
        pod("a", "n1"),
        {
          ...newDaemonPod(set(), "gone", hash),
          metadata: { name: "b", labels: { app: "web" }, ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "agent", uid: "uid-agent", controller: true }] },
        },
      ],
      ["delete b"],
    ],
    ["without an owner are adopted", set(), nodes("n1"), [aPod("a", { labels: { app: "web" }, node: "n1" })], ["adopt a"]],
    ["stay as they are when the set is being deleted", set({ deletedAt: 1 }), nodes("n1", "n2"), [pod("a", "n1")], []],
  ])("%s", (_name, owner, on, pods, expected) => expect(words(plan(owner, on, pods))).toEqual(expected));

  test("that failed again wait for their turn", () => {
    expect(words(plan(set(), nodes("n1"), [pod("a", "n1", { phase: "Failed" })], new Map([["uid-a", 4_000]])))).toEqual(["wait 4000"]);
  });

  test("are pinned to their node, in every way in which nodes may match, and tolerate its troubles", () => {
    const terms = ["a", "b"].map((zone) => ({ matchExpressions: [{ key: "zone", operator: "In", values: [zone] }] }));
    const { spec, metadata } = newDaemonPod(
      set({
        annotations: { "deprecated.daemonset.template.generation": "7" },
        template: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } } },
      }),
      "n1",
      hash,
    );
    const pin = [{ key: "metadata.name", operator: "In", values: ["n1"] }];
    expect(spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms).toEqual(terms.map((term) => ({ ...term, matchFields: pin })));
    expect(spec.tolerations?.map(({ key }) => key)).toContain("node.kubernetes.io/unreachable");
    expect(metadata).toMatchObject({ generateName: "agent-", labels: { app: "web", [HASH]: hash, "pod-template-generation": "7" } });
  });
});

describe("a DaemonSet's rollout", () => {
  const rolling = (rollingUpdate: object) => set({ spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate } } });
  const three = nodes("n1", "n2", "n3");
  const old = (name: string, node: string, shape: PodShape = {}) => pod(name, node, { rev: "old", ...shape });
  const allOld = [old("a", "n1"), old("b", "n2"), old("c", "n3")];
  const unready = { readyAt: undefined };
  test.each<[string, object, readonly Pod[], readonly string[]]>([
    ["removes as many old pods as may be missing", { maxUnavailable: 2 }, allOld, ["delete a", "delete b"]],
    ["rounds a share up", { maxUnavailable: "40%" }, allOld, ["delete a", "delete b"]],
    ["waits for new pods to be available", { maxUnavailable: 1 }, [pod("a", "n1", unready), old("b", "n2"), old("c", "n3")], []],
    [
      "removes old pods of no use first, and beyond what may be missing",
      { maxUnavailable: 1 },
      [old("a", "n1"), old("b", "n2", unready), old("c", "n3", unready)],
      ["delete b", "delete c", "delete a"],
    ],
    ["goes on when new pods are available", { maxUnavailable: 1 }, [pod("a", "n1"), old("b", "n2"), old("c", "n3")], ["delete b"]],
    ["makes new pods beside the old ones while surging", { maxUnavailable: 0, maxSurge: 1 }, allOld, ["create on n1"]],
    ["waits for the surging one", { maxUnavailable: 0, maxSurge: 1 }, [...allOld, pod("x", "n1", unready)], []],
    ["removes the old one when the surging one is available", { maxUnavailable: 0, maxSurge: 1 }, [...allOld, pod("x", "n1")], ["delete a"]],
    ["removes an old one of no use, surged or not", { maxUnavailable: 0, maxSurge: 1 }, [old("a", "n1", unready), pod("x", "n1", unready), old("b", "n2"), old("c", "n3")], ["delete a"]],
    [
      "surges at once where the old one is of no use",
      { maxUnavailable: 0, maxSurge: 1 },
      [old("a", "n1", unready), old("b", "n2", unready), old("c", "n3")],
      ["create on n1", "create on n2", "create on n3"],
    ],
  ])("%s", (_name, rollingUpdate, pods, expected) => expect(words(plan(rolling(rollingUpdate), three, pods))).toEqual(expected));

  test("does not surge onto nodes that are meant no more, and keeps what serves there until enough others do", () => {
    const surging = rolling({ maxUnavailable: 0, maxSurge: 1 });
    const shunned = (name: string) => aNode(name, { taints: [{ key: "x", effect: "NoSchedule" }] });
    const on = [shunned("n1"), aNode("n2")];
    expect(words(plan(surging, on, [old("a", "n1"), pod("b", "n2", unready)]))).toEqual([]);
    expect(words(plan(surging, on, [old("a", "n1"), pod("b", "n2")]))).toEqual(["delete a"]);
    expect(words(plan(surging, on, [old("a", "n1", unready), pod("b", "n2", unready)]))).toEqual(["delete a"]);
    expect(words(plan(surging, [shunned("n1"), shunned("n2")], [old("a", "n1"), old("b", "n2")]))).toEqual(["delete a", "delete b"]);
  });
  test("is left to people when told so", () => {
    expect(plan(set({ spec: { updateStrategy: { type: "OnDelete" } } }), three, allOld)).toEqual([]);
  });
  test("begins with a revision for the new template", () => {
    expect(plan(set({ image: "app:2" }), three, allOld)).toMatchObject([{ do: "create", object: { kind: "ControllerRevision", revision: 2 } }]);
  });
});

test("a DaemonSet's status counts nodes", () => {
  const on = [...nodes("n1", "n2", "n3"), aNode("n4", { taints: [{ key: "x", effect: "NoSchedule" }] })];
  const pods = [pod("a", "n1"), pod("b", "n2", { readyAt: 3_599 }), pod("d", "n4"), pod("c", "n1", { rev: "old", createdAt: 9 })];
  expect(computeDaemonSetStatus(set({ generation: 3, spec: { minReadySeconds: 10 } }), on, pods, hash, NOW)).toEqual({
    desiredNumberScheduled: 3,
    currentNumberScheduled: 2,
    numberMisscheduled: 1,
    numberReady: 2,
    numberAvailable: 1,
    numberUnavailable: 2,
    updatedNumberScheduled: 2,
    observedGeneration: 3,
  });
});

test("what fails again and again in one place is replaced ever more slowly, and asking twice counts once", () => {
  const delays = new FailureDelays((failures) => 1_000 * 2 ** failures);
  expect([
    delays.delayMs("n1", "a", 0),
    delays.delayMs("n1", "a", 500),
    delays.delayMs("n1", "b", 1_000),
    delays.delayMs("n1", "b", 2_000),
    delays.delayMs("n1", "c", 5_000),
    delays.delayMs("n2", "x", 5_000),
  ]).toEqual([0, 0, 2_000, 1_000, 4_000, 0]);
  expect(delays.delayMs("n1", "d", 5_000 + 31 * 60_000)).toBe(0);
});
