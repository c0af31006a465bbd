import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { renderCadvisorMetrics, type CadvisorRow } from "../../../../node-agent/stats/cadvisor-metrics.ts";
import { parseInterfaces, readCgroupFigures, readInterfaces, type CgroupFigures } from "../../../../node-agent/stats/container-figures.ts";

async function withFiles(files: Readonly<Record<string, string>>, work: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(path.join(os.tmpdir(), "figures-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      writeFileSync(path.join(root, name), text);
    }
    await work(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const figures: CgroupFigures = {
  userSeconds: 1.5,
  systemSeconds: 0.25,
  quota: { quotaUs: 50_000, periodUs: 100_000, periods: 9, throttledPeriods: 4, throttledSeconds: 2 },
  cacheBytes: 700,
  mappedBytes: 60,
  swapBytes: 5,
  memoryLimitBytes: 4096,
  disks: new Map([["254:0", { readBytes: 100, writtenBytes: 200, reads: 3, writes: 4 }]]),
};

test.each<[string, Record<string, string>]>([
  [
    "2",
    {
      "a/cpu.stat": "usage_usec 9\nuser_usec 1500000\nsystem_usec 250000\nnr_periods 9\nnr_throttled 4\nthrottled_usec 2000000\n",
      "a/cpu.max": "50000 100000\n",
      "a/memory.stat": "anon 1\nfile 700\nfile_mapped 60\n",
      "a/memory.max": "4096\n",
      "a/memory.swap.current": "5\n",
      "a/io.stat": "254:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n",
    },
  ],
  [
    "1",
    {
      "cpuacct/a/cpuacct.stat": "user 150\nsystem 25\n",
      "cpu/a/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 2000000000\n",
      "cpu/a/cpu.cfs_quota_us": "50000\n",
      "cpu/a/cpu.cfs_period_us": "100000\n",
      "memory/a/memory.stat": "cache 1\ntotal_cache 700\ntotal_mapped_file 60\ntotal_swap 5\n",
      "memory/a/memory.limit_in_bytes": "4096\n",
      "blkio/a/blkio.throttle.io_service_bytes_recursive": "254:0 Read 100\n254:0 Write 200\n254:0 Total 300\nTotal 300\n",
      "blkio/a/blkio.throttle.io_serviced_recursive": "254:0 Read 3\n254:0 Write 4\n254:0 Total 7\nTotal 7\n",
    },
  ],
])("what a cgroup of version %s was throttled, kept of files and moved to and from disks is read", async (_version, files) => {
  await withFiles(files, async (root) => {
    expect(await readCgroupFigures("a", root)).toEqual(figures);
    expect(await readCgroupFigures("gone", root)).toBeUndefined();
  });
});

test.each<[string, Record<string, string>]>([
  ["2", { "a/cpu.stat": "user_usec 0\n", "a/cpu.max": "max 100000\n", "a/memory.stat": "", "a/memory.max": "max\n" }],
  [
    "1",
    { "cpuacct/a/cpuacct.stat": "", "cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n", "memory/a/memory.stat": "", "memory/a/memory.limit_in_bytes": "9223372036854771712\n" },
  ],
])("a cgroup of version %s without limits has none, also on a kernel that counts no disks", async (_version, files) => {
  await withFiles(files, async (root) => {
    expect(await readCgroupFigures("a", root)).toMatchObject({ quota: undefined, memoryLimitBytes: 0, swapBytes: 0, disks: new Map() });
  });
});

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     999      99    0    0    0     0          0         0      999      99    0    0    0     0       0          0
  eth0:    1000      10    1    2    0     0          0         0     3000      30    3    4    0     0       0          0
veth12:       1       1    0    0    0     0          0         0        1       1    0    0    0     0       0          0
`;

test("the network of a sandbox is what its processes see, without loops and the ends of others' cables", async () => {
  const eth0 = { name: "eth0", received: { bytes: 1000, packets: 10, errors: 1, dropped: 2 }, transmitted: { bytes: 3000, packets: 30, errors: 3, dropped: 4 } };
  expect(parseInterfaces(DEV)).toEqual([eth0]);
  await withFiles({ "pids/v1/cgroup.procs": "7\n8\n", "v2/cgroup.procs": "7\n", "ended/cgroup.procs": "", "proc/7/net/dev": DEV }, async (root) => {
    const names = async (cgroup: string) => (await readInterfaces(cgroup, root, path.join(root, "proc"))).map(({ name }) => name);
    expect([await names("v1"), await names("v2"), await names("ended"), await names("gone")]).toEqual([["eth0"], ["eth0"], [], []]);
  });
});

test("the page has upstream's labels, by which dashboards tell containers from their pods", () => {
  const usage = { cpuNanoseconds: 2e9, memoryBytes: 3000, workingSetBytes: 2000, rssBytes: 1000 };
  const none = { container: "", image: "", name: "" };
  const ofPod = { namespace: "shop", pod: "web" };
  const rows: CadvisorRow[] = [
    { labels: { ...none, id: "/", namespace: "", pod: "" }, startedAtMs: 1000, usage },
    { labels: { ...none, ...ofPod, id: "/pods/u" }, startedAtMs: 60_000, usage, figures: { ...figures, quota: undefined } },
    { labels: { ...ofPod, container: "", id: "/pods/u/s", image: "pause:1", name: "s" }, startedAtMs: 60_000, interfaces: parseInterfaces(DEV) },
    { labels: { ...ofPod, container: "c", id: "/pods/u/x", image: "web:1", name: "x" }, startedAtMs: 60_000, usage, figures },
  ];
  const lines = renderCadvisorMetrics(rows, new Map([["254:0", "/dev/vda"]]), { cpus: 2, memoryBytes: 8192, startedAtMs: 1000 }, 110_000).split("\n");
  const own = 'id="/pods/u/x",image="web:1"';
  expect(lines).toContain(`container_cpu_usage_seconds_total{container="c",cpu="total",${own},name="x",namespace="shop",pod="web"} 2 110000`);
  expect(lines).toContain(`container_memory_working_set_bytes{container="c",${own},name="x",namespace="shop",pod="web"} 2000 110000`);
  expect(lines).toContain(`container_memory_cache{container="c",${own},name="x",namespace="shop",pod="web"} 700 110000`);
  expect(lines).toContain(`container_fs_writes_bytes_total{container="c",device="/dev/vda",${own},name="x",namespace="shop",pod="web"} 200 110000`);
  expect(lines).toContain('container_network_receive_bytes_total{container="",id="/pods/u/s",image="pause:1",interface="eth0",name="s",namespace="shop",pod="web"} 1000 110000');
  expect(lines).toContain('container_memory_rss{container="",id="/",image="",name="",namespace="",pod=""} 1000 110000');
  expect(lines).toContain("machine_memory_bytes 8192");
  // Only who is held to a share can be throttled.
  expect(lines.filter((line) => line.startsWith("container_cpu_cfs_throttled_periods_total{"))).toEqual([
    `container_cpu_cfs_throttled_periods_total{container="c",${own},name="x",namespace="shop",pod="web"} 4 110000`,
  ]);
});
