import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openSqliteStorage } from "../../engine/storage/sqlite-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { follow } from "./contract.ts";

let file: string;

beforeEach(() => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sqf-"));
  file = path.join(folder, "state.db");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

async function open(): Promise<Storage> {
  const storage = await openSqliteStorage(file);
  onTestFinished(() => storage.close());
  return storage;
}

async function put(storage: Storage, key: string, value: Buffer): Promise<number> {
  return (await storage.commit([], [{ do: "put", key, value }])).revision;
}

/** What the file holds, seen past the store. */
function inspect<R>(read: (database: DatabaseSync) => R): R {
  const database = new DatabaseSync(file);
  try {
    return read(database);
  } finally {
    database.close();
  }
}

const versions = () =>
  inspect((database) =>
    database
      .prepare("SELECT key, rev, deleted FROM changes ORDER BY key, rev")
      .all()
      .map((row) => `${row["key"]}@${row["rev"]}${row["deleted"] === 1 ? " gone" : ""}`),
  );

describe("a store file that cannot be opened", () => {
  test("names the process that has it", async () => {
    await open();
    await expect(openSqliteStorage(file)).rejects.toThrow(`${file} is in use by this process itself`);
  });

  test("is left as it is when another program made it", async () => {
    inspect((database) => database.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')"));
    const before = readFileSync(file);
    await expect(openSqliteStorage(file)).rejects.toThrow(`${file} is the database of another program; choose another --data-dir`);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(existsSync(`${file}-wal`)).toBe(false);
  });

  test("says that it is damaged, and how to go on", async () => {
    const storage = await openSqliteStorage(file);
    await put(storage, "/test/a", Buffer.from("1"));
    await storage.close();
    const bytes = readFileSync(file);
    writeFileSync(file, Buffer.concat([Buffer.from("these bytes are no database header "), bytes.subarray(35)]));
    await expect(openSqliteStorage(file)).rejects.toThrow(/state\.db is damaged .*put a backup in its place, or move it away/);
  });
});

describe("a compaction", () => {
  test("keeps of each key only the newest version, and of what was deleted nothing", async () => {
    const storage = await openSqliteStorage(file);
    for (const value of ["1", "2", "3"]) await put(storage, "/test/a", Buffer.from(value));
    await put(storage, "/test/b", Buffer.from("1"));
    const deleted = (await storage.commit([], [{ do: "delete", key: "/test/b" }])).revision;
    const last = await put(storage, "/test/a", Buffer.from("4"));
    await storage.compact(deleted);
    await storage.close();
    expect(versions()).toEqual(["/test/a@4", `/test/a@${last}`]);
  });

  test("that was cut short is finished by the next process", async () => {
    const storage = await openSqliteStorage(file);
    for (const value of ["1", "2", "3"]) await put(storage, "/test/a", Buffer.from(value));
    await storage.close();
    inspect((database) => database.exec("INSERT INTO meta VALUES ('compact', 4)"));
    const next = await openSqliteStorage(file);
    await expect(next.list("/test/", { revision: 3 })).rejects.toMatchObject({ name: "CompactedError", compactRevision: 4 });
    await next.compact(4);
    await next.close();
    expect(versions()).toEqual(["/test/a@4"]);
  });

  test("lets writers through, and gives the room back to the disk", async () => {
    const storage = await open();
    const value = Buffer.alloc(8_000, "x");
    await Promise.all(Array.from({ length: 4_000 }, (_, index) => put(storage, `/test/${index % 10}`, value)));
    const grown = statSync(file).size + statSync(`${file}-wal`).size;
    let written = 0;
    let isDone = false;
    const writing = (async () => {
      while (!isDone) written = await put(storage, "/test/meanwhile", value);
    })();
    const before = await storage.currentRevision();
    await storage.compact(before);
    isDone = true;
    await writing;
    expect(written).toBeGreaterThan(before + 3);
    await storage.close();
    expect(grown).toBeGreaterThan(30_000_000);
    expect(statSync(file).size).toBeLessThan(12_000_000);
    expect((await (await open()).list("/test/")).entries).toHaveLength(11);
  });
});

describe("what comes out of the store", () => {
  test("keeps nothing alive but itself", async () => {
    const storage = await open();
    const watcher = follow(storage, "/test/", await storage.currentRevision());
    // Small buffers are cut from a pool that Node shares among them.
    const value = Buffer.from("small");
    expect(value.buffer.byteLength).toBeGreaterThan(value.byteLength);
    await put(storage, "/test/a", value);
    await watcher.until(1);
    const [event] = watcher.events;
    const read = await storage.get("/test/a");
    expect(read?.value.buffer.byteLength).toBe(5);
    expect(event?.type === "put" && event.entry.value.buffer.byteLength).toBe(5);
  });

  test("comes whole to a watcher that begins thousands of changes ago", async () => {
    const storage = await open();
    const start = await storage.currentRevision();
    await Promise.all(Array.from({ length: 2_500 }, (_, index) => put(storage, `/test/${index % 7}`, Buffer.from(String(index)))));
    const big = (
      await storage.commit(
        [],
        Array.from({ length: 1_500 }, (_, index) => ({ do: "put" as const, key: `/test/big/${index}`, value: Buffer.from("x") })),
      )
    ).revision;
    const watcher = follow(storage, "/test/", start);
    await watcher.until(4_000);
    const revisions = watcher.batches.filter(({ events }) => events.length > 0).map(({ revision }) => revision);
    expect(revisions).toEqual(Array.from({ length: 2_501 }, (_, index) => start + 1 + index));
    expect(watcher.batches.find(({ revision }) => revision === big)?.events).toHaveLength(1_500);
  });

  test("is a list of one moment however long it is", async () => {
    const storage = await open();
    await storage.commit(
      [],
      Array.from({ length: 5_000 }, (_, index) => ({ do: "put" as const, key: `/test/${String(index).padStart(5, "0")}`, value: Buffer.from("x") })),
    );
    // The first and the last entry are always written together, and come on different pages of the answer.
    let rounds = 0;
    let isDone = false;
    const writing = (async () => {
      for (; !isDone; rounds++) {
        await storage.commit(
          [],
          ["/test/00000", "/test/04999"].map((key) => ({ do: "put" as const, key, value: Buffer.from(String(rounds)) })),
        );
      }
    })();
    const seen = new Set<number>();
    while (seen.size < 5) {
      const { entries, revision } = await storage.list("/test/");
      expect(entries).toHaveLength(5_000);
      expect(entries[0]?.modRevision).toBe(entries.at(-1)?.modRevision);
      expect(entries[0]?.modRevision).toBeLessThanOrEqual(revision);
      seen.add(revision);
    }
    isDone = true;
    await writing;
    expect(await storage.list("/test/", { limit: 4_500 })).toMatchObject({ entries: { length: 4_500 }, remaining: 500 });
  });
});
