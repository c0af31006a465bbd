import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventRecorder } from "../../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { createLocalClient } from "../../../engine/client/local-client.ts";
import { ManifestLoader } from "../../../engine/gitops/manifests/load-manifests.ts";
import { ClusterView } from "../../../engine/gitops/sync/cluster-view.ts";
import { Synchroniser } from "../../../engine/gitops/sync/synchroniser.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { systemRandom } from "../../../engine/lib/random.ts";
import { runServices, service } from "../../../engine/lib/service.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { CommitTooLargeError, StorageUnavailableError, type Storage, type StorageEvent } from "../../../engine/storage/storage.ts";
import { configMapYaml, createTestRepository, namespaceYaml, type TestRepository } from "../../kit/git.ts";
import { adminUser, startTestApi } from "../../kit/test-api.ts";

/** What the desired objects look like in the store itself, past every cache. */
const OBJECTS = /^\/registry\/(core\/(configmaps|services|namespaces)|apps)\//;
const OWN = /\/(namespaces\/shop|(shop|default)\/[abcd])$/;

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

/** A store that stays while engines over it come and go; `onCommit` may make one die, before or after its commit took effect. */
function sharedStore(limit = Infinity): { storage: Storage; open(onCommit: (number: number) => "before" | "after" | undefined): { storage: Storage; commits: () => number; died: Promise<void> } } {
  const inner = openMemoryStorage();
  return {
    storage: inner,
    open(onCommit) {
      let commits = 0;
      let isDead = false;
      const died = new AbortController();
      const dead = () => new StorageUnavailableError("the engine is dead", "unknown");
      const alive = <T>(work: () => Promise<T>) => (isDead ? Promise.reject(dead()) : work());
      return {
        commits: () => commits,
        died: new Promise((resolve) => died.signal.addEventListener("abort", () => resolve())),
        storage: {
          currentRevision: () => alive(() => inner.currentRevision()),
          get: (key) => alive(() => inner.get(key)),
          list: (prefix, options) => alive(() => inner.list(prefix, options)),
          watch: (prefix, after, signal) => inner.watch(prefix, after, AbortSignal.any([signal, died.signal])),
          compact: (revision) => inner.compact(revision),
          close: async () => {},
          commit: (conditions, operations) =>
            alive(async () => {
              if (operations.length > limit) throw new CommitTooLargeError("too many operations");
              const death = onCommit(commits++);
              if (death === "before") isDead = true;
              const result = isDead ? undefined : await inner.commit(conditions, operations);
              if (death === "after") isDead = true;
              if (isDead) died.abort();
              if (result === undefined || isDead) throw dead();
              return result;
            }),
        },
      };
    },
  };
}

/** One life of API server and synchroniser; `armed` counts the store's commits only from a moment on. */
async function live(storage: Storage): Promise<{ admit(commit: string): Promise<readonly string[]>; settled(): Promise<void>; synchroniser: Synchroniser; stop(): Promise<void> }> {
  const api = await startTestApi({ storage, defaultAccounts: false });
  const base = { client: createLocalClient(api.server, adminUser, "test"), clock: systemClock, random: systemRandom, logger: silentLogger };
  const informers = new InformerFactory(base);
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  const synchroniser = new Synchroniser({ ...base, view: new ClusterView(informers), kinds: loader.kinds, events: new EventRecorder({ ...base, component: "test" }), repositoryUrl: "test" });
  const abort = new AbortController();
  const ended = runServices([informers.asService(), service("sync", (signal) => synchroniser.run(signal))], abort.signal);
  return {
    synchroniser,
    async admit(id) {
      const { objects } = repository.store;
      const state = await loader.load(objects, await objects.commit(id));
      const { problems, outcomes } = await synchroniser.preview(state, objects, []);
      if (problems.length === 0) synchroniser.admit({ state, objects, messages: [], outcomes, startedMs: 0 });
      return problems.map((problem) => problem.message);
    },
    settled: () =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error("never applied")), 60_000);
        late.unref();
        const look = () => {
          if (synchroniser.rollouts.current?.healthyMs === undefined) return;
          clearTimeout(late);
          unsubscribe();
          resolve();
        };
        const unsubscribe = synchroniser.subscribe(look);
        look();
      }),
    async stop() {
      abort.abort();
      await ended;
      await api.stop().catch(() => {});
    },
  };
}

async function desiredIn(storage: Storage): Promise<Record<string, unknown>> {
  const { entries } = await storage.list("/registry/");
  const own = entries.filter(({ key }) => OBJECTS.test(key) && OWN.test(key));
  return Object.fromEntries(own.map(({ key, value }) => [key.slice("/registry/core/".length), (JSON.parse(value.toString("utf8")) as { data?: { key?: string } }).data?.key ?? "there"]));
}

async function eventsOf(storage: Storage, after: number): Promise<readonly StorageEvent[]> {
  const until = await storage.currentRevision();
  const stop = new AbortController();
  const found: StorageEvent[] = [];
  for await (const batch of storage.watch("/registry/", after, stop.signal)) {
    found.push(...batch.events);
    if (batch.revision >= until) stop.abort();
  }
  return found;
}

const first = { "a.yaml": configMapYaml("a", { key: "1" }), "b.yaml": configMapYaml("b", { key: "1" }), "d.yaml": configMapYaml("d", { key: "1" }) };
const second = {
  "a.yaml": configMapYaml("a", { key: "2" }),
  "b.yaml": configMapYaml("b", { key: "2" }),
  "d.yaml": undefined,
  "ns.yaml": namespaceYaml("shop"),
  "c.yaml": configMapYaml("c", { key: "2" }).replace("  name: c\n", "  name: c\n  namespace: shop\n"),
};
const AFTER_FIRST = { "configmaps/default/a": "1", "configmaps/default/b": "1", "configmaps/default/d": "1" };
const AFTER_SECOND = { "configmaps/default/a": "2", "configmaps/default/b": "2", "configmaps/shop/c": "2", "namespaces/shop": "there" };

describe("a commit", () => {
  test("is one revision of the store, namespaces, changes and deletions included", async () => {
    const store = sharedStore();
    const engine = await live(store.open(() => undefined).storage);
    await engine.admit(await repository.commit(first));
    await engine.settled();
    const before = await store.storage.currentRevision();
    await engine.admit(await repository.commit(second));
    await engine.settled();
    expect(await desiredIn(store.storage)).toEqual(AFTER_SECOND);
    const events = (await eventsOf(store.storage, before)).filter(
      (event) => OWN.test(event.type === "put" ? event.entry.key : event.key) && OBJECTS.test(event.type === "put" ? event.entry.key : event.key),
    );
    expect(events).toHaveLength(5);
    const revisions = new Set(events.map((event) => (event.type === "put" ? event.entry.modRevision : event.revision)));
    expect([...revisions]).toEqual(engine.synchroniser.rollouts.facts()[0]?.revisions);
    await engine.stop();
  });

  test("is whole or not at all wherever the engine is killed, and the next life completes it (pain 4)", async () => {
    // How many commits of the store bringing it in takes, so that every one of them can be the last.
    const count = await (async () => {
      const store = sharedStore();
      const opened = store.open(() => undefined);
      const engine = await live(opened.storage);
      await engine.admit(await repository.commit(first));
      await engine.settled();
      const before = opened.commits();
      await engine.admit(await repository.commit(second));
      await engine.settled();
      await engine.stop();
      return opened.commits() - before;
    })();
    expect(count).toBeGreaterThan(2);
    const [one, two] = [await repository.commit({ ...first, "ns.yaml": undefined, "c.yaml": undefined }), await repository.commit(second)];
    const seen = new Set<string>();
    for (let step = 0; step < count; step++) {
      for (const death of ["before", "after"] as const) {
        const store = sharedStore();
        let armedAt = Infinity;
        const opened = store.open((number) => (number === armedAt + step ? death : undefined));
        const engine = await live(opened.storage);
        await engine.admit(one);
        await engine.settled();
        armedAt = opened.commits();
        await engine.admit(two);
        // Not every life makes as many commits as the counted one; one that is never killed has settled.
        await Promise.race([engine.settled(), opened.died]);
        await engine.stop();
        const left = await desiredIn(store.storage);
        expect([AFTER_FIRST, AFTER_SECOND], `killed ${death} commit ${step}`).toContainEqual(left);
        seen.add(JSON.stringify(left));
        const next = await live(store.open(() => undefined).storage);
        await next.admit(two);
        await next.settled();
        expect(await desiredIn(store.storage)).toEqual(AFTER_SECOND);
        await next.stop();
      }
    }
    expect(seen.size).toBe(2);
  }, 120_000);

  test("that the store refuses as too large goes in parts, and says so", async () => {
    const store = sharedStore(8);
    const engine = await live(store.open(() => undefined).storage);
    await engine.admit(await repository.commit(Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`m${index}.yaml`, configMapYaml(`m${index}`)]))));
    await engine.settled();
    expect(engine.synchroniser.rollouts.facts()[0]?.revisions?.length).toBeGreaterThan(3);
    expect((await store.storage.list("/registry/core/configmaps/default/m")).entries).toHaveLength(30);
    await engine.stop();
  });
});

describe("a transaction of the API", () => {
  test("shows its own writes inside, nothing of them outside, and one revision in the end", async () => {
    const api = await startTestApi();
    const maps = api.client.for(configMapResource);
    const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data: {} });
    const { result, revision } = await (api.client.transaction?.(async () => {
      await maps.create(map("x"));
      await maps.create(map("y"));
      await maps.delete("default", "y");
      await maps.create(map("z"));
      return (await maps.list("default")).items.map((item) => item.metadata.name);
    }) ?? Promise.reject(new Error("no transactions")));
    expect(result).toEqual(["x", "z"]);
    const stored = (await maps.list("default")).items;
    expect(stored.map(({ metadata }) => [metadata.name, metadata.resourceVersion])).toEqual([
      ["x", String(revision)],
      ["z", String(revision)],
    ]);
    const names = async () => (await maps.list("default")).items.map((item) => item.metadata.name);
    await expect(
      api.client.transaction?.(async () => {
        await maps.create(map("w"));
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    await api.client.transaction?.(async () => maps.create(map("w")), true);
    expect(await names()).toEqual(["x", "z"]);
    await expect(
      api.client.transaction?.(async () => {
        await maps.update({ ...(await maps.get("default", "x")), data: { a: "inside" } });
        await new Promise<void>((resolve) => setImmediate(resolve));
        await outside(() => maps.update({ ...stored[0]!, data: { a: "outside" } }));
      }),
    ).rejects.toMatchObject({ status: { reason: "Conflict" } });
    expect((await maps.get("default", "x")).data).toEqual({ a: "outside" });
    await api.stop();
  });
});

/** Runs something as if another caller did: not in the transaction that is under way. */
const { AsyncLocalStorage } = await import("node:async_hooks");
const unbound = AsyncLocalStorage.snapshot();
function outside<R>(work: () => Promise<R>): Promise<R> {
  return unbound(work);
}
