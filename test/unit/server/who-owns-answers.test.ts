import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { podDisruptionBudgetResource } from "../../../engine/resources/policy/pod-disruption-budget.ts";
import { serviceAccountResource } from "../../../engine/resources/core/service-account.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import type { Namespace, Pod, PodDisruptionBudget, ServiceAccount } from "../../../engine/resources/types.ts";
import { virtualResources } from "../../../engine/server/virtual-resources/virtual-resources.ts";
import { failure } from "../../kit/failure.ts";
import { adminUser, createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

const kindOf = (kind: string): ResourceDefinition => {
  const found = virtualResources.find(({ definition }) => definition.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found.definition;
};

async function ask(verb: "create" | "update", resource: ResourceDefinition, address: object, body: object): Promise<KubeObject> {
  const result = await api.server.handle({ verb, user: adminUser, userAgent: "t", resource, body, options: { fieldManager: "asker" }, ...address } as Parameters<TestApi["server"]["handle"]>[0]);
  if (result.is !== "object") throw new Error("expected an object");
  return result.encoded.object;
}

const owned = ({ metadata }: KubeObject) => metadata.managedFields?.find(({ manager }) => manager === "asker");

test("who asks owns what he has asked, also of what nobody keeps", async () => {
  const spec = { user: "bob", resourceAttributes: { verb: "get", resource: "pods" } };
  const review = await ask("create", kindOf("SubjectAccessReview"), {}, { spec });
  expect(owned(review)).toMatchObject({
    operation: "Update",
    apiVersion: "authorization.k8s.io/v1",
    fieldsV1: { "f:spec": { "f:resourceAttributes": { ".": {}, "f:resource": {}, "f:verb": {} }, "f:user": {} } },
  });
  await api.client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "bot", namespace: "shop" } } as ServiceAccount);
  const token = await ask("create", serviceAccountResource as unknown as ResourceDefinition, { namespace: "shop", name: "bot", subresource: "token" }, { spec: { audiences: ["a"] } });
  expect(owned(token)).toMatchObject({ apiVersion: "authentication.k8s.io/v1", subresource: "token", fieldsV1: { "f:spec": { "f:audiences": {}, "f:expirationSeconds": {} } } });
  expect((token as unknown as { spec: object }).spec).toMatchObject({ boundObjectRef: null });
});

test("an answer about all rules is nothing but that", async () => {
  const answer = await ask("create", kindOf("SelfSubjectRulesReview"), {}, { metadata: { labels: { a: "b" } }, spec: { namespace: "shop" } });
  expect(answer).toMatchObject({ kind: "SelfSubjectRulesReview", metadata: {}, spec: {} });
  expect([answer.metadata.labels, answer.metadata.managedFields, (answer as unknown as { spec: object }).spec]).toEqual([undefined, undefined, {}]);
});

test("a question about rights has no name and no marks", async () => {
  const spec = { user: "bob", resourceAttributes: { verb: "get", resource: "pods", namespace: "shop" } };
  const refused = async (kind: string, address: object) => (await failure(ask("create", kindOf(kind), address, { metadata: { labels: { a: "b" } }, spec }))).message;
  expect(await refused("SubjectAccessReview", {})).toMatch(/^\.authorization\.k8s\.io "" is invalid: metadata: Invalid value: .*: must be empty$/);
  expect(await refused("LocalSubjectAccessReview", { namespace: "shop" })).toMatch(/: must be empty except for namespace$/);
});

test("who changes a namespace's finalizers owns them, at their address", async () => {
  const namespaces = api.client.for(namespaceResource);
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "held" } } as Namespace);
  const definition = namespaceResource as unknown as ResourceDefinition;
  const finalize = (finalizers: readonly string[]) => ask("update", definition, { name: "held", subresource: "finalize" }, { metadata: { name: "held" }, spec: { finalizers } });
  expect(owned(await finalize(["kubernetes", "example.com/hold"]))).toMatchObject({ subresource: "finalize", fieldsV1: { "f:spec": { "f:finalizers": {} } } });
  expect(owned(await namespaces.get("", "held"))).toBeDefined();
  expect(((await finalize([])) as Namespace).spec).toEqual({});
});

test("the server owns what an eviction takes from a budget", async () => {
  const budgets = api.client.for(podDisruptionBudgetResource);
  const pods = api.client.for(podResource);
  const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "b", namespace: "shop" }, spec: { minAvailable: 1, selector: { matchLabels: { a: "b" } } } };
  await budgets.create(budget as PodDisruptionBudget);
  await budgets.patch("shop", "b", "merge", { status: { observedGeneration: 1, disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 } }, { subresource: "status" });
  await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop", labels: { a: "b" } }, spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] } } as Pod);
  await pods.patch("shop", "p", "merge", { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } }, { subresource: "status" });
  await pods.createSubresource("shop", "p", "eviction", { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "p" } } as KubeObject);
  const { metadata, status } = await budgets.get("shop", "b");
  expect(status?.disruptionsAllowed).toBe(0);
  const entry = metadata.managedFields?.find(({ manager }) => manager === "kube-apiserver");
  expect(entry).toMatchObject({ operation: "Update", subresource: "status", fieldsV1: { "f:status": { "f:disruptedPods": { "f:p": {} }, "f:disruptionsAllowed": {} } } });
});
