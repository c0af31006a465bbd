import { afterEach, beforeEach, expect, test } from "vitest";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { priorityClassResource } from "../../../engine/resources/scheduling/priority-class.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(() => api.stop());

const classes = () => api.client.for(priorityClassResource);
const makeClass = (name: string, value: number, more: object = {}) => classes().create({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value, ...more });
const makePod = (name: string, spec: object = {}) =>
  api.client.for(podResource).create({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec: { containers: [{ name: "c", image: "i" }], ...spec } });

test("a pod without a class has priority 0, or the default class's from when there is one", async () => {
  expect((await makePod("plain")).spec).toMatchObject({ priority: 0, preemptionPolicy: "PreemptLowerPriority" });
  await makeClass("usual", 50, { globalDefault: true, preemptionPolicy: "Never" });
  expect((await makePod("later")).spec).toMatchObject({ priorityClassName: "usual", priority: 50, preemptionPolicy: "Never" });
});

test("there is one default class at most, which may be changed itself", async () => {
  await makeClass("usual", 50, { globalDefault: true });
  await expect(makeClass("other", 60, { globalDefault: true })).rejects.toThrow(
    'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
  );
  await classes().patch("", "usual", "merge", { description: "for most" });
});

test("the number is the class's, whatever the pod says", async () => {
  await makeClass("high", 1_000);
  await expect(makePod("liar", { priorityClassName: "high", priority: 5_000 })).rejects.toThrow(
    "the integer value of priority (5000) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name",
  );
  expect((await makePod("honest", { priorityClassName: "high", priority: 1_000 })).spec.priority).toBe(1_000);
});

test("a writer who leaves the priority out keeps what the pod was given", async () => {
  const { uid } = (await makePod("again")).metadata;
  const replaced = await api.client.for(podResource).update({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "again", namespace: "default", uid, labels: { tier: "new" } },
    spec: (({ priority: _priority, preemptionPolicy: _policy, ...rest }) => rest)((await api.client.for(podResource).get("default", "again")).spec),
  });
  expect(replaced.spec).toMatchObject({ priority: 0, preemptionPolicy: "PreemptLowerPriority" });
  expect(replaced.metadata.labels).toEqual({ tier: "new" });
});

test("the system's classes are there from the beginning", async () => {
  expect((await classes().list("")).items.map(({ metadata, value }) => `${metadata.name} ${value}`).sort()).toEqual(["system-cluster-critical 2000000000", "system-node-critical 2000001000"]);
});
