import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasReason } from "../../../../engine/apimachinery/status-error.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../../../engine/resources/apps/deployment.ts";
import { jobResource } from "../../../../engine/resources/batch/job.ts";
import { priorityClassResource } from "../../../../engine/resources/scheduling/priority-class.ts";
import type { Job, Pod, PriorityClass } from "../../../../engine/resources/types.ts";
import { failure } from "../../../kit/failure.ts";
import { sentConfigMap, sentDeployment, sentPod } from "../../../kit/sent-objects.ts";
import { openMemoryStorage } from "../../../../engine/storage/memory-storage.ts";
import { StorageUnavailableError } from "../../../../engine/storage/storage.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

describe("create", () => {
  test("a version is refused last, after what admission says", async () => {
    const classes = api.client.for(priorityClassResource);
    const usual = (name: string, metadata: object = {}) => ({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name, ...metadata }, value: 5, globalDefault: true });
    await classes.create(usual("usual"));
    expect((await failure(classes.create(usual("other", { resourceVersion: "7" })))).status).toMatchObject({ code: 403, message: expect.stringContaining("is already marked as default") as unknown });
    await classes.delete("", "usual");
    expect((await failure(classes.create(usual("other", { resourceVersion: "7" })))).status).toMatchObject({ code: 500, message: "resourceVersion should not be set on objects to be created" });
  });

  test("what is no version, or none yet, is not looked at", async () => {
    for (const [index, resourceVersion] of ["0", "abc", "-1", "99999999999999999999999"].entries()) {
      const created = await api.client.for(configMapResource).create(sentConfigMap(`version-${index}`, {}, { resourceVersion }));
      expect(created.metadata.resourceVersion).not.toBe(resourceVersion);
    }
  });

  test("the server fills in uid, creation time and managed fields, and no generation for a ConfigMap", async () => {
    const created = await api.client.for(configMapResource).create(sentConfigMap("filled"));
    expect(created.metadata).toMatchObject({ name: "filled", namespace: "shop" });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.metadata.creationTimestamp).toMatch(/Z$/);
    expect(created.metadata.generation).toBeUndefined();
    expect(created.metadata.managedFields).toMatchObject([{ manager: "test", operation: "Update", fieldsV1: { "f:data": { "f:a": {} } } }]);
  });

  test("generateName appends five random letters and retries a taken one", async () => {
    const made = await api.client.for(configMapResource).create({ ...sentConfigMap(""), metadata: { generateName: "gen-", namespace: "shop" } });
    expect(made.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test("a missing namespace is a 404, also for an object of a wrong shape", async () => {
    const error = await failure(api.client.for(podResource).create({ ...sentPod("x"), metadata: { name: "x", namespace: "nope" }, spec: {} } as unknown as Pod));
    expect(error.status).toMatchObject({ code: 404, message: 'namespaces "nope" not found' });
  });

  test("a dry run stores nothing and names no resourceVersion", async () => {
    const made = await api.client.for(configMapResource).create(sentConfigMap("dry"), { dryRun: true });
    expect(made.metadata.resourceVersion).toBeUndefined();
    expect(hasReason(await failure(api.client.for(configMapResource).get("shop", "dry")), "NotFound")).toBe(true);
  });

  test("a dry run may assume a namespace, a real write may not", async () => {
    const assumedNamespaces = new Set(["later"]);
    const made = await api.client.for(podResource).create({ ...sentPod("p"), metadata: { name: "p", namespace: "later" } }, { dryRun: true, assumedNamespaces });
    expect(made.spec.serviceAccountName).toBe("default");
    const error = await failure(api.client.for(configMapResource).create({ ...sentConfigMap("p"), metadata: { name: "p", namespace: "later" } }, { assumedNamespaces }));
    expect(error.reason).toBe("NotFound");
  });
});

test("ephemeral containers come later, at their own address", async () => {
  const debugged = sentPod("debugged", { ephemeralContainers: [{ name: "d", image: "busybox" }] });
  expect((await failure(api.client.for(podResource).create(debugged))).message).toContain("spec.ephemeralContainers: Forbidden: cannot be set on create");
});

test("that Services are told of in the environment is settled for pods, not for templates of pods", async () => {
  const made = await api.client.for(deploymentResource).create(sentDeployment("linked"));
  expect(made.spec.template.spec?.enableServiceLinks).toBeUndefined();
  expect((await api.client.for(podResource).create(sentPod("linked"))).spec.enableServiceLinks).toBe(true);
});

test("a Job without labels has those of its pods: their author's, and those that they are given", async () => {
  const make = (name: string, labels?: Record<string, string>, more: object = {}) => {
    const template = { ...(labels === undefined ? {} : { metadata: { labels } }), spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };
    return api.client.for(jobResource).create({ apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace: "shop", ...more }, spec: { template } } as Job);
  };
  const [bare, labelled, own] = [await make("bare"), await make("labelled", { app: "a" }), await make("own", undefined, { labels: { mine: "yes" } })];
  expect(bare.metadata.labels).toEqual(bare.spec.template.metadata?.labels);
  expect(bare.metadata.labels).toMatchObject({ "job-name": "bare", "batch.kubernetes.io/controller-uid": bare.metadata.uid });
  expect(labelled.metadata.labels).toEqual(labelled.spec.template.metadata?.labels);
  expect([labelled.metadata.labels?.["app"], own.metadata.labels, own.spec.manualSelector]).toEqual(["a", { mine: "yes" }, false]);
});

test("required numbers may be zero, and a spec that is missing is asked for its fields", async () => {
  const none = await api.client.for(priorityClassResource).create({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "none" } } as PriorityClass);
  expect(none.value).toBe(0);
  const bare = { apiVersion: "v1", kind: "Pod", metadata: { name: "bare", namespace: "shop" } };
  expect((await failure(api.client.for(podResource).create(bare as Pod))).status.details?.causes).toMatchObject([{ reason: "FieldValueRequired", field: "spec.containers" }]);
});

test("that a name is taken is told also where the store cannot say by what", async () => {
  const storage = openMemoryStorage();
  let isDown = false;
  const api = await startTestApi({
    storage: {
      currentRevision: () => (isDown ? Promise.reject(new StorageUnavailableError("no quorum", "none")) : storage.currentRevision()),
      list: (prefix, options) => storage.list(prefix, options),
      watch: (prefix, afterRevision, signal) => storage.watch(prefix, afterRevision, signal),
      compact: (revision) => storage.compact(revision),
      close: () => storage.close(),
      get: (key) => (isDown ? Promise.reject(new StorageUnavailableError("no quorum", "none")) : storage.get(key)),
      async commit(conditions, operations) {
        const result = await storage.commit(conditions, operations);
        isDown = result.is !== "committed";
        return result;
      },
    },
  });
  await createTestNamespace(api.client, "shop");
  const maps = api.client.for(configMapResource);
  await maps.create(sentConfigMap("m"));
  expect((await failure(maps.create(sentConfigMap("m")))).status).toMatchObject({ reason: "AlreadyExists", message: 'configmaps "m" already exists' });
  isDown = false;
  await api.stop();
});
