import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CompactedError, FutureRevisionError, StorageUnavailableError, type Operation, type Storage, type WatchBatch } from "../../engine/storage/storage.ts";

/** Every store under test announces progress this often. */
export const PROGRESS_INTERVAL_MS = 150;

let tests = 0;

/**
 * What every store does, whatever it is made of. One store serves the whole suite, as a restart of etcd per test would cost
 * too much: each test has a prefix of its own and compares revisions only with each other.
 */
export function describeStorage(name: string, open: () => Promise<Storage>): void {
  describe(name, () => {
    let storage: Storage;
    beforeAll(async () => void (storage = await open()));
    afterAll(() => storage.close());
    const put = (key: string, value: string): Operation => ({ do: "put", key, value: Buffer.from(value) });
    const remove = (key: string): Operation => ({ do: "delete", key });
    const newPrefix = () => `/test/${++tests}/`;
    const write = async (...operations: Operation[]): Promise<number> => {
      const result = await storage.commit([], operations);
      expect(result.is).toBe("committed");
      return result.revision;
    };
    const values = async (prefix: string, revision?: number) => {
      const page = await storage.list(prefix, revision === undefined ? {} : { revision });
      return page.entries.map((entry) => `${entry.key.slice(prefix.length)}=${entry.value}`);
    };

    test("gives back what was put, with the revisions of its first and its last write", async () => {
      const prefix = newPrefix();
      const created = await write(put(`${prefix}a`, "1"));
      const changed = await write(put(`${prefix}a`, "2"));
      expect(changed).toBe(created + 1);
      expect(await storage.get(`${prefix}a`)).toEqual({ key: `${prefix}a`, value: Buffer.from("2"), modRevision: changed, createRevision: created });
      expect(await storage.get(`${prefix}b`)).toBeUndefined();
      expect(await storage.currentRevision()).toBe(changed);
    });

    test("keeps every byte of a value", async () => {
      const prefix = newPrefix();
      const value = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
      await storage.commit(
        [],
        [
          { do: "put", key: `${prefix}bytes`, value },
          { do: "put", key: `${prefix}empty`, value: Buffer.alloc(0) },
        ],
      );
      expect((await storage.get(`${prefix}bytes`))?.value.equals(value)).toBe(true);
      expect((await storage.get(`${prefix}empty`))?.value).toHaveLength(0);
    });

    test("creates a key anew after its deletion", async () => {
      const prefix = newPrefix();
      await write(put(`${prefix}a`, "1"));
      const deleted = await write(remove(`${prefix}a`));
      expect(await storage.get(`${prefix}a`)).toBeUndefined();
      const again = await write(put(`${prefix}a`, "2"));
      expect(again).toBe(deleted + 1);
      expect(await storage.get(`${prefix}a`)).toMatchObject({ createRevision: again, modRevision: again });
    });

    test("changes many keys under one revision", async () => {
      const prefix = newPrefix();
      const before = await write(put(`${prefix}gone`, "0"));
      const revision = await write(put(`${prefix}a`, "1"), put(`${prefix}b`, "2"), remove(`${prefix}gone`));
      expect(revision).toBe(before + 1);
      const page = await storage.list(prefix);
      expect(page.entries.map(({ key, modRevision }) => [key, modRevision])).toEqual([
        [`${prefix}a`, revision],
        [`${prefix}b`, revision],
      ]);
      expect(page.revision).toBe(revision);
    });

    test("raises no revision when nothing changes", async () => {
      const prefix = newPrefix();
      const before = await write(put(`${prefix}a`, "1"));
      expect(await storage.commit([], [remove(`${prefix}absent`)])).toEqual({ is: "committed", revision: before });
      expect(await storage.commit([{ key: `${prefix}a`, modRevision: before }], [])).toEqual({ is: "committed", revision: before });
      expect(await storage.currentRevision()).toBe(before);
    });

    test("commits only when every condition holds, and says which did not", async () => {
      const prefix = newPrefix();
      const a = await write(put(`${prefix}a`, "1"));
      const b = await write(put(`${prefix}b`, "1"));
      const failed = await storage.commit(
        [
          { key: `${prefix}a`, modRevision: a },
          { key: `${prefix}b`, modRevision: a },
          { key: `${prefix}c`, modRevision: b },
          { key: `${prefix}d`, modRevision: 0 },
        ],
        [put(`${prefix}a`, "2"), remove(`${prefix}b`)],
      );
      expect(failed).toEqual({
        is: "failed",
        revision: b,
        found: new Map([
          [`${prefix}b`, { key: `${prefix}b`, value: Buffer.from("1"), modRevision: b, createRevision: b }],
          [`${prefix}c`, undefined],
        ]),
      });
      expect(await values(prefix)).toEqual(["a=1", "b=1"]);
      expect(
        await storage.commit(
          [
            { key: `${prefix}a`, modRevision: a },
            { key: `${prefix}c`, modRevision: 0 },
          ],
          [put(`${prefix}c`, "3")],
        ),
      ).toEqual({ is: "committed", revision: b + 1 });
    });

    test("lets exactly one of many concurrent writers win", async () => {
      const prefix = newPrefix();
      const attempts = await Promise.all(Array.from({ length: 20 }, (_, index) => storage.commit([{ key: `${prefix}a`, modRevision: 0 }], [put(`${prefix}a`, String(index))])));
      expect(attempts.filter(({ is }) => is === "committed")).toHaveLength(1);
      const winner = attempts.findIndex(({ is }) => is === "committed");
      expect(await values(prefix)).toEqual([`a=${winner}`]);
    });

    test("loses no increment of concurrent read-modify-write loops", async () => {
      const prefix = newPrefix();
      const key = `${prefix}counter`;
      await write(put(key, "0"));
      const increment = async (): Promise<void> => {
        for (;;) {
          const entry = await storage.get(key);
          const result = await storage.commit([{ key, modRevision: entry?.modRevision ?? 0 }], [put(key, String(Number(entry?.value) + 1))]);
          if (result.is === "committed") return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      expect(await values(prefix)).toEqual(["counter=8"]);
    });

    test("lists a prefix in byte order, and nothing beside it", async () => {
      const prefix = newPrefix();
      await write(put(`${prefix}b`, "2"), put(`${prefix}a/x`, "1"), put(`${prefix}a.b`, "0"), put(`${prefix}Z`, "3"), put(prefix.slice(0, -1), "no"), put(`${prefix.slice(0, -1)}0`, "no"));
      expect(await values(prefix)).toEqual(["Z=3", "a.b=0", "a/x=1", "b=2"]);
      expect((await storage.list(`${prefix}none/`)).entries).toEqual([]);
    });

    test("lists in pages of one revision while writes go on", async () => {
      const prefix = newPrefix();
      await write(...["a", "b", "c", "d", "e"].map((key) => put(prefix + key, "1")));
      const first = await storage.list(prefix, { limit: 2 });
      expect(first.entries.map(({ key }) => key)).toEqual([`${prefix}a`, `${prefix}b`]);
      expect(first.remaining).toBe(3);
      await write(put(`${prefix}c`, "2"), remove(`${prefix}d`), put(`${prefix}f`, "2"));
      const second = await storage.list(prefix, { limit: 2, afterKey: `${prefix}b`, revision: first.revision });
      expect(second.entries.map(({ key, value }) => `${key.slice(prefix.length)}=${value}`)).toEqual(["c=1", "d=1"]);
      expect([second.revision, second.remaining]).toEqual([first.revision, 1]);
      const last = await storage.list(prefix, { limit: 2, afterKey: `${prefix}d`, revision: first.revision });
      expect(last.entries.map(({ key }) => key)).toEqual([`${prefix}e`]);
      expect(last.remaining).toBe(0);
      expect(await values(prefix)).toEqual(["a=1", "b=1", "c=2", "e=1", "f=2"]);
    });

    test("lists more entries than one answer of any store holds", async () => {
      const prefix = newPrefix();
      for (let from = 0; from < 1200; from += 100) await write(...Array.from({ length: 100 }, (_, index) => put(`${prefix}${String(from + index).padStart(5, "0")}`, "x")));
      const page = await storage.list(prefix);
      expect(page.entries).toHaveLength(1200);
      expect(new Set(page.entries.map(({ key }) => key)).size).toBe(1200);
      expect(page.entries.at(-1)?.key).toBe(`${prefix}01199`);
      expect(await storage.list(prefix, { limit: 1100 })).toMatchObject({ remaining: 100, entries: { length: 1100 } });
    });

    test("reads the past, and refuses the future", async () => {
      const prefix = newPrefix();
      const first = await write(put(`${prefix}a`, "1"));
      await write(put(`${prefix}a`, "2"), put(`${prefix}b`, "2"));
      const last = await write(remove(`${prefix}a`));
      expect(await values(prefix, first)).toEqual(["a=1"]);
      expect(await values(prefix, first + 1)).toEqual(["a=2", "b=2"]);
      expect(await values(prefix, last)).toEqual(["b=2"]);
      const refused = storage.list(prefix, { revision: last + 1000 });
      await expect(refused).rejects.toThrow(FutureRevisionError);
      await expect(refused).rejects.toMatchObject({ current: last });
    });

    test("shows a watcher past and coming changes in order, each once, with what was before", async () => {
      const prefix = newPrefix();
      const start = await write(put(`${prefix}a`, "1"));
      await write(put(`${prefix}a`, "2"));
      const watcher = follow(storage, prefix, start);
      await watcher.until(1);
      const created = await write(put(`${prefix}b`, "1"), put(`${prefix.slice(0, -1)}0/other`, "1"));
      const deleted = await write(remove(`${prefix}a`));
      await watcher.until(3);
      expect(watcher.events.map(({ type, previous }) => [type, previous?.value.toString()])).toEqual([
        ["put", "1"],
        ["put", undefined],
        ["delete", "2"],
      ]);
      expect(watcher.events[1]).toEqual({ type: "put", entry: { key: `${prefix}b`, value: Buffer.from("1"), modRevision: created, createRevision: created }, previous: undefined });
      expect(watcher.events[2]).toMatchObject({ key: `${prefix}a`, revision: deleted, previous: { modRevision: start + 1, createRevision: start } });
    });

    test("delivers all changes of one revision in one batch, in their order", async () => {
      const prefix = newPrefix();
      const start = await write(put(`${prefix}gone`, "0"));
      const operations = [...Array.from({ length: 60 }, (_, index) => put(`${prefix}${(index * 7) % 60}`, "x".repeat(500))), remove(`${prefix}gone`)];
      const live = follow(storage, prefix, start);
      const revision = await write(...operations);
      const late = follow(storage, prefix, start);
      for (const watcher of [live, late]) {
        await watcher.until(61);
        const batch = watcher.batches.find(({ events }) => events.length > 0);
        expect(batch?.revision).toBe(revision);
        expect(batch?.events.map((event) => (event.type === "put" ? event.entry.key : event.key))).toEqual(operations.map(({ key }) => key));
      }
    });

    test("shows every watcher the same changes while many write", async () => {
      const prefix = newPrefix();
      const start = await storage.currentRevision();
      const early = follow(storage, prefix, start);
      await Promise.all(
        Array.from({ length: 10 }, async (_, writer) => {
          for (let round = 0; round < 10; round++) await write(put(`${prefix}${writer}`, String(round)));
        }),
      );
      const late = follow(storage, prefix, start);
      await Promise.all([early.until(100), late.until(100)]);
      expect(early.events).toEqual(late.events);
      const revisions = early.events.map((event) => (event.type === "put" ? event.entry.modRevision : event.revision));
      expect(revisions).toEqual(Array.from({ length: 100 }, (_, index) => start + 1 + index));
    });

    test("tells a watcher of all keys of every revision since the one it knows", async () => {
      const start = await storage.currentRevision();
      await write(put(`${newPrefix()}a`, "1"), put(`${newPrefix()}b`, "1"));
      await write(put("/elsewhere", "1"));
      await write(remove("/elsewhere"));
      const watcher = follow(storage, "", start);
      await watcher.until(4);
      expect(watcher.batches.filter(({ events }) => events.length > 0).map(({ revision }) => revision)).toEqual([start + 1, start + 2, start + 3]);
    });

    test("shows a watcher from the future only what comes after that revision", async () => {
      const prefix = newPrefix();
      const now = await storage.currentRevision();
      const watcher = follow(storage, prefix, now + 2);
      for (const value of ["1", "2", "3"]) await write(put(`${prefix}a`, value));
      await watcher.until(1);
      expect(watcher.events).toMatchObject([{ type: "put", entry: { modRevision: now + 3 } }]);
    });

    test("tells the watcher of a quiet prefix that time passes", async () => {
      const prefix = newPrefix();
      const watcher = follow(storage, prefix, await storage.currentRevision());
      const elsewhere = await write(put(`${newPrefix()}a`, "1"));
      await watcher.untilRevision(elsewhere);
      expect(watcher.events).toEqual([]);
    });

    test("never goes back in what it tells a watcher", async () => {
      const prefix = newPrefix();
      const watcher = follow(storage, prefix, await storage.currentRevision());
      const until = performance.now() + PROGRESS_INTERVAL_MS * 4;
      let count = 0;
      while (performance.now() < until) await write(put(`${prefix}${count++ % 7}`, String(count)));
      await watcher.until(count);
      const revisions = watcher.batches.map(({ revision }) => revision);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
      expect(watcher.events).toHaveLength(count);
    });

    test("ends a watch quietly when its signal fires", async () => {
      const prefix = newPrefix();
      const stop = new AbortController();
      const start = await storage.currentRevision();
      const watching = (async () => {
        for await (const batch of storage.watch(prefix, start, stop.signal)) if (batch.events.length > 0) stop.abort();
        return "ended";
      })();
      await write(put(`${prefix}a`, "1"));
      expect(await watching).toBe("ended");
    });

    test("forgets what was compacted, and nothing else", async () => {
      const prefix = newPrefix();
      const first = await write(put(`${prefix}a`, "1"), put(`${prefix}old`, "1"));
      const second = await write(put(`${prefix}a`, "2"), remove(`${prefix}old`));
      const third = await write(put(`${prefix}a`, "3"), put(`${prefix}b`, "3"));
      await storage.compact(second);
      expect(await values(prefix)).toEqual(["a=3", "b=3"]);
      expect(await values(prefix, second)).toEqual(["a=2"]);
      const refused = storage.list(prefix, { revision: first });
      await expect(refused).rejects.toThrow(CompactedError);
      await expect(refused).rejects.toMatchObject({ compactRevision: second });
      const tooOld = storage.watch(prefix, first, AbortSignal.timeout(5_000))[Symbol.asyncIterator]().next();
      await expect(tooOld).rejects.toThrow(CompactedError);
      await expect(tooOld).rejects.toMatchObject({ compactRevision: second });
      const watcher = follow(storage, prefix, second);
      await watcher.until(2);
      expect(watcher.batches.find(({ events }) => events.length > 0)?.revision).toBe(third);
    });

    test("compacts again without harm, but never into the future", async () => {
      const prefix = newPrefix();
      const revision = await write(put(`${prefix}a`, "1"));
      await storage.compact(revision);
      await storage.compact(revision);
      await storage.compact(revision - 1);
      expect(await values(prefix)).toEqual(["a=1"]);
      await expect(storage.compact(revision + 1000)).rejects.toThrow(FutureRevisionError);
    });

    test("refuses everything and ends its watches once it is closed", async () => {
      const closing = await open();
      const iterator = closing.watch("/", await closing.currentRevision(), new AbortController().signal)[Symbol.asyncIterator]();
      const ended = (async () => {
        while ((await iterator.next()).done !== true);
      })();
      const expectation = expect(ended).rejects.toThrow(StorageUnavailableError);
      await closing.close();
      await expectation;
      await expect(closing.get("/a")).rejects.toThrow(StorageUnavailableError);
      await expect(closing.list("/")).rejects.toThrow(StorageUnavailableError);
      const refused = closing.commit([], [put("/a", "1")]);
      await expect(refused).rejects.toThrow(StorageUnavailableError);
      await expect(refused).rejects.toMatchObject({ outcome: "none" });
      await closing.close();
    });
  });
}

export interface Follower {
  readonly batches: readonly WatchBatch[];
  readonly events: readonly WatchBatch["events"][number][];
  until(events: number): Promise<void>;
  untilRevision(revision: number): Promise<void>;
}

/** Reads a watch until the test ends; `until` rejects when the watch breaks or nothing of the kind comes within ten seconds. */
export function follow(storage: Storage, prefix: string, afterRevision: number): Follower {
  const batches: WatchBatch[] = [];
  const events: WatchBatch["events"][number][] = [];
  const stop = new AbortController();
  let wake = Promise.withResolvers<void>();
  let failure: unknown;
  const reading = (async () => {
    try {
      for await (const batch of storage.watch(prefix, afterRevision, stop.signal)) {
        batches.push(batch);
        events.push(...batch.events);
        wake.resolve();
        wake = Promise.withResolvers();
      }
    } catch (error) {
      failure = error;
    }
    wake.resolve();
  })();
  onTestFinished(async () => {
    stop.abort();
    await reading;
  });
  const wait = async (what: string, isReached: () => boolean) => {
    const deadline = AbortSignal.timeout(10_000);
    deadline.addEventListener("abort", () => wake.resolve());
    while (!isReached()) {
      if (failure !== undefined) throw new Error(`the watch broke before ${what}`, { cause: failure });
      if (deadline.aborted) throw new Error(`no ${what} within 10 s; ${events.length} events, revision ${batches.at(-1)?.revision}`);
      await wake.promise;
    }
  };
  return {
    batches,
    events,
    until: (count) => wait(`event ${count}`, () => events.length >= count),
    untilRevision: (revision) => wait(`revision ${revision}`, () => (batches.at(-1)?.revision ?? 0) >= revision),
  };
}
