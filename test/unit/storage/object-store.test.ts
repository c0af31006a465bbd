import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EncodedWatchEvent, ListOptions, WatchStream } from "../../../engine/apimachinery/api-request.ts";
import { eventsOf } from "../../../engine/apimachinery/watch-stream.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { ConfigMap, Pod } from "../../../engine/resources/types.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { ExtraConditionFailed, ObjectStore } from "../../../engine/storage/object-store.ts";
import { StorageUnavailableError, type Storage } from "../../../engine/storage/storage.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

let clock: VirtualClock;
let storage: Storage;
let store: ObjectStore;
let stops: (() => Promise<void>)[];

beforeEach(() => {
  clock = new VirtualClock();
  storage = openMemoryStorage({ clock });
  stops = [];
  store = startStore();
});

afterEach(async () => {
  for (const stop of stops) await stop();
});

function startStore(over: Storage = storage): ObjectStore {
  const started = new ObjectStore({ storage: over, resources: catalog, clock, logger: silentLogger });
  const running = new AbortController();
  const ended = started.run(running.signal);
  stops.push(async () => {
    running.abort();
    await ended;
  });
  return started;
}

function configMap(name: string, data: Record<string, string> = {}, labels?: Record<string, string>): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop", ...(labels === undefined ? {} : { labels }) }, data };
}

async function create(name: string, data?: Record<string, string>, labels?: Record<string, string>): Promise<string> {
  const { object } = await store.create(configMapResource, configMap(name, data, labels));
  return object.metadata.resourceVersion ?? "";
}

async function createPod(): Promise<string> {
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop" }, spec: { containers: [{ name: "main", image: "busybox" }] } };
  const { object } = await store.create(podResource, pod);
  return object.metadata.resourceVersion ?? "";
}

async function write(name: string, change: (current: ConfigMap) => ConfigMap): Promise<string> {
  const { encoded } = await store.update(configMapResource, "shop", name, ({ object }) => ({ do: "write", object: change(object) }));
  return encoded.object.metadata.resourceVersion ?? "";
}

async function remove(name: string): Promise<string> {
  const { encoded } = await store.update(configMapResource, "shop", name, () => ({ do: "delete" }));
  return encoded.object.metadata.resourceVersion ?? "";
}

async function names(options: ListOptions = {}, from = store): Promise<string[]> {
  return (await from.list(configMapResource, "shop", options)).items.map(({ object }) => object.metadata.name ?? "");
}

/** The first so many events; then the watch is closed. */
async function take(stream: WatchStream<ConfigMap>, count: number): Promise<EncodedWatchEvent<ConfigMap>[]> {
  const events: EncodedWatchEvent<ConfigMap>[] = [];
  if (count > 0) for await (const event of eventsOf(stream)) if (events.push(event) === count) break;
  return events;
}

function summary(events: readonly EncodedWatchEvent<ConfigMap>[]): string[] {
  return events.map((event) => (event.type === "ERROR" ? `ERROR ${event.object.code}` : `${event.type} ${event.object.metadata.name ?? ""}@${event.object.metadata.resourceVersion}`));
}

describe("an object", () => {
  test("is readable as soon as its creation is answered, with the revision that wrote it", async () => {
    const version = await create("a", { key: "1" });
    const read = await store.get(configMapResource, "shop", "a");
    expect(read?.object).toEqual({ ...configMap("a", { key: "1" }), metadata: { name: "a", namespace: "shop", resourceVersion: version } });
    expect(Number(version)).toBe(await storage.currentRevision());
    expect(await store.get(configMapResource, "other", "a")).toBeUndefined();
  });

  test("exists once", async () => {
    await create("a");
    await expect(create("a")).rejects.toMatchObject({ status: { reason: "AlreadyExists", code: 409 } });
  });

  test("has one encoding with its resourceVersion, shared by gets, lists and watches", async () => {
    const version = await create("a", { key: "ü" });
    const watch = await store.watch(configMapResource, "shop", { resourceVersion: "0" });
    const got = await store.get(configMapResource, "shop", "a");
    const listed = (await store.list(configMapResource, "shop", {})).items[0];
    const [event] = await take(watch, 1);
    const bytes = got?.json();
    expect(JSON.parse(String(bytes))).toEqual({ kind: "ConfigMap", apiVersion: "v1", metadata: { resourceVersion: version, name: "a", namespace: "shop" }, data: { key: "ü" } });
    expect(listed?.json()).toEqual(bytes);
    expect(event?.type === "ADDED" && event.encoded.json()).toEqual(bytes);
    expect(JSON.parse(String(listed?.itemJson()))).toEqual({ metadata: { resourceVersion: version, name: "a", namespace: "shop" }, data: { key: "ü" } });
    expect((await storage.get("/registry/core/configmaps/shop/a"))?.value.toString()).not.toContain("resourceVersion");
  });

  test("is frozen for all who share it", async () => {
    await create("a", { key: "1" });
    const read = await store.get(configMapResource, "shop", "a");
    expect(() => ((read?.object.data as Record<string, string>)["key"] = "2")).toThrow(TypeError);
  });

  test("is not written when nothing changes", async () => {
    const version = await create("a", { key: "1" });
    expect(await write("a", (current) => ({ ...current, data: { key: "1" } }))).toBe(version);
    expect(await storage.currentRevision()).toBe(Number(version));
    expect(Number(await write("a", (current) => ({ ...current, data: { key: "2" } })))).toBe(Number(version) + 1);
  });

  test("is changed by every one of many concurrent writers", async () => {
    await create("a", { count: "0" });
    await Promise.all(Array.from({ length: 20 }, () => write("a", (current) => ({ ...current, data: { count: String(Number(current.data?.["count"]) + 1) } }))));
    expect((await store.get(configMapResource, "shop", "a"))?.object.data).toEqual({ count: "20" });
  });

  test("is judged by its newest state before a change is refused", async () => {
    await create("a", { state: "old" });
    const stale = startStore();
    await stale.ready();
    // Written behind the cache's back in the same turn: the update below begins with the old state.
    const written = write("a", (current) => ({ ...current, data: { state: "new" } }));
    const seen: string[] = [];
    const updated = store.update(configMapResource, "shop", "a", ({ object }) => {
      seen.push(object.data?.["state"] ?? "");
      if (object.data?.["state"] === "old") throw new Error("refused");
      return { do: "write", object: { ...object, data: { state: "newest" } } };
    });
    await written;
    await updated;
    expect(seen[0]).toBe("old");
    expect((await store.get(configMapResource, "shop", "a"))?.object.data).toEqual({ state: "newest" });
  });

  test("that is not there cannot be changed", async () => {
    await expect(write("a", (current) => current)).rejects.toMatchObject({ status: { reason: "NotFound", code: 404 } });
  });

  test("is written together with other keys, or not at all", async () => {
    const claim = (key: string) => ({ conditions: [{ key, modRevision: 0 }], operations: [{ do: "put" as const, key, value: Buffer.from("taken") }] });
    await store.create(configMapResource, configMap("a"), claim("/registry/claims/1"));
    const refused = store.create(configMapResource, configMap("b"), claim("/registry/claims/1"));
    await expect(refused).rejects.toThrow(ExtraConditionFailed);
    await expect(refused).rejects.toMatchObject({ keys: ["/registry/claims/1"] });
    expect(await names()).toEqual(["a"]);
  });
});

describe("a resourceVersion", () => {
  test("unset reads the newest state, written by whomever", async () => {
    const other = startStore();
    await create("a");
    expect(await names({}, other)).toEqual(["a"]);
    expect((await other.get(configMapResource, "shop", "a"))?.object.metadata.name).toBe("a");
  });

  test("is the store's newest revision on every list", async () => {
    await create("a");
    await createPod();
    expect((await store.list(configMapResource, "shop", {})).resourceVersion).toBe(String(await storage.currentRevision()));
  });

  test("of the future is waited for, and refused when it does not come", async () => {
    const version = Number(await create("a"));
    const reading = names({ resourceVersion: String(version + 1), resourceVersionMatch: "NotOlderThan" });
    await create("b");
    expect(await reading).toEqual(["a", "b"]);
    const refused = expect(names({ resourceVersion: String(version + 1000), resourceVersionMatch: "NotOlderThan" })).rejects.toMatchObject({
      status: { code: 504, reason: "Timeout", details: { causes: [{ reason: "ResourceVersionTooLarge" }] } },
    });
    await clock.advance(3_000);
    await refused;
  });

  test("that is malformed is a bad request", async () => {
    await expect(names({ resourceVersion: "abc" })).rejects.toMatchObject({ status: { code: 400 } });
  });

  test("with Exact shows that moment, also of a store that was not there then", async () => {
    await create("a", { key: "1" });
    const version = await create("b");
    await remove("b");
    await write("a", (current) => ({ ...current, data: { key: "2" } }));
    for (const reader of [store, startStore()]) {
      const list = await reader.list(configMapResource, "shop", { resourceVersion: version, resourceVersionMatch: "Exact" });
      expect(list.items.map(({ object }) => [object.metadata.name, object.data])).toEqual([
        ["a", { key: "1" }],
        ["b", {}],
      ]);
      expect(list.resourceVersion).toBe(version);
    }
  });

  test("beside a limit is that moment, but for one object alone, which is as it is now", async () => {
    const version = await create("a");
    await write("a", (current) => ({ ...current, data: { key: "2" } }));
    const keys = async (more: object) => (await store.list(configMapResource, "shop", { resourceVersion: version, limit: 5, ...more })).items.map(({ object }) => object.data?.["key"]);
    expect(await keys({})).toEqual([undefined]);
    expect(await keys({ fieldSelector: "metadata.name=a" })).toEqual(["2"]);
  });

  test("with Exact is what the answer carries, even when nothing has changed since", async () => {
    const version = await create("a");
    await createPod();
    const list = await store.list(configMapResource, "shop", { resourceVersion: version, resourceVersionMatch: "Exact" });
    expect(list.resourceVersion).toBe(version);
    expect(list.items).toHaveLength(1);
  });

  test("with Exact is expired once it has been compacted", async () => {
    const version = await create("a");
    await create("b");
    await storage.compact(Number(await create("c")));
    await expect(names({ resourceVersion: version, resourceVersionMatch: "Exact" })).rejects.toMatchObject({ status: { code: 410, reason: "Expired" } });
  });

  test("expires when it is compacted, exact or to be continued, also when nothing of its kind has changed since", async () => {
    const version = await create("a");
    await create("b");
    const { continue: token } = await store.list(configMapResource, "shop", { limit: 1 });
    const later = await createPod();
    const isExpired = { status: { code: 410, reason: "Expired" } };
    await storage.compact(Number(later) - 1);
    expect(await names({ limit: 1, continue: token })).toEqual(["b"]);
    await storage.compact(Number(later));
    await expect(names({ limit: 1, continue: token })).rejects.toMatchObject(isExpired);
    await expect(names({ resourceVersion: version, resourceVersionMatch: "Exact" })).rejects.toMatchObject(isExpired);
    expect(await names({ resourceVersion: later, resourceVersionMatch: "Exact" })).toEqual(["a", "b"]);
  });
});

describe("a paged list", () => {
  test("is of one moment, whatever is written meanwhile", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) await create(name);
    const first = await store.list(configMapResource, "shop", { limit: 2 });
    expect(first.items.map(({ object }) => object.metadata.name)).toEqual(["a", "b"]);
    expect(first.remainingItemCount).toBe(3);
    await remove("c");
    await create("bb");
    const second = await store.list(configMapResource, "shop", { limit: 2, continue: first.continue });
    expect(second.items.map(({ object }) => object.metadata.name)).toEqual(["c", "d"]);
    expect(second.resourceVersion).toBe(first.resourceVersion);
    const last = await store.list(configMapResource, "shop", { limit: 2, continue: second.continue });
    expect(last.items.map(({ object }) => object.metadata.name)).toEqual(["e"]);
    expect([last.continue, last.remainingItemCount]).toEqual([undefined, undefined]);
    expect(await names()).toEqual(["a", "b", "bb", "d", "e"]);
  });

  test("fills its pages with what is selected, and then counts nothing", async () => {
    for (const [index, name] of ["a", "b", "c", "d", "e"].entries()) await create(name, {}, { parity: index % 2 === 0 ? "even" : "odd" });
    const first = await store.list(configMapResource, "shop", { limit: 2, labelSelector: "parity=even" });
    expect(first.items.map(({ object }) => object.metadata.name)).toEqual(["a", "c"]);
    expect(first.remainingItemCount).toBeUndefined();
    expect(await names({ limit: 2, labelSelector: "parity=even", continue: first.continue })).toEqual(["e"]);
  });

  test("whose moment has been compacted is expired, with a token that goes on at the newest", async () => {
    for (const name of ["a", "b", "c"]) await create(name);
    const first = await store.list(configMapResource, "shop", { limit: 1 });
    await remove("b");
    await storage.compact(Number(await create("d")));
    const error: unknown = await store.list(configMapResource, "shop", { limit: 5, continue: first.continue }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ status: { code: 410, reason: "Expired", metadata: { continue: expect.any(String) } } });
    const token = (error as { status: { metadata: { continue: string } } }).status.metadata.continue; // just shown to be there
    expect(await names({ limit: 5, continue: token })).toEqual(["c", "d"]);
  });
});

describe("a watch", () => {
  test("without a resourceVersion begins with what there is", async () => {
    const [a, b] = [await create("b"), await create("a")];
    await store.get(configMapResource, "shop", "a");
    const watch = await store.watch(configMapResource, "shop", {});
    const c = await create("c");
    expect(summary(await take(watch, 3))).toEqual([`ADDED b@${a}`, `ADDED a@${b}`, `ADDED c@${c}`]);
  });

  test("from a resourceVersion shows everything after it, once, in order", async () => {
    const version = await create("a", { key: "1" });
    const changed = await write("a", (current) => ({ ...current, data: { key: "2" } }));
    const watch = await store.watch(configMapResource, "shop", { resourceVersion: version });
    const created = await create("b");
    const deleted = await remove("a");
    const events = await take(watch, 3);
    expect(summary(events)).toEqual([`MODIFIED a@${changed}`, `ADDED b@${created}`, `DELETED a@${deleted}`]);
    const last = events[2];
    expect(last?.type === "DELETED" && JSON.parse(String(last.encoded.json()))).toMatchObject({ metadata: { resourceVersion: deleted }, data: { key: "2" } });
  });

  test("shows objects that enter its selection as added and those that leave it as deleted", async () => {
    const version = await create("a", {}, { tier: "db" });
    const watch = await store.watch(configMapResource, "shop", { resourceVersion: version, labelSelector: "tier=web" });
    const label = (tier: string) => write("a", (current) => ({ ...current, metadata: { ...current.metadata, labels: { tier } } }));
    const entered = await label("web");
    const changed = await write("a", (current) => ({ ...current, data: { key: "1" } }));
    const left = await label("db");
    await remove("a");
    const again = await create("z", {}, { tier: "web" });
    const events = await take(watch, 4);
    expect(summary(events)).toEqual([`ADDED a@${entered}`, `MODIFIED a@${changed}`, `DELETED a@${left}`, `ADDED z@${again}`]);
    // A watcher that selects sees only states that it selects, the last one too.
    expect(events[2]).toMatchObject({ object: { metadata: { labels: { tier: "web" } } } });
  });

  test("of one name or namespace shows nothing else", async () => {
    const version = await create("a");
    const watch = await store.watch(configMapResource, "shop", { resourceVersion: version, fieldSelector: "metadata.name=b" });
    const everywhere = await store.watch(configMapResource, "", { resourceVersion: version });
    await create("c");
    await store.create(configMapResource, { ...configMap("b"), metadata: { name: "b", namespace: "other" } });
    const created = await create("b");
    expect(summary(await take(watch, 1))).toEqual([`ADDED b@${created}`]);
    expect(await take(everywhere, 3)).toHaveLength(3);
  });

  test("from before the known history is told so with 410, and ends", async () => {
    const created = await create("a");
    const later = startStore();
    await create("b");
    await storage.compact(Number(created));
    const watch = await later.watch(configMapResource, "shop", { resourceVersion: "1" });
    expect(summary(await take(watch, 2))).toEqual(["ERROR 410"]);
  });

  test("from before what was forgotten is told so, one from there on misses nothing, nor does one of a kind that has not changed", async () => {
    const [created, pod] = [await create("a"), await createPod()];
    const changed = await write("a", (current) => ({ ...current, data: { n: "1" } }));
    await storage.compact(Number(changed));
    store.forget(Number(changed));
    const last = await write("a", (current) => ({ ...current, data: { n: "2" } }));
    expect(summary(await take(await store.watch(configMapResource, "shop", { resourceVersion: created }), 1))).toEqual(["ERROR 410"]);
    expect(summary(await take(await store.watch(configMapResource, "shop", { resourceVersion: changed }), 1))).toEqual([`MODIFIED a@${last}`]);
    const pods = await store.watch(podResource, "shop", { resourceVersion: pod });
    const { encoded } = await store.update(podResource, "shop", "p", () => ({ do: "delete" }));
    expect(summary(await take(pods, 1))).toEqual([`DELETED p@${encoded.object.metadata.resourceVersion}`]);
  });

  test("gets a bookmark with the store's revision every minute it is quiet, if it asked for one", async () => {
    const version = await create("a");
    const watch = await store.watch(configMapResource, "shop", { resourceVersion: version, allowWatchBookmarks: true });
    await createPod();
    await clock.advance(60_000);
    const [event] = await take(watch, 1);
    expect(event).toEqual({ type: "BOOKMARK", object: { kind: "ConfigMap", apiVersion: "v1", metadata: { resourceVersion: String(Number(version) + 1) } } });
  });

  test("that asked for initial events is told where they end", async () => {
    const version = await create("a");
    const watch = await store.watch(configMapResource, "shop", { sendInitialEvents: true, allowWatchBookmarks: true, resourceVersionMatch: "NotOlderThan" });
    const events = await take(watch, 2);
    expect(summary(events)).toEqual([`ADDED a@${version}`, `BOOKMARK @${version}`]);
    expect(events[1]).toMatchObject({ object: { metadata: { annotations: { "k8s.io/initial-events-end": "true" } } } });
  });

  test("ends after its timeout, and when its reader goes", async () => {
    await store.ready();
    const timed = await store.watch(configMapResource, "shop", { timeoutSeconds: 5 });
    const gone = new AbortController();
    const left = await store.watch(configMapResource, "shop", {}, gone.signal);
    const both = Promise.all([take(timed, 1), take(left, 1)]);
    gone.abort();
    await clock.advance(5_000);
    expect(await both).toEqual([[], []]);
  });

  test("leaves no timer behind", async () => {
    await store.ready();
    await clock.settle();
    const before = clock.pending;
    const watch = await store.watch(configMapResource, "shop", { allowWatchBookmarks: true, timeoutSeconds: 60 });
    expect(clock.pending).toBeGreaterThan(before);
    watch.close();
    expect(clock.pending).toBe(before);
  });

  test("ends a watcher that is too far behind, and lets go of what waited for it", async () => {
    const version = await create("a");
    const stuck = await store.watch(configMapResource, "shop", { resourceVersion: version });
    const reading = await store.watch(configMapResource, "shop", { resourceVersion: version });
    let seen = 0;
    for (let step = 0; step < 40; step++) {
      await write("a", (object) => ({ ...object, data: { key: "x".repeat(1_000_000), step: String(step) } }));
      while (reading.take() !== undefined) seen++;
    }
    expect([stuck.take(), stuck.isEnded]).toEqual([undefined, true]);
    expect([seen, reading.isEnded]).toEqual([40, false]);
    reading.close();
  });

  test("misses nothing when the store's own watch breaks and goes on", async () => {
    const { reader, breakWatch } = startFragileStore();
    const version = await create("a");
    const watch = await reader.watch(configMapResource, "shop", { resourceVersion: version });
    breakWatch();
    const [b, c] = [await create("b"), await create("c")];
    await clock.advance(200);
    const d = await create("d");
    expect(summary(await take(watch, 3))).toEqual([`ADDED b@${b}`, `ADDED c@${c}`, `ADDED d@${d}`]);
  });

  test("ends when what happened while the store's own watch was broken has been compacted", async () => {
    const { reader, breakWatch } = startFragileStore();
    const version = await create("a");
    const watch = await reader.watch(configMapResource, "shop", { resourceVersion: version });
    const ended = take(watch, 1);
    breakWatch();
    await create("b");
    await remove("b");
    const newest = await create("c");
    await storage.compact(Number(newest));
    await clock.advance(1_000);
    expect(await ended).toEqual([]);
    expect(await names({}, reader)).toEqual(["a", "c"]);
    expect(summary(await take(await reader.watch(configMapResource, "shop", { resourceVersion: version }), 1))).toEqual(["ERROR 410"]);
    const resumed = await reader.watch(configMapResource, "shop", { resourceVersion: newest });
    const next = await create("d");
    expect(summary(await take(resumed, 1))).toEqual([`ADDED d@${next}`]);
  });
});

/** An object store over a storage whose watch can be broken. */
function startFragileStore(): { readonly reader: ObjectStore; breakWatch(): void } {
  let broken = new AbortController();
  const fragile: Storage = {
    currentRevision: () => storage.currentRevision(),
    get: (key) => storage.get(key),
    list: (prefix, range) => storage.list(prefix, range),
    commit: (conditions, operations) => storage.commit(conditions, operations),
    compact: (revision) => storage.compact(revision),
    close: () => storage.close(),
    async *watch(prefix, afterRevision, signal) {
      broken = new AbortController();
      yield* storage.watch(prefix, afterRevision, AbortSignal.any([signal, broken.signal]));
      if (!signal.aborted) throw new StorageUnavailableError("broken", "none");
    },
  };
  return { reader: startStore(fragile), breakWatch: () => broken.abort() };
}

describe("a store that is not available", () => {
  test("is a 503 when nothing was written, and a timeout when nobody knows", async () => {
    await store.ready();
    const failing = (outcome: "none" | "unknown") =>
      startStore(
        Object.assign(Object.create(storage) as Storage, {
          commit: () => Promise.reject(new StorageUnavailableError("no quorum", outcome)),
          watch: storage.watch.bind(storage),
          list: storage.list.bind(storage),
          get: storage.get.bind(storage),
          currentRevision: storage.currentRevision.bind(storage),
        }),
      );
    await expect(failing("none").create(configMapResource, configMap("a"))).rejects.toMatchObject({ status: { code: 503, reason: "ServiceUnavailable" } });
    await expect(failing("unknown").create(configMapResource, configMap("a"))).rejects.toMatchObject({ status: { code: 504, reason: "Timeout" } });
  });
});

test("an object that etcd would not take is taken by no store", async () => {
  const tooLarge = {
    status: { code: 413, reason: "RequestEntityTooLarge", message: expect.stringMatching(/^etcdserver: request is too large: configmaps "big" takes 16\d{5} bytes in the store/) as unknown },
  };
  const big = { a: "x".repeat(1_600_000) };
  await expect(create("big", big)).rejects.toMatchObject(tooLarge);
  await create("big", { a: "x".repeat(1_500_000) });
  await expect(write("big", (current) => ({ ...current, data: big }))).rejects.toMatchObject(tooLarge);
  await remove("big");
});
