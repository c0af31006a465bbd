import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readBackupFile } from "../../../engine/backup/backup-file.ts";
import { backupFolder } from "../../../engine/backup/backup-place.ts";
import { chooseExpired, chooseNewest, createBackupSchedule } from "../../../engine/backup/backup-schedule.ts";
import { silentLogger, type Logger } from "../../../engine/lib/log.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const at = (text: string) => Date.parse(text);

test("the oldest backups of this cluster go, and nothing else", () => {
  const names = [
    "mainstay-a-2030-01-01T030000Z.backup",
    "mainstay-a-2030-01-03T030000Z.backup",
    "mainstay-a-2030-01-02T030000Z.backup",
    "mainstay-ab-2029-01-01T030000Z.backup",
    "notes.txt",
    "mainstay-a-mine.backup",
  ];
  expect(chooseExpired(names, "a", 2)).toEqual(["mainstay-a-2030-01-01T030000Z.backup"]);
  expect(chooseExpired(names, "a", 5)).toEqual([]);
  expect(chooseExpired([...names, "mainstay-a-2030-01-04T030000Z.backup.age"], "a", 3)).toEqual(["mainstay-a-2030-01-01T030000Z.backup"]);
  expect(chooseNewest([...names, "mainstay-a-2030-01-04T030000Z.backup.age"])).toBe("mainstay-a-2030-01-04T030000Z.backup.age");
  expect(chooseNewest(["notes.txt"])).toBeUndefined();
});

describe("scheduled backups", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "schedule-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("are written when they are due, kept in number, and go on after one that failed", async () => {
    const clock = new VirtualClock(at("2030-01-01T00:00:00Z"));
    const storage = openMemoryStorage({ clock });
    await storage.commit([], [{ do: "put", key: "/registry/a", value: Buffer.from("a") }]);
    const directory = path.join(folder, "backups");
    const stop = new AbortController();
    const failures: string[] = [];
    const logger: Logger = { ...silentLogger, error: (message) => void failures.push(message) };
    const running = runServices(
      [createBackupSchedule({ storage, dataDir: folder, cluster: "local", clock, schedule: "0 3 * * *", place: backupFolder(directory), keep: 2, recipients: [], logger })],
      stop.signal,
    );
    const written = () => (existsSync(directory) ? readdirSync(directory) : []).filter((name) => name.endsWith(".backup"));
    // Files are written in real time while virtual time stands still: a day may pass only when the schedule waits for the next one.
    const pass = async () => {
      await expect.poll(() => clock.pending).toBe(1);
      await clock.advance(24 * 3_600_000);
    };
    const day = async (expected: readonly string[]) => {
      await pass();
      await expect.poll(written, { timeout: 30_000 }).toEqual(expected);
    };
    writeFileSync(path.join(folder, "backups"), "in the way"); // the first one fails
    await pass();
    await expect.poll(() => failures, { timeout: 30_000 }).toEqual(["backup not written; the next one is tried at its time"]);
    rmSync(path.join(folder, "backups"));
    await day(["mainstay-local-2030-01-02T030000Z.backup"]);
    await day(["mainstay-local-2030-01-02T030000Z.backup", "mainstay-local-2030-01-03T030000Z.backup"]);
    await day(["mainstay-local-2030-01-03T030000Z.backup", "mainstay-local-2030-01-04T030000Z.backup"]);
    expect((await readBackupFile(path.join(directory, "mainstay-local-2030-01-04T030000Z.backup"))).entries).toHaveLength(1);
    stop.abort();
    await running;
  });
});
