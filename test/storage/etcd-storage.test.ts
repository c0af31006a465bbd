import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openEtcdStorage } from "../../engine/storage/etcd-storage.ts";
import { StorageUnavailableError, type CommitResult, type Entry, type Storage } from "../../engine/storage/storage.ts";
import { skipWithoutEtcd, startEtcd, type EtcdCluster } from "../kit/etcd.ts";
import { describeStorage, follow, PROGRESS_INTERVAL_MS } from "./contract.ts";

describe.skipIf(skipWithoutEtcd())("etcd", () => {
  let single: EtcdCluster;
  let three: EtcdCluster;
  beforeAll(async () => {
    // etcd's own timers: on a busy machine the kit's short ones can cost one election after the other.
    const timers = ["--heartbeat-interval", "100", "--election-timeout", "1000"];
    [single, three] = await Promise.all([startEtcd(), startEtcd({ members: 3, flags: timers })]);
  });
  afterAll(async () => {
    await Promise.all([single?.stop(), three?.stop()]);
  });

  const open = async (cluster: EtcdCluster, endpoints = cluster.endpoints): Promise<Storage> => {
    const storage = await openEtcdStorage(endpoints, undefined, { progressIntervalMs: PROGRESS_INTERVAL_MS });
    onTestFinished(() => storage.close());
    return storage;
  };

  describeStorage("the etcd store over three members", () => openEtcdStorage(three.endpoints, undefined, { progressIntervalMs: PROGRESS_INTERVAL_MS }));

  test("names the flag to raise when a commit has too many operations, and does none of them", async () => {
    const storage = await open(single);
    const refused = storage.commit(
      [],
      Array.from({ length: 200 }, (_, index) => ({ do: "put", key: `/many/${index}`, value: Buffer.from("x") })),
    );
    await expect(refused).rejects.toThrow("--max-txn-ops");
    await expect(refused).rejects.toMatchObject({ name: "CommitTooLargeError" });
    await expect(storage.commit([], [{ do: "put", key: "/many/big", value: Buffer.alloc(3_000_000) }])).rejects.toThrow("--max-request-bytes");
    expect((await storage.list("/many/")).entries).toEqual([]);
  });

  test("tells what a member takes up", async () => {
    expect(await (await open(single)).sizeBytes?.()).toBeGreaterThan(4_096);
  });

  test("takes large commits when the members are told to allow them", async () => {
    await using cluster = await startEtcd({ flags: ["--max-txn-ops", "4096"] });
    const storage = await openEtcdStorage(cluster.endpoints);
    try {
      const start = await storage.currentRevision();
      const watcher = follow(storage, "/large/", start);
      // More than one fragment of a watch's answer.
      const operations = Array.from({ length: 700 }, (_, index) => ({ do: "put" as const, key: `/large/${index}`, value: Buffer.alloc(2_000, "x") }));
      expect(await storage.commit([], operations)).toEqual({ is: "committed", revision: start + 1 });
      expect(await storage.commit([], operations)).toEqual({ is: "committed", revision: start + 2 });
      await watcher.until(1400);
      const full = watcher.batches.filter(({ events }) => events.length > 0);
      expect(full.map(({ revision, events }) => [revision, events.length])).toEqual([
        [start + 1, 700],
        [start + 2, 700],
      ]);
    } finally {
      await storage.close();
    }
  });

  test("opens with a member down, and says which endpoints it tried when all are", async () => {
    const storage = await open(single, ["http://127.0.0.1:1", ...single.endpoints]);
    expect(await storage.currentRevision()).toBeGreaterThan(0);
    await expect(openEtcdStorage(["http://127.0.0.1:1"])).rejects.toThrow("connect to etcd at http://127.0.0.1:1");
    await expect(openEtcdStorage(["127.0.0.1"])).rejects.toThrow("no etcd endpoint");
  });

  test("loses nothing acknowledged, and shows watchers every change once and in order, while leaders are killed", async () => {
    // A store begins with the first endpoint: the first leader to die serves its calls and its watch.
    const first = await three.leader();
    const storage = await open(three, [first.endpoint, ...three.endpoints.filter((endpoint) => endpoint !== first.endpoint)]);
    const prefix = "/killed/";
    const start = await storage.currentRevision();
    const watcher = follow(storage, prefix, start);
    const load = startLoad(storage, prefix);
    for (let round = 0; round < 2; round++) {
      await load.untilAcknowledged(load.acknowledged.length + 100);
      const leader = await three.leader();
      await leader.kill();
      await load.untilAcknowledged(load.acknowledged.length + 100);
      await leader.restart();
    }
    await load.stop();
    await checkHistory(storage, prefix, start, watcher, load);
  });

  test("goes on within seconds when the member it uses hangs, and its watch misses nothing", async () => {
    const storage = await open(three);
    const prefix = "/paused/";
    const start = await storage.currentRevision();
    const watcher = follow(storage, prefix, start);
    const load = startLoad(storage, prefix);
    await load.untilAcknowledged(50);
    // A new store prefers the first endpoint, and stays with it while it answers.
    const [member] = three.members;
    member?.pause();
    onTestFinished(() => member?.resume());
    const pausedAt = performance.now();
    const before = load.acknowledged.length;
    await load.untilAcknowledged(before + 20);
    expect(performance.now() - pausedAt).toBeLessThan(5_000);
    const readAt = performance.now();
    await storage.get(`${prefix}0`);
    expect(performance.now() - readAt).toBeLessThan(2_000);
    await watcher.untilRevision(Math.max(...load.acknowledged.slice(0, before + 20).map(({ revision }) => revision)));
    member?.resume();
    await load.stop();
    await checkHistory(storage, prefix, start, watcher, load);
  });

  test("says that it is unavailable without a quorum, and serves again with one", async () => {
    const storage = await open(three);
    const watcher = follow(storage, "/quorum/", await storage.currentRevision());
    const entry = await storage.commit([], [{ do: "put", key: "/quorum/a", value: Buffer.from("1") }]);
    const [first, second] = three.members;
    await Promise.all([first?.kill(), second?.kill()]);
    await expect(storage.get("/quorum/a")).rejects.toThrow(StorageUnavailableError);
    await Promise.all([first?.restart(), second?.restart()]);
    expect(await storage.get("/quorum/a")).toMatchObject({ modRevision: entry.revision });
    await storage.commit([], [{ do: "put", key: "/quorum/a", value: Buffer.from("2") }]);
    await watcher.until(2);
    expect(watcher.events).toMatchObject([{ entry: { value: Buffer.from("1") } }, { entry: { value: Buffer.from("2") }, previous: { value: Buffer.from("1") } }]);
  });
});

interface Load {
  readonly acknowledged: { readonly key: string; readonly value: string; readonly revision: number }[];
  /** Writes of which nobody knows whether they took effect. */
  readonly unknown: Set<string>;
  untilAcknowledged(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Four writers, each with a key that only it updates, and one that only creates; every value is written once. */
function startLoad(storage: Storage, prefix: string): Load {
  const acknowledged: Load["acknowledged"] = [];
  const unknown = new Set<string>();
  let isStopped = false;
  const write = async (key: string, value: string, modRevision: number): Promise<CommitResult | undefined> => {
    try {
      const result = await storage.commit([{ key, modRevision }], [{ do: "put", key, value: Buffer.from(value) }]);
      if (result.is === "committed") acknowledged.push({ key, value, revision: result.revision });
      return result;
    } catch (error) {
      if (!(error instanceof StorageUnavailableError)) throw error;
      if (error.outcome === "unknown") unknown.add(value);
      return undefined;
    }
  };
  const update = async (key: string) => {
    let revision = 0;
    for (let count = 0; !isStopped; count++) {
      const result = await write(key, `${key}:${count}`, revision);
      if (result?.is === "committed") revision = result.revision;
      else revision = await currentRevisionOf(storage, key);
    }
  };
  const create = async (folder: string) => {
    for (let count = 0; !isStopped; count++) {
      const key = `${folder}/${String(count).padStart(6, "0")}`;
      const result = await write(key, `${key}:0`, 0);
      if (result?.is === "failed") throw new Error(`${key} was there already`);
      await delay(5);
    }
  };
  const writers = Promise.all([...[0, 1, 2, 3].map((writer) => update(`${prefix}${writer}`)), create(`${prefix}created`)]);
  writers.catch(() => (isStopped = true));
  return {
    acknowledged,
    unknown,
    async untilAcknowledged(count) {
      const deadline = performance.now() + 20_000;
      while (acknowledged.length < count) {
        if (isStopped) await writers;
        if (performance.now() > deadline) throw new Error(`only ${acknowledged.length} of ${count} writes were acknowledged`);
        await delay(5);
      }
    },
    async stop() {
      isStopped = true;
      await writers;
    },
  };
}

async function currentRevisionOf(storage: Storage, key: string): Promise<number> {
  for (;;) {
    const entry: Entry | undefined | "again" = await storage.get(key).catch(() => "again" as const);
    if (entry !== "again") return entry?.modRevision ?? 0;
  }
}

/** Holds what a watcher saw against what the writers were told, and both against the store's own history. */
async function checkHistory(storage: Storage, prefix: string, start: number, watcher: ReturnType<typeof follow>, load: Load): Promise<void> {
  const end = await storage.currentRevision();
  await watcher.untilRevision(end);
  const late = follow(storage, prefix, start);
  await late.untilRevision(end);
  expect(watcher.events).toEqual(late.events);
  const seen = new Map<string, number>();
  let last = start;
  for (const event of watcher.events) {
    if (event.type !== "put") throw new Error("nothing was deleted");
    expect(event.entry.modRevision).toBeGreaterThan(last);
    last = event.entry.modRevision;
    expect(seen.has(event.entry.value.toString())).toBe(false);
    seen.set(event.entry.value.toString(), last);
  }
  expect(load.acknowledged.filter(({ value, revision }) => seen.get(value) !== revision)).toEqual([]);
  const known = new Set([...load.acknowledged.map(({ value }) => value), ...load.unknown]);
  expect([...seen.keys()].filter((value) => !known.has(value))).toEqual([]);
  const page = await storage.list(prefix);
  expect(page.entries.filter(({ value, modRevision }) => seen.get(value.toString()) !== modRevision)).toEqual([]);
}
