import { expect, test } from "vitest";
import type { Pod } from "../../../engine/resources/types.ts";
import type { PodContext } from "../../../node-agent/pods/pod-context.ts";
import { PodResizer } from "../../../node-agent/pods/pod-resizer.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const pod = (cpu: string): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [{ name: "c", resources: { requests: { cpu } } }] } });
const short = { reason: "Evicted", message: "The node had condition: [DiskPressure]. " };
const large = { reason: "OutOfcpu", message: "Node didn't have enough resource: cpu" };

function aResizer(refusals: { now?: typeof short; ever?: typeof large }) {
  const events: string[] = [];
  const context = { clock: new VirtualClock(), refuse: () => refusals.now, refuseForever: () => refusals.ever, events: { record: (_pod: Pod, { reason }: { readonly reason: string }) => void events.push(reason) } } as unknown as PodContext; // nothing else of it is used
  return { events, resizer: new PodResizer(context, { tell: async () => {}, stop: async () => {}, ask: () => {} }, pod("1")) };
}

test.each([
  ["waits while the node is short of something for the moment", { now: short }, "Deferred", short.message],
  ["waits while others have the room", { now: large }, "Deferred", large.message],
  ["cannot be where the node is too small for it", { now: large, ever: large }, "Infeasible", large.message],
])("a resize %s", (_what, refusals, reason, message) => {
  const { resizer, events } = aResizer(refusals);
  expect([resizer.decide(pod("2")), resizer.decide(pod("2"))]).toEqual([{ isGranted: false, isNews: true }, { isGranted: false, isNews: false }]);
  expect([resizer.trouble, events, resizer.granted(pod("2"))]).toEqual([{ type: "PodResizePending", reason, message }, [`Resize${reason}`], pod("1")]);
});

test("a resize is granted as soon as nothing speaks against it, and is asked for no more", () => {
  const refusals: { now?: typeof short } = { now: short };
  const { resizer } = aResizer(refusals);
  resizer.decide(pod("2"));
  expect(resizer.request(pod("2"))).toMatchObject({ granted: pod("1"), waitsSinceMs: expect.any(Number) });
  delete refusals.now;
  expect([resizer.decide(pod("2")), resizer.trouble, resizer.granted(pod("2")), resizer.request(pod("2"))]).toEqual([{ isGranted: true, isNews: true }, undefined, pod("2"), undefined]);
});
