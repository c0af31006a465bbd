import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openEtcdStorage } from "../../engine/storage/etcd-storage.ts";
import { openMemoryStorage } from "../../engine/storage/memory-storage.ts";
import { openSqliteStorage, type SqliteOptions } from "../../engine/storage/sqlite-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { skipWithoutEtcd, startEtcd, type EtcdCluster } from "../kit/etcd.ts";
import { recordHistory, storeModel, type HistoryOptions } from "./history.ts";
import { checkLinearizable } from "./linearizability.ts";
import { replicate } from "./replica.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "his-"));
let files = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function checkHistory(storage: Storage, options: HistoryOptions): Promise<number> {
  const { initial, calls } = await recordHistory(storage, options);
  expect(checkLinearizable(storeModel(initial), calls)).toEqual({ is: "linearizable" });
  return calls.length;
}

/** Writers, a compaction every few commits, and readers of which some lag: every reader's copy must end as the store does. */
async function checkReplicas(storage: Storage, prefix: string, commits: number, keptRevisions = 10): Promise<void> {
  const eager = Array.from({ length: 3 }, () => replicate(storage, prefix));
  const lagging = Array.from({ length: 2 }, () => replicate(storage, prefix, () => delay(5)));
  const replicas = [...eager, ...lagging];
  let left = commits;
  const writer = async (id: number): Promise<void> => {
    while (left-- > 0) {
      const key = `${prefix}${left % 20}`;
      const other = `${prefix}w${id}`;
      if (left % 7 === 0)
        await storage.commit(
          [],
          [
            { do: "delete", key },
            { do: "put", key: other, value: Buffer.from(String(left)) },
          ],
        );
      else await storage.commit([], [{ do: "put", key, value: Buffer.from(String(left)) }]);
      if (left % 50 === 0) await storage.compact((await storage.currentRevision()) - keptRevisions).catch(() => {}); // another writer may have compacted further
    }
  };
  await Promise.all(Array.from({ length: 6 }, (_, id) => writer(id)));
  const page = await storage.list(prefix);
  await Promise.all(replicas.map((replica) => replica.reached(page.revision)));
  const expected = page.entries.map(({ key, modRevision }) => [key, modRevision]);
  for (const replica of replicas) {
    expect([...replica.entries].sort(([a], [b]) => (a < b ? -1 : 1))).toEqual([...expected].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
    await replica.stop();
  }
  expect(eager.every(({ events }) => events > commits / 2)).toBe(true);
}

describe("the memory store", () => {
  test("shows every reader the same history under load and compaction", async () => {
    await checkReplicas(openMemoryStorage({ progressIntervalMs: 100 }), "/replica/", 1_000);
  });
});

describe("the SQLite store", () => {
  const open = async (options: SqliteOptions = {}): Promise<Storage> => {
    const storage = await openSqliteStorage(path.join(folder, `${++files}.db`), { progressIntervalMs: 100, ...options });
    onTestFinished(() => storage.close());
    return storage;
  };

  test.each([1, 2, 3, 4])("has only linearizable histories (seed %i)", async (seed) => {
    expect(await checkHistory(await open(), { prefix: "/history/", seed, clients: 8, callsPerClient: 40 })).toBe(320);
  });

  test("shows every reader the same history under load and compaction", async () => {
    await checkReplicas(await open(), "/replica/", 3_000);
  });

  test.each([5, 6, 7])("has only linearizable histories while its file moves to a thread (seed %i)", async (seed) => {
    const storage = await open({ threadAfter: delay(20) });
    expect(await checkHistory(storage, { prefix: "/history/", seed, clients: 8, callsPerClient: 60, pauseMs: 10 })).toBe(480);
  });

  test("shows every reader the same history under load and compaction while its file moves to a thread", async () => {
    await checkReplicas(await open({ threadAfter: delay(50) }), "/replica/", 3_000);
  });
});

describe.skipIf(skipWithoutEtcd())("the etcd store", () => {
  let cluster: EtcdCluster;
  beforeAll(async () => void (cluster = await startEtcd({ members: 3, flags: ["--heartbeat-interval", "100", "--election-timeout", "1000"] })));
  afterAll(() => cluster?.stop());

  const open = async (): Promise<Storage> => {
    const storage = await openEtcdStorage(cluster.endpoints, undefined, { progressIntervalMs: 100 });
    onTestFinished(() => storage.close());
    return storage;
  };

  test.each([1, 2])("has only linearizable histories (seed %i)", async (seed) => {
    expect(await checkHistory(await open(), { prefix: `/history/${seed}/`, seed, clients: 6, callsPerClient: 30 })).toBe(180);
  });

  test("has only linearizable histories while its leader is killed and another member hangs", async () => {
    const checking = checkHistory(await open(), { prefix: "/history/faults/", seed: 3, clients: 6, callsPerClient: 40, pauseMs: 60 });
    await delay(500);
    const leader = await cluster.leader();
    await leader.kill();
    await delay(2_000);
    await leader.restart();
    // Cut off without a word, which is what a partition looks like from here.
    const hung = await cluster.leader();
    onTestFinished(() => hung.resume());
    hung.pause();
    await delay(1_500);
    hung.resume();
    expect(await checking).toBeGreaterThan(150);
  });

  test("has only linearizable histories while its leader stops and goes on, as one with a slow disk", async () => {
    const checking = checkHistory(await open(), { prefix: "/history/slow/", seed: 4, clients: 6, callsPerClient: 40, pauseMs: 70 });
    for (let stops = 0; stops < 5; stops++) {
      const leader = await cluster.leader();
      onTestFinished(() => leader.resume());
      for (const stopMs of [300, 1_000]) {
        // Longer than a call waits for its answer, and shorter than an election takes: what was asked still happens, after it was given up.
        leader.pause();
        await delay(stopMs);
        leader.resume();
        await delay(50);
      }
    }
    expect(await checking).toBeGreaterThan(200);
  });

  test("shows every reader the same history under load and compaction", async () => {
    // Events come over the network here: a compaction ten revisions back would outrun even readers that keep up.
    await checkReplicas(await open(), "/replica/", 600, 200);
  });
});
