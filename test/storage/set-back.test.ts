import { cpSync, rmSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { catalog } from "../../engine/resources/catalog.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { openEtcdStorage } from "../../engine/storage/etcd-storage.ts";
import { ObjectStore } from "../../engine/storage/object-store.ts";
import { FutureRevisionError, StorageUnavailableError, type Storage } from "../../engine/storage/storage.ts";
import { skipWithoutEtcd, startEtcd, type EtcdMember } from "../kit/etcd.ts";

async function write(storage: Storage, count: number): Promise<number> {
  let revision = 0;
  for (let at = 0; at < count; at++) revision = (await storage.commit([], [{ do: "put", key: `/registry/elsewhere/${at}`, value: Buffer.from("x") }])).revision;
  return revision;
}

/** What happens in between is lost: the member goes on from what it had before. */
async function setBack(member: EtcdMember, between: () => Promise<unknown>): Promise<void> {
  const copy = `${member.dataDir}-copy`;
  await member.kill();
  cpSync(member.dataDir, copy, { recursive: true });
  await member.restart();
  await between();
  await member.kill();
  rmSync(member.dataDir, { recursive: true });
  cpSync(copy, member.dataDir, { recursive: true });
  await member.restart();
}

describe.skipIf(skipWithoutEtcd())("an etcd that is set back to a backup", () => {
  const start = async () => {
    const etcd = await startEtcd();
    onTestFinished(() => etcd.stop());
    const storage = await openEtcdStorage(etcd.endpoints, undefined, { progressIntervalMs: 100 });
    onTestFinished(() => storage.close());
    return { member: etcd.members[0]!, storage };
  };

  test("ends a watch that has seen what is no more, and does not leave it silent", async () => {
    const { member, storage } = await start();
    const before = await write(storage, 5);
    let last = 0;
    const watching = (async () => {
      try {
        for await (const { revision } of storage.watch("/registry/", before, AbortSignal.timeout(60_000))) last = Math.max(last, revision);
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    await setBack(member, async () => {
      await write(storage, 20);
      await expect.poll(() => last, { timeout: 30_000 }).toBe(before + 20);
    });
    const error = await watching;
    expect(error).toBeInstanceOf(FutureRevisionError);
    expect(error).toMatchObject({ asked: before + 20, current: before });
  });

  test("ends the server, which would serve what is no more", async () => {
    const { member, storage } = await start();
    await write(storage, 5);
    const store = new ObjectStore({ storage, resources: catalog, clock: systemClock, logger: silentLogger });
    const stop = new AbortController();
    const running = store.run(stop.signal);
    const ended = running.then(
      () => "ended in order",
      (error: unknown) => String(error),
    );
    onTestFinished(async () => {
      stop.abort();
      await ended;
    });
    await store.ready();
    await setBack(member, async () => {
      await store.create(configMapResource, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "lost", namespace: "shop" } });
      await store.caughtUp();
    });
    expect(await ended).toMatch(/the store has been set back, to a backup of it; start all servers again: it was at revision \d+ and is at \d+/);
  });

  test("is no such thing when it is only away for longer than a watch waits", async () => {
    const { member, storage } = await start();
    await write(storage, 5);
    let watches = 0;
    const store = new ObjectStore({
      storage: {
        currentRevision: () => storage.currentRevision(),
        get: (key) => storage.get(key),
        list: (prefix, options) => storage.list(prefix, options),
        commit: (conditions, operations) => storage.commit(conditions, operations),
        compact: (revision) => storage.compact(revision),
        close: () => storage.close(),
        async *watch(prefix, afterRevision, signal) {
          if (++watches === 2) throw new StorageUnavailableError("no etcd member serves the watch", "none");
          yield* storage.watch(prefix, afterRevision, watches === 1 ? AbortSignal.any([signal, AbortSignal.timeout(500)]) : signal);
        },
      },
      resources: catalog,
      clock: systemClock,
      logger: silentLogger,
    });
    const stop = new AbortController();
    const running = store.run(stop.signal);
    await store.ready();
    await member.kill();
    await member.restart();
    await expect.poll(() => watches).toBe(3);
    await store.create(configMapResource, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new", namespace: "shop" } });
    expect(await store.get(configMapResource, "shop", "new")).toBeDefined();
    stop.abort();
    await running;
  });
});
