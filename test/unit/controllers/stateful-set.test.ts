import { describe, expect, test } from "vitest";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { planRevisions } from "../../../engine/controllers/workloads/controller-revisions.ts";
import { planStatefulSet } from "../../../engine/controllers/workloads/stateful-set-plan.ts";
import { concludeStatefulSet } from "../../../engine/controllers/workloads/stateful-set.ts";
import { statefulSetResource } from "../../../engine/resources/apps/stateful-set.ts";
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from "../../../engine/resources/types.ts";
import { aPod, START, type PodShape } from "../../kit/objects.ts";
import { aStatefulSet, type StatefulSetShape } from "../../kit/workloads.ts";

const NOW = START + 3_600_000;
const base = aStatefulSet("db");

/** The revision that the controller itself makes of a set with this image. */
function revision(image: string, number: number): ControllerRevision {
  const [made] = planRevisions(aStatefulSet("db", { image }), statefulSetResource, []).actions;
  if (made?.do !== "create") throw new Error("a set without revisions makes its first one");
  return { ...(made.object as ControllerRevision), revision: number };
}
const old = revision("app:0", 1);
const now = revision("app:1", 2);
const names = { old: old.metadata.name ?? "", now: now.metadata.name ?? "" };

const pod = (ordinal: number, { rev = "now", ...shape }: PodShape & { readonly rev?: "old" | "now" } = {}) =>
  aPod(`db-${ordinal}`, {
    owner: base,
    readyAt: 1,
    phase: "Running",
    ...shape,
    labels: { app: "web", "controller-revision-hash": names[rev], "statefulset.kubernetes.io/pod-name": `db-${ordinal}`, "apps.kubernetes.io/pod-index": String(ordinal) },
  });
const set = (replicas: number, { spec, ...shape }: StatefulSetShape = {}) => aStatefulSet("db", { spec: { replicas, ...spec }, status: { currentRevision: names.now }, ...shape });
const plan = (owner: StatefulSet, pods: readonly Pod[], { revisions = [now], claims = [] }: { revisions?: readonly ControllerRevision[]; claims?: readonly PersistentVolumeClaim[] } = {}) =>
  planStatefulSet(
    {
      set: owner,
      pods,
      revisions: revisions.map((each) => ({ ...each, metadata: { ...each.metadata, uid: `uid-${each.metadata.name}` } })),
      claims: new Map(claims.map((claim) => [claim.metadata.name ?? "", claim])),
    },
    NOW,
  );
const words = (actions: readonly Action[]): string[] =>
  actions.flatMap((action) => (action.do === "inOrder" ? words(action.actions) : "object" in action ? [`${action.do} ${action.object.metadata.name}`] : []));

describe("a StatefulSet's pods", () => {
  const parallel = { podManagementPolicy: "Parallel" };
  const starting = { readyAt: undefined, phase: "Pending" };
  test.each<[string, StatefulSet, readonly Pod[], readonly string[]]>([
    ["come one after the other", set(3), [], ["create db-0"]],
    ["wait for the one before", set(3), [pod(0, starting)], []],
    ["go on when it is ready", set(3), [pod(0)], ["create db-1"]],
    ["wait until it has been ready for long enough", set(3, { spec: { minReadySeconds: 10 } }), [pod(0, { readyAt: 3_595 })], []],
    ["come all at once when they may", set(3, { spec: parallel }), [pod(1, starting)], ["create db-0", "create db-2"]],
    ["begin where the set says", set(2, { spec: { ordinals: { start: 5 } } }), [pod(5)], ["create db-6"]],
    ["leave from the top, one by one", set(1), [pod(0), pod(1), pod(2)], ["delete db-2"]],
    ["leave one after the other is gone", set(1), [pod(0), pod(1), pod(2, { deletedAt: 1 })], []],
    ["stay while one below is not well", set(1), [pod(0, starting), pod(1), pod(2)], []],
    ["leave all at once when they may", set(1, { spec: parallel }), [pod(0, starting), pod(1), pod(2)], ["delete db-2", "delete db-1"]],
    ["that ended are replaced by one of the same name", set(2), [pod(0, { phase: "Failed" }), pod(1)], ["delete db-0"]],
    ["that ended and are leaving are waited for", set(2), [pod(0, { phase: "Succeeded", deletedAt: 1 })], []],
    ["without an owner and with the right name are adopted", set(1), [{ ...pod(0), metadata: { ...pod(0).metadata, ownerReferences: [] } }], ["adopt db-0"]],
    ["that no longer match are let go", set(1), [aPod("db-0", { owner: base, labels: { app: "debug" } })], ["release db-0"]],
    [
      "that are not called after the set are none of it",
      set(1),
      [aPod("db-x", { labels: { app: "web" } }), aPod("other-0", { labels: { app: "web" } }), aPod("db-01", { labels: { app: "web" } })],
      ["create db-0"],
    ],
    ["stay as they are when the set is being deleted", set(0, { deletedAt: 1 }), [pod(0)], []],
  ])("%s", (_name, owner, pods, expected) => expect(words(plan(owner, pods).actions)).toEqual(expected));

  test("have an identity: name, host name, labels, claims", () => {
    const claims = [{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data", labels: { tier: "gold" } }, spec: { accessModes: ["ReadWriteOnce"] } }];
    const [claim, made] = plan(set(1, { spec: { volumeClaimTemplates: claims } }), []).actions.map((action) => (action.do === "create" ? action.object : undefined));
    expect(claim).toEqual({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data-db-0", namespace: "default", labels: { tier: "gold", app: "web" } },
      spec: { accessModes: ["ReadWriteOnce"] },
    });
    expect(made).toMatchObject({
      metadata: {
        name: "db-0",
        labels: { app: "web", "statefulset.kubernetes.io/pod-name": "db-0", "apps.kubernetes.io/pod-index": "0", "controller-revision-hash": names.now },
        ownerReferences: [{ uid: "uid-db", controller: true }],
      },
      spec: { hostname: "db-0", subdomain: "db", volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data-db-0" } }] },
    });
  });
});

describe("a StatefulSet's rollout", () => {
  const three = [pod(0, { rev: "old" }), pod(1, { rev: "old" }), pod(2, { rev: "old" })];
  const rolling = (rollingUpdate: object = {}, spec: Partial<StatefulSet["spec"]> = {}) =>
    set(3, { spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: 1, ...rollingUpdate } }, ...spec }, status: { currentRevision: names.old } });
  const revisions = [old, now];
  const parallel = { podManagementPolicy: "Parallel" };
  test.each<[string, StatefulSet, readonly Pod[], readonly string[]]>([
    ["begins at the top", rolling(), three, ["delete db-2"]],
    ["goes down when the one above is well", rolling(), [...three.slice(0, 2), pod(2)], ["delete db-1"]],
    ["waits for the one above", rolling(), [...three.slice(0, 2), pod(2, { readyAt: undefined })], []],
    ["makes the new one when the old one is gone", rolling(), three.slice(0, 2), ["create db-2"]],
    ["stops at the partition", rolling({ partition: 2 }), [...three.slice(0, 2), pod(2)], []],
    ["may take several at a time", rolling({ maxUnavailable: 2 }), three, ["delete db-2", "delete db-1"]],
    ["counts a share of its pods down, but not to nothing", rolling({ maxUnavailable: "10%" }), three, ["delete db-2"]],
    ["does not wait for pods that are of no use", rolling({}, parallel), [three[0] as Pod, pod(1, { rev: "old", readyAt: undefined }), pod(2)], ["delete db-1"]],
    ["leaves the pods to people when told so", set(3, { spec: { updateStrategy: { type: "OnDelete" } } }), three, []],
  ])("%s", (_name, owner, pods, expected) => expect(words(plan(owner, pods, { revisions }).actions)).toEqual(expected));

  test("makes pods below the partition of the old template", () => {
    const made = (ordinal: number) =>
      plan(
        rolling({ partition: 2 }, parallel),
        three.filter((each) => each.metadata.name !== `db-${ordinal}`),
        { revisions },
      ).actions.find((action) => action.do === "create")?.object as Pod;
    expect([made(1).spec.containers[0]?.image, made(1).metadata.labels?.["controller-revision-hash"]]).toEqual(["app:0", names.old]);
    expect([made(2).spec.containers[0]?.image, made(2).metadata.labels?.["controller-revision-hash"]]).toEqual(["app:1", names.now]);
  });
});

describe("a StatefulSet's revisions", () => {
  test("are made before any pod, as patches that bring the template back", () => {
    const [made] = plan(set(1), [], { revisions: [] }).actions;
    expect(made).toMatchObject({
      do: "create",
      object: {
        kind: "ControllerRevision",
        revision: 1,
        data: { spec: { template: { $patch: "replace", spec: { containers: [{ image: "app:1" }] } } } },
        metadata: { ownerReferences: [{ kind: "StatefulSet" }] },
      },
    });
  });
  test("become the newest again when the template goes back", () => {
    expect(
      plan(set(1), [], {
        revisions: [
          { ...now, revision: 1 },
          { ...old, revision: 2 },
        ],
      }).actions,
    ).toMatchObject([{ do: "update", object: { metadata: { name: names.now }, revision: 3 } }]);
  });
  test("are adopted when nobody owns them", () => {
    const orphan = { ...now, metadata: { ...now.metadata, ownerReferences: [] } };
    expect(words(plan(set(1), [], { revisions: [orphan] }).actions)).toEqual([`adopt ${names.now}`]);
  });
  test("beyond the limit are forgotten, the oldest first, unless pods are made of them", () => {
    const more = [3, 4, 5].map((n) => ({ ...revision(`app:${n}`, n - 10), metadata: { ...revision(`app:${n}`, n).metadata } }));
    const owner = set(1, { spec: { revisionHistoryLimit: 1 } });
    expect(words(plan(owner, [pod(0)], { revisions: [...more, now] }).actions)).toEqual([`delete ${more[0]?.metadata.name}`, `delete ${more[1]?.metadata.name}`]);
  });
});

describe("a StatefulSet's claims", () => {
  const template = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: {} };
  const claim = (name: string, owners: readonly object[] = []) =>
    ({ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace: "default", uid: `uid-${name}`, ownerReferences: owners as never } }) as PersistentVolumeClaim;
  const keeping = (whenDeleted: string, whenScaled: string, replicas: number) =>
    set(replicas, { spec: { volumeClaimTemplates: [template], persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } } });
  const ownersAfter = (owner: StatefulSet, pods: readonly Pod[], claims: readonly PersistentVolumeClaim[]) =>
    plan(owner, pods, { claims }).actions.flatMap((action) =>
      action.do === "update" ? [`${action.object.metadata.name}: ${(action.object.metadata.ownerReferences ?? []).map(({ kind, name }) => `${kind} ${name}`).join()}`] : [],
    );
  const bySet = { apiVersion: "apps/v1", kind: "StatefulSet", name: "db", uid: "uid-db", controller: true, blockOwnerDeletion: true };
  test.each<[string, StatefulSet, readonly Pod[], readonly PersistentVolumeClaim[], readonly string[]]>([
    ["belong to nobody when they are kept", keeping("Retain", "Retain", 1), [pod(0)], [claim("data-db-0")], []],
    ["belong to the set when they go with it", keeping("Delete", "Retain", 1), [pod(0)], [claim("data-db-0")], ["data-db-0: StatefulSet db"]],
    ["belong to nobody again when the policy changes", keeping("Retain", "Retain", 1), [pod(0)], [claim("data-db-0", [bySet])], ["data-db-0: "]],
    ["of pods that are too many belong to them", keeping("Retain", "Delete", 1), [pod(0), pod(1)], [claim("data-db-0"), claim("data-db-1")], ["data-db-1: Pod db-1"]],
    ["of pods that are too many change hands", keeping("Delete", "Delete", 1), [pod(0), pod(1)], [claim("data-db-0", [bySet]), claim("data-db-1", [bySet])], ["data-db-1: Pod db-1"]],
    ["that another one manages are left alone", keeping("Delete", "Delete", 1), [pod(0)], [claim("data-db-0", [{ ...bySet, kind: "Other", uid: "u" }])], []],
  ])("%s", (_name, owner, pods, claims, expected) => expect(ownersAfter(owner, pods, claims)).toEqual(expected));

  test("that go with a pod before it make its successor wait", () => {
    const owned = claim("data-db-0", [{ apiVersion: "v1", kind: "Pod", name: "db-0", uid: "uid-old" }]);
    expect(plan(keeping("Retain", "Delete", 1), [], { claims: [owned] }).actions).toEqual([]);
    expect(words(plan(keeping("Retain", "Delete", 1), [], { claims: [] }).actions)).toEqual(["create data-db-0", "create db-0"]);
  });
});

test("what a StatefulSet has made is told, claims with the pod that they are for", () => {
  const created = [{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data-db-0", namespace: "shop" } }, pod(0)];
  const told = concludeStatefulSet({ set: set(1), pods: [pod(0)], revisions: [now], claims: new Map() }, { created, updated: [], existing: undefined, failure: undefined }, NOW).flatMap((action) =>
    action.do === "event" ? [action.content.message] : [],
  );
  expect(told).toEqual(["create Claim data-db-0 Pod db-0 in StatefulSet db success", "create Pod db-0 in StatefulSet db successful"]);
});

describe("a StatefulSet's status", () => {
  const conclude = (owner: StatefulSet, pods: readonly Pod[], revisions: readonly ControllerRevision[]) => {
    const actions = concludeStatefulSet({ set: owner, pods, revisions, claims: new Map() }, { created: [], updated: [], existing: undefined, failure: undefined }, NOW);
    return (actions.find((action) => action.do === "update")?.object as StatefulSet | undefined)?.status;
  };
  test("counts pods of both revisions while it rolls", () => {
    expect(conclude(set(2, { generation: 4, status: { currentRevision: names.old } }), [pod(0, { rev: "old" }), pod(1, { readyAt: undefined })], [old, now])).toEqual({
      observedGeneration: 4,
      replicas: 2,
      readyReplicas: 1,
      currentReplicas: 1,
      updatedReplicas: 1,
      currentRevision: names.old,
      updateRevision: names.now,
      collisionCount: 0,
      availableReplicas: 1,
    });
  });
  test("makes the update revision the current one when all pods are of it and well", () => {
    expect(conclude(set(2, { status: { currentRevision: names.old } }), [pod(0), pod(1)], [old, now])).toMatchObject({
      currentRevision: names.now,
      currentReplicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
    });
  });
  test("does not claim to have seen a template that has no revision yet", () => {
    expect(conclude(set(1, { generation: 2, status: { observedGeneration: 1, currentRevision: names.old } }), [], [old])).toMatchObject({ observedGeneration: 1 });
  });
});

test("a revision whose template was stored with another name of the same account is still the newest", () => {
  const set = (accounts: object) => aStatefulSet("db", { spec: { template: { ...base.spec.template, spec: { containers: [], ...accounts } } } });
  const [made] = planRevisions(set({ serviceAccountName: "now", serviceAccount: "before" }), statefulSetResource, []).actions;
  if (made?.do !== "create") throw new Error("a set without revisions makes its first one");
  const known = [made.object as ControllerRevision];
  expect(planRevisions(set({ serviceAccountName: "now", serviceAccount: "now" }), statefulSetResource, known)).toMatchObject({ update: known[0], actions: [] });
  expect(planRevisions(set({ serviceAccountName: "later", serviceAccount: "later" }), statefulSetResource, known).actions).toHaveLength(1);
});
