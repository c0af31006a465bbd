import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openSqliteStorage, type SqliteOptions } from "../../engine/storage/sqlite-storage.ts";
import { StorageUnavailableError, type Storage } from "../../engine/storage/storage.ts";
import { describeStorage, follow, PROGRESS_INTERVAL_MS } from "./contract.ts";

const suiteFolder = mkdtempSync(path.join(os.tmpdir(), "sq-"));
let files = 0;
const never = new Promise<void>(() => {});
afterAll(() => rmSync(suiteFolder, { recursive: true, force: true }));

describeStorage("the SQLite store", () => openSqliteStorage(path.join(suiteFolder, `${++files}.db`), { progressIntervalMs: PROGRESS_INTERVAL_MS }));
describeStorage("the SQLite store in the thread that opens it", () => openSqliteStorage(path.join(suiteFolder, `${++files}.db`), { progressIntervalMs: PROGRESS_INTERVAL_MS, threadAfter: never }));

describe("a SQLite file", () => {
  test("keeps entries, revisions, history and compaction over a restart", async () => {
    const file = newFile();
    const before = await openSqliteStorage(file);
    const first = await put(before, "/test/a", "1");
    const second = await put(before, "/test/a", "2");
    const third = await put(before, "/test/b", "1");
    await before.compact(second);
    await before.close();
    const after = await open(file);
    expect(await after.currentRevision()).toBe(third);
    expect(await after.get("/test/a")).toEqual({ key: "/test/a", value: Buffer.from("2"), modRevision: second, createRevision: first });
    await expect(after.list("/test/", { revision: first })).rejects.toMatchObject({ name: "CompactedError", compactRevision: second });
    const watcher = follow(after, "/test/", second);
    expect(await put(after, "/test/c", "1")).toBe(third + 1);
    await watcher.until(2);
    expect(watcher.events).toMatchObject([{ entry: { key: "/test/b", modRevision: third } }, { entry: { key: "/test/c", modRevision: third + 1 } }]);
  });

  test("tells what it takes up, with what is only in its log yet", async () => {
    const storage = await open(newFile());
    const before = await storage.sizeBytes?.();
    await put(storage, "/test/large", "x".repeat(200_000));
    expect(await storage.sizeBytes?.()).toBeGreaterThan((before ?? Number.POSITIVE_INFINITY) + 200_000);
  });

  test("belongs to one opener at a time", async () => {
    const file = newFile();
    const holder = await openSqliteStorage(file);
    await expect(openSqliteStorage(file)).rejects.toThrow(`${file} is in use`);
    await put(holder, "/test/a", "1");
    await holder.close();
    const next = await open(file);
    expect(await next.get("/test/a")).toMatchObject({ modRevision: 2 });
  });

  test("of a newer format, or of another program, is refused and left alone", async () => {
    const file = newFile();
    await (await openSqliteStorage(file)).close();
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 99");
    database.close();
    await expect(openSqliteStorage(file)).rejects.toThrow("written by a newer Mainstay");
    await expect(openSqliteStorage(path.join(file, "below-a-file.db"))).rejects.toThrow("open the store");
  });

  test("misses nothing acknowledged after its writer was killed, time and again", async () => {
    const file = newFile();
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 8; round++) {
      for (const line of await writeUntilKilled(file, round, (lines) => lines >= 40 + round * 50)) {
        const [revision, key] = line.split(" ");
        acknowledged.set(key ?? "", Number(revision));
      }
      const storage = await openSqliteStorage(file);
      const page = await storage.list("/test/");
      const found = new Map(page.entries.map(({ key, modRevision }) => [key, modRevision]));
      expect([...acknowledged].filter(([key, revision]) => found.get(key) !== revision)).toEqual([]);
      expect(page.entries.every(({ value }) => value.length === 2_000)).toBe(true);
      // One key per commit: what was written fills the revisions without a gap.
      expect(await storage.currentRevision()).toBe(1 + page.entries.length);
      await storage.close();
    }
    expect(acknowledged.size).toBeGreaterThan(200);
  });

  test.skipIf(skipWithoutRoot())("refuses writes on a full disk, keeps what it has, and goes on when there is room again", async () => {
    const folder = path.join(suiteFolder, "full");
    mkdirSync(folder);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
    onTestFinished(() => void execFileSync("umount", ["-l", folder]));
    const file = path.join(folder, "state.db");
    const storage = await openSqliteStorage(file);
    const value = Buffer.alloc(64 * 1024, "x");
    const written: number[] = [];
    let refusal: unknown;
    while (refusal === undefined && written.length < 100) {
      await storage.commit([], [{ do: "put", key: `/test/${written.length}`, value }]).then(
        ({ revision }) => written.push(revision),
        (error: unknown) => (refusal = error),
      );
    }
    expect(refusal).toBeInstanceOf(StorageUnavailableError);
    expect(refusal).toMatchObject({ outcome: "none" });
    expect(written.length).toBeGreaterThan(5);
    expect((await storage.list("/test/")).entries.map(({ modRevision }) => modRevision).sort((a, b) => a - b)).toEqual(written);
    expect(await storage.currentRevision()).toBe(written.at(-1));
    execFileSync("mount", ["-o", "remount,size=16m", folder]);
    expect(await put(storage, "/test/after", "1")).toBe((written.at(-1) ?? 0) + 1);
    await storage.close();
    const again = await openSqliteStorage(file);
    expect((await again.list("/test/")).entries).toHaveLength(written.length + 1);
    await again.close();
  });
});

describe("a SQLite file that is opened before its thread is begun", () => {
  test("moves to one with all that was asked and is not done", async () => {
    const start = Promise.withResolvers<void>();
    const storage = await open(newFile(), { threadAfter: start.promise });
    const before = threads();
    const watcher = follow(storage, "/test/", await storage.currentRevision());
    const revisions: number[] = [];
    let isDone = false;
    const writing = (async () => {
      while (!isDone) revisions.push(await put(storage, `/test/${revisions.length % 100}`, "x".repeat(1_000)));
    })();
    while (revisions.length < 2_000) await delay(5);
    expect(threads()).toBe(before);
    // Many turns of the loop, in the middle of which the file changes hands.
    const compacting = storage.compact((await storage.currentRevision()) - 1);
    start.resolve();
    await expect.poll(threads, { interval: 5 }).toBeGreaterThan(before);
    await compacting;
    const moved = revisions.length;
    while (revisions.length < moved + 500) await delay(5);
    isDone = true;
    await writing;
    expect(revisions).toEqual(revisions.map((_, index) => 2 + index));
    await watcher.until(revisions.length);
    expect(watcher.events.map((event) => event.type === "put" && event.entry.modRevision)).toEqual(revisions);
    await expect(storage.list("/test/", { revision: 2 })).rejects.toThrow("compacted");
  });

  test("is closed at whatever moment of it, and keeps what was acknowledged", async () => {
    for (const after of [undefined, 0, 10, 20, 30, 40, 60, 80, 120]) {
      const file = newFile();
      const storage = await openSqliteStorage(file, { threadAfter: after === undefined ? never : Promise.resolve() });
      if (after !== undefined) await delay(after);
      const revision = await put(storage, "/test/a", "1");
      await storage.close();
      await expect(storage.get("/test/a")).rejects.toThrow("the store is closed");
      const again = await openSqliteStorage(file, { threadAfter: never });
      expect(await again.get("/test/a")).toMatchObject({ modRevision: revision });
      await again.close();
    }
  });

  test("ends the store when somebody else has it by then", async () => {
    const start = Promise.withResolvers<void>();
    const file = newFile();
    const storage = await open(file, { threadAfter: start.promise });
    const closeDatabase = vi.spyOn(DatabaseSync.prototype, "close").mockImplementationOnce(function (this: DatabaseSync) {
      closeDatabase.mockRestore();
      this.close();
      const thief = new DatabaseSync(file);
      onTestFinished(() => thief.close());
      thief.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE");
    });
    start.resolve();
    await expect
      .poll(() => storage.get("/test/a").catch((error: unknown) => error))
      .toMatchObject({ message: "the store's thread could not take over its file", cause: { message: `${file} is in use by this process itself; stop it, or choose another --data-dir` } });
  });

  test("has a thread at once where a writer that was killed has left much to do", async () => {
    const file = newFile();
    await writeUntilKilled(file, 1, () => statSync(`${file}-wal`).size > 1 << 20);
    const before = threads();
    await open(file, { threadAfter: never });
    expect(threads()).toBeGreaterThan(before);
  });
});

describe("a store that is being closed", () => {
  test("commits what was asked for before, and refuses what comes after", async () => {
    const file = newFile();
    const storage = await openSqliteStorage(file);
    const before = put(storage, "/test/before", "1");
    const closing = storage.close();
    await new Promise((resolve) => setImmediate(resolve)); // what is asked from here on is a message of its own
    await expect(put(storage, "/test/after", "1")).rejects.toMatchObject({ message: "the store is closed", outcome: "none" });
    await expect(storage.get("/test/before")).rejects.toThrow("the store is closed");
    await closing;
    const [again, revision] = [await open(file), await before];
    expect((await again.list("/test/")).entries).toMatchObject([{ key: "/test/before", modRevision: revision }]);
  });
});

function newFile(): string {
  return path.join(suiteFolder, `${++files}.db`);
}

/** Of this process. */
function threads(): number {
  return readdirSync("/proc/self/task").length;
}

async function open(file: string, options: SqliteOptions = {}): Promise<Storage> {
  const storage = await openSqliteStorage(file, options);
  onTestFinished(() => storage.close());
  return storage;
}

async function put(storage: Storage, key: string, value: string): Promise<number> {
  const result = await storage.commit([], [{ do: "put", key, value: Buffer.from(value) }]);
  expect(result.is).toBe("committed");
  return result.revision;
}

/** All whole lines that the writer printed before it was killed, which was after at least so many. */
/** What a process has said of its writes, killed once `isEnough` of it, asked with the number of lines so far. */
async function writeUntilKilled(file: string, round: number, isEnough: (lines: number) => boolean): Promise<string[]> {
  const script = fileURLToPath(new URL("./sqlite-writer.ts", import.meta.url));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, file, String(round)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let output = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    output += chunk;
    if (isEnough(output.split("\n").length - 1)) child.kill("SIGKILL");
  }
  const [, signal] = await exited;
  expect(signal).toBe("SIGKILL");
  return output.split("\n").slice(0, -1);
}

function skipWithoutRoot(): boolean {
  if (process.getuid?.() === 0) return false;
  if (process.env["CI"]) throw new Error("this suite mounts a small disk and needs root");
  console.log("skipped: a full disk needs root to mount one");
  return true;
}
