import { describe, expect, test } from "vitest";
import { readSnapshot, writeSnapshot } from "../../../engine/storage/copy-storage.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import type { Storage } from "../../../engine/storage/storage.ts";

const put = (storage: Storage, ...keys: string[]) =>
  storage.commit(
    [],
    keys.map((key) => ({ do: "put", key, value: Buffer.from(key) })),
  );
const shape = async (storage: Storage) => (await storage.list("/registry/")).entries.map(({ key, modRevision, value }) => `${key} ${modRevision} ${value}`);

describe("a copied store", () => {
  test("has every object at the revision it had, and goes on from the source's", async () => {
    const [source, target] = [openMemoryStorage(), openMemoryStorage()];
    await put(source, "/registry/a");
    await put(source, "/registry/b", "/registry/c"); // one revision
    for (let index = 0; index < 200; index++) await put(source, "/registry/busy");
    await source.commit([], [{ do: "delete", key: "/registry/a" }]);
    await put(source, "/registry/d");
    await source.commit([], [{ do: "delete", key: "/registry/busy" }]);
    await writeSnapshot(target, await readSnapshot(source));
    expect(await shape(target)).toEqual(await shape(source));
    expect(await target.currentRevision()).toBe(await source.currentRevision());
    expect((await put(target, "/registry/e")).revision).toBe((await put(source, "/registry/e")).revision);
    await writeSnapshot(openMemoryStorage(), await readSnapshot(target)); // and can be copied on
  });

  test("cannot be watched from before the copy, for what happened then is not there", async () => {
    const [source, target] = [openMemoryStorage(), openMemoryStorage()];
    await put(source, "/registry/a");
    await put(source, "/registry/b");
    await writeSnapshot(target, await readSnapshot(source));
    await expect(target.watch("/registry/", 1, new AbortController().signal)[Symbol.asyncIterator]().next()).rejects.toThrow("compacted");
  });

  test("must be empty, and not have come too far", async () => {
    const [source, full, far] = [openMemoryStorage(), openMemoryStorage(), openMemoryStorage()];
    await put(source, "/registry/a");
    await put(full, "/registry/x");
    for (let index = 0; index < 3; index++) await put(far, "/registry/x");
    await far.commit([], [{ do: "delete", key: "/registry/x" }]);
    const snapshot = await readSnapshot(source);
    await expect(writeSnapshot(full, snapshot)).rejects.toThrow("the store to write to is not empty: it holds /registry/x");
    await expect(writeSnapshot(far, snapshot)).rejects.toThrow("it must be a new one");
  });
});
