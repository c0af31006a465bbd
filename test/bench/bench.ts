import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { openSqliteStorage } from "../../engine/storage/sqlite-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { createFabric } from "../kit/hosts.ts";
import { makeDataDir, resetMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";

/** Samples per row on one core; more cores take more. */
const SAMPLES = 10 * Math.min(4, os.availableParallelism());
const WRITES = 500 * Math.min(4, os.availableParallelism());

interface Row {
  readonly what: string;
  readonly value: string;
  readonly floor: string;
  readonly ratio: string;
}

const rows: Row[] = [];
const isRoot = process.getuid?.() === 0;
console.log(`bench: ${os.availableParallelism()} cores, ${SAMPLES} samples per latency, ${WRITES} writes per rate, load ${os.loadavg()[0]?.toFixed(1)}`);
if (!isRoot) {
  console.log("bench: everything beyond the store needs root; run it as root for the whole table");
  await benchStore();
} else {
  await benchCluster(await benchStore());
}
printTable();

/** Raw writes to SQLite: the floor of everything that is stored. */
async function benchStore(): Promise<number> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  const storage = await openSqliteStorage(path.join(folder, "state.db"));
  const one = await rate(WRITES / 10, 1, (i) => put(storage, i));
  const many = await rate(WRITES, 64, (i) => put(storage, i));
  rows.push({ what: "durable writes/s to SQLite, 64 at once", value: many.toFixed(0), floor: `${one.toFixed(0)} one by one`, ratio: (many / one).toFixed(1) });
  await storage.close();
  rmSync(folder, { recursive: true });
  return many;
}

function put(storage: Storage, index: number): Promise<unknown> {
  return storage.commit([], [{ do: "put", key: `/registry/bench/${index}`, value: Buffer.alloc(500, 97) }]);
}

async function benchCluster(rawWritesPerSecond: number): Promise<void> {
  const fabric = await createFabric("be", 1);
  const host = fabric.hosts[0]!;
  const dataDir = makeDataDir();
  const work = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  let mainstay: Mainstay | undefined;
  try {
    const started = performance.now();
    mainstay = await startMainstay(host, dataDir, ["--bind-address", host.address]);
    rows.push({ what: "start → first application healthy, s", value: ((performance.now() - started) / 1000).toFixed(1), floor: "", ratio: "" });
    const bench = execFileSync("nsenter", [`--net=/run/netns/${host.name}`, process.execPath, "--disable-warning=ExperimentalWarning", new URL(import.meta.url).pathname.replace("bench.ts", "inside.ts"), dataDir, work, host.address, String(SAMPLES), String(WRITES), String(rawWritesPerSecond)], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    rows.push(...(JSON.parse(bench.trim().split("\n").pop() ?? "[]") as Row[])); // inside.ts prints rows
    rows.push({ what: "memory of the engine with the quick start, MiB", value: rss(mainstay.process.pid ?? 0), floor: `${emptyNode()} an empty Node`, ratio: (Number(rss(mainstay.process.pid ?? 0)) / Number(emptyNode())).toFixed(1) });
  } finally {
    await mainstay?.stop();
    await resetMainstay(host, dataDir);
    await fabric.destroy();
    rmSync(work, { recursive: true, force: true });
  }
}

function rss(pid: number): string {
  // nsenter replaces itself by the server, so the child's id is the server's.
  return (Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024).toFixed(0);
}

function emptyNode(): string {
  return (Number(execFileSync(process.execPath, ["-e", "console.log(process.memoryUsage().rss)"], { encoding: "utf8" })) / 2 ** 20).toFixed(0);
}

async function rate(count: number, concurrency: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < count) await work(next++);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}

function printTable(): void {
  const cells = [["what", "value", "floor or peer", "ratio"], ...rows.map((row) => [row.what, row.value, row.floor, row.ratio])];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  for (const row of cells) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}
