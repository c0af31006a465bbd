import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { randomInteger, seededRandom } from "../../engine/lib/random.ts";
import { catalog } from "../../engine/resources/catalog.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { serviceAccountResource } from "../../engine/resources/core/service-account.ts";
import { openEtcdStorage } from "../../engine/storage/etcd-storage.ts";
import { resourcePrefix } from "../../engine/storage/keys.ts";
import { ObjectStore } from "../../engine/storage/object-store.ts";
import { skipWithoutEtcd, startEtcd, type EtcdCluster } from "../kit/etcd.ts";
import { follow } from "./contract.ts";

const KINDS = [configMapResource, serviceAccountResource];
type Kind = (typeof KINDS)[number];

describe.skipIf(skipWithoutEtcd())("a server that comes back over etcd", () => {
  let etcd: EtcdCluster;
  beforeAll(async () => void (etcd = await startEtcd({ members: 3, flags: ["--heartbeat-interval", "100", "--election-timeout", "1000"] })));
  afterAll(() => etcd?.stop());

  /** A server's store, over members of which the first is asked first. */
  const startStore = async (endpoints = etcd.endpoints) => {
    const storage = await openEtcdStorage(endpoints, undefined, { progressIntervalMs: 100 });
    const store = new ObjectStore({ storage, resources: catalog, clock: systemClock, logger: silentLogger });
    const running = new AbortController();
    const ended = store.run(running.signal);
    let isOver = false;
    const stop = async () => {
      if (isOver) return;
      isOver = true;
      running.abort();
      await ended;
      await storage.close();
    };
    onTestFinished(stop);
    await store.ready();
    return { storage, store, stop };
  };

  /** What the store itself tells of a kind after a revision. */
  const told = async (storage: Awaited<ReturnType<typeof startStore>>["storage"], kind: Kind, from: number) => {
    const watcher = follow(storage, resourcePrefix(kind), from);
    await watcher.untilRevision(await storage.currentRevision());
    return watcher.batches.flatMap(({ revision, events }) =>
      events.map((event) => ({
        revision,
        text: `${event.type === "delete" ? "DELETED" : event.previous === undefined ? "ADDED" : "MODIFIED"} ${(event.type === "delete" ? event.key : event.entry.key).split("/").at(-1)} ${revision}`,
      })),
    );
  };

  /** The events of a watch from a revision on, until as many have come. */
  const eventsOf = async (store: ObjectStore, kind: Kind, revision: number, count: number): Promise<string[]> => {
    const stream = await store.watch(kind as typeof configMapResource, "", { resourceVersion: String(revision) });
    const events: string[] = [];
    for (let waits = 0; events.length < count && !stream.isEnded && waits < 500;) {
      const event = stream.take();
      if (event === undefined) await delay(10, waits++);
      else events.push(event.type === "ERROR" ? `ERROR ${event.object.code}` : `${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`);
    }
    stream.close();
    return events;
  };

  /** Makes, changes and deletes objects of both kinds, some of them as one commit. */
  const writeMuch = async (store: ObjectStore, count: number, seed: number) => {
    const random = seededRandom(seed);
    for (let at = 0; at < count; at++) {
      const write = async (name: string) => {
        const kind = KINDS[randomInteger(random, 2)] as typeof configMapResource;
        const found = await store.get(kind, "shop", name);
        if (found === undefined) await store.create(kind, { apiVersion: "v1", kind: kind.kind as "ConfigMap", metadata: { name, namespace: "shop" } });
        else
          await store.update(kind, "shop", name, ({ object }) =>
            at % 3 === 0 ? { do: "delete" } : { do: "write", object: { ...object, metadata: { ...object.metadata, labels: { at: String(at) } } } },
          );
      };
      const name = `n${randomInteger(random, 6)}`;
      if (at % 5 === 0) await store.transaction(() => Promise.all([write(name), write(`${name}-twin`)]));
      else await write(name);
    }
  };

  test("tells each watch what it missed, once and in order, also while others write and members die", async () => {
    const before = await startStore();
    const from = before.store.revision();
    await writeMuch(before.store, 80, 1);
    await before.stop();
    const [first] = etcd.members;
    const after = await startStore();
    const other = await startStore(etcd.endpoints.slice(1));
    const last = after.store.revision();
    const asked = Array.from({ length: 30 }, (_, at) => ({ kind: KINDS[at % 2]!, revision: from + ((at * 7) % (last - from)) }));
    const expected = await Promise.all(KINDS.map((kind) => told(other.storage, kind, from)));
    const due = ({ kind, revision }: (typeof asked)[number]) => expected[KINDS.indexOf(kind)]!.filter((event) => event.revision > revision).map(({ text }) => text);
    // The member that both the store's watch and the reading of its history are at.
    const dying = first?.kill();
    const coming = asked.map((each) => eventsOf(after.store, each.kind, each.revision, due(each).length));
    const writing = writeMuch(other.store, 30, 2);
    const all = await Promise.all(coming);
    for (const [at, events] of all.entries()) expect(events).toEqual(due(asked[at]!));
    await dying;
    await writing;
    await first?.restart();
    // And what came meanwhile follows.
    const whole = await told(other.storage, configMapResource, from);
    expect(await eventsOf(after.store, configMapResource, from, whole.length)).toEqual(whole.map(({ text }) => text));
  });

  test("says that it cannot, when etcd has compacted it, and only then", async () => {
    const before = await startStore();
    const from = before.store.revision();
    await writeMuch(before.store, 20, 3);
    await before.storage.compact(from + 10);
    await before.stop();
    const after = await startStore();
    expect(await eventsOf(after.store, configMapResource, from + 9, 1)).toEqual(["ERROR 410"]);
    const whole = await told(after.storage, configMapResource, from + 10);
    expect(await eventsOf(after.store, configMapResource, from + 10, whole.length)).toEqual(whole.map(({ text }) => text));
  });
});
