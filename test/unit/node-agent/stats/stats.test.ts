import { describe, expect, it } from "vitest";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseNodeUsage, readCgroupUsage } from "../../../../node-agent/stats/read-usage.ts";
import { computeSummary, renderResourceMetrics } from "../../../../node-agent/stats/stats-summary.ts";
import type { PodUsage, UsageSample } from "../../../../node-agent/stats/usage-sampler.ts";
import { subresourcesOf } from "../../../../node-agent/server/agent-access.ts";

const usage = (cpuNanoseconds: number) => ({ cpuNanoseconds, memoryBytes: 3000, workingSetBytes: 2000, rssBytes: 1000 });
const pod = (cpu: number, containers: PodUsage["containers"]): PodUsage => ({
  namespace: "shop",
  name: "web",
  uid: "u1",
  startedAt: "2026-01-01T00:00:00Z",
  cgroup: "/pods/u1",
  sandboxId: "s",
  usage: usage(cpu),
  containers,
});
const sample = (atMs: number, nodeCpu: number, ...pods: PodUsage[]): UsageSample => ({ atMs, node: { ...usage(nodeCpu), availableBytes: 500 }, pods: new Map(pods.map((each) => [each.uid, each])) });
const container = (id: string, cpu: number, startedAtMs: number) => ({ name: "c", id, image: "i", startedAtMs, usage: usage(cpu) });

describe("the summary of usage", () => {
  it("rates processor time between two looks", () => {
    const before = sample(100_000, 1e9, pod(0, [container("a", 1e9, 0)]));
    const { node, pods, windowSeconds } = computeSummary("n1", 0, sample(110_000, 21e9, pod(5e9, [container("a", 6e9, 0)])), before);
    expect(node.cpu).toMatchObject({ usageNanoCores: 2e9, usageCoreNanoSeconds: 21e9 });
    expect(node.memory).toMatchObject({ availableBytes: 500, workingSetBytes: 2000 });
    expect(pods[0]?.cpu.usageNanoCores).toBe(5e8);
    expect(pods[0]?.containers[0]?.cpu.usageNanoCores).toBe(5e8);
    expect(windowSeconds).toBe(10);
  });

  it("rates a container that began in between from its beginning, also one that replaced another", () => {
    const before = sample(100_000, 1e9, pod(0, [container("old", 9e9, 0)]));
    const { pods } = computeSummary("n1", 0, sample(110_000, 2e9, pod(1, [container("new", 1e9, 108_000)])), before);
    expect(pods[0]?.containers[0]?.cpu.usageNanoCores).toBe(5e8);
  });

  it("tells totals but no rate without an earlier look, and none of what has only just begun", () => {
    const { node, pods } = computeSummary("n1", 0, sample(110_000, 21e9, pod(1, [container("a", 1e9, 109_900)])), undefined);
    expect(node.cpu.usageNanoCores).toBeUndefined();
    expect(pods[0]?.containers[0]?.cpu).toEqual({ time: "1970-01-01T00:01:50Z", usageCoreNanoSeconds: 1e9 });
  });

  it("reads as Prometheus text", () => {
    const summary = computeSummary("n1", 0, sample(110_000, 21e9, pod(1e9, [container("a", 5e8, 60_000)])), undefined);
    const lines = renderResourceMetrics(summary).split("\n");
    expect(lines).toContain('container_cpu_usage_seconds_total{container="c",namespace="shop",pod="web"} 0.5 110000');
    expect(lines).toContain("node_cpu_usage_seconds_total 21 110000");
    expect(lines).toContain('container_start_time_seconds{container="c",namespace="shop",pod="web"} 60');
  });
});

describe("usage on this machine", () => {
  it("of the node leaves out idle and waiting time, and guests who are counted as users", () => {
    const stat = "cpu  100 10 50 9999 888 5 5 2 77 7\ncpu0 1 1 1 1\n";
    const memory = "MemTotal:  1000 kB\nMemFree:  300 kB\nMemAvailable:  600 kB\nAnonPages:  50 kB\n";
    expect(parseNodeUsage(stat, memory)).toEqual({ cpuNanoseconds: 172 * 10_000_000, memoryBytes: 700 * 1024, workingSetBytes: 400 * 1024, rssBytes: 50 * 1024, availableBytes: 600 * 1024 });
  });

  it.each([
    [
      "2",
      { "pods/a/cpu.stat": "usage_usec 7\nuser_usec 1\n", "pods/a/memory.current": "5000\n", "pods/a/memory.stat": "anon 700\ninactive_file 1000\n" },
      { cpuNanoseconds: 7000, memoryBytes: 5000, workingSetBytes: 4000, rssBytes: 700 },
    ],
    [
      "1",
      { "cpuacct/pods/a/cpuacct.usage": "42\n", "memory/pods/a/memory.usage_in_bytes": "500\n", "memory/pods/a/memory.stat": "inactive_file 1\ntotal_rss 3\ntotal_inactive_file 600\n" },
      { cpuNanoseconds: 42, memoryBytes: 500, workingSetBytes: 0, rssBytes: 3 },
    ],
  ])("of a cgroup is read under version %s", async (_version, files, expected) => {
    const root = mkdtempSync(path.join(os.tmpdir(), "cgroup-"));
    try {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
        writeFileSync(path.join(root, name), text);
      }
      expect(await readCgroupUsage("pods/a", root)).toEqual(expected);
      expect(await readCgroupUsage("pods/gone", root)).toBeUndefined();
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

it.each([
  ["/stats/summary", ["stats"]],
  ["/metrics/cadvisor", ["metrics"]],
  ["/pods", ["pods", "proxy"]],
  ["/healthz", ["healthz", "proxy"]],
  ["/exec/shop/web/c", ["proxy"]],
  ["/containerLogs/shop/web/c", ["proxy"]],
  ["/", ["proxy"]],
])("the agent's %s needs one of the rights %s on the node", (page, rights) => {
  expect(subresourcesOf(page)).toEqual(rights);
});
