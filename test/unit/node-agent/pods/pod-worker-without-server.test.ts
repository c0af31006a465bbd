import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import type { PodSpec, PodStatus } from "../../../../engine/resources/types.ts";
import { drivenPod, workerIn } from "../../../kit/pod-worker.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "pod-worker-"))));
afterEach(() => rmSync(folder, { recursive: true }));

/** A worker that runs, of a pod like this, whose server goes away when asked to. */
function aWorker(spec: Partial<PodSpec>, annotations = {}) {
  const all = workerIn(folder, { ...drivenPod, metadata: { ...drivenPod.metadata, annotations }, spec: { containers: [], terminationGracePeriodSeconds: 1, ...spec } });
  const server = { isAway: false };
  const pods = all.context.client.for(undefined as never) as { patch: (...args: unknown[]) => Promise<unknown> };
  const patch = async (...args: unknown[]) => {
    if (server.isAway) throw new StatusError("ServiceUnavailable", "connect ECONNREFUSED");
    return pods.patch(...args);
  };
  Object.assign(all.context, { client: { for: () => ({ ...pods, patch }) } });
  const running = new AbortController();
  const ended = all.worker.run(running.signal);
  const stop = async () => {
    running.abort();
    await ended;
  };
  const states = async () => Object.fromEntries((await all.runtime.listContainers()).map(({ name, attempt, state }) => [`${name}#${attempt}`, state]));
  return { ...all, server, ended, stop, states };
}

const sleeper = { name: "c", image: "a:1", command: ["sleep", "1000000"] };
const told = (patches: readonly PodStatus[]) => [patches.at(-1)?.phase, patches.at(-1)?.reason];

test("a pod that has to give way ends also while no server answers, which is told when one does", async () => {
  const { worker, clock, server, states, patches, stop } = aWorker({ containers: [sleeper] });
  await clock.advance(5_000);
  server.isAway = true;
  let hasGivenWay = false;
  void worker.evict("The node was low on resource: memory.", 1).then(() => (hasGivenWay = true));
  await clock.advance(10_000);
  expect([await states(), hasGivenWay, told(patches)]).toEqual([{ "c#0": "exited" }, true, ["Running", undefined]]);
  server.isAway = false;
  await clock.advance(40_000);
  expect([await states(), told(patches)]).toEqual([{ "c#0": "exited" }, ["Failed", "Evicted"]]);
  await stop();
});

test("sidecars end with the work that they are for also while no server answers", async () => {
  const sidecar = { ...sleeper, name: "s", restartPolicy: "Always" };
  const { worker, clock, server, states, patches, stop } = aWorker({ restartPolicy: "Never", initContainers: [sidecar], containers: [{ ...sleeper, command: ["sleep", "20"] }] });
  await clock.advance(5_000);
  server.isAway = true;
  await clock.advance(30_000);
  worker.wake(); // as the runtime's events do
  await clock.advance(10_000);
  expect(await states()).toEqual({ "s#0": "exited", "c#0": "exited" });
  server.isAway = false;
  await clock.advance(40_000);
  expect(told(patches)).toEqual(["Succeeded", undefined]);
  await stop();
});

test("a container that ends begins again when its time has come also while no server answers", async () => {
  const { clock, server, states, patches, stop } = aWorker({ containers: [{ ...sleeper, command: ["false"] }] });
  await clock.advance(5_000);
  server.isAway = true;
  // After 10 and after 20 seconds.
  await clock.advance(34_000);
  expect(Object.keys(await states())).toContain("c#3");
  server.isAway = false;
  await clock.advance(40_000);
  expect(patches.at(-1)?.containerStatuses?.[0]?.restartCount).toBeGreaterThanOrEqual(3);
  await stop();
});

test("a file's pod that is there no more makes room for the next also while no server answers", async () => {
  const { worker, clock, context, server, ended, states } = aWorker({ containers: [sleeper] }, { "kubernetes.io/config.source": "file" });
  Object.assign(context, { mirrorOf: () => ({ ...drivenPod, metadata: { ...drivenPod.metadata, uid: "shown" } }) });
  await clock.advance(5_000);
  server.isAway = true;
  worker.retire();
  let isGone = false;
  void ended.then(() => (isGone = true));
  await clock.advance(20_000);
  expect([await states(), isGone]).toEqual([{}, true]);
});

test("a pod that ended by itself in time is told so, whatever has come over it before a server heard", async () => {
  const { worker, clock, server, patches, stop } = aWorker({ restartPolicy: "Never", activeDeadlineSeconds: 30, containers: [{ ...sleeper, command: ["sleep", "20"] }] });
  await clock.advance(5_000);
  worker.update({ ...worker.pod, status: { ...worker.pod.status, startTime: new Date(clock.now()).toISOString() } });
  server.isAway = true;
  await clock.advance(20_000);
  worker.wake(); // as the runtime's events do
  await clock.advance(1_000);
  let hasGivenWay = false;
  void worker.evict("The node was low on resource: ephemeral-storage.", 1).then(() => (hasGivenWay = true));
  await clock.advance(60_000);
  server.isAway = false;
  await clock.advance(40_000);
  expect([hasGivenWay, told(patches)]).toEqual([true, ["Succeeded", undefined]]);
  await stop();
});
