import { expect, test } from "vitest";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";

test("lists and maps that are empty are left out, as Kubernetes' typed objects leave them out", () => {
  const { object } = decodeObject(configMapResource, { metadata: { name: "m", labels: {}, annotations: {}, finalizers: [], ownerReferences: [] }, data: {}, binaryData: {} });
  expect(object).toEqual({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" } });
  const { object: pod } = decodeObject(podResource, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i", args: [], env: [] }], nodeSelector: {}, tolerations: [], securityContext: {} } });
  expect(pod.spec.containers[0]).not.toHaveProperty("args");
  expect(pod.spec).not.toHaveProperty("nodeSelector");
  // A struct that is there says something by being there.
  expect(pod.spec.securityContext).toEqual({});
});

test("what is required, or written all the same, stays", () => {
  expect(decodeObject(podResource, { metadata: { name: "p" }, spec: { containers: [] } }).object.spec.containers).toEqual([]);
  expect(decodeObject(clusterRoleResource, { metadata: { name: "r" }, rules: [] }).object.rules).toEqual([]);
});
