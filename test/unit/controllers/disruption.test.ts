import { describe, expect, test } from "vitest";
import { planDisruptionBudget, planStaleDisruption } from "../../../engine/controllers/disruption/disruption-plan.ts";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { planEviction, spendDisruption } from "../../../engine/registry/disruption-budget.ts";
import type { Pod, PodDisruptionBudget } from "../../../engine/resources/types.ts";
import { aPod, aReplicaSet, at, START, type PodShape } from "../../kit/objects.ts";
import { aBudget, type BudgetShape } from "../../kit/workloads.ts";

const NOW = START + 60_000;
const set = aReplicaSet("web", { replicas: 4 });
const pod = (name: string, shape: PodShape = {}) => aPod(name, { labels: { app: "web" }, owner: set, readyAt: 1, ...shape });
const statusOf = (actions: readonly Action[]) => (actions.find((action) => action.do === "update")?.object as PodDisruptionBudget | undefined)?.status;
const plan = (budget: PodDisruptionBudget, pods: readonly Pod[], scales = new Map([["uid-web", 4]])) => planDisruptionBudget({ budget, pods, scales }, NOW);

describe("a disruption budget", () => {
  const four = ["a", "b", "c", "d"].map((name) => pod(name));
  test.each<[string, PodDisruptionBudget["spec"], readonly Pod[], [allowed: number, healthy: number, desired: number, expected: number]]>([
    ["with a number to keep counts the pods there are", { minAvailable: 3 }, four, [1, 4, 3, 4]],
    ["with a share to keep rounds up, of what the owners want", { minAvailable: "60%" }, four.slice(0, 3), [0, 3, 3, 4]],
    ["with a number that may be missing", { maxUnavailable: 1 }, four, [1, 4, 3, 4]],
    ["with a share that may be missing rounds it up", { maxUnavailable: "30%" }, four, [2, 4, 2, 4]],
    ["may lose as many as it has when more may be missing than there are", { maxUnavailable: 9 }, four, [4, 4, 0, 4]],
    ["counts no pod that is not ready or on its way out", { minAvailable: 2 }, [pod("a"), pod("b"), pod("c", { readyAt: undefined }), pod("d", { deletedAt: 3 })], [0, 2, 2, 4]],
    ["that selects nothing allows nothing", { minAvailable: 0 }, [], [0, 0, 0, 0]],
    ["that says nothing allows nothing", {}, four, [0, 4, 0, 0]],
  ])("%s", (_name, spec, pods, [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods]) => {
    expect(statusOf(plan(aBudget("b", spec === undefined ? {} : { spec, status: { expectedPods: 99 } }), pods))).toMatchObject({
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      observedGeneration: 1,
    });
  });

  test("does not count a pod whose eviction was granted, looks again when its time is over, and then says that it lives on", () => {
    const budget = aBudget("b", { spec: { minAvailable: 1 }, status: { disruptedPods: { a: at(30), gone: at(30) } } });
    const actions = plan(budget, [pod("a"), pod("b")]);
    expect(statusOf(actions)).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0, disruptedPods: { a: at(30) } });
    expect(actions[0]).toEqual({ do: "wait", forMs: 90_001 });
    const late = planDisruptionBudget({ budget, pods: [pod("a"), pod("b")], scales: new Map() }, START + 151_000);
    expect(statusOf(late)).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
    expect(late).toContainEqual(expect.objectContaining({ content: expect.objectContaining({ reason: "NotDeleted" }) }));
  });

  test("allows nothing while an owner's wish is not known, and says so", () => {
    const actions = plan(aBudget("b", { spec: { maxUnavailable: 1 }, status: { disruptionsAllowed: 3 } }), [pod("a")], new Map());
    expect(statusOf(actions)).toMatchObject({ disruptionsAllowed: 0, conditions: [{ type: "DisruptionAllowed", status: "False", reason: "SyncFailed", message: 'found no controllers for pod "a"' }] });
  });

  test("is silent when nothing differs", () => {
    const budget = aBudget("b", { spec: { minAvailable: 1 } });
    const once = { ...budget, status: statusOf(plan(budget, [pod("a"), pod("b")])) } as PodDisruptionBudget;
    expect(plan(once, [pod("a"), pod("b")])).toEqual([]);
  });
});

describe("an eviction", () => {
  const budget = (shape: BudgetShape = {}) => aBudget("b", shape);
  const running = (shape: PodShape = {}) => pod("a", { phase: "Running", ...shape });
  const healthy = { currentHealthy: 3, desiredHealthy: 3 };
  test.each<[string, Pod, readonly PodDisruptionBudget[], object]>([
    ["of a pod without a budget is a delete", running(), [aBudget("other", { spec: { selector: { matchLabels: { app: "db" } } } })], { do: "delete", ifUnchanged: false }],
    ["of a ready pod costs its budget", running(), [budget()], { do: "spend" }],
    ["of a finished pod costs nothing", running({ phase: "Failed" }), [budget()], { do: "delete", ifUnchanged: false }],
    ["of a pending pod costs nothing as long as it is pending", pod("a", { readyAt: undefined }), [budget()], { do: "delete", ifUnchanged: true }],
    ["of a pod that is not ready costs nothing when the others suffice", running({ readyAt: undefined }), [budget({ status: healthy })], { do: "delete", ifUnchanged: true }],
    ["of a pod that is not ready costs when they do not", running({ readyAt: undefined }), [budget({ status: { currentHealthy: 1, desiredHealthy: 3 } })], { do: "spend" }],
    [
      "of a pod that is not ready is free by the budget's policy",
      running({ readyAt: undefined }),
      [budget({ spec: { selector: { matchLabels: { app: "web" } }, unhealthyPodEvictionPolicy: "AlwaysAllow" } })],
      { do: "delete", ifUnchanged: true },
    ],
  ])("%s", (_name, target, budgets, expected) => expect(planEviction(target, budgets)).toMatchObject(expected));

  test("of a pod with two budgets is refused, as upstream does", () => {
    expect(() => planEviction(running(), [budget(), aBudget("c")])).toThrow("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
  });

  test("takes one from the budget and names the pod, and the last one turns its condition", () => {
    const { status } = spendDisruption(budget({ status: { disruptionsAllowed: 1 } }), "a", at(9));
    expect(status).toMatchObject({ disruptionsAllowed: 0, disruptedPods: { a: at(9) }, conditions: [{ type: "DisruptionAllowed", status: "False", reason: "InsufficientPods" }] });
  });

  test.each<[string, BudgetShape, string, number | undefined]>([
    ["that is spent", { status: { currentHealthy: 2, desiredHealthy: 2 } }, "The disruption budget b needs 2 healthy pods and has 2 currently", undefined],
    ["that is spent, with more healthy pods than it needs", { status: { currentHealthy: 3, desiredHealthy: 2 } }, "The disruption budget b does not allow evicting pods currently", undefined],
    [
      "that is spent, as its condition says",
      { status: { currentHealthy: 3, desiredHealthy: 2, conditions: [{ type: "DisruptionAllowed", status: "False", reason: "Why", message: "so", lastTransitionTime: at(0) }] } },
      "The disruption budget b does not allow evicting pods currently (Why): so",
      undefined,
    ],
    [
      "that could not be counted",
      { status: { currentHealthy: 1, desiredHealthy: 2, conditions: [{ type: "DisruptionAllowed", status: "False", reason: "SyncFailed", message: "no scale", lastTransitionTime: at(0) }] } },
      "The disruption budget b does not allow evicting pods currently because it failed sync: no scale",
      undefined,
    ],
    ["whose change nobody has looked at yet", { generation: 2, status: { disruptionsAllowed: 3 } }, "The disruption budget b is still being processed by the server.", 10],
  ])("is refused by a budget %s", (_name, shape, why, retryAfterSeconds) => {
    expect(() => spendDisruption(budget(shape), "a", at(9))).toThrow(
      expect.objectContaining({
        status: expect.objectContaining({
          code: 429,
          message: "Cannot evict pod as it would violate the pod's disruption budget.",
          details: { ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }), causes: [{ reason: "DisruptionBudget", message: why }] },
        }),
      }),
    );
  });
});

test("a note that a pod is disrupted is taken back when it lives on, unless its node said it", () => {
  const marked = (reason: string): Pod => ({
    ...pod("a"),
    metadata: { ...pod("a").metadata, generation: 3 },
    status: { phase: "Running", conditions: [{ type: "DisruptionTarget", status: "True", reason, lastTransitionTime: at(0) }] },
  });
  expect(planStaleDisruption(marked("EvictionByEvictionAPI"), NOW)).toEqual([{ do: "wait", forMs: 60_000 }]);
  expect(planStaleDisruption(marked("EvictionByEvictionAPI"), START + 120_000)).toMatchObject([
    { do: "patch", patch: { status: { conditions: [{ type: "DisruptionTarget", status: "False", observedGeneration: 3 }] } }, subresource: "status" },
  ]);
  expect(planStaleDisruption(marked("TerminationByKubelet"), START + 999_000)).toEqual([]);
});
