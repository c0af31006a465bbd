import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { startEtcd } from "../kit/etcd.ts";
import { createFabric } from "../kit/hosts.ts";
import { makeDataDir, resetMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";
import { benchApi, emptyNodeMiB, residentMiB } from "./api.ts";
import { benchGitOps } from "./gitops.ts";
import { printTable, scaleOf, toRow, type Row } from "./measure.ts";
import { benchNodes } from "./nodes.ts";
import { benchScheduler } from "./scheduler.ts";
import { benchEtcd, benchSqlite } from "./stores.ts";
import { benchUpstream } from "./upstream.ts";

/** `npm run bench [-- stores|api|upstream|nodes|scheduler|gitops|cluster …]`: what each part measures is in its own file. */
const chosen = process.argv.slice(2);
const isChosen = (part: string) => chosen.length === 0 || chosen.includes(part);
const scale = scaleOf();
const rows: Row[] = [];
const isRoot = process.getuid?.() === 0;
const hasEtcd = canRun("etcd", "--version");
// Node reads authorities that the environment names at every start: 8 ms and a megabyte that no user has.
delete process.env["NODE_EXTRA_CA_CERTS"];
console.log(`bench: ${os.availableParallelism()} cores, ${scale.samples} samples per latency, ${scale.writes} writes per rate, load ${os.loadavg()[0]?.toFixed(1)}`);
if (!isRoot) console.log("bench: what needs containers needs root; those rows are left out");
if (!hasEtcd) console.log("bench: etcd is not installed; its rows are left out");

if (isChosen("stores") || isChosen("api")) {
  const sqlite = await benchSqlite(scale);
  rows.push(...sqlite.rows);
  if (isChosen("api")) rows.push(...(await benchApi("SQLite", [], sqlite, scale)));
  if (hasEtcd) {
    await using etcd = await startEtcd({ members: 3 });
    const floor = await benchEtcd(etcd, scale);
    rows.push(...floor.rows);
    if (isChosen("api")) rows.push(...(await benchApi("etcd", ["--datastore-endpoint", etcd.endpoints.join(",")], floor, scale)));
  }
}
if (hasEtcd && isChosen("upstream")) rows.push(...(await benchUpstream(scale)));
if (hasEtcd && isChosen("nodes")) rows.push(...(await benchNodes(scale)));
if (isChosen("scheduler")) rows.push(...benchScheduler(scale));
if (isChosen("gitops")) rows.push(...(await benchGitOps(scale)));
if (isRoot && isChosen("cluster")) rows.push(...(await benchCluster()));
printTable(rows);

/** The whole line on a machine of its own, with containers: inside.ts measures from within. */
async function benchCluster(): Promise<readonly Row[]> {
  const fabric = await createFabric("be", 1);
  const host = fabric.hosts[0]!;
  const dataDir = makeDataDir();
  const work = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  let mainstay: Mainstay | undefined;
  try {
    const started = performance.now();
    mainstay = await startMainstay(host, dataDir, ["--bind-address", host.address]);
    const healthy = (performance.now() - started) / 1000;
    const bench = execFileSync(
      "nsenter",
      [`--net=/run/netns/${host.name}`, process.execPath, "--disable-warning=ExperimentalWarning", new URL("inside.ts", import.meta.url).pathname, dataDir, work, String(scale.samples)],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
    );
    return [
      toRow({ what: "start → first application healthy", value: healthy, unit: "s" }),
      ...(JSON.parse(bench.trim().split("\n").pop() ?? "[]") as Row[]), // inside.ts prints rows
      toRow({ what: "memory of the engine with the quick start", value: residentMiB(mainstay.process.pid ?? 0), unit: "MiB", floor: emptyNodeMiB(), peer: "an empty Node" }),
    ];
  } finally {
    await mainstay?.stop();
    await resetMainstay(host, dataDir);
    await fabric.destroy();
    rmSync(work, { recursive: true, force: true });
  }
}

function canRun(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
