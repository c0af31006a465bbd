import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Pod } from "../../../../engine/resources/types.ts";
import { drivenPod as aPod, workerIn } from "../../../kit/pod-worker.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "pod-worker-"))));
afterEach(() => rmSync(folder, { recursive: true }));
const aWorker = (pod?: Pod) => workerIn(folder, pod);

test("a pod that was refused stays so, though the API shows it once more as it was before", async () => {
  const { worker, clock, runtime, trouble, patches } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const running = new AbortController();
  const before = worker.pod;
  trouble.refusal = { reason: "OutOfcpu", message: "Node didn't have enough resource: cpu" };
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  delete trouble.refusal;
  // Somebody has changed it just before it was refused, and the watch is late.
  worker.update({ ...before, metadata: { ...before.metadata, resourceVersion: "100", annotations: { seen: "by others" } } });
  await clock.advance(60_000);
  expect(patches.map(({ phase }) => phase)).toEqual(["Failed"]);
  expect([worker.pod.status?.phase, worker.pod.metadata.annotations, await runtime.listSandboxes()]).toEqual(["Failed", { seen: "by others" }, []]);
  running.abort();
  await ended;
});

test("a pod is not judged before it is known what the node has; one that is refused has no containers to tell of, whatever it had before", async () => {
  const running = {
    ...aPod,
    status: { phase: "Running", containerStatuses: [{ name: "c", image: "a:1", imageID: "", ready: true, restartCount: 0, state: { running: { startedAt: "2029-01-01T00:00:00Z" } } }] },
  };
  const { worker, clock, trouble, done, patches } = aWorker(running);
  trouble.refusal = "not known yet";
  const stop = new AbortController();
  const ended = worker.run(stop.signal);
  await clock.advance(5_000);
  expect(done).toEqual([]);
  trouble.refusal = { reason: "OutOfcpu", message: "no room" };
  worker.wake();
  await clock.advance(1_000);
  expect(patches.at(-1)).toMatchObject({ phase: "Failed", reason: "OutOfcpu", message: "Pod was rejected: no room", containerStatuses: null });
  await clock.advance(120_000);
  expect(patches.at(-1)?.containerStatuses ?? null).toBeNull();
  stop.abort();
  await ended;
});

test("a pod on a node that it did not ask for is refused before anything of it is made", async () => {
  const { worker, clock, trouble, patches, runtime } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  trouble.misplaced = { reason: "NodeAffinity", message: "not here" };
  const stop = new AbortController();
  const ended = worker.run(stop.signal);
  await clock.advance(5_000);
  expect(patches.at(-1)).toMatchObject({ phase: "Failed", reason: "NodeAffinity", message: "Pod was rejected: not here" });
  expect(await runtime.listContainers()).toEqual([]);
  stop.abort();
  await ended;
});

test("a mount that has to be read-only all the way down is refused where that cannot be promised", async () => {
  const { worker, clock, waits } = aWorker({
    ...aPod,
    spec: { ...aPod.spec, containers: [{ name: "c", image: "a:1", volumeMounts: [{ name: "secrets", mountPath: "/secrets", readOnly: true, recursiveReadOnly: "Enabled" }] }] },
  });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect(waits.at(-1)).toBe('CreateContainerConfigError: failed to resolve recursive read-only mode: volume "secrets" requested recursive read-only mode, but it is not supported by the runtime');
  running.abort();
  await ended;
});

test("a pod that is refused has its devices taken back before its status lets others have them", async () => {
  const { worker, clock, trouble, done } = aWorker();
  trouble.refusal = { reason: "OutOfcpu", message: "no room" };
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(100);
  expect(done.slice(0, 2)).toEqual(["devices taken back", "Failed"]);
  running.abort();
  await ended;
});

test("a pod claims of its node what it was granted while more has to wait", async () => {
  const asking = (cpu: string): Pod => ({
    ...aPod,
    spec: { ...aPod.spec, restartPolicy: "Never", containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"], resources: { requests: { cpu } } }] },
  });
  const { worker, clock, trouble } = aWorker(asking("100m"));
  const claimed = () => worker.granted.spec.containers[0]?.resources?.requests?.["cpu"];
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  trouble.refusal = { reason: "OutOfcpu", message: "no room" };
  worker.update({ ...asking("900m"), status: { phase: "Running", containerStatuses: [{ name: "c", image: "a:1", imageID: "", ready: true, restartCount: 0, allocatedResources: { cpu: "100m" } }] } });
  await clock.advance(5_000);
  expect(claimed()).toBe("100m");
  delete trouble.refusal;
  worker.decideResize();
  expect(claimed()).toBe("900m");
  running.abort();
  await ended;
});
