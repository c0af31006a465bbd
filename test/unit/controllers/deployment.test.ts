import { describe, expect, test } from "vitest";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import type { Action, Outcome } from "../../../engine/controllers/define-controller.ts";
import { concludeDeployment } from "../../../engine/controllers/workloads/deployment.ts";
import { planDeployment } from "../../../engine/controllers/workloads/deployment-plan.ts";
import { maxSurge, maxUnavailable, planProportionalSizes, planRollingSizes } from "../../../engine/controllers/workloads/deployment-rollout.ts";
import { newReplicaSet, sameTemplate, templateHash } from "../../../engine/controllers/workloads/deployment-template.ts";
import type { Deployment, ReplicaSet } from "../../../engine/resources/types.ts";
import { aDeployment, aReplicaSet, at, START, type ReplicaSetShape } from "../../kit/objects.ts";

const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({ type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } });
const sized = (replicas: number, max: number) => ({ "deployment.kubernetes.io/desired-replicas": String(replicas), "deployment.kubernetes.io/max-replicas": String(max) });
const DONE: Outcome = { created: [], updated: [], existing: undefined, failure: undefined };

function plan(deployment: Deployment, sets: readonly ReplicaSet[], podCounts: ReadonlyMap<string, number> = new Map()) {
  return planDeployment({ deployment, sets, podCounts });
}
/** What the actions do to replica sets, in short: `new→3`, `create 2`, `delete old`. */
function show(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    if (action.do === "event" || action.do === "wait") return [];
    if (action.do === "create") return [`create ${(action.object as ReplicaSet).spec.replicas}`];
    if (action.do === "update") return [`${action.object.metadata.name}→${(action.object as ReplicaSet).spec.replicas}`];
    return ["object" in action ? `${action.do} ${action.object.metadata.name}` : action.do];
  });
}

describe("bounds of a rolling update", () => {
  test.each([
    [10, "25%", "25%", 3, 2],
    [4, "25%", "25%", 1, 1],
    [1, "25%", "25%", 1, 0],
    [3, 0, 0, 0, 1],
    [10, "0%", "1%", 0, 1],
    [2, 5, 5, 5, 2],
    [0, "25%", "25%", 0, 0],
  ] as const)("of %i with surge %s and unavailable %s are %i and %i", (replicas, surge, unavailable, mostMore, mostFewer) => {
    const deployment = aDeployment("web", { replicas, strategy: rolling(surge, unavailable) });
    expect([maxSurge(deployment), maxUnavailable(deployment)]).toEqual([mostMore, mostFewer]);
  });
});

describe("a rolling step", () => {
  const step = (deployment: Deployment, newShape: ReplicaSetShape, ...oldShapes: ReplicaSetShape[]) => {
    const newSet = aReplicaSet("new", newShape);
    const oldSets = oldShapes.map((shape, i) => aReplicaSet(`old${i}`, shape));
    return Object.fromEntries([...planRollingSizes(deployment, newSet, oldSets)].map(([set, size]) => [set.metadata.name, size]));
  };
  const ten = aDeployment("web", { replicas: 10, strategy: rolling(3, 2) });

  test.each([
    ["grows the new set by what the surge leaves", { replicas: 0 }, [{ replicas: 10 }], { new: 3 }],
    ["shrinks the old set while the new one is not ready yet, within the unavailable ones", { replicas: 3, available: 0 }, [{ replicas: 10 }], { old0: 8 }],
    ["waits when nothing may move", { replicas: 5, available: 0 }, [{ replicas: 8 }], {}],
    ["grows again when old pods have gone", { replicas: 3, available: 3 }, [{ replicas: 8, has: 8 }], { new: 5 }],
    ["never grows past what is wanted", { replicas: 9, available: 9 }, [{ replicas: 1 }], { new: 10 }],
    ["shrinks a new set that is too large", { replicas: 12, available: 12 }, [{ replicas: 1 }], { new: 10 }],
    [
      "gives up unhealthy old pods first",
      { replicas: 3, available: 0 },
      [
        { replicas: 5, available: 5 },
        { replicas: 5, available: 3 },
      ],
      { old1: 3 },
    ],
    ["takes from the oldest set first", { replicas: 5, available: 5 }, [{ replicas: 4 }, { replicas: 4 }], { old0: 0, old1: 3 }],
    ["ends with no old pods", { replicas: 10, available: 10 }, [{ replicas: 2 }], { old0: 0 }],
  ] as const)("%s", (_name, newShape, oldShapes, sizes) => {
    expect(step(ten, newShape, ...oldShapes)).toEqual(sizes);
  });
});

describe("a new size in the middle of a rollout", () => {
  const step = (replicas: number, ...shapes: ReplicaSetShape[]) => {
    const [newShape = {}, ...oldShapes] = shapes;
    const sets = planProportionalSizes(
      aDeployment("web", { replicas, strategy: rolling(5, 0) }),
      aReplicaSet("new", newShape),
      oldShapes.map((shape, i) => aReplicaSet(`old${i}`, shape)),
    );
    return Object.fromEntries([...sets].map(([set, size]) => [set.metadata.name, size]));
  };
  test("is shared in proportion to the sets, the largest taking what rounding leaves", () => {
    expect(step(20, { replicas: 5, annotations: sized(10, 15) }, { replicas: 10, annotations: sized(10, 15) })).toEqual({ new: 8, old0: 17 });
  });
  test("shrinks all sets alike", () => {
    expect(step(5, { replicas: 5, annotations: sized(10, 15) }, { replicas: 10, annotations: sized(10, 15) })).toEqual({ new: 3, old0: 7 });
  });
  test("of zero empties all sets", () => {
    expect(step(0, { replicas: 5, annotations: sized(10, 15) }, { replicas: 10, annotations: sized(10, 15) })).toEqual({ new: 0, old0: 0 });
  });
  test("goes to the only set that has pods", () => {
    expect(step(7, { replicas: 3 }, { replicas: 0 })).toEqual({ new: 7 });
  });
});

describe("a Deployment", () => {
  const web = aDeployment("web", { replicas: 3 });
  const current = (shape: ReplicaSetShape = {}) => aReplicaSet("new", { replicas: 3, revision: 1, owner: web, ...shape });

  test("makes the set of its template, named after its hash, with selector, labels and revision", () => {
    const [action] = plan(web, []).actions;
    const hash = templateHash(web.spec.template, 0);
    expect(action).toMatchObject({
      do: "create",
      object: {
        metadata: {
          name: `web-${hash}`,
          labels: { app: "web", "pod-template-hash": hash },
          annotations: { "deployment.kubernetes.io/revision": "1", "deployment.kubernetes.io/desired-replicas": "3", "deployment.kubernetes.io/max-replicas": "4" },
        },
        spec: { replicas: 3, selector: { matchLabels: { app: "web", "pod-template-hash": hash } }, template: { metadata: { labels: { "pod-template-hash": hash } } } },
      },
    });
  });

  test("does nothing when all is as it should be", () => {
    expect(plan(web, [current()]).actions).toEqual([]);
  });

  test("recognises its set whatever hash it carries, and takes the oldest of two alike", () => {
    const twins = [current({ createdAt: 5 }), aReplicaSet("older", { replicas: 0, owner: web, createdAt: 1 })];
    expect(plan(web, twins).newSet?.metadata.name).toBe("older");
  });

  test("adopts what matches and nobody owns, releases what no longer matches, and does nothing else meanwhile", () => {
    const step = plan(web, [aReplicaSet("orphan"), aReplicaSet("stranger", { app: "db", owner: web }), aReplicaSet("dying", { deletedAt: 1 })]);
    expect(show(step.actions)).toEqual(["adopt orphan", "release stranger"]);
    expect(step.is).toBe("claiming");
  });

  test("that is being deleted claims and makes nothing", () => {
    expect(plan(aDeployment("web", { deletedAt: 1 }), [aReplicaSet("orphan")]).actions).toEqual([]);
  });

  test("counts revisions beyond what a double holds exactly", () => {
    const old = aReplicaSet("other", { replicas: 0, image: "app:2", owner: web });
    const far = { ...old, metadata: { ...old.metadata, annotations: { "deployment.kubernetes.io/revision": "3546343826724305832" } } };
    expect(plan(web, [current({ revision: 1 }), far]).revision).toBe("3546343826724305833");
  });

  test("gives an old set that became current again the newest revision and keeps its history", () => {
    const back = current({ revision: 1 });
    const step = plan(web, [back, aReplicaSet("other", { replicas: 0, revision: 4, image: "app:2", owner: web })]);
    expect(step.revision).toBe("5");
    expect(step.actions[0]).toMatchObject({
      do: "update",
      object: { metadata: { name: "new", annotations: { "deployment.kubernetes.io/revision": "5", "deployment.kubernetes.io/revision-history": "1" } } },
    });
  });

  test("hands its annotations down, but not its own bookkeeping", () => {
    const annotated = aDeployment("web", { replicas: 3, annotations: { team: "shop", "deployment.kubernetes.io/revision": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}" } });
    expect(newReplicaSet(annotated, "1", 3).metadata.annotations).toEqual({ team: "shop", "deployment.kubernetes.io/revision": "1", ...sized(3, 4) });
  });

  test("whose template was stored with another name of the same account is not rolled out for that", () => {
    const accounts = (serviceAccount: string) => ({ ...aDeployment("web").spec.template, spec: { containers: [], serviceAccountName: "now", serviceAccount } });
    expect(sameTemplate(accounts("before"), accounts("now"))).toBe(true);
    expect(sameTemplate(accounts("now"), { ...accounts("now"), spec: { containers: [], serviceAccountName: "later", serviceAccount: "now" } })).toBe(false);
  });

  test("paused scales what is there and makes no new set", () => {
    const paused = aDeployment("web", { replicas: 5, image: "app:2", spec: { paused: true } });
    expect(show(plan(paused, [current({ annotations: sized(3, 4) })]).actions)).toEqual(["new→5"]);
  });

  test("that only changed its size is scaled before it rolls on", () => {
    const larger = aDeployment("web", { replicas: 5 });
    const step = plan(larger, [current({ annotations: sized(3, 4) })]);
    expect([step.is, show(step.actions)]).toEqual(["scaling", ["new→5"]]);
    expect(step.actions[1]).toMatchObject({ do: "event", content: { reason: "ScalingReplicaSet", message: "Scaled up replica set new from 3 to 5" } });
  });

  describe("with Recreate", () => {
    const recreate = aDeployment("web", { replicas: 3, image: "app:2", strategy: { type: "Recreate" } });
    const old = (shape: ReplicaSetShape) => aReplicaSet("old", { revision: 1, owner: recreate, ...shape });
    test("scales everything old to zero first", () => expect(show(plan(recreate, [old({ replicas: 3 })]).actions)).toEqual(["old→0"]));
    test("waits for the last old pod", () => expect(plan(recreate, [old({ replicas: 0 })], new Map([["uid-old", 1]])).actions).toEqual([]));
    test("waits while a set still reports pods", () => expect(plan(recreate, [old({ replicas: 0, has: 1 })]).actions).toEqual([]));
    test("then makes all new pods at once", () => expect(show(plan(recreate, [old({ replicas: 0 })]).actions)).toEqual(["create 3"]));
  });

  test("forgets the oldest revisions beyond the limit once it is complete, but none that still has pods", () => {
    const limited = aDeployment("web", { replicas: 3, spec: { revisionHistoryLimit: 1 } });
    const old = (revision: number, has = 0) => aReplicaSet(`r${revision}`, { replicas: 0, has, available: 0, revision, image: `app:${revision + 10}`, owner: limited });
    const mine = current({ revision: 9, owner: limited });
    expect(show(plan(limited, [old(3), old(1), old(2), mine]).actions)).toEqual(["delete r1", "delete r2"]);
    expect(plan(limited, [old(1, 1), old(2), mine]).actions).toEqual([]);
  });
});

describe("a Deployment's status", () => {
  const status = (deployment: Deployment, sets: readonly ReplicaSet[], outcome: Outcome = DONE, seconds = 0) => {
    const actions = concludeDeployment({ deployment, sets, podCounts: new Map() }, outcome, START + seconds * 1000);
    const write = actions.find((action) => action.do === "update");
    return { actions, status: (write?.object as Deployment | undefined)?.status, wait: actions.find((action) => action.do === "wait")?.forMs };
  };
  const progressing = (reason: string, seconds: number, value = "True") => ({ type: "Progressing", status: value, reason, message: "", lastUpdateTime: at(seconds), lastTransitionTime: at(seconds) });
  const web = (more: Partial<Deployment["status"]> = {}, spec: Partial<Deployment["spec"]> = {}) =>
    aDeployment("web", {
      replicas: 3,
      status: { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 1, availableReplicas: 1, ...more },
      spec: { progressDeadlineSeconds: 60, ...spec },
    });
  const set = (owner: Deployment, shape: ReplicaSetShape) => aReplicaSet("new", { replicas: 3, revision: 1, owner, ...shape });

  test("adds up its sets, and counts as unavailable what the sets should have", () => {
    const deployment = aDeployment("web", { replicas: 4 });
    const sets = [
      set(deployment, { replicas: 2, has: 2, ready: 1, available: 1, status: { terminatingReplicas: 1 } }),
      aReplicaSet("old", { replicas: 3, has: 3, image: "app:0", owner: deployment, status: { terminatingReplicas: 2 } }),
    ];
    expect(status(deployment, sets).status).toMatchObject({
      observedGeneration: 1,
      replicas: 5,
      updatedReplicas: 2,
      readyReplicas: 4,
      availableReplicas: 4,
      unavailableReplicas: 1,
      terminatingReplicas: 3,
    });
  });

  test("says nothing about terminating pods while a set has not", () => {
    const deployment = aDeployment("web");
    expect(status(deployment, [set(deployment, { status: { terminatingReplicas: undefined } })]).status).not.toHaveProperty("terminatingReplicas");
  });

  test("is complete when all pods are of the template and available", () => {
    const deployment = web();
    expect(status(deployment, [set(deployment, {})]).status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Progressing", status: "True", reason: "NewReplicaSetAvailable", message: 'ReplicaSet "new" has successfully progressed.' }),
    );
  });

  test("notes progress with a new time, but no new transition", () => {
    const deployment = web({ conditions: [progressing("ReplicaSetUpdated", 0)] });
    const { status: next, wait } = status(deployment, [set(deployment, { ready: 2, available: 2 })], DONE, 30);
    expect(next?.conditions).toContainEqual(expect.objectContaining({ reason: "ReplicaSetUpdated", lastUpdateTime: at(30), lastTransitionTime: at(0) }));
    expect(wait).toBe(61_000);
  });

  test("exceeds its deadline only after the whole of it without progress", () => {
    const deployment = web({ conditions: [progressing("ReplicaSetUpdated", 0)] });
    const sets = [set(deployment, { ready: 1, available: 1 })];
    expect(status(deployment, sets, DONE, 60).status?.conditions).toContainEqual(expect.objectContaining({ reason: "ReplicaSetUpdated" }));
    expect(status(deployment, sets, DONE, 61).status?.conditions).toContainEqual(
      expect.objectContaining({ status: "False", reason: "ProgressDeadlineExceeded", message: 'ReplicaSet "new" has timed out progressing.' }),
    );
  });

  test("has no deadline while paused, and counts from resuming on", () => {
    const paused = web({ conditions: [progressing("ReplicaSetUpdated", 0)] }, { paused: true });
    expect(status(paused, [set(paused, { available: 1 })], DONE, 500).status?.conditions).toContainEqual(expect.objectContaining({ status: "Unknown", reason: "DeploymentPaused" }));
    const resumed = web({ conditions: [progressing("DeploymentPaused", 0, "Unknown")] });
    expect(status(resumed, [set(resumed, { available: 1 })], DONE, 500).status?.conditions).toContainEqual(
      expect.objectContaining({ status: "Unknown", reason: "DeploymentResumed", lastUpdateTime: at(500) }),
    );
  });

  test("knows no Progressing without a deadline", () => {
    const deployment = web({ conditions: [progressing("ReplicaSetUpdated", 0)] }, { progressDeadlineSeconds: 2_147_483_647 });
    const { status: next, wait } = status(deployment, [set(deployment, { available: 1 })]);
    expect(next?.conditions?.map(({ type }) => type)).toEqual(["Available"]);
    expect(wait).toBeUndefined();
  });

  test("passes a set's failure on", () => {
    const deployment = web();
    const failing = set(deployment, { has: 1, status: { conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "quota" }] } });
    expect(status(deployment, [failing]).status?.conditions).toContainEqual(expect.objectContaining({ type: "ReplicaFailure", reason: "FailedCreate", message: "quota" }));
  });

  test("tells of a set that could not be made", () => {
    const { actions, status: next } = status(aDeployment("web"), [], { ...DONE, failure: new StatusError("Forbidden", "no") });
    expect(next?.conditions).toContainEqual(expect.objectContaining({ type: "Progressing", status: "False", reason: "ReplicaSetCreateError" }));
    expect(actions).toContainEqual(expect.objectContaining({ do: "event", content: expect.objectContaining({ type: "Warning", reason: "ReplicaSetCreateError" }) }));
  });

  test("counts a collision when the name is taken by another template's set, and takes its own as made", () => {
    const deployment = aDeployment("web", { replicas: 3 });
    expect(status(deployment, [], { ...DONE, existing: set(deployment, { image: "app:other" }) }).status).toMatchObject({ collisionCount: 1 });
    expect(status(deployment, [], { ...DONE, existing: set(deployment, {}) }).status).toMatchObject({ updatedReplicas: 3 });
    expect(templateHash(deployment.spec.template, 1)).not.toBe(templateHash(deployment.spec.template, 0));
  });

  test("is not written when nothing differs", () => {
    const deployment = aDeployment("web", { replicas: 3 });
    const sets = [set(deployment, {})];
    const first = status(deployment, sets);
    const write = first.actions.find((action) => action.do === "update");
    expect(status(write?.object as Deployment, sets, DONE, 300).actions).toEqual([]);
  });
});
