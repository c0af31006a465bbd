import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLogger, type Logger } from "../../../engine/lib/log.ts";
import { createCompactor } from "../../../engine/storage/compactor.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { openStorage, type StorageLocation } from "../../../engine/storage/open-storage.ts";
import { CompactedError, StorageUnavailableError, type Storage } from "../../../engine/storage/storage.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const MINUTE_MS = 60_000;

/** Gives the revisions up to which a cache was told to forget. */
function startCompactor(storage: Storage, clock: VirtualClock, logger: Logger = silentLogger): readonly number[] {
  const forgotten: number[] = [];
  const running = new AbortController();
  const ended = createCompactor({ storage, cache: { forget: (revision) => void forgotten.push(revision) }, clock, logger }).run(running.signal);
  onTestFinished(async () => {
    running.abort();
    await ended;
  });
  return forgotten;
}

async function put(storage: Storage, value: string): Promise<number> {
  return (await storage.commit([], [{ do: "put", key: "/test/a", value: Buffer.from(value) }])).revision;
}

test("the compactor keeps the history of the last five minutes and forgets what is older", async () => {
  const clock = new VirtualClock();
  const storage = openMemoryStorage({ clock });
  const first = await put(storage, "1");
  const second = await put(storage, "2");
  const forgotten = startCompactor(storage, clock);
  await clock.advance(4 * MINUTE_MS);
  const third = await put(storage, "3");
  expect((await storage.list("/test/", { revision: first })).entries).toHaveLength(1);
  await clock.advance(MINUTE_MS);
  await expect(storage.list("/test/", { revision: first })).rejects.toThrow(CompactedError);
  for (const revision of [second, third]) expect((await storage.list("/test/", { revision })).entries).toHaveLength(1);
  await clock.advance(5 * MINUTE_MS);
  await expect(storage.list("/test/", { revision: second })).rejects.toThrow(CompactedError);
  expect((await storage.list("/test/", { revision: third })).entries[0]?.value.toString()).toBe("3");
  expect(forgotten).toEqual([second, third]); // what each of the two looks had found, an interval later
});

test("the compactor outlives a store that is not available", async () => {
  const clock = new VirtualClock();
  const storage = openMemoryStorage({ clock });
  const compacted: number[] = [];
  let isDown = false;
  const flaky: Storage = Object.assign(Object.create(storage) as Storage, {
    currentRevision: () => storage.currentRevision(),
    compact: async (revision: number) => {
      if (isDown) throw new StorageUnavailableError("no quorum", "none");
      compacted.push(revision);
      await storage.compact(revision);
    },
  });
  const warnings: string[] = [];
  const forgotten = startCompactor(flaky, clock, { ...silentLogger, warn: (message) => void warnings.push(message) });
  const revision = await put(storage, "1");
  isDown = true;
  await clock.advance(10 * MINUTE_MS);
  expect(warnings.length).toBeGreaterThan(0);
  expect([compacted, forgotten]).toEqual([[], []]);
  isDown = false;
  await clock.advance(10 * MINUTE_MS);
  expect(compacted).toContain(revision);
});

test("the store is SQLite in the data directory unless endpoints are named", async () => {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), "os-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const location: StorageLocation = { dataDir, endpoint: undefined, caFile: undefined, certFile: undefined, keyFile: undefined };
  const storage = await openStorage(location);
  const revision = await put(storage, "1");
  await expect(openStorage(location)).rejects.toThrow("state.db is in use");
  await storage.close();
  const again = await openStorage(location);
  expect(await again.currentRevision()).toBe(revision);
  await again.close();
  await expect(openStorage({ ...location, endpoint: "ftp://host" })).rejects.toThrow("no etcd endpoint");
  await expect(openStorage({ ...location, endpoint: " , " })).rejects.toThrow("at least one endpoint");
  await expect(openStorage({ ...location, endpoint: "https://host:2379", certFile: "c.pem" })).rejects.toThrow("--datastore-cafile");
});
