import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { chooseLeaked, createShimReaper } from "../../../../node-agent/cri/leaked-shims.ts";
import { containerdPaths } from "../../../../node-agent/cri/containerd.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const shim = (pid: number, id: string, since = 0) => ({ pid, since, id, program: "containerd-shim-runc-v2" });
const pids = (found: readonly { readonly pid: number }[]) => found.map(({ pid }) => pid);

describe("shims without a sandbox", () => {
  it("are ended soon when they were there before the agent, and later when they may be of a call under way", () => {
    const since = new Map<string, number>();
    const look = (nowMs: number) => pids(chooseLeaked([shim(1, "a"), shim(2, "b"), shim(3, "c")], new Set(["a"]), new Set(["1 0", "2 0"]), since, nowMs));
    expect(look(0)).toEqual([]);
    expect(look(7_999)).toEqual([]);
    expect(look(8_000)).toEqual([2]);
    expect(look(299_999)).toEqual([2]);
    expect(look(300_000)).toEqual([2, 3]);
  });

  it("are left alone once their sandbox is known, and begin anew when it is not", () => {
    const since = new Map<string, number>();
    const look = (sandboxes: string[], nowMs: number) => pids(chooseLeaked([shim(1, "a")], new Set(sandboxes), new Set(["1 0"]), since, nowMs));
    expect(look([], 0)).toEqual([]);
    expect(look(["a"], 8_000)).toEqual([]);
    expect(look([], 16_000)).toEqual([]);
    expect(look([], 24_000)).toEqual([1]);
  });

  it("that have the number of one which has ended are nothing of it", () => {
    const since = new Map<string, number>();
    const look = (startedAt: number, nowMs: number) => pids(chooseLeaked([shim(1, "a", startedAt)], new Set(), new Set(["1 7"]), since, nowMs));
    expect([look(7, 0), look(9, 8_000), look(9, 16_000), look(9, 307_999)]).toEqual([[], [], [], []]);
    expect(look(9, 308_000)).toEqual([1]);
  });
});

/** Longer than the kernel's tick, in which starts of processes are told apart. */
const TICK_MS = 30;

it("a shim that an earlier containerd began is ended soon, one that the present one began is not", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "shims-"));
  const paths = containerdPaths(folder);
  const running: ChildProcess[] = [];
  const start = async (argv0: string, ...args: readonly string[]) => {
    // It waits for the end of what we say to it.
    const child = spawn("sh", ["-c", "read -r _", ...args], { argv0, stdio: ["pipe", "ignore", "ignore"] });
    running.push(child);
    await once(child, "spawn");
    await pause(TICK_MS);
    return child;
  };
  const startShim = (id: string) => start("containerd-shim-runc-v2", "-address", paths.socket, "-id", id);
  const clock = new VirtualClock();
  let containerd = await start("containerd");
  const stop = new AbortController();
  const runtime = { glance: async () => ({ sandboxes: [], containers: [] }) };
  const reaping = createShimReaper({ runtime, paths, containerdPid: () => containerd.pid ?? 0, clock, logger: silentLogger }).run(stop.signal);
  try {
    const before = await startShim("a");
    await clock.advance(120_000);
    expect(before.exitCode ?? before.signalCode).toBeNull();
    containerd = await start("containerd");
    const after = await startShim("b");
    await clock.advance(20_000);
    await expect.poll(() => before.signalCode).toBe("SIGKILL");
    await clock.advance(120_000);
    expect(after.exitCode ?? after.signalCode).toBeNull();
  } finally {
    stop.abort();
    await clock.advance(5_000);
    await reaping;
    for (const child of running) child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});
