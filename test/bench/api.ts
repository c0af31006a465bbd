import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { readKubeconfig } from "../../engine/client/kubeconfig.ts";
import type { ResourceClient } from "../../engine/client/client.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import type { ConfigMap } from "../../engine/resources/types.ts";
import { thisMachine } from "../kit/hosts.ts";
import { makeDataDir, startMainstay } from "../kit/mainstay.ts";
import { CLIENTS, median, rate, rateRows, requestsOf, timed, toRow, type Row, type Scale } from "./measure.ts";

const NAMESPACE = "default";
const manifest = (name: string): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: NAMESPACE, name }, data: { value: "x".repeat(300) } });

/**
 * A bare control plane over HTTPS on a store, and the rates of its verbs. The clients run in this process, so on a machine with two cores
 * each has one: the rates are of both together.
 */
export async function benchApi(name: string, serverArgs: readonly string[], floor: { readonly writesPerSecond: number }, scale: Scale): Promise<readonly Row[]> {
  const dataDir = makeDataDir();
  const startMs = performance.now();
  const server = await startMainstay(thisMachine, dataDir, ["--no-agent", "--no-git", "--api-port", "0", ...serverArgs]);
  const rows: Row[] = [toRow({ what: `${name}: start → ready`, value: (performance.now() - startMs) / 1000, unit: "s" })];
  try {
    const maps = createHttpClient(readKubeconfig(server.kubeconfig), "bench").for(configMapResource);
    const memory = () => residentMiB(server.process.pid ?? 0);
    const idle = memory();
    rows.push(toRow({ what: `${name}: memory, idle`, value: idle, unit: "MiB", floor: emptyNodeMiB(), peer: "an empty Node" }));
    const bench: Bench = { name, pid: server.process.pid ?? 0, maps };
    rows.push(...(await benchWrites(bench, floor.writesPerSecond, scale)));
    rows.push(...(await benchReads(bench, scale)));
    rows.push(toRow({ what: `${name}: memory with ${scale.objects} objects`, value: memory(), unit: "MiB", floor: idle, peer: "idle" }));
    rows.push(...(await benchWatch(name, maps, scale)));
    await rate(scale.manyObjects - scale.objects, 64, (index) => maps.create(manifest(`many-${index}`)));
    rows.push(toRow({ what: `${name}: memory with ${scale.manyObjects} objects`, value: memory(), unit: "MiB", floor: idle, peer: "idle" }));
    return rows;
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Bench {
  readonly name: string;
  /** Of the server. */
  readonly pid: number;
  readonly maps: ResourceClient<ConfigMap>;
}

async function benchWrites({ name, pid, maps }: Bench, rawWrites: number, { writes }: Scale): Promise<readonly Row[]> {
  const rows: Row[] = [];
  // The first few hundred requests of a server are those that V8 compiles its code by.
  await rate(writes / 2, 16, (index) => maps.create(manifest(`warm-${index}`)));
  const floors = new Map<number, number>();
  for (const clients of CLIENTS) {
    const creates = { count: requestsOf(clients, writes), concurrency: clients, task: (index: number) => maps.create(manifest(`c${clients}-${index}`)) };
    const measured = await rateRows(`${name}: creates, ${clients} clients`, pid, creates, { floor: rawWrites, peer: "raw writes, 64 at once" });
    rows.push(...measured.rows);
    floors.set(clients, measured.rate);
  }
  await rate(writes, 64, (index) => maps.create(manifest(`base-${index}`)));
  // Each number of clients writes something else: what changes nothing is not written.
  const others: Readonly<Record<string, (index: number, clients: number) => Promise<unknown>>> = {
    updates: (index, clients) => maps.update({ ...manifest(`base-${index}`), data: { value: String(clients).padEnd(300, "y") } }),
    "merge patches": (index, clients) => maps.patch(NAMESPACE, `base-${index}`, "merge", { data: { more: `z${clients}` } }),
    applies: (index, clients) =>
      maps.patch(
        NAMESPACE,
        `base-${index}`,
        "apply",
        { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `base-${index}` }, data: { applied: `w${clients}` } },
        { fieldManager: "bench", force: true },
      ),
    deletes: (index) => maps.delete(NAMESPACE, `base-${index}`),
  };
  for (const [verb, task] of Object.entries(others)) {
    for (const clients of verb === "deletes" ? [64] : CLIENTS) {
      const requests = { count: requestsOf(clients, writes), concurrency: clients, task: (index: number) => task(index, clients) };
      rows.push(...(await rateRows(`${name}: ${verb}, ${clients} clients`, pid, requests, { floor: floors.get(clients)!, peer: "creates" })).rows);
    }
  }
  return rows;
}

async function benchReads({ name, pid, maps }: Bench, { writes, objects, samples }: Scale): Promise<readonly Row[]> {
  const { items } = await maps.list(NAMESPACE);
  const creates = await rate(Math.max(1, objects - items.length), 64, (index) => maps.create(manifest(`o-${index}`)));
  const rows: Row[] = [];
  let gets = 0;
  for (const clients of CLIENTS) {
    const measured = await rateRows(
      `${name}: gets, ${clients} clients`,
      pid,
      { count: requestsOf(clients, writes * 2), concurrency: clients, task: (index) => maps.get(NAMESPACE, `o-${index % (objects - items.length)}`) },
      { floor: creates, peer: "creates, 64 clients" },
    );
    rows.push(...measured.rows);
    gets = measured.rate;
  }
  const lists: number[] = [];
  for (let index = 0; index < Math.max(3, samples / 4); index++) lists.push(await timed(() => maps.list(NAMESPACE)));
  const listed = objects / (median(lists) / 1000);
  return [...rows, toRow({ what: `${name}: objects listed in lists of ${objects}`, value: listed, unit: "/s", floor: gets, peer: "gets, 64 clients" })];
}

async function benchWatch(name: string, maps: ResourceClient<ConfigMap>, { samples, watchers }: Scale): Promise<readonly Row[]> {
  const stop = new AbortController();
  const { resourceVersion } = await maps.list(NAMESPACE, { limit: 1 });
  const seen = new Map<string, { left: number; readonly all: () => void; readonly first: () => void }>();
  const watching = Array.from({ length: watchers }, async () => {
    for await (const event of maps.watch(NAMESPACE, { resourceVersion }, stop.signal)) {
      const waiting = seen.get(event.object.metadata.name ?? "");
      if (waiting === undefined) continue;
      waiting.first();
      if (--waiting.left === 0) waiting.all();
    }
  });
  const [costs, firsts, alls]: [number[], number[], number[]] = [[], [], []];
  for (let index = 0; index < samples; index++) {
    const watched = `watched-${index}`;
    const first = Promise.withResolvers<void>();
    const all = Promise.withResolvers<void>();
    seen.set(watched, { left: watchers, first: first.resolve, all: all.resolve });
    const startedMs = performance.now();
    const since = () => performance.now() - startedMs;
    await Promise.all([maps.create(manifest(watched)).then(() => costs.push(since())), first.promise.then(() => firsts.push(since())), all.promise.then(() => alls.push(since()))]);
  }
  stop.abort();
  await Promise.allSettled(watching);
  return [
    toRow({ what: `${name}: write → event at the first of ${watchers} watchers`, value: median(firsts), unit: "ms", floor: median(costs), peer: "the write itself" }),
    toRow({ what: `${name}: write → event at all ${watchers} watchers`, value: median(alls), unit: "ms", floor: median(costs), peer: "the write itself" }),
  ];
}

/** `env` and `nsenter` replace themselves by the server, so the id of a test's child is the server's. */
export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

export function emptyNodeMiB(): number {
  return Number(execFileSync(process.execPath, ["-e", "console.log(process.memoryUsage().rss)"], { encoding: "utf8" })) / 2 ** 20;
}
