import { describe, expect, test } from "vitest";
import type { Pod } from "../../../../../engine/resources/types.ts";
import type { PodContext } from "../../../../../node-agent/pods/pod-context.ts";
import type { PodState } from "../../../../../node-agent/pods/compute-pod-actions.ts";
import { PodResizer } from "../../../../../node-agent/pods/resize/pod-resizer.ts";
import { aContainerState, nodeSettings } from "../../../../kit/pod-context.ts";
import { VirtualClock } from "../../../../kit/virtual-clock.ts";

const pod = (cpu: string): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [{ name: "c", resources: { requests: { cpu } } }] } });
const short = { reason: "Evicted", message: "The node had condition: [DiskPressure]. " };
const large = { reason: "OutOfcpu", message: "Node didn't have enough resource: cpu" };

function aResizer(refusals: { now?: typeof short; ever?: typeof large }) {
  const events: string[] = [];
  const context = {
    clock: new VirtualClock(),
    refuse: () => refusals.now,
    refuseForever: () => refusals.ever,
    events: { record: (_pod: Pod, { reason }: { readonly reason: string }) => void events.push(reason) },
  } as unknown as PodContext; // nothing else of it is used
  return { events, resizer: new PodResizer(context, { tell: async () => {}, stop: async () => {}, ask: () => {} }, pod("1")) };
}

test.each([
  ["waits while the node is short of something for the moment", { now: short }, "Deferred", short.message],
  ["waits while others have the room", { now: large }, "Deferred", large.message],
  ["cannot be where the node is too small for it", { now: large, ever: large }, "Infeasible", large.message],
])("a resize %s", (_what, refusals, reason, message) => {
  const { resizer, events } = aResizer(refusals);
  expect([resizer.decide(pod("2")), resizer.decide(pod("2"))]).toEqual([
    { isGranted: false, isNews: true },
    { isGranted: false, isNews: false },
  ]);
  expect([resizer.progress, events, resizer.granted(pod("2"))]).toEqual([{ pending: { reason, message, observedGeneration: 1 } }, [`Resize${reason}`], pod("1")]);
});

test("a resize is granted as soon as nothing speaks against it, and is asked for no more", () => {
  const refusals: { now?: typeof short } = { now: short };
  const { resizer } = aResizer(refusals);
  resizer.decide(pod("2"));
  expect(resizer.request(pod("2"))).toMatchObject({ granted: pod("1"), waitsSinceMs: expect.any(Number) });
  delete refusals.now;
  expect([resizer.decide(pod("2")), resizer.progress, resizer.granted(pod("2")), resizer.request(pod("2"))]).toEqual([
    { isGranted: true, isNews: true },
    { inProgress: { observedGeneration: 1 } },
    pod("2"),
    undefined,
  ]);
});

describe("a resize that is being done", () => {
  const settings = nodeSettings("", { memoryBytes: 2 ** 33 });
  const running = (cpuShares: number): PodState => ({
    sandboxes: [],
    containers: [aContainerState({ resources: { cpuShares, cpuQuota: 0, memoryLimitBytes: 0 } })],
  });
  const generation = (number: number, cpu: string): Pod => ({ ...pod(cpu), metadata: { name: "p", uid: "u", generation: number } });
  const started = (trouble: { refusal?: typeof short; failure?: string; during?: () => void }, first = generation(1, "1")) => {
    const events: string[] = [];
    const updateResources = async () => {
      trouble.during?.();
      if (trouble.failure !== undefined) throw new Error(trouble.failure);
    };
    const context = {
      clock: new VirtualClock(),
      settings,
      limitPod: () => {},
      runtime: { updateResources },
      refuse: () => trouble.refusal,
      refuseForever: () => undefined,
      events: { record: (_pod: Pod, { reason, message }: { readonly reason: string; readonly message: string }) => void events.push(`${reason}: ${message}`) },
    } as unknown as PodContext; // nothing else of it is used
    const resizer: PodResizer = new PodResizer(context, { tell: async () => {}, stop: async () => {}, ask: () => void resizer.decide(latest) }, first);
    let latest = first;
    return { events, resizer, run: (asked: Pod, state: PodState) => resizer.run((latest = asked), state) };
  };

  test("goes on, with what went wrong, while a newer one waits for room; each keeps the generation that asked for it", async () => {
    const trouble: Parameters<typeof started>[0] = { failure: "busy" };
    const { resizer, run } = started(trouble);
    await run(generation(2, "2"), running(1024));
    trouble.refusal = short;
    await run(generation(3, "3"), running(1024));
    expect(resizer.progress).toEqual({ pending: { reason: "Deferred", message: short.message, observedGeneration: 3 }, inProgress: { reason: "Error", message: "busy", observedGeneration: 2 } });
    delete trouble.failure;
    await run(generation(3, "3"), running(1024));
    expect([resizer.progress, resizer.granted(generation(3, "3")).spec]).toEqual([{ pending: { reason: "Deferred", message: short.message, observedGeneration: 3 } }, pod("2").spec]);
    await run(generation(4, "2"), running(2048));
    expect(resizer.progress).toEqual({});
  });

  test("is told of in events once each, with what the containers are to have", async () => {
    const { events, run } = started({ failure: "a < b" });
    for (const state of [running(1024), running(1024), running(2048)]) await run(generation(2, "2"), state);
    const what = '{"containers":[{"name":"c","resources":{"requests":{"cpu":"2"}}}],"generation":2';
    expect(events).toEqual([`ResizeStarted: Pod resize started: ${what}}`, `ResizeError: Pod resize error: ${what},"error":"a \\u003c b"}`, `ResizeCompleted: Pod resize completed: ${what}}`]);
  });

  test("is not taken for done when another was granted meanwhile", async () => {
    const trouble: Parameters<typeof started>[0] = {};
    const { resizer, run } = started(trouble);
    trouble.during = () => void resizer.decide(generation(3, "3"));
    await run(generation(2, "2"), running(1024));
    expect(resizer.progress).toEqual({ inProgress: { observedGeneration: 3 } });
  });

  test("is taken up by the next agent, with what its status told of it", async () => {
    const conditions = [
      { type: "PodResizePending", status: "True", reason: "Deferred", message: "no room", observedGeneration: 3 },
      { type: "PodResizeInProgress", status: "True", observedGeneration: 2 },
    ];
    const before: Pod = {
      ...generation(3, "3"),
      status: { conditions, containerStatuses: [{ name: "c", image: "i", imageID: "", ready: true, restartCount: 0, resources: { requests: { cpu: "1" } }, allocatedResources: { cpu: "2" } }] },
    };
    const { resizer, events, run } = started({ refusal: { ...short, message: "no room" } }, before);
    await run(before, running(1024));
    expect([resizer.progress, events]).toEqual([
      { pending: { reason: "Deferred", message: "no room", observedGeneration: 3 } },
      [expect.stringMatching(/^ResizeCompleted: .*"cpu":"2".*"generation":2}$/)],
    ]);
  });
});
