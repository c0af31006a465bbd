import { expect, test } from "vitest";
import { decodeProtobuf, encodeProtobuf } from "../../../engine/apimachinery/protobuf/protobuf.ts";
import { trackUpdate } from "../../../engine/apimachinery/server-side-apply/server-side-apply.ts";
import { conform } from "../../../engine/apimachinery/structural-schema.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";

test("lists and maps that are empty are left out, as Kubernetes' typed objects leave them out", () => {
  const { object } = decodeObject(configMapResource, { metadata: { name: "m", labels: {}, annotations: {}, finalizers: [], ownerReferences: [] }, data: {}, binaryData: {} });
  expect(object).toEqual({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" } });
  const { object: pod } = decodeObject(podResource, {
    metadata: { name: "p" },
    spec: { containers: [{ name: "c", image: "i", args: [], env: [] }], nodeSelector: {}, tolerations: [], securityContext: {} },
  });
  expect(pod.spec.containers[0]).not.toHaveProperty("args");
  expect(pod.spec).not.toHaveProperty("nodeSelector");
  // A struct that is there says something by being there.
  expect(pod.spec.securityContext).toEqual({});
});

test("what is required, or written all the same, stays", () => {
  expect(decodeObject(podResource, { metadata: { name: "p" }, spec: { containers: [] } }).object.spec.containers).toEqual([]);
});

test("what Go has no way to leave out is null where there is nothing in it, and stays so", () => {
  for (const rules of [[], undefined, null]) expect(decodeObject(clusterRoleResource, { metadata: { name: "r" }, rules }).object.rules).toBeNull();
  const { object, schemaErrors } = decodeObject(eventResource, { metadata: { name: "e" }, involvedObject: {}, firstTimestamp: "2026-01-01T00:00:00Z", series: { count: 1 } });
  expect(schemaErrors).toEqual([]);
  expect(object).toMatchObject({ firstTimestamp: "2026-01-01T00:00:00Z", lastTimestamp: null, eventTime: null, series: { count: 1, lastObservedTime: null } });
  expect(conform(eventResource.schema, object, { defaults: false, prune: true }).value).toBe(object);
  expect(conform(eventResource.schema, object, { defaults: false, prune: false }).errors).toEqual([]);
  // Where a type has a word for it, nothing is said.
  expect(object.metadata).toEqual({ name: "e" });
});

test("a null that Go writes is owned by nobody, and is nothing in protobuf", () => {
  const role = decodeObject(clusterRoleResource, { metadata: { name: "r" } }).object;
  expect(
    trackUpdate({ schema: clusterRoleResource.schema, before: undefined, after: role, manager: "m", apiVersion: role.apiVersion, nowText: "2026-01-01T00:00:00Z" }).metadata.managedFields,
  ).toBeUndefined();
  expect(conform(clusterRoleResource.schema, decodeProtobuf(clusterRoleResource.schema, encodeProtobuf(clusterRoleResource.schema, role)), { defaults: true, prune: true }).value).toMatchObject({
    rules: null,
  });
});
