import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { eventsOf } from "../../../engine/apimachinery/watch-stream.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { encodeForStorage } from "../../../engine/storage/encoded-object.ts";
import { objectStorageKey } from "../../../engine/storage/keys.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { ObjectStore } from "../../../engine/storage/object-store.ts";
import type { Operation } from "../../../engine/storage/storage.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const COUNT = 3_000;

/** A store and its objects, until it is stopped. */
function start() {
  const clock = new VirtualClock();
  const storage = openMemoryStorage({ clock });
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
