import { describe, expect, test } from "vitest";
import type { Action, Outcome } from "../../../engine/controllers/define-controller.ts";
import { rankForDeletion } from "../../../engine/controllers/rank-pods.ts";
import { podFromTemplate } from "../../../engine/controllers/pods.ts";
import { concludeReplicaSet, planReplicaSet } from "../../../engine/controllers/workloads/replica-set-plan.ts";
import type { Pod, ReplicaSet } from "../../../engine/resources/types.ts";
import { aPod, aReplicaSet, at, START, type PodShape } from "../../kit/objects.ts";

const labels = { app: "web" };
const NOW = START + 3_600_000;
const set = (replicas: number) => aReplicaSet("web", { replicas });
const pod = (name: string, shape: PodShape = {}, owner: ReplicaSet | undefined = set(1)) => aPod(name, { labels, readyAt: 1, node: "n1", owner, ...shape });
const plan = (owner: ReplicaSet, pods: readonly Pod[]) => planReplicaSet({ set: owner, pods, siblingsPerNode: new Map() }, NOW);
const names = (actions: readonly Action[]): string[] =>
  actions.flatMap((action) =>
    action.do === "together" || action.do === "inOrder"
      ? names(action.actions)
      : action.do === "event"
        ? []
        : action.do === "createMany"
          ? [`create ${action.objects.length}`]
          : [`${action.do} ${"object" in action ? action.object.metadata.name : ""}`],
  );

describe("a ReplicaSet", () => {
  test.each([
    ["makes what is missing", 3, [pod("a")], ["create 2"]],
    ["does nothing when the number is right", 1, [pod("a")], []],
    ["removes what is too much", 1, [pod("a"), pod("b", { readyAt: undefined })], ["delete b"]],
    ["does not count finished pods or those on their way out", 1, [pod("a", { phase: "Failed" }), pod("b", { deletedAt: 5 })], ["create 1"]],
    ["adopts an orphan that matches before it makes any", 2, [pod("a"), aPod("orphan", { labels })], ["adopt orphan"]],
    ["leaves alone an orphan that is ending", 1, [pod("a"), aPod("orphan", { labels, deletedAt: 1 })], []],
    ["releases a pod that no longer matches, and replaces it", 1, [pod("a", { labels: { app: "debug" } })], ["release a", "create 1"]],
    ["makes no more than 500 at once", 1_000, [], ["create 500"]],
  ] as const)("%s", (_name, replicas, pods, actions) => {
    expect(names(plan(set(replicas), pods))).toEqual(actions);
  });

  test("that is being deleted does nothing about its pods", () => {
    expect(plan(aReplicaSet("web", { replicas: 3, deletedAt: 1 }), [pod("a")])).toEqual([]);
  });

  test("makes pods of its template, owned by it, with names made by the API", () => {
    expect(podFromTemplate(set(1), set(1).spec.template)).toMatchObject({
      metadata: { generateName: "web-", labels, ownerReferences: [{ kind: "ReplicaSet", uid: "uid-web", controller: true, blockOwnerDeletion: true }] },
      spec: { containers: [{ image: "app:1" }] },
    });
  });
});

describe("pods are given up", () => {
  const cost = (value: string) => ({ annotations: { "controller.kubernetes.io/pod-deletion-cost": value } });
  test.each<[string, PodShape, PodShape]>([
    ["before they are placed", { node: undefined }, {}],
    ["while pending rather than running", { phase: "Pending" }, {}],
    ["while not ready rather than ready", { readyAt: undefined, phase: "Running" }, {}],
    ["with a lower deletion cost first", cost("-5"), cost("3")],
    ["from a crowded node first", { node: "crowded" }, {}],
    ["when they have been ready for a shorter time", { readyAt: 3_500 }, { readyAt: 1 }],
    ["with more restarts first", { restarts: 3 }, { restarts: 1 }],
    ["when they are younger", { createdAt: 3_500 }, { createdAt: 1 }],
  ])("%s", (_name, first, second) => {
    const pods = [pod("second", second), pod("first", first)];
    expect(
      rankForDeletion(
        pods,
        new Map([
          ["crowded", 9],
          ["n1", 1],
        ]),
        NOW,
      )[0]?.metadata.name,
    ).toBe("first");
  });

  test("by their uid when they have been ready for about as long", () => {
    const pods = [pod("b", { readyAt: 100 }), pod("a", { readyAt: 90, restarts: 0 })];
    expect(rankForDeletion(pods, new Map(), NOW).map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
  });
});

describe("a ReplicaSet's status", () => {
  const conclude = (owner: ReplicaSet, pods: readonly Pod[], outcome: Partial<Outcome> = {}, nowMs = NOW) => {
    const actions = concludeReplicaSet({ set: owner, pods, siblingsPerNode: new Map() }, { created: [], updated: [], existing: undefined, failure: undefined, ...outcome }, nowMs);
    const write = actions.find((action) => action.do === "update");
    return { actions, status: (write?.object as ReplicaSet | undefined)?.status };
  };

  test("counts members, labels of the template, ready and terminating pods", () => {
    const owner = aReplicaSet("web", { replicas: 3, status: { replicas: 0 } });
    expect(conclude(owner, [pod("a"), pod("b", { readyAt: undefined }), pod("c", { deletedAt: 1 })]).status).toEqual({
      replicas: 2,
      fullyLabeledReplicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 1,
    });
  });

  test("calls a pod available after minReadySeconds, and looks again then", () => {
    const owner = aReplicaSet("web", { minReadySeconds: 10, status: { availableReplicas: 7 } });
    const { actions, status } = conclude(owner, [pod("a", { readyAt: 0 })], {}, START + 4_000);
    expect(status).toMatchObject({ readyReplicas: 1, availableReplicas: 0 });
    expect(actions).toContainEqual({ do: "wait", forMs: 6_000 });
    expect(conclude(owner, [pod("a", { readyAt: 0 })], {}, START + 10_000).status).toMatchObject({ availableReplicas: 1 });
  });

  test("says why pods cannot be made, once, and no longer when they can", () => {
    const failed = conclude(set(2), [pod("a")], { failure: new Error("quota spent") });
    expect(failed.status?.conditions).toEqual([{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "quota spent", lastTransitionTime: at(3_600) }]);
    expect(failed.actions).toContainEqual(expect.objectContaining({ do: "event", content: { type: "Warning", reason: "FailedCreate", message: "Error creating: quota spent" } }));
    const broken: ReplicaSet = { ...set(1), status: { ...failed.status, replicas: 1 } };
    expect(conclude(broken, [pod("a")]).status).not.toHaveProperty("conditions");
  });

  test("is not written when nothing differs, and events tell what was made", () => {
    const { actions } = conclude(set(1), [pod("a")], { created: [aPod("web-x")] });
    expect(actions).toEqual([expect.objectContaining({ do: "event", content: { type: "Normal", reason: "SuccessfulCreate", message: "Created pod: web-x" } })]);
  });
});
