import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readBackupFile, writeBackupFile, type Backup } from "../../../engine/backup/backup-file.ts";
import { describeError } from "../../../engine/lib/log.ts";

const backup: Backup = {
  cluster: "local",
  time: "2026-01-01T00:00:00Z",
  revision: 9,
  entries: [
    { key: "/registry/core/configmaps/default/a", value: Buffer.from([0, 255, 10, 13]), modRevision: 4 },
    { key: "/registry/core/configmaps/default/b", value: Buffer.from("{}"), modRevision: 9 },
  ],
  files: [{ path: "server/pki/ca.key", mode: 0o600, content: Buffer.from("secret") }],
};

describe("a backup file", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "backup-"));
    file = path.join(folder, "a.backup");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const failure = async () => describeError(await readBackupFile(file).catch((error: unknown) => error));
  const edit = (change: (text: string) => string) => writeFileSync(file, gzipSync(change(gunzipSync(readFileSync(file)).toString("utf8"))));

  test("gives back what was written, byte by byte, to its owner only", async () => {
    const summary = await writeBackupFile(file, backup);
    expect(await readBackupFile(file)).toEqual(backup);
    expect(summary).toMatchObject({ objects: 2, files: 1, revision: 9 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["a.backup"]);
  });

  test("that was changed is refused", async () => {
    await writeBackupFile(file, backup);
    edit((text) => text.replace("configmaps/default/a", "configmaps/default/z"));
    expect(await failure()).toContain("its checksum does not match its content");
  });

  test("that was cut is refused, inside of a line and between two", async () => {
    await writeBackupFile(file, backup);
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length - 20));
    expect(await failure()).toContain(file);
    writeFileSync(file, whole);
    edit((text) => text.split("\n").slice(0, -2).join("\n"));
    expect(await failure()).toContain("its end is missing");
  });

  test.each([
    ["no gzip", () => Buffer.from("hello"), /it is no backup of Mainstay/],
    ["no backup", () => gzipSync('{"kind":"List"}\n'), /it is no backup of Mainstay/],
    ["another format", () => gzipSync('{"format":"mainstay-backup/9"}\n'), /its format is mainstay-backup\/9; this version reads mainstay-backup\/1/],
    ["nothing", () => gzipSync(""), /it is empty/],
  ])("with %s in it is refused with the reason", async (_name, content, message) => {
    writeFileSync(file, content());
    expect(await failure()).toMatch(message);
  });

  test("that cannot be written leaves nothing behind", async () => {
    await expect(writeBackupFile(path.join(folder, "none", "a.backup"), backup)).rejects.toThrow("write the backup");
    expect(readdirSync(folder)).toEqual([]);
  });
});
