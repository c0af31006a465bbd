import { describe, expect, test } from "vitest";
import { refuseUnderPressure } from "../../../../node-agent/resources/eviction-plan.ts";
import { judgePressure, NO_PRESSURE } from "../../../../node-agent/resources/pressure.ts";
import { parseMinimumReclaim, parseThresholds, type Signal } from "../../../../node-agent/resources/thresholds.ts";
import type { Pod, PodSpec } from "../../../../engine/resources/types.ts";

const MI = 2 ** 20;
const container = (name: string, requests: Record<string, string> = {}, limits: Record<string, string> = {}) => ({ name, image: "i", resources: { requests, limits } });
const pod = (name: string, spec: Partial<PodSpec> = {}, qosClass = "Burstable"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "n", uid: name },
  spec: { containers: [container("c")], ...spec },
  status: { phase: "Running", qosClass },
});

describe("pressure", () => {
  const thresholds = [...parseThresholds("memory.available<100Mi,nodefs.available<10%,pid.available<5%"), ...parseThresholds("memory.available<500Mi", new Map([["memory.available", 60_000]]))];
  const machine = (memory: number, disk = 50, pids = 1000) =>
    new Map<Signal, { available: number; capacity: number }>([
      ["memory.available", { available: memory * MI, capacity: 1000 * MI }],
      ["nodefs.available", { available: disk, capacity: 100 }],
      ["pid.available", { available: pids, capacity: 1000 }],
    ]);
  const judge = (measured: ReturnType<typeof machine>, nowMs: number, before = NO_PRESSURE) => judgePressure(thresholds, measured, before, nowMs, 300_000);

  test("is none with room for all", () => {
    expect(judge(machine(900), 0)).toMatchObject({ pressures: new Set(), due: [] });
  });

  test("acts at once on a hard threshold, and on a soft one when it lasts", () => {
    const first = judge(machine(300), 0);
    expect([[...first.pressures], first.due]).toEqual([["MemoryPressure"], []]);
    expect(judge(machine(300), 59_000, first.state).due).toEqual([]);
    expect(judge(machine(300), 60_000, first.state).due.map(({ text }) => text)).toEqual(["500Mi"]);
    const relieved = judge(machine(900), 30_000, first.state);
    expect(judge(machine(300), 61_000, relieved.state).due).toEqual([]);
    expect(judge(machine(50), 0).due.map(({ text }) => text)).toEqual(["100Mi"]);
  });

  test("lasts, once something had to go, until so much more is free as is said", () => {
    const some = parseThresholds("memory.available<100Mi").map((threshold) => ({ ...threshold, reclaim: parseMinimumReclaim("memory.available=200Mi").get("memory.available")! })); // it names it
    const due = (memory: number, before: typeof NO_PRESSURE) => judgePressure(some, machine(memory), before, 0, 300_000);
    const short = due(50, NO_PRESSURE);
    expect([due(250, NO_PRESSURE), due(250, short.state), due(301, short.state)].map((verdict) => verdict.due.length)).toEqual([0, 1, 0]);
    // One that was never due is not one that was crossed.
    const soft = parseThresholds("memory.available<100Mi", new Map([["memory.available", 60_000]])).map((threshold) => ({ ...threshold, reclaim: { is: "amount", amount: 200 * MI } as const }));
    const first = judgePressure(soft, machine(50), NO_PRESSURE, 0, 300_000);
    expect(judgePressure(soft, machine(250), first.state, 59_000, 300_000).state.crossedSinceMs.size).toBe(0);
  });

  test("puts memory before disks before processes", () => {
    expect(judge(machine(50, 5, 1), 0).due.map(({ signal }) => signal)).toEqual(["memory.available", "nodefs.available", "pid.available"]);
  });

  test("is told of for a while after it has gone", () => {
    const short = judge(machine(900, 5), 0);
    const after = judge(machine(900), 299_000, short.state);
    expect([[...after.pressures], after.due]).toEqual([["DiskPressure"], []]);
    expect([...judge(machine(900), 300_000, after.state).pressures]).toEqual([]);
  });

  test("keeps out what it would end first", () => {
    const memory = new Set(["MemoryPressure"] as const);
    expect(refuseUnderPressure(pod("p", {}, "BestEffort"), memory)).toEqual({ reason: "Evicted", message: "The node had condition: [MemoryPressure]. " });
    expect(refuseUnderPressure(pod("p"), memory)).toBeUndefined();
    expect(refuseUnderPressure(pod("p", { tolerations: [{ key: "node.kubernetes.io/memory-pressure", operator: "Exists" }] }, "BestEffort"), memory)).toBeUndefined();
    expect(refuseUnderPressure(pod("p", {}, "Guaranteed"), new Set(["DiskPressure"]))?.message).toBe("The node had condition: [DiskPressure]. ");
    expect(refuseUnderPressure(pod("p", { priority: 2_000_000_000 }), new Set(["DiskPressure"]))).toBeUndefined();
  });
});
