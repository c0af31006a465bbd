import { expect, test } from "vitest";
import { silentLogger } from "../../../engine/lib/log.ts";
import { HealthMetrics, healthChecks, runHealthChecks } from "../../../engine/server/health.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { StorageUnavailableError, type Storage } from "../../../engine/storage/storage.ts";
import { withTransactions } from "../../../engine/storage/transaction.ts";
import { withWatchedWrites } from "../../../engine/storage/watched-writes.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("a server whose store answers and takes no writes is not ready, and is again with the first write, and lives all the while", async () => {
  const clock = new VirtualClock();
  const memory = openMemoryStorage();
  let isFull = false;
  const full: Storage = {
    ...forwarded(memory),
    commit: async (conditions, operations) => {
      if (isFull) throw new StorageUnavailableError("the store refused: database or disk is full", "none");
      return memory.commit(conditions, operations);
    },
  };
  const storage = withWatchedWrites(full, clock);
  // As the server has it.
  const checks = healthChecks({ storage: withTransactions(storage), revision: () => 1 }, { isStarted: () => true, isEnding: () => false });
  const codes = () =>
    Promise.all(
      (["readyz", "livez"] as const).map(async (endpoint) => {
        const records = { metrics: new HealthMetrics(), logger: silentLogger };
        return (await runHealthChecks(endpoint, checks[endpoint], new URLSearchParams("verbose"), records)).code;
      }),
    );
  const write = () => storage.commit([], [{ do: "put", key: "/a", value: Buffer.from("x") }]);
  await write();
  isFull = true;
  await expect(write()).rejects.toThrow("disk is full");
  expect(await codes()).toEqual([200, 200]);
  await clock.advance(6_000);
  expect(await codes()).toEqual([500, 200]);
  // What was refused for another reason than room says nothing of it.
  isFull = false;
  await storage.commit([{ key: "/a", modRevision: 99 }], [{ do: "put", key: "/a", value: Buffer.from("y") }]);
  expect(await storage.writeProblem?.()).toContain("disk is full");
  await write();
  expect(await codes()).toEqual([200, 200]);
});

test("a disk that still takes small writes is full until there is room for what was refused", async () => {
  const memory = openMemoryStorage();
  let room = 100_000;
  const nearlyFull: Storage = {
    ...forwarded(memory),
    commit: async (conditions, operations) => {
      if (operations.some((operation) => operation.do === "put" && operation.value.byteLength > room)) throw new StorageUnavailableError("disk is full", "none");
      return memory.commit(conditions, operations);
    },
  };
  const storage = withWatchedWrites(nearlyFull, new VirtualClock(), async () => room);
  const write = (bytes: number) => storage.commit([], [{ do: "put", key: "/a", value: Buffer.alloc(bytes) }]);
  await expect(write(200_000)).rejects.toThrow("disk is full");
  await write(10);
  expect(await storage.writeProblem?.()).toBe("disk is full");
  room = 100_000_000;
  expect(await storage.writeProblem?.()).toBeUndefined();
});

test("a write that is refused while the room is measured is not forgotten", async () => {
  const measured = Promise.withResolvers<number>();
  const answers: Promise<number>[] = [measured.promise, Promise.resolve(0)];
  const full: Storage = { ...forwarded(openMemoryStorage()), commit: () => Promise.reject(new StorageUnavailableError("disk is full", "none")) };
  const storage = withWatchedWrites(full, new VirtualClock(), () => answers.shift() ?? Promise.reject(new Error("asked once too often")));
  const write = () => expect(storage.commit([], [{ do: "put", key: "/a", value: Buffer.alloc(10) }])).rejects.toThrow("disk is full");
  await write();
  const problem = storage.writeProblem?.();
  await write();
  measured.resolve(100_000_000);
  expect(await problem).toBeUndefined();
  expect(await storage.writeProblem?.()).toBe("disk is full");
});

function forwarded(inner: Storage): Storage {
  return {
    currentRevision: () => inner.currentRevision(),
    get: (key) => inner.get(key),
    list: (prefix, options) => inner.list(prefix, options),
    commit: (conditions, operations) => inner.commit(conditions, operations),
    watch: (prefix, afterRevision, signal) => inner.watch(prefix, afterRevision, signal),
    compact: (revision) => inner.compact(revision),
    close: () => inner.close(),
  };
}
