import { afterEach, beforeEach, expect, test } from "vitest";
import type { Client } from "../../../engine/client/client.ts";
import { formatTime } from "../../../engine/lib/clock.ts";
import { silentLogger, type Logger } from "../../../engine/lib/log.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { priorityClassResource } from "../../../engine/resources/scheduling/priority-class.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";
import { readyNode, startScheduler } from "./running-scheduler.ts";

let plane: ControlPlane;
let stopScheduler: () => Promise<void>;
const warnings: string[] = [];
/** Runs before a pod is bound, and may refuse it. */
let beforeBinding: (name: string) => Promise<void>;
/** Runs before a pod is deleted, and may refuse it. */
let beforeDeletion: () => Promise<void>;
const withBindings = (client: Client): Client => ({
  ...client,
  for(resource) {
    const access = client.for(resource);
    return {
      ...access,
      async createSubresource(namespace, name, subresource, body) {
        await beforeBinding(name);
        return access.createSubresource(namespace, name, subresource, body);
      },
      async delete(namespace, name, options) {
        await beforeDeletion();
        return access.delete(namespace, name, options);
      },
    };
  },
});

/** The real scheduler with its own rights; nobody runs the pods, so the test says when they are gone. */
beforeEach(async () => {
  warnings.length = 0;
  beforeBinding = beforeDeletion = async () => {};
  plane = await startControlPlane();
  const { clock, client: admin } = plane;
  const logger: Logger = { ...silentLogger, warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`) };
  stopScheduler = startScheduler(plane, { seenThrough: withBindings, logger });
  await admin.for(nodeResource).create(readyNode(plane, { name: "n1" }, "1"));
  for (const [name, value] of [
    ["low", 10],
    ["high", 1_000],
  ] as const)
    await admin.for(priorityClassResource).create({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value });
  await clock.settle();
});
afterEach(async () => {
  await stopScheduler();
  expect([...warnings, ...plane.warnings]).toEqual([]);
  await plane.stop();
});

const pods = () => plane.client.for(podResource);
async function make(name: string, priorityClassName: string, cpu: string): Promise<void> {
  await pods().create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { priorityClassName, containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }] },
  });
  await plane.clock.advance(100);
}
const get = (name: string) => pods().get("default", name);
const isGone = async (name: string) => {
  await pods().delete("default", name, { gracePeriodSeconds: 0 });
  await plane.clock.advance(2_000);
};

test("an important pod takes the place of a less important one, and nobody else takes it meanwhile", async () => {
  await make("a", "low", "600m");
  await make("b", "low", "300m");
  expect([(await get("a")).spec.nodeName, (await get("b")).spec.nodeName]).toEqual(["n1", "n1"]);

  await make("urgent", "high", "500m");
  const victim = await get("a");
  expect(victim.metadata.deletionTimestamp).toBeDefined();
  expect(victim.status?.conditions).toContainEqual(
    expect.objectContaining({ type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler", message: "default-scheduler: preempting to accommodate a higher priority pod" }),
  );
  expect((await get("b")).metadata.deletionTimestamp).toBeUndefined();
  const waiting = await get("urgent");
  expect(waiting.spec.nodeName ?? "").toBe("");
  expect(waiting.status).toMatchObject({ nominatedNodeName: "n1" });
  expect(await plane.stories("a")).toContain(`Preempted: Preempted by pod ${waiting.metadata.uid} on node n1`);

  await make("late", "low", "400m");
  await isGone("a");
  expect((await get("urgent")).spec.nodeName).toBe("n1");
  expect((await get("late")).spec.nodeName ?? "").toBe("");
  expect((await get("b")).spec.nodeName).toBe("n1");
});

test("room that is no longer needed is given to those who wait", async () => {
  await make("a", "low", "1");
  await make("urgent", "high", "1");
  await make("late", "low", "1");
  await isGone("urgent");
  await isGone("a");
  await plane.clock.advance(15_000);
  expect((await get("late")).spec.nodeName).toBe("n1");
});

test("pods that come with their node, before anybody could run there, get it in the order they came", async () => {
  const spec = { nodeSelector: { pool: "new" }, containers: [{ name: "c", image: "i" }] };
  const time = formatTime(plane.clock.now());
  const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady", message: "up", lastHeartbeatTime: time, lastTransitionTime: time }];
  await plane.client
    .for(nodeResource)
    .create({ apiVersion: "v1", kind: "Node", metadata: { name: "n2", labels: { pool: "new" } }, status: { conditions, capacity: { pods: "1" }, allocatable: { pods: "1" } } });
  for (const name of ["first", "second"]) await pods().create({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec });
  await plane.clock.advance(5_000);
  expect([(await get("first")).spec.nodeName, (await get("second")).spec.nodeName]).toEqual(["n2", undefined]);
});

test("a pod that could not be bound leaves its room to those who wait", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  beforeBinding = (name) => (name === "a" ? promise : Promise.resolve());
  await make("a", "low", "1");
  await make("b", "low", "1");
  expect((await get("b")).status?.conditions).toContainEqual(expect.objectContaining({ type: "PodScheduled", status: "False", reason: "Unschedulable" }));
  reject(new Error("the API does not answer"));
  await plane.clock.advance(5_000);
  expect([(await get("a")).spec.nodeName, (await get("b")).spec.nodeName]).toEqual([undefined, "n1"]);
  expect(warnings.splice(0)).toEqual([expect.stringContaining("binding failed, will retry")]);
});

test("pods that wait are counted by what they wait for", async () => {
  const waiting = () => [...plane.metrics.render().matchAll(/^scheduler_pending_pods\{queue="(\w+)"\} (\d+)$/gm)].map(([, queue, count]) => `${queue} ${count}`).sort();
  await make("a", "low", "1");
  await make("b", "low", "1");
  await pods().create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "c", namespace: "default" },
    spec: { schedulingGates: [{ name: "example.com/later" }], containers: [{ name: "c", image: "i" }] },
  });
  await plane.clock.advance(100);
  expect(waiting()).toEqual(["active 0", "backoff 0", "gated 1", "unschedulable 1"]);
  await pods().patch("default", "c", "merge", { spec: { schedulingGates: [] } });
  await isGone("a");
  expect(waiting()).toEqual(["active 0", "backoff 0", "gated 0", "unschedulable 0"]);
});

test("a pod that waits for room gets what another gives back, when it has given it back", async () => {
  await make("a", "low", "700m");
  await make("b", "low", "600m");
  const has = async (cpu: string) => {
    await pods().patch(
      "default",
      "a",
      "merge",
      { status: { phase: "Running", containerStatuses: [{ name: "c", image: "i", imageID: "", ready: true, restartCount: 0, resources: { requests: { cpu } } }] } },
      { subresource: "status" },
    );
    await plane.clock.advance(15_000);
  };
  await has("700m");
  await pods().patch("default", "a", "strategic", { spec: { containers: [{ name: "c", resources: { requests: { cpu: "300m" } } }] } }, { subresource: "resize" });
  await plane.clock.advance(15_000);
  expect((await get("b")).spec.nodeName).toBeUndefined();
  await has("300m");
  expect((await get("b")).spec.nodeName).toBe("n1");
});

test("a victim that the API does not let go is asked to go again, without anything else happening", async () => {
  let refusals = 2;
  beforeDeletion = async () => {
    if (refusals-- > 0) throw new Error("not now");
  };
  await make("small", "low", "1");
  await make("big", "high", "1");
  await plane.clock.advance(30_000);
  expect((await pods().get("default", "small")).metadata.deletionTimestamp).toBeDefined();
  expect(warnings.splice(0)).toEqual([expect.stringMatching(/^pod not preempted .*not now/), expect.stringMatching(/^pod not preempted .*not now/)]);
});
