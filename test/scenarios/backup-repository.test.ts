import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readBackupFile } from "../../engine/backup/backup-file.ts";
import { backupRepository, fetchNewestBackup } from "../../engine/backup/backup-repository.ts";
import { chooseExpired, chooseNewest, createBackupSchedule } from "../../engine/backup/backup-schedule.ts";
import { checkRecipient } from "../../engine/backup/check-recipient.ts";
import { decryptFile, isEncrypted } from "../../engine/backup/encrypted-backup.ts";
import { describeError, silentLogger, type Logger } from "../../engine/lib/log.ts";
import { runServices } from "../../engine/lib/service.ts";
import { openMemoryStorage } from "../../engine/storage/memory-storage.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";

describe("backups in a Git repository", () => {
  let folder: string;
  let remote: string;
  const at = (name: string) => path.join(folder, name);
  const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
  const listed = (cluster = "local") => git("--git-dir", remote, "ls-tree", "--name-only", `backups/${cluster}`).split("\n");
  const fetch = (cluster?: string, work = "fetched") => fetchNewestBackup(remote, cluster, at(work), chooseNewest);
  const clock = new VirtualClock(Date.parse("2030-01-01T00:00:00Z"));
  const place = (gitDir = "ours", cluster = "local") => backupRepository({ url: remote, cluster, gitDir: at(gitDir), clock });
  const name = (day: number) => `mainstay-local-2030-01-0${day}T030000Z.backup.age`;
  const add = async (day: number, gitDir?: string) => {
    writeFileSync(at("file"), `backup of day ${day}`);
    await place(gitDir).add(at("file"), name(day), (names) => chooseExpired(names, "local", 2));
  };
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "backup-repository-"));
    remote = at("remote.git");
    git("init", "--quiet", "--bare", remote);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("are the files of one commit without a past, the newest few", async () => {
    for (const day of [1, 2, 3]) await add(day);
    expect(listed()).toEqual(["README.md", name(2), name(3)]);
    expect(git("--git-dir", remote, "rev-list", "--count", "backups/local")).toBe("1");
    expect(await fetch()).toEqual({ name: name(3), content: Buffer.from("backup of day 3") });
  });

  it("go on from what another server has written", async () => {
    await add(1, "one");
    await add(2, "two");
    await add(3, "one");
    expect(listed()).toEqual(["README.md", name(2), name(3)]);
  });

  it("let files of others be, and tell clusters apart", async () => {
    await add(1);
    writeFileSync(at("notes.txt"), "ours");
    await place("elsewhere", "other").add(at("notes.txt"), "mainstay-other-2030-01-01T030000Z.backup.age", () => []);
    expect(listed("other")).toEqual(["README.md", "mainstay-other-2030-01-01T030000Z.backup.age"]);
    await expect(fetch(undefined, "a")).rejects.toThrow(/holds backups of local, other: name one, as in .*#local/);
    expect((await fetch("other", "b")).content.toString()).toBe("ours");
    await expect(fetch("third", "c")).rejects.toThrow("holds no backups of cluster third; it has those of local, other");
  });

  it("say what is wrong with the remote, without the password in its address", async () => {
    const unreachable = backupRepository({ url: "https://user:hunter2@127.0.0.1:1/backups.git", cluster: "local", gitDir: at("ours"), clock });
    writeFileSync(at("file"), "x");
    const failure = describeError(await unreachable.add(at("file"), name(1), () => []).catch((error: unknown) => error));
    expect(failure).toContain("127.0.0.1");
    expect(failure).not.toContain("hunter2");
    expect(unreachable.name).not.toContain("hunter2");
  });

  it("are readable by whoever holds the key, and by nobody else", async () => {
    const [key, stranger] = [await generateIdentity(), await generateIdentity()];
    const storage = openMemoryStorage({ clock });
    await storage.commit([], [{ do: "put", key: "/registry/a", value: Buffer.from("hunter2") }]);
    const stop = new AbortController();
    const done = Promise.withResolvers<void>();
    const logger: Logger = { ...silentLogger, info: () => done.resolve(), error: (_, fields) => done.reject(new Error(JSON.stringify(fields))) };
    const running = runServices(
      [createBackupSchedule({ storage, dataDir: at("data"), cluster: "local", clock, schedule: "@daily", place: place(), keep: 2, recipients: [await identityToRecipient(key)], logger })],
      stop.signal,
    );
    await clock.advance(24 * 3_600_000);
    await done.promise;
    stop.abort();
    await running;
    const { name: newest, content } = await fetch();
    expect(newest).toMatch(/\.backup\.age$/);
    writeFileSync(at(newest), content);
    expect(await isEncrypted(at(newest))).toBe(true);
    writeFileSync(at("keys.txt"), `# created: today\n${stranger}\n${key}\n`);
    writeFileSync(at("other-keys.txt"), stranger);
    await decryptFile(at(newest), at("opened"), at("keys.txt"));
    expect((await readBackupFile(at("opened"))).entries.map(({ value }) => value.toString())).toEqual(["hunter2"]);
    await expect(decryptFile(at(newest), at("opened"), at("other-keys.txt"))).rejects.toThrow("cannot be opened with the keys of");
    await expect(decryptFile(at(newest), at("opened"), undefined)).rejects.toThrow("give the file with its age key");
    expect(readFileSync(at(newest)).includes("hunter2")).toBe(false);
  });

  it("take recipients only that are some", () => {
    expect(() => checkRecipient("age1nonsense")).toThrow("must be an age recipient");
    expect(() => checkRecipient("")).toThrow("must be an age recipient");
  });
});
