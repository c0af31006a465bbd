import { expect, test } from "vitest";
import { GrpcCode, GrpcError } from "../../../../../engine/lib/grpc/grpc-error.ts";
import { seededRandom } from "../../../../../engine/lib/random.ts";
import type { Container, ContainerStatus, Pod } from "../../../../../engine/resources/types.ts";
import type { ContainerState, ExecResult } from "../../../../../node-agent/cri/runtime.ts";
import type { PodContext } from "../../../../../node-agent/pods/pod-context.ts";
import { PodProbes } from "../../../../../node-agent/pods/probes/pod-probes.ts";
import { createAgentMetrics } from "../../../../../node-agent/stats/agent-metrics.ts";
import { aPod } from "../../../../kit/objects.ts";
import { VirtualClock } from "../../../../kit/virtual-clock.ts";

/** The probes of a pod with one container that began so many seconds ago, and a runtime that answers commands so. */
function probesOf(
  container: Partial<Container>,
  answer: (command: readonly string[]) => Promise<ExecResult>,
  { ranSeconds = 0, status = {} }: { readonly ranSeconds?: number; readonly status?: Partial<ContainerStatus> } = {},
) {
  const clock = new VirtualClock();
  const events: string[] = [];
  const asked: { readonly command: readonly string[]; readonly atMs: number }[] = [];
  const runtime = {
    execSync: (_id: string, command: readonly string[]) => {
      asked.push({ command, atMs: clock.monotonic() });
      return answer(command);
    },
  };
  const context = {
    runtime,
    clock,
    random: seededRandom(1),
    metrics: createAgentMetrics("n1"),
    settings: { hostIps: ["192.0.2.1"] },
    events: { record: (_pod: Pod, { reason, message }: { readonly reason: string; readonly message: string }) => events.push(`${reason}: ${message}`) },
  } as unknown as PodContext; // what probes need of it
  const probes = new PodProbes(context, () => {});
  const pod = aPod("web", { spec: { containers: [{ name: "app", ...container }] } });
  const state = { id: "c1", name: "app", state: "running", startedAtMs: clock.now() - ranSeconds * 1000 } as ContainerState; // what probes look at
  probes.follow({ ...pod, status: { containerStatuses: [{ name: "app", image: "", imageID: "", restartCount: 0, ready: false, ...status }] } }, { sandboxes: [], containers: [state] });
  return { probes, clock, events, asked };
}

const ok = async () => ({ exitCode: 0, output: "" });
const runtimeGone = () => Promise.reject(new GrpcError(GrpcCode.unavailable, "connection refused"));

test("a runtime that is not there takes no container along: what cannot be asked is neither well nor ill", async () => {
  const { probes, clock, events, asked } = probesOf({ livenessProbe: { exec: { command: ["look"] }, periodSeconds: 1, failureThreshold: 1 } }, runtimeGone);
  await clock.advance(10_000);
  expect(probes.results().failed.size).toBe(0);
  // Each look tries three times.
  expect(asked.length).toBeGreaterThan(20);
  expect(events[0]).toBe("Unhealthy: Liveness probe errored and resulted in unknown state: rpc error: code = Unavailable desc = connection refused");
});

test("a command that takes longer than it may has failed", async () => {
  const { probes, clock, events } = probesOf({ livenessProbe: { exec: { command: ["look", "at it"] }, periodSeconds: 1, failureThreshold: 1 } }, () =>
    Promise.reject(new GrpcError(GrpcCode.deadlineExceeded, "timeout 1s exceeded")),
  );
  await clock.advance(3_000);
  expect([...probes.results().failed.values()]).toEqual([{ why: "failed liveness probe", graceSeconds: undefined }]);
  expect(events).toEqual(['Unhealthy: Liveness probe failed: command timed out: "look at it" timed out after 1s']);
});

test("a port that the container does not name says nothing of the container", async () => {
  const { probes, clock, events } = probesOf({ livenessProbe: { tcpSocket: { port: "web" }, periodSeconds: 1, failureThreshold: 1 } }, ok);
  await clock.advance(3_000);
  expect(probes.results().failed.size).toBe(0);
  expect(events[0]).toBe("Unhealthy: Liveness probe errored and resulted in unknown state: couldn't find port: web");
});

test("a command names variables as they are written in the pod", async () => {
  const { clock, asked } = probesOf({ env: [{ name: "PLACE", value: "/x" }], livenessProbe: { exec: { command: ["cat", "$(PLACE)/y", "$(OTHER)"] } } }, ok);
  await clock.advance(2_000);
  expect(asked[0]?.command).toEqual(["cat", "/x/y", "$(OTHER)"]);
});

test("what an earlier agent found of a container holds until its probes say otherwise", async () => {
  const status = { containerID: "containerd://c1", ready: true, started: true };
  const probe = { exec: { command: ["look"] }, periodSeconds: 10, failureThreshold: 2 };
  const broken = probesOf({ startupProbe: probe, readinessProbe: probe }, async () => ({ exitCode: 1, output: "" }), { ranSeconds: 100, status });
  expect([broken.probes.results().ready.get("app"), broken.probes.results().started.get("app")]).toEqual([true, true]);
  await broken.clock.advance(25_000);
  // It has started once and for all; that it is not ready is found out as ever.
  expect([broken.probes.results().ready.get("app"), broken.probes.results().started.get("app"), broken.probes.results().failed.size]).toEqual([false, true, 0]);
  const other = probesOf({ readinessProbe: probe }, ok, { status: { ...status, containerID: "containerd://c0" } });
  expect(other.probes.results().ready.get("app")).toBeUndefined();
});

test("the first look waits for its delay from the container's start, not from the agent's", async () => {
  const readinessProbe = { exec: { command: ["look"] }, initialDelaySeconds: 60 };
  const [old, fresh] = [probesOf({ readinessProbe }, ok, { ranSeconds: 45 }), probesOf({ readinessProbe }, ok)];
  for (const { clock } of [old, fresh]) await clock.advance(61_000);
  expect([old.asked[0]?.atMs, fresh.asked[0]?.atMs]).toEqual([15_000, 60_000]);
});

test("of a container that is being ended only its readiness is asked, and nobody is told that it is not well", async () => {
  const probe = (word: string) => ({ exec: { command: [word] }, periodSeconds: 1, failureThreshold: 1 });
  const { probes, clock, events, asked } = probesOf({ livenessProbe: probe("alive"), readinessProbe: probe("ready") }, async () => ({ exitCode: 1, output: "going" }));
  probes.stopLiveness();
  await clock.advance(5_000);
  expect([new Set(asked.map(({ command }) => command[0])), new Set(events)]).toEqual([new Set(["ready"]), new Set(["Unhealthy: Readiness probe failed: going"])]);
  expect(probes.results().failed.size).toBe(0);
});
