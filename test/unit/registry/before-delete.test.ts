import { describe, expect, test } from "vitest";
import { isDeletedByUpdate, planDelete } from "../../../engine/registry/before-delete.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { replicationControllerResource } from "../../../engine/resources/core/replication-controller.ts";
import type { ConfigMap, Namespace, Pod, ReplicationController } from "../../../engine/resources/types.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const map = (metadata: object): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", uid: "u1", resourceVersion: "7", ...metadata } });
const pod = (metadata: object = {}, spec: object = { nodeName: "n1" }): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", generation: 1, ...metadata },
  spec: { containers: [], terminationGracePeriodSeconds: 30, ...spec },
});

describe("a plain object", () => {
  test.each([
    ["nothing holds it", {}, {}, "remove", undefined],
    ["a finalizer holds it", { finalizers: ["a/b"] }, {}, "mark", ["a/b"]],
    ["its children go first", {}, { propagationPolicy: "Foreground" as const }, "mark", ["foregroundDeletion"]],
    ["its children are let go first", {}, { propagationPolicy: "Orphan" as const }, "mark", ["orphan"]],
    ["the policy replaces an earlier one", { finalizers: ["orphan"] }, { propagationPolicy: "Background" as const }, "remove", undefined],
    ["an earlier policy stays when none is given", { finalizers: ["foregroundDeletion"] }, {}, "mark", ["foregroundDeletion"]],
  ])("%s", (_why, metadata, options, expected, finalizers) => {
    const plan = planDelete(configMapResource, map(metadata), options, NOW);
    expect(plan.do).toBe(expected);
    if (plan.do === "mark") expect(plan.object.metadata).toMatchObject({ deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 0, finalizers });
  });

  test("its kind may say that children are let go unless the delete or the object says otherwise", () => {
    const controller = (finalizers?: readonly string[]): ReplicationController => ({
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name: "r", ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }) },
      spec: {},
    });
    expect(planDelete(replicationControllerResource, controller(), {}, NOW)).toMatchObject({ do: "mark", object: { metadata: { finalizers: ["orphan"] } } });
    expect(planDelete(replicationControllerResource, controller(["foregroundDeletion"]), {}, NOW)).toMatchObject({ do: "mark", object: { metadata: { finalizers: ["foregroundDeletion"] } } });
    expect(planDelete(replicationControllerResource, controller(), { propagationPolicy: "Background" }, NOW)).toMatchObject({ do: "remove" });
  });

  test("preconditions are of uid and version", () => {
    expect(() => planDelete(configMapResource, map({}), { preconditions: { uid: "u2" } }, NOW)).toThrow("the UID in the precondition (u2) does not match the UID in record (u1)");
    expect(() => planDelete(configMapResource, map({}), { preconditions: { resourceVersion: "6" } }, NOW)).toThrow(
      "the ResourceVersion in the precondition (6) does not match the ResourceVersion in record (7)",
    );
  });
});

describe("a pod", () => {
  test("gets the grace it asks for in its spec, and a new generation", () => {
    const plan = planDelete(podResource, pod(), {}, NOW);
    expect(plan).toMatchObject({ do: "mark", object: { metadata: { deletionTimestamp: "2026-01-01T00:00:30Z", deletionGracePeriodSeconds: 30, generation: 2 } } });
  });

  test("goes at once where nothing runs", () => {
    expect(planDelete(podResource, pod({}, {}), {}, NOW).do).toBe("remove");
  });

  test("that is being deleted can only be hurried", () => {
    const dying = pod({ deletionTimestamp: "2026-01-01T00:00:30Z", deletionGracePeriodSeconds: 30 });
    expect(planDelete(podResource, dying, {}, NOW + 5_000)).toEqual({ do: "keep" });
    expect(planDelete(podResource, dying, { gracePeriodSeconds: 40 }, NOW + 5_000)).toEqual({ do: "keep" });
    expect(planDelete(podResource, dying, { gracePeriodSeconds: 10 }, NOW + 5_000)).toMatchObject({
      do: "mark",
      object: { metadata: { deletionTimestamp: "2026-01-01T00:00:10Z", deletionGracePeriodSeconds: 10 } },
    });
    expect(planDelete(podResource, dying, { gracePeriodSeconds: 0 }, NOW + 5_000).do).toBe("remove");
  });

  test("with a finalizer stays even when hurried to zero", () => {
    expect(planDelete(podResource, pod({ finalizers: ["a/b"] }), { gracePeriodSeconds: 0 }, NOW)).toMatchObject({ do: "mark", object: { metadata: { deletionGracePeriodSeconds: 0 } } });
  });
});

test("a namespace terminates first, and goes when nothing holds it", () => {
  const namespace: Namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" }, spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } };
  const plan = planDelete(namespaceResource, namespace, {}, NOW);
  expect(plan).toMatchObject({ do: "mark", object: { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" }, status: { phase: "Terminating" } } });
  const dying = { ...namespace, metadata: { ...namespace.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  expect(planDelete(namespaceResource, dying, {}, NOW)).toEqual({ do: "keep" });
  expect(isDeletedByUpdate({ ...dying, spec: { finalizers: [] } } as Namespace, dying)).toBe(true);
  expect(isDeletedByUpdate(dying, dying)).toBe(false);
});
