import { expect, test } from "vitest";
import { aborted } from "../../../../../engine/lib/abort.ts";
import { sleep } from "../../../../../engine/lib/clock.ts";
import type { Container, Pod } from "../../../../../engine/resources/types.ts";
import type { ContainerState } from "../../../../../node-agent/cri/runtime.ts";
import type { PodContext } from "../../../../../node-agent/pods/pod-context.ts";
import { terminatePod } from "../../../../../node-agent/pods/termination/terminate-pod.ts";
import { aPod } from "../../../../kit/objects.ts";
import { VirtualClock } from "../../../../kit/virtual-clock.ts";

/** What happens, with the seconds that have passed, when a pod is ended whose containers take so many seconds from their signal on. */
async function endPod(
  spec: Partial<Pod["spec"]>,
  seconds: Readonly<Record<string, number>>,
  { deletedAt, jumpMs = 0 }: { readonly deletedAt?: number; readonly jumpMs?: number } = {},
): Promise<string[]> {
  const clock = new VirtualClock();
  const startMs = clock.monotonic();
  const happened: string[] = [];
  const tell = (what: string) => happened.push(`${what} ${(clock.monotonic() - startMs) / 1000}`);
  const signal = new AbortController().signal;
  const runtime = {
    stopContainer: async (name: string, graceSeconds: number) => {
      tell(`signal ${name}`);
      await sleep(clock, Math.min(seconds[name] ?? 0, graceSeconds) * 1000, signal);
      tell(`end ${name}`);
    },
    execSync: async (name: string) => {
      tell(`hook ${name}`);
      return { exitCode: 0, output: "" };
    },
    stopSandbox: async () => {},
  };
  const context = { runtime, clock, events: { record: () => {} }, settings: { hostIps: ["192.0.2.1"] } } as unknown as PodContext; // what an end needs of it
  const pod: Pod = aPod("web", { spec, ...(deletedAt === undefined ? {} : { deletedAt }) });
  const running = Object.keys(seconds).map((name) => ({ id: name, name, state: "running" }) as ContainerState); // what an end looks at
  const ended = terminatePod(context, { podNow: () => pod, observe: async () => ({ sandboxes: [], containers: running }), tell: async () => {}, changed: aborted }, signal);
  await clock.settle();
  clock.jump(jumpMs);
  await clock.advance(120_000);
  await ended;
  return happened;
}

const hook = { preStop: { exec: { command: ["bye"] } } };
const sidecar = (name: string): Container => ({ name, restartPolicy: "Always", lifecycle: hook });

test("sidecars are told at once that the pod ends, and end after the others, the last that started first", async () => {
  const spec = { initContainers: [sidecar("proxy"), sidecar("logs")], containers: [{ name: "app", lifecycle: hook }] };
  // In whatever order the runtime names them.
  expect(await endPod(spec, { logs: 1, app: 5, proxy: 1 })).toEqual([
    "hook app 0",
    "hook logs 0",
    "hook proxy 0",
    "signal app 0",
    "end app 5",
    "signal logs 5",
    "end logs 6",
    "signal proxy 6",
    "end proxy 7",
  ]);
});

test("a sidecar does not wait for its turn beyond the time that the pod has", async () => {
  const spec = { terminationGracePeriodSeconds: 10, initContainers: [sidecar("proxy")], containers: [{ name: "app" }] };
  expect(await endPod(spec, { app: 60, proxy: 60 })).toEqual(["signal app 0", "hook proxy 0", "end app 10", "signal proxy 10", "end proxy 12"]);
});

test("sidecars do not serve who looks at a pod for debugging", async () => {
  const spec = { initContainers: [sidecar("proxy")], containers: [{ name: "app" }], ephemeralContainers: [{ name: "look" }] };
  expect(await endPod(spec, { app: 1, proxy: 1, look: 20 })).toEqual(["signal app 0", "signal look 0", "hook proxy 0", "end app 1", "signal proxy 1", "end proxy 2", "end look 20"]);
});

test("a pod has its whole time on a machine whose clock is ahead of the server's, or is set while it ends", async () => {
  const spec = { initContainers: [sidecar("proxy")], containers: [{ name: "app" }] };
  const inTime = ["signal app 0", "hook proxy 0", "end app 20", "signal proxy 20", "end proxy 21"];
  expect(await endPod(spec, { app: 20, proxy: 1 }, { deletedAt: -3_600 })).toEqual(inTime);
  for (const jumpMs of [-3_600_000, 3_600_000]) expect(await endPod(spec, { app: 20, proxy: 1 }, { jumpMs })).toEqual(inTime);
});
