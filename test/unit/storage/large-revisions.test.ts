import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ListOptions, WatchStream } from "../../../engine/apimachinery/api-request.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { eventsOf } from "../../../engine/apimachinery/watch-stream.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import type { ConfigMap } from "../../../engine/resources/types.ts";
import { encodeForStorage } from "../../../engine/storage/encoded-object.ts";
import { objectStorageKey } from "../../../engine/storage/keys.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { ObjectStore } from "../../../engine/storage/object-store.ts";
import type { Operation, Storage } from "../../../engine/storage/storage.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const COUNT = 3_000;

/** A store and its objects, until it is stopped. */
function start(storage: Storage = openMemoryStorage({ clock: new VirtualClock() }), clock = new VirtualClock()) {
  const store = new ObjectStore({ storage, resources: catalog, clock, logger: silentLogger });
  const running = new AbortController();
  const ended = store.run(running.signal);
  return { storage, store, signal: running.signal, stop: () => (running.abort(), ended) };
}

const put = (index: number, value: string): Operation => {
  const name = `m${index}`;
  const object: KubeObject & { readonly data: object } = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop", uid: name }, data: { value } };
  return { do: "put", key: objectStorageKey(configMapResource, "shop", name), value: encodeForStorage(object) };
};
const all = (operation: (index: number) => Operation) => Array.from({ length: COUNT }, (_, index) => operation(index));

test("a revision of many objects is taken over while others have their turn, and seen whole or not at all", async () => {
  const { storage, store, signal, stop } = start();
  await store.list(configMapResource, "", {});
  const watch = await store.watch(configMapResource, "shop", { resourceVersion: "0", sendInitialEvents: false }, signal);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of eventsOf(watch))
      if (event.type !== "ERROR" && event.type !== "BOOKMARK") seen.push(`${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`);
  })();
  const counts = new Set<string>();
  const tell = async (operations: readonly Operation[]) => {
    const result = await storage.commit([], operations);
    const before = seen.length;
    let turns = 0;
    for (const end = before + operations.length; seen.length < end; await setImmediate()) {
      turns++;
      const { items } = await store.list(configMapResource, "shop", { resourceVersion: "0" });
      const ends = [items[0], items.at(-1)].map((item) => item?.object.metadata.resourceVersion);
      counts.add(`${items.length} ${new Set(ends).size}`);
    }
    expect(seen.slice(before)).toEqual(operations.map(({ do: what, key }) => `${what === "delete" ? "DELETED" : before === 0 ? "ADDED" : "MODIFIED"} ${key.split("/").at(-1)} ${result.revision}`));
    return turns;
  };
  expect(await tell(all((index) => put(index, "1")))).toBeGreaterThan(10);
  expect(await tell(all((index) => put(index, "2")))).toBeGreaterThan(10);
  expect(await tell(all((index) => ({ do: "delete", key: put(index, "").key })))).toBeGreaterThan(10);
  expect([...counts].filter((count) => !["0 1", `${COUNT} 1`].includes(count))).toEqual([]);
  await Promise.all([stop(), reading]);
});

test("a reader that is cut off gets the rest of the revision that it has begun with, behind which it watches on", async () => {
  const { storage, store, signal, stop } = start();
  await store.list(configMapResource, "", {});
  const watch = await store.watch(configMapResource, "shop", { resourceVersion: "0", sendInitialEvents: false }, signal);
  const take = () => {
    const event = watch.take();
    return event === undefined || event.type === "ERROR" ? event?.type : event.object.metadata.name;
  };
  await storage.commit([], [put(0, "1"), put(1, "1"), put(2, "1")]);
  await store.list(configMapResource, "", {});
  expect(take()).toBe("m0");
  await storage.commit(
    [],
    Array.from({ length: 40 }, (_, index) => put(index + 10, "x".repeat(1 << 20))),
  );
  await store.list(configMapResource, "", {});
  expect([take(), take(), take(), watch.isEnded]).toEqual(["m1", "m2", undefined, true]);
  await stop();
});

describe("a watch that goes on behind a revision of several objects", () => {
  const texts = (watch: WatchStream<ConfigMap>) => {
    const events: string[] = [];
    for (let event = watch.take(); event !== undefined; event = watch.take())
      events.push(event.type === "ERROR" ? `ERROR ${event.object.code}` : `${event.type} ${event.object.metadata.name} ${JSON.stringify(event.object["data"] ?? {})}`);
    watch.close();
    return events;
  };
  const del = (index: number): Operation => ({ do: "delete", key: put(index, "").key });

  /** Ten maps, and a revision that changes two of them, deletes one and adds one; then one more. */
  async function commitMuch(storage: Storage, store: ObjectStore) {
    for (let index = 0; index < 10; index++) await storage.commit([], [put(index, "1")]);
    const { revision } = await storage.commit([], [put(3, "2"), put(4, "2"), del(5), put(10, "2")]);
    const last = await storage.commit([], [put(0, "3")]);
    await store.list(configMapResource, "", {});
    return { revision: revision ?? 0, last: last.revision ?? 0 };
  }
  const whole = ['MODIFIED m3 {"value":"2"}', 'MODIFIED m4 {"value":"2"}', 'DELETED m5 {"value":"1"}', 'ADDED m10 {"value":"2"}'];
  const rest = 'MODIFIED m0 {"value":"3"}';

  test("gets all of it again where its reader may have been cut off within it", async () => {
    const { storage, store, stop } = start();
    await store.ready();
    const { revision, last } = await commitMuch(storage, store);
    const after = async (version: number, options: ListOptions = {}) => texts(await store.watch(configMapResource, "shop", { resourceVersion: String(version), repeatsRevision: true, ...options }));
    expect(await after(revision)).toEqual([...whole, rest]);
    expect(await after(revision, { repeatsRevision: false }), "whoever is told of whole revisions only").toEqual([rest]);
    expect(await after(revision - 1)).toEqual([...whole, rest]);
    expect(await after(last), "one event was seen, or the reader would not be behind it").toEqual([]);
    expect(await after(revision, { fieldSelector: "metadata.name=m4" })).toEqual([]);
    await stop();
  });

  test("gets it from a server that has begun anew, also where that is the newest there is", async () => {
    const clock = new VirtualClock();
    const storage = openMemoryStorage({ clock });
    const before = start(storage, clock);
    await before.store.ready();
    const { revision, last } = await commitMuch(storage, before.store);
    await before.stop();
    for (const isNewest of [false, true]) {
      const version = isNewest ? ((await storage.commit([], [put(0, "4"), del(3)])).revision ?? 0) : revision;
      const again = start(storage, clock);
      await again.store.ready();
      const seen = texts(await again.store.watch(configMapResource, "shop", { resourceVersion: String(version), repeatsRevision: true }));
      expect(seen).toEqual(isNewest ? ['MODIFIED m0 {"value":"4"}', 'DELETED m3 {"value":"2"}'] : [...whole, rest]);
      await again.stop();
    }
    expect(last).toBeGreaterThan(revision);
  });

  test("gets what there is of it where the store remembers no more of it, and never 410 for it", async () => {
    const clock = new VirtualClock();
    const storage = openMemoryStorage({ clock });
    const before = start(storage, clock);
    await before.store.ready();
    const { revision } = await commitMuch(storage, before.store);
    await before.stop();
    await storage.compact(revision);
    const again = start(storage, clock);
    await again.store.ready();
    const seen = texts(await again.store.watch(configMapResource, "shop", { resourceVersion: String(revision), repeatsRevision: true }));
    expect(seen.toSorted()).toEqual(['ADDED m10 {"value":"2"}', 'ADDED m3 {"value":"2"}', 'ADDED m4 {"value":"2"}', rest].toSorted());
    await again.stop();
  });

  test("gets all that there is of one that is more than may wait for a reader", async () => {
    const { storage, store, stop } = start();
    await store.ready();
    const large = Array.from({ length: 40 }, (_, index) => put(index, "x".repeat(1 << 20)));
    const { revision } = await storage.commit([], large);
    await storage.commit([], [put(0, "3")]);
    await store.list(configMapResource, "", {});
    const watch = await store.watch(configMapResource, "shop", { resourceVersion: String(revision), repeatsRevision: true });
    const names: (string | undefined)[] = [];
    for (let event = watch.take(); event !== undefined; event = watch.take()) names.push(event.type === "ERROR" ? event.type : event.object.metadata.name);
    expect([names.length, names.at(-1), watch.isEnded]).toEqual([40, "m0", false]);
    watch.close();
    await stop();
  });
});
