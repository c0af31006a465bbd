import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import type { Pod } from "../../../../../engine/resources/types.ts";
import { choosePreempted } from "../../../../../node-agent/pods/admission/preempt-pods.ts";
import type { PodWorker } from "../../../../../node-agent/pods/pod-worker.ts";
import { aPod } from "../../../../kit/objects.ts";
import { drivenPod, workerIn } from "../../../../kit/pod-worker.ts";

const NODE = { cpu: "4", memory: "8Gi", pods: "6" };
const CRITICAL = 2_000_000_000;

/** A pod that asks for so much processor time, and for other things as said. */
const pod = (
  name: string,
  cpu: string,
  more: { readonly limits?: Readonly<Record<string, string>>; readonly memory?: string; readonly priority?: number; readonly port?: number; readonly phase?: string } = {},
): Pod =>
  aPod(name, {
    spec: {
      ...(more.priority === undefined ? {} : { priority: more.priority }),
      containers: [
        {
          name: "c",
          image: "a:1",
          ...(cpu === "" ? {} : { resources: { requests: { cpu, ...(more.memory === undefined ? {} : { memory: more.memory }) }, ...(more.limits === undefined ? {} : { limits: more.limits }) } }),
          ...(more.port === undefined ? {} : { ports: [{ containerPort: 80, hostPort: more.port }] }),
        },
      ],
    },
    ...(more.phase === undefined ? {} : { phase: more.phase }),
  });
const guaranteed = (name: string, cpu: string) => pod(name, cpu, { memory: "1Gi", limits: { cpu, memory: "1Gi" } });
const critical = (cpu: string, more = {}) => pod("critical", cpu, { priority: CRITICAL, ...more });
const fillers = ["f1", "f2", "f3", "f4"].map((name) => pod(name, ""));

test.each<[string, Pod, readonly Pod[], readonly string[] | undefined]>([
  ["nobody where there is room", critical("1"), [pod("a", "3")], undefined],
  ["nobody for one that is not critical", pod("usual", "1", { priority: 1_000 }), [pod("a", "4")], undefined],
  ["nobody where all would not be enough", critical("5"), [pod("a", "4")], undefined],
  ["no other that is as critical", critical("1"), [pod("a", "4", { priority: CRITICAL })], undefined],
  ["a critical one for one that is more so", pod("node", "1", { priority: CRITICAL + 1_000 }), [pod("a", "4", { priority: CRITICAL })], ["a"]],
  ["burstable before guaranteed", critical("1"), [guaranteed("a", "2"), pod("b", "2")], ["b"]],
  ["guaranteed where burstable are not enough, and then as few others as needed", critical("3"), [guaranteed("a", "2"), pod("b", "1"), pod("c", "1")], ["c", "a"]],
  ["the one that fits, not the largest", critical("1"), [pod("a", "2500m"), pod("b", "1"), pod("c", "500m")], ["b"]],
  ["best effort for a place", critical("1"), [pod("a", "1"), pod("b", "1"), ...fillers], ["f4"]],
  ["nobody who has ended", critical("1"), [pod("a", "4", { phase: "Failed" }), pod("b", "4")], ["b"]],
  ["nobody where a port would be taken all the same", critical("1", { port: 80 }), [pod("a", "3", { port: 80 }), pod("b", "1")], undefined],
])("there give way: %s", (_what, incoming, others, expected) => {
  expect(choosePreempted(incoming, others, NODE)?.map(({ metadata }) => metadata.name)).toEqual(expected);
});

test("a pod that gives way to another has its own time to end, says why, and claims nothing any more though no server hears it", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "preempt-"));
  const sleeper = { name: "c", image: "a:1", command: ["sleep", "1000000"] };
  const { worker, clock, context, runtime, events, patches } = workerIn(folder, { ...drivenPod, spec: { terminationGracePeriodSeconds: 20, containers: [sleeper] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  try {
    await clock.advance(5_000);
    const client = context.client;
    Object.assign(context, { client: { for: () => ({ patch: () => Promise.reject(new Error("no server")) }) } });
    const over: string[] = [];
    for (const who of ["first", "second"]) void worker.preempt().then(() => over.push(who));
    await clock.advance(15_000);
    expect([over, worker.hasGivenWay, (await runtime.listContainers()).map(({ state }) => state)]).toEqual([[], false, ["running"]]);
    await clock.advance(10_000);
    expect([over, worker.hasGivenWay, (await runtime.listContainers()).map(({ state }) => state)]).toEqual([["first", "second"], true, ["exited"]]);
    expect(events).toContain("Preempting: Preempted in order to admit critical pod");
    Object.assign(context, { client });
    await clock.advance(60_000);
    expect(patches.at(-1)).toMatchObject({ phase: "Failed", reason: "Preempting", message: "Preempted in order to admit critical pod" });
    expect(patches.at(-1)?.conditions).toContainEqual(
      expect.objectContaining({ type: "DisruptionTarget", reason: "TerminationByKubelet", message: "Pod was preempted by Kubelet to accommodate a critical pod." }),
    );
  } finally {
    running.abort();
    await ended;
    rmSync(folder, { recursive: true });
  }
});

test("a pod that has ended by itself claims nothing any more though no server hears it", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "preempt-"));
  const { worker, clock, context } = workerIn(folder, { ...drivenPod, spec: { restartPolicy: "Never", containers: [{ name: "c", image: "a:1", command: ["sleep", "20"] }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  Object.assign(context, { client: { for: () => ({ patch: () => Promise.reject(new Error("no server")) }) } });
  const before = worker.hasGivenWay;
  await clock.advance(20_000);
  worker.wake(); // as the runtime's events do
  await clock.advance(5_000);
  expect([before, worker.hasGivenWay]).toEqual([false, true]);
  running.abort();
  await ended;
  rmSync(folder, { recursive: true });
});

test("a pod that was refused runs when others have made room for it", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "preempt-"));
  const { worker, clock, context, trouble, runtime, patches } = workerIn(folder, { ...drivenPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000000"] }] } });
  trouble.refusal = { reason: "OutOfcpu", message: "no cpu" };
  Object.assign(context, {
    makeRoom: async () => {
      delete trouble.refusal;
      return true;
    },
  });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect([patches.some(({ phase }) => phase === "Failed"), (await runtime.listContainers()).map(({ state }) => state)]).toEqual([false, ["running"]]);
  running.abort();
  await ended;
  rmSync(folder, { recursive: true });
});

test.each([
  ["that does not belong on the node", async (_worker: PodWorker, trouble: { misplaced?: object }) => void (trouble.misplaced = { reason: "NodeAffinity", message: "not here" })],
  ["that has to give way itself", async (worker: PodWorker) => void worker.evict("The node was low on resource: memory.", 1)],
])("nobody gives way to a pod %s", async (_what, prepare) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "preempt-"));
  const { worker, clock, context, trouble, patches } = workerIn(folder, { ...drivenPod, spec: { containers: [{ name: "c", image: "a:1" }] } });
  trouble.refusal = { reason: "OutOfcpu", message: "no cpu" };
  let isAsked = false;
  Object.assign(context, { makeRoom: async () => void (isAsked = true) });
  await prepare(worker, trouble);
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect([isAsked, patches.at(-1)?.phase]).toEqual([false, "Failed"]);
  running.abort();
  await ended;
  rmSync(folder, { recursive: true });
});
