import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import type { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { adminUser, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => void (api = await startTestApi()));
afterAll(() => api.stop());

const target = {
  user: adminUser,
  isAuthorized: true,
  userAgent: "test",
  resource: { group: "", version: "v1", resource: "configmaps" },
  namespace: "default",
} as const;

/** Content that fits into a store by itself, and not with the names of all its fields once more. */
const data = Object.fromEntries(Array.from({ length: 9_999 }, (_, index) => [`this-key-is-long-so-that-the-names-of-all-fields-take-as-much-as-the-content-${index}`, "A"]));
const configMap = (name: string, more: object = {}) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, ...more });

async function create(name: string, more: object): Promise<void> {
  await api.server.handle({ ...target, verb: "create", body: configMap(name, more), options: {} });
}

async function stored(name: string): Promise<KubeObject> {
  const answer = await api.server.handle({ ...target, verb: "get", name });
  if (answer.is !== "object") throw new Error(answer.is);
  return answer.encoded.object;
}

async function expectContentWithoutOwners(name: string): Promise<void> {
  const { metadata, ...content } = await stored(name);
  expect(content).toMatchObject({ data });
  expect(metadata.managedFields).toBeUndefined();
}

test("who owns the fields of a new object is left out where the object fits without it alone, and an apply that needs it is refused", async () => {
  await create("created", { data });
  await expectContentWithoutOwners("created");
  const apply = api.server.handle({
    ...target,
    verb: "patch",
    patchType: "apply",
    name: "created",
    body: configMap("created"),
    options: { fieldManager: "applier" },
  });
  await expect(apply).rejects.toSatisfy(({ status }: StatusError) => status.code === 413 && status.message?.startsWith("etcdserver: request is too large") === true);
  await expectContentWithoutOwners("created");
});

test("so it is of an object that is made large by an update, or by a patch", async () => {
  await create("updated", { data: { owned: "A" } });
  await api.server.handle({ ...target, verb: "update", name: "updated", body: configMap("updated", { data }), options: {} });
  await expectContentWithoutOwners("updated");
  await create("patched", { data: { owned: "A" } });
  await api.server.handle({ ...target, verb: "patch", patchType: "merge", name: "patched", body: { data }, options: {} });
  await expectContentWithoutOwners("patched");
});

test("what does not fit without its owners either is refused", async () => {
  const spec = { containers: [{ name: "c", image: "a", args: ["x".repeat(1_600_000)] }] };
  const body = { apiVersion: "v1", kind: "Pod", metadata: { name: "large" }, spec };
  const created = api.server.handle({ ...target, resource: { group: "", version: "v1", resource: "pods" }, verb: "create", body, options: {} });
  await expect(created).rejects.toMatchObject({ status: { code: 413 } });
});
