import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { eventsOf } from "../../../engine/apimachinery/watch-stream.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { randomInteger, seededRandom, type Random } from "../../../engine/lib/random.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { roleResource } from "../../../engine/resources/rbac/role.ts";
import type { ConfigMap, Secret } from "../../../engine/resources/types.ts";
import { encodeForStorage } from "../../../engine/storage/encoded-object.ts";
import { objectStorageKey, resourcePrefix, ROOT } from "../../../engine/storage/keys.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { ObjectStore } from "../../../engine/storage/object-store.ts";
import { openStorage } from "../../../engine/storage/open-storage.ts";
import type { Storage } from "../../../engine/storage/storage.ts";
import { withWatchedWrites } from "../../../engine/storage/watched-writes.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const REMEMBERED_MAX = 4_096;
const map = (name: string, labels: Record<string, string> = {}): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop", labels } });

async function openFile(): Promise<Storage> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), "os-"));
  const storage = await openStorage({ dataDir, endpoint: undefined, caFile: undefined, certFile: undefined, keyFile: undefined });
  onTestFinished(async () => {
    await storage.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return storage;
}

/** A store that does not know by itself what is its newest revision, as etcd does not: it is read as a whole. */
async function openShared(): Promise<Storage> {
  return openMemoryStorage({ clock: new VirtualClock() });
}

const stores = [
  ["a store of one process", openFile],
  ["a store that others share", openShared],
] as const;

async function startStore(storage: Storage, clock = new VirtualClock()): Promise<{ readonly store: ObjectStore; stop(): Promise<void> }> {
  const store = new ObjectStore({ storage, resources: catalog, clock, logger: silentLogger });
  const running = new AbortController();
  const ended = store.run(running.signal);
  const stop = async () => {
    running.abort();
    await ended;
  };
  onTestFinished(stop);
  await store.ready();
  return { store, stop };
}

/** So many events behind a revision, or what is said instead, as texts. */
async function eventsAfter(store: ObjectStore, revision: number, count: number, labelSelector?: string): Promise<string[]> {
  const stream = await store.watch(configMapResource, "", { resourceVersion: String(revision), ...(labelSelector === undefined ? {} : { labelSelector }) });
  const events: string[] = [];
  if (count > 0)
    for await (const event of eventsOf(stream)) {
      events.push(event.type === "ERROR" ? `ERROR ${event.object.code} ${event.object.reason}` : `${event.type} ${JSON.stringify(event.object.metadata)}`);
      if (events.length === count || event.type === "ERROR") break;
    }
  return events;
}

/** Random writes to a few objects, whose labels change as well. */
async function writeMuch({ store }: { readonly store: ObjectStore }, count: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const live = new Set<string>();
  for (let at = 0; at < count; at++) {
    const name = `m${randomInteger(random, 5)}`;
    const next = map(name, { tier: randomInteger(random, 2) === 0 ? "web" : "db", at: String(at) });
    if (!live.has(name)) await store.create(configMapResource, next);
    else if (randomInteger(random, 3) > 0)
      await store.update(configMapResource, "shop", name, ({ object }) => ({ do: "write", object: { ...object, metadata: { ...object.metadata, labels: next.metadata.labels ?? {} } } }));
    else {
      await store.update(configMapResource, "shop", name, () => ({ do: "delete" }));
      live.delete(name);
      continue;
    }
    live.add(name);
  }
}

test.each(stores)("after a restart over %s watches go on behind any revision with exactly the events that the server before would have given", async (_, open) => {
  const storage = await open();
  const before = await startStore(storage);
  const from = before.store.revision();
  await writeMuch(before, 60, 3);
  const expected = new Map<string, string[]>();
  for (const selector of [undefined, "tier=web"])
    for (let revision = from; revision <= from + 60; revision += 7) {
      const stream = await before.store.watch(configMapResource, "", { resourceVersion: String(revision), ...(selector === undefined ? {} : { labelSelector: selector }) });
      const events: string[] = [];
      for (let event = stream.take(); event !== undefined; event = stream.take()) if (event.type !== "ERROR") events.push(`${event.type} ${JSON.stringify(event.object.metadata)}`);
      stream.close();
      expected.set(`${revision} ${selector ?? ""}`, events);
    }
  expect(expected.get(`${from} `)).toHaveLength(60);
  await before.stop();
  for (const order of [1, -1]) {
    const after = await startStore(storage);
    // Each has to read for itself what is older than what was read before it, in one order, and finds it there in the other.
    for (const [key, events] of [...expected].sort(([a], [b]) => (a < b ? -order : order))) {
      const [revision = "", selector] = key.split(" ");
      expect(await eventsAfter(after.store, Number(revision), events.length, selector === "" ? undefined : selector)).toEqual(events);
    }
    await after.stop();
  }
});

test.each(stores)("many that come back at once over %s all get what they missed, and what comes then", async (_, open) => {
  const storage = await open();
  const before = await startStore(storage);
  const from = before.store.revision();
  await writeMuch(before, 20, 4);
  await before.stop();
  const after = await startStore(storage);
  const resumed = Array.from({ length: 40 }, (_, at) => eventsAfter(after.store, from + (at % 20), 21 - (at % 20)));
  await after.store.create(configMapResource, map("last"));
  const all = await Promise.all(resumed);
  for (const [at, events] of all.entries()) {
    expect(events).toEqual(all[0]?.slice(at % 20));
    expect(events.at(-1)).toContain('ADDED {"name":"last"');
  }
});

test.each(stores)("what %s has forgotten, or is more than is remembered, is 410", async (_, open) => {
  const storage = await open();
  const before = await startStore(storage);
  const from = before.store.revision();
  await writeMuch(before, 10, 5);
  await before.stop();
  await storage.compact(from + 5);
  const after = await startStore(storage);
  expect(await eventsAfter(after.store, from + 4, 1)).toEqual(["ERROR 410 Expired"]);
  expect(await eventsAfter(after.store, from + 5, 5)).toHaveLength(5);
  await after.stop();
  const last = await storage.currentRevision();
  const names = Array.from({ length: REMEMBERED_MAX + 1 }, (_, at) => `n${at}`);
  await storage.commit(
    [],
    names.map((name) => ({ do: "put", key: objectStorageKey(configMapResource, "shop", name), value: encodeForStorage(map(name)) })),
  );
  let reads = 0;
  const again = await startStore({
    ...withWatchedWrites(storage, new VirtualClock()),
    watch(prefix, afterRevision, signal) {
      if (prefix !== ROOT) reads++;
      return storage.watch(prefix, afterRevision, signal);
    },
  });
  const asked = [last, last - 1, last].map((revision) => eventsAfter(again.store, revision, 1));
  expect(await Promise.all(asked)).toEqual(asked.map(() => ["ERROR 410 Expired"]));
  expect(reads, "that it is too much is found out once").toBe(1);
  expect(await eventsAfter(again.store, last + 1, 0)).toEqual([]);
});

test.each(stores)("%s that does not answer keeps no watch waiting: it is 410", async (_, open) => {
  const file = await open();
  const before = await startStore(file);
  const from = before.store.revision();
  await writeMuch(before, 3, 7);
  await before.stop();
  const clock = new VirtualClock();
  const silent: Storage = {
    ...withWatchedWrites(file, clock),
    async *watch(prefix, afterRevision, signal) {
      if (prefix !== ROOT) await new Promise(() => {});
      yield* file.watch(prefix, afterRevision, signal);
    },
  };
  const after = await startStore(silent, clock);
  const asked = [from, from + 1, from + 2].map((revision) => eventsAfter(after.store, revision, 1));
  await clock.advance(2_900);
  expect(await Promise.race([asked[0], Promise.resolve("waits")])).toBe("waits");
  await clock.advance(200);
  expect(await Promise.all(asked)).toEqual(asked.map(() => ["ERROR 410 Expired"]));
});

test("a watch that waits for what it missed ends with all others of its kind", async () => {
  const file = await openFile();
  const before = await startStore(file);
  const from = before.store.revision();
  await writeMuch(before, 3, 7);
  await before.stop();
  const answering = Promise.withResolvers<void>();
  const { store } = await startStore({
    ...withWatchedWrites(file, new VirtualClock()),
    async *watch(prefix, afterRevision, signal) {
      if (prefix !== ROOT) await answering.promise;
      yield* file.watch(prefix, afterRevision, signal);
    },
  });
  const asked = store.watch(configMapResource, "", { resourceVersion: String(from) });
  await setImmediate();
  store.interruptKind(configMapResource, true);
  answering.resolve();
  const stream = await asked;
  for (let told = 0; told < 3; told++) expect(stream.take()?.type).not.toBe("ERROR");
  expect(stream.isEnded).toBe(true);
});

test("a cache forgets what is older than a minute and a half, but for the last hundred changes", async () => {
  const clock = new VirtualClock();
  const storage = openMemoryStorage({ clock });
  const forgetful: Storage = {
    ...withWatchedWrites(storage, clock),
    watch(prefix, afterRevision, signal) {
      if (prefix !== ROOT) throw new Error("the store has forgotten it as well");
      return storage.watch(prefix, afterRevision, signal);
    },
  };
  const { store } = await startStore(forgetful, clock);
  const from = store.revision();
  await writeMuch({ store }, 150, 6);
  await clock.advance(74_000);
  expect(await eventsAfter(store, from, 150)).toHaveLength(150);
  await clock.advance(17_000);
  expect(await eventsAfter(store, from, 1)).toEqual(["ERROR 410 Expired"]);
  expect(await eventsAfter(store, from + 49, 1)).toEqual(["ERROR 410 Expired"]);
  expect(await eventsAfter(store, from + 50, 100)).toHaveLength(100);
});

test.each(stores)("of a commit that was half forgotten over %s nobody hears twice", async (_, open) => {
  const storage = await open();
  const clock = new VirtualClock();
  const { store } = await startStore(storage, clock);
  const from = store.revision();
  const names = (start: string) => Array.from({ length: 60 }, (_, at) => `${start}${at}`);
  for (const start of ["a", "b"]) await store.transaction(() => Promise.all(names(start).map((name) => store.create(configMapResource, map(name)))));
  await clock.advance(91_000);
  await store.create(configMapResource, map("last"));
  const events = await eventsAfter(store, from, 121);
  expect(events.map((event) => /"name":"(\w+)"/.exec(event)?.[1])).toEqual([...names("a"), ...names("b"), "last"]);
});

/** A server that comes back over a shared store, in which this was written before; `reads` says from where its history was read. */
async function comeBack(
  write: (store: ObjectStore, storage: Storage) => Promise<void>,
  history = (shared: Storage): Storage["watch"] =>
    (...asked) =>
      shared.watch(...asked),
) {
  const shared = await openShared();
  const before = await startStore(shared);
  const from = before.store.revision();
  await write(before.store, shared);
  await before.stop();
  const reads: number[] = [];
  const clock = new VirtualClock();
  const again: Storage = {
    ...withWatchedWrites(shared, clock),
    watch(prefix, afterRevision, signal) {
      if (prefix === ROOT) return shared.watch(prefix, afterRevision, signal);
      reads.push(afterRevision);
      return history(shared)(prefix, afterRevision, signal);
    },
  };
  const { store } = await startStore(again, clock);
  return { store, from, reads, clock };
}

const secret = (name: string): Secret => ({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "shop" } });

/** The names of the Secrets that were made after a revision. */
async function secretsAfter(store: ObjectStore, revision: number): Promise<readonly (string | undefined)[]> {
  const stream = await store.watch(secretResource, "", { resourceVersion: String(revision) });
  const names: (string | undefined)[] = [];
  for (let event = stream.take(); event !== undefined; event = stream.take()) names.push(event.type === "ERROR" ? "ERROR" : event.object.metadata.name);
  return names;
}

test("what was read of a store as a whole is there for all kinds, and who is further behind has the rest read", async () => {
  const { store, from, reads } = await comeBack(async (written) => {
    for (const name of ["a", "b", "c", "d"]) {
      await written.create(configMapResource, map(name));
      await written.create(secretResource, secret(name));
    }
  });
  expect(await eventsAfter(store, from + 4, 2)).toHaveLength(2);
  expect(await secretsAfter(store, from + 4)).toEqual(["c", "d"]);
  expect(await secretsAfter(store, from + 5)).toEqual(["c", "d"]);
  expect(reads).toEqual([from + 4]);
  expect(await secretsAfter(store, from + 1)).toEqual(["a", "b", "c", "d"]);
  expect(await eventsAfter(store, from + 1, 3)).toHaveLength(3);
  expect(reads).toEqual([from + 4, from + 1]);
});

test("a kind that remembers more than the one that is asked for is told only what it lacks", async () => {
  const { store, from, reads, clock } = await comeBack(async (written) => void (await written.create(secretResource, secret("before"))));
  await store.create(secretResource, secret("known"));
  await writeMuch({ store }, 150, 9);
  await clock.advance(91_000);
  expect(await eventsAfter(store, from, 150)).toHaveLength(150);
  expect(await secretsAfter(store, from)).toEqual(["before", "known"]);
  expect(reads).toEqual([from]);
});

test("a kind of which there is too much to remember takes nothing from the others", async () => {
  const { store, from, reads } = await comeBack(async (written, storage) => {
    const secrets = Array.from({ length: REMEMBERED_MAX + 1 }, (_, at) => objectStorageKey(secretResource, "shop", `s${at}`));
    const value = encodeForStorage(secret("s"));
    await written.create(configMapResource, map("first"));
    await storage.commit(
      [],
      secrets.map((key) => ({ do: "put", key, value })),
    );
    await storage.commit([], [{ do: "put", key: objectStorageKey(roleResource, "shop", "r"), value: Buffer.from("no object") }]);
    await storage.commit([], [{ do: "put", key: "/elsewhere", value: Buffer.from("of somebody else") }]);
  });
  expect(await eventsAfter(store, from, 1)).toEqual([expect.stringContaining('ADDED {"name":"first"')]);
  expect(await secretsAfter(store, from)).toEqual(["ERROR"]);
  expect(reads).toHaveLength(2);
});

test("a store that is read as a whole is not read from very far back", async () => {
  const { store, from, reads } = await comeBack(async (_, storage) => {
    for (let at = 0; at < 16_385; at++) await storage.commit([], [{ do: "put", key: "/elsewhere", value: Buffer.from(String(at)) }]);
  });
  expect(await eventsAfter(store, from, 1)).toEqual(["ERROR 410 Expired"]);
  expect(reads).toEqual([]);
  expect(await eventsAfter(store, from + 1, 0)).toEqual([]);
  expect(reads).toEqual([from + 1]);
});

test("a store that says how far it is before it has told all of it is waited for", async () => {
  const { store, from } = await comeBack(
    (written) => writeMuch({ store: written }, 5, 8),
    (hasty) =>
      async function* (prefix, afterRevision, signal) {
        yield { revision: afterRevision + 100, events: [] };
        yield* hasty.watch(prefix, afterRevision, signal);
      },
  );
  expect(await eventsAfter(store, from, 5)).toHaveLength(5);
});

/** Writes some of these maps, deletes others, and makes those that are not there: all of it one commit. */
async function commitSome({ store }: { readonly store: ObjectStore }, random: Random, step: number): Promise<void> {
  await store.transaction(async () => {
    for (let at = randomInteger(random, 60); at >= 0; at--) {
      const name = `m${at}`;
      const change = randomInteger(random, 2) === 0 ? "delete" : "write";
      if ((await store.get(configMapResource, "shop", name)) === undefined) await store.create(configMapResource, map(name));
      else await store.update(configMapResource, "shop", name, ({ object }) => (change === "delete" ? { do: "delete" } : { do: "write", object: { ...object, data: { step: String(step) } } }));
    }
  });
}

/** What the store itself tells of the maps, as `eventsAfter` does, with the revision of each. */
async function followMaps(storage: Storage): Promise<readonly (readonly [revision: number, event: string])[]> {
  const told: [number, string][] = [];
  const following = new AbortController();
  const over = (async () => {
    for await (const { revision, events } of storage.watch(resourcePrefix(configMapResource), 0, following.signal))
      for (const event of events) {
        const key = event.type === "delete" ? event.key : event.entry.key;
        told.push([revision, `${event.type === "delete" ? "DELETED" : event.previous === undefined ? "ADDED" : "MODIFIED"} ${key.split("/").at(-1)} ${revision}`]);
      }
  })();
  onTestFinished(async () => {
    following.abort();
    await over;
  });
  return told;
}

test.each([1, 2, 3].flatMap((seed) => stores.map(([name, open]) => [name, seed, open] as const)))(
  "whatever is written, forgotten, compacted and started again over %s, a watch gets what it missed, once and in order (seed %i)",
  async (_, seed, open) => {
    const random = seededRandom(seed);
    const storage = await open();
    const told = await followMaps(storage);
    const clock = new VirtualClock();
    let running = await startStore(storage, clock);
    let compacted = 0;
    for (let step = 0; step < 60; step++) {
      const what = randomInteger(random, 32);
      if (what < 5) await clock.advance(randomInteger(random, 60) * 1000);
      else if (what === 5) {
        await running.stop();
        running = await startStore(storage, clock);
      } else if (what === 6) {
        const revision = running.store.revision() - randomInteger(random, 40);
        if (revision <= compacted) continue;
        await storage.compact((compacted = revision));
        running.store.forget(revision);
      } else if (what < 20) await commitSome(running, random, step);
      else {
        const asked = Array.from({ length: 4 }, () => 1 + randomInteger(random, running.store.revision()));
        const watches = asked.map((revision) => running.store.watch(configMapResource, "", { resourceVersion: String(revision) }));
        if (what < 26) await commitSome(running, random, step);
        const streams = await Promise.all(watches);
        await running.store.caughtUp();
        for (const [at, stream] of streams.entries()) {
          const after = asked[at] ?? 0;
          const events: string[] = [];
          for (let event = stream.take(); event !== undefined; event = stream.take())
            events.push(event.type === "ERROR" ? String(event.object.code) : `${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`);
          stream.close();
          if (events[0] === "410") expect(after).toBeLessThan(compacted);
          else expect(events).toEqual(told.filter(([revision]) => revision > after).map(([, event]) => event));
        }
      }
    }
  },
);
