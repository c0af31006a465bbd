import { describe, expect, test } from "vitest";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { planExpiry } from "../../../engine/controllers/event-ttl.ts";
import { concludeNamespace, planNamespace, type NamespaceInputs } from "../../../engine/controllers/namespace.ts";
import { planPodGarbage } from "../../../engine/controllers/pod-gc.ts";
import { planNamespaceBasics } from "../../../engine/controllers/service-account.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { ConfigMap, CoreEvent, Namespace, Node, Pod } from "../../../engine/resources/types.ts";
import { aNode, aPod, at, START } from "../../kit/objects.ts";

const targets = (actions: readonly Action[]): string[] =>
  actions.flatMap((action) =>
    action.do === "inOrder" || action.do === "together"
      ? targets(action.actions)
      : "object" in action
        ? [`${action.do} ${action.object.metadata.name}`]
        : "resource" in action
          ? [`${action.do} ${action.resource.resource}`]
          : [],
  );

describe("pods nobody will end", () => {
  const collect = (pods: readonly Pod[], nodes: readonly Node[] = [], gone: readonly string[] = [], max = 100) =>
    planPodGarbage({ pods, nodes: new Map(nodes.map((node) => [node.metadata.name ?? "", node])), goneNodes: new Set(gone) }, max, START);
  test("on a node that is gone end as failed, then go", () => {
    const actions = collect([aPod("lost", { node: "n1", readyAt: 1 }), aPod("fine", { node: "n2" })], [], ["n1"]);
    expect(targets(actions)).toEqual(["patch lost", "delete lost"]);
    expect(actions[0]).toMatchObject({
      actions: [{ patch: { status: { phase: "Failed", conditions: [{ type: "DisruptionTarget", reason: "DeletionByPodGC" }] } } }, { options: { gracePeriodSeconds: 0 } }],
    });
  });
  test("and that were never placed go when they are deleted", () => expect(targets(collect([aPod("new"), aPod("old", { deletedAt: 1 })]))).toEqual(["delete old"]));
  test("on a node out of service go when they are deleted, unless it is up after all", () => {
    const taints = [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }];
    const ending = [aPod("p", { node: "n1", deletedAt: 1 })];
    expect(targets(collect(ending, [aNode("n1", { ready: "Unknown", taints })]))).toEqual(["patch p", "delete p"]);
    expect(collect(ending, [aNode("n1", { ready: "True", taints })])).toEqual([]);
  });
  test("because they have finished go from the oldest on, beyond what is kept", () => {
    const finished = [3, 1, 2].map((second) => aPod(`p${second}`, { phase: "Succeeded", node: "n1", createdAt: second }));
    expect(targets(collect(finished, [], [], 1))).toEqual(["delete p1", "delete p2"]);
  });
});

describe("a namespace that ends", () => {
  const namespace: Namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", deletionTimestamp: at(0) },
    spec: { finalizers: ["kubernetes", "mine"] },
    status: { phase: "Terminating" },
  };
  const map = (name: string, finalizers?: string[]): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...(finalizers ? { finalizers, deletionTimestamp: at(0) } : {}) } });
  const pods = { resource: podResource, objects: [aPod("p")] };
  const maps = { resource: configMapResource, objects: [map("a"), map("b")] };
  const inputs = (more: Partial<NamespaceInputs> = {}): NamespaceInputs => ({ namespace, leftovers: [], undiscovered: [], unread: [], ...more });
  const deletions = (actions: readonly Action[]) => actions.flatMap((action) => (action.do === "together" ? targets(action.actions) : []));
  const conditions = (given: NamespaceInputs, failure?: unknown) =>
    concludeNamespace(given, { failure }, START).flatMap((action) => (action.do === "update" ? ((action.object as Namespace).status?.conditions ?? []) : []));
  test("loses its pods first, and everything else when they are gone", () => {
    expect(deletions(planNamespace(inputs({ leftovers: [maps, pods] }), 1_000))).toEqual(["deleteCollection pods"]);
    expect(deletions(planNamespace(inputs({ leftovers: [maps] }), 1_000))).toEqual(["deleteCollection configmaps"]);
  });
  test("waits for pods that are ending, without deleting them again", () => {
    const actions = planNamespace(inputs({ leftovers: [{ resource: podResource, objects: [aPod("p", { deletedAt: 1 })] }, maps] }), 1_000);
    expect(deletions(actions)).toEqual([]);
    expect(actions[0]).toEqual({ do: "wait", forMs: 1_000 });
  });
  test("says what keeps it", () => {
    expect(conditions(inputs({ leftovers: [{ resource: configMapResource, objects: [map("a", ["acme.example/hold"])] }] }))).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "NamespaceContentRemaining", status: "True", reason: "SomeResourcesRemain", message: "Some resources are remaining: configmaps. has 1 resource instances" }),
        expect.objectContaining({ type: "NamespaceFinalizersRemaining", status: "True", message: expect.stringContaining("acme.example/hold in 1 resource instances") }),
        expect.objectContaining({ type: "NamespaceDeletionGroupVersionParsingFailure", status: "False", reason: "ParsedGroupVersions" }),
        expect.objectContaining({ type: "NamespaceDeletionContentFailure", status: "False", reason: "ContentDeleted" }),
      ]),
    );
  });
  test("stays while a server behind the API cannot say what it keeps there, and loses what is known", () => {
    const given = inputs({ leftovers: [maps], undiscovered: ["tide.example/v1: stale GroupVersion discovery: tide.example/v1"] });
    expect(deletions(planNamespace(given, 1_000))).toEqual(["deleteCollection configmaps"]);
    expect(targets(planNamespace({ ...given, leftovers: [] }, 1_000))).not.toContain("update shop");
    expect(conditions(given)).toContainEqual(
      expect.objectContaining({
        type: "NamespaceDeletionDiscoveryFailure",
        status: "True",
        reason: "DiscoveryFailed",
        message: "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: tide.example/v1: stale GroupVersion discovery: tide.example/v1",
      }),
    );
  });
  test("says what could not be read or deleted", () => {
    const expected = { type: "NamespaceDeletionContentFailure", status: "True", reason: "ContentDeletionFailed", message: "Failed to delete all resource types, 2 remaining: not now, unknown" };
    expect(conditions(inputs({ leftovers: [maps], unread: ["unknown"] }), new Error("not now"))).toContainEqual(expect.objectContaining(expected));
  });
  test("is let go when it is empty, by our own finalizer only", () => {
    expect(planNamespace(inputs(), 1_000)).toMatchObject([{ do: "update", subresource: "finalize", object: { spec: { finalizers: ["mine"] } } }]);
  });
});

describe("every namespace", () => {
  const rootCaMap = (data: Record<string, string>): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kube-root-ca.crt", namespace: "shop" }, data });
  test("gets its account and the CA", () =>
    expect(targets(planNamespaceBasics({ namespace: "shop", hasAccount: false, rootCaMap: undefined }, "CA"))).toEqual(["create default", "create kube-root-ca.crt"]));
  test("is left alone when it has both", () => expect(planNamespaceBasics({ namespace: "shop", hasAccount: true, rootCaMap: rootCaMap({ "ca.crt": "CA" }) }, "CA")).toEqual([]));
  test.each([[{ "ca.crt": "forged" }], [{ "ca.crt": "CA", more: "x" }], [{}]])("has its CA put right when it was changed", (data) => {
    expect(planNamespaceBasics({ namespace: "shop", hasAccount: true, rootCaMap: rootCaMap(data as Record<string, string>) }, "CA")).toMatchObject([
      { do: "update", object: { data: { "ca.crt": "CA" } } },
    ]);
  });
});

test("events go when their last occurrence is an hour ago, whenever they began", () => {
  const event = (name: string, lastSecond: number): CoreEvent => ({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: "default", creationTimestamp: at(0) },
    involvedObject: {},
    lastTimestamp: at(lastSecond),
  });
  expect(targets(planExpiry([event("old", 10), event("again", 3_000)], 3_600_000, START + 3_700_000))).toEqual(["delete old"]);
  // Told of long after it happened, it is new to those who look here.
  const late = { ...event("late", -86_400), metadata: { name: "late", namespace: "default", creationTimestamp: at(3_000) } };
  expect(targets(planExpiry([late], 3_600_000, START + 3_700_000))).toEqual([]);
  // Of a node whose clock is a year ahead it does not stay a year.
  const ahead = event("ahead", 365 * 86_400);
  expect(targets(planExpiry([ahead], 3_600_000, START + 3_500_000))).toEqual([]);
  expect(targets(planExpiry([ahead], 3_600_000, START + 3_700_000))).toEqual(["delete ahead"]);
  // And if it is our own clock that went back, nothing goes that was made since.
  expect(targets(planExpiry([event("now", 0)], 3_600_000, START - 7_200_000))).toEqual([]);
});
