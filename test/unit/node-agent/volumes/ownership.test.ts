import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Pod } from "../../../../engine/resources/types.ts";
import { giveToGroup } from "../../../../node-agent/volumes/ownership.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "owned-"));
  mkdirSync(path.join(folder, "deep"));
  chmodSync(path.join(folder, "deep"), 0o755);
  writeFileSync(path.join(folder, "deep", "file"), "");
  chmodSync(path.join(folder, "deep", "file"), 0o600);
  symlinkSync("/etc/passwd", path.join(folder, "link"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// The group of whoever runs the tests: no right is needed to give files to it.
const group = process.getgid?.() ?? 0;
const pod = (fsGroupChangePolicy?: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: { containers: [], securityContext: { fsGroup: group, ...(fsGroupChangePolicy === undefined ? {} : { fsGroupChangePolicy }) } },
});
const modeOf = (...names: string[]) => (lstatSync(path.join(folder, ...names)).mode & 0o7777).toString(8);

test("a volume belongs to its pod's group down to the last file, and links lead nowhere", async () => {
  const before = lstatSync("/etc/passwd");
  await giveToGroup(folder, pod());
  expect([modeOf(), modeOf("deep"), modeOf("deep", "file")]).toEqual(["2770", "2775", "660"]);
  expect(lstatSync(path.join(folder, "deep", "file")).gid).toBe(group);
  expect([lstatSync("/etc/passwd").gid, lstatSync("/etc/passwd").mode]).toEqual([before.gid, before.mode]);
});

test("a volume that is named by a link belongs to the group, and not the link", async () => {
  const link = path.join(folder, "named");
  symlinkSync(path.join(folder, "deep"), link);
  await giveToGroup(link, pod());
  expect([modeOf("deep"), modeOf("deep", "file")]).toEqual(["2775", "660"]);
});

test("a volume whose top is right is left alone when the pod says so, and one without a group always", async () => {
  await giveToGroup(folder, pod());
  chmodSync(path.join(folder, "deep", "file"), 0o600);
  await giveToGroup(folder, pod("OnRootMismatch"));
  expect(modeOf("deep", "file")).toBe("600");
  await giveToGroup(folder, { ...pod(), spec: { containers: [] } });
  expect(modeOf("deep", "file")).toBe("600");
  await giveToGroup(folder, pod("Always"));
  expect(modeOf("deep", "file")).toBe("660");
});

/** Gives the volume again and again while another pod that has it too does these steps in it, again and again. */
async function giveWhile(volume: string, steps: string): Promise<void> {
  const script = `const fs = require("node:fs"); process.chdir(${JSON.stringify(volume)}); for (;;) { ${steps} }`;
  const other = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  try {
    await expect.poll(() => existsSync(path.join(volume, "aside"))).toBe(true);
    for (const endMs = performance.now() + 1_500; performance.now() < endMs;) await giveToGroup(volume, pod());
    expect(other.exitCode).toBeNull();
  } finally {
    other.kill("SIGKILL");
    await once(other, "exit");
  }
}

test("what is exchanged for a link while a volume is given leads nowhere", async () => {
  const outside = path.join(folder, "outside");
  const volume = path.join(folder, "volume");
  for (const place of [outside, volume, path.join(volume, "d")]) mkdirSync(place);
  for (const place of [outside, path.join(volume, "d")]) writeFileSync(path.join(place, "file"), "", { mode: 0o600 });
  await giveWhile(volume, 'fs.renameSync("d", "aside"); fs.symlinkSync("../outside", "d"); fs.unlinkSync("d"); fs.renameSync("aside", "d");');
  expect([modeOf("outside", "file"), (lstatSync(outside).mode & 0o2000).toString(8)]).toEqual(["600", "0"]);
});

test.skipIf(process.getuid?.() !== 0)("a file belongs to whom it did, also when a link of another's stood in its place a moment ago", async () => {
  const volume = path.join(folder, "volume");
  mkdirSync(volume);
  writeFileSync(path.join(volume, "aside"), "");
  symlinkSync("/none", path.join(volume, "link"));
  lchownSync(path.join(volume, "link"), 1_000, group);
  await giveWhile(volume, 'fs.renameSync("link", "d"); fs.renameSync("d", "link"); fs.renameSync("aside", "d"); fs.renameSync("d", "aside");');
  // Whoever exchanges them may have been ended while the link had the file's other name.
  const found = ["aside", "d"].map((name) => lstatSync(path.join(volume, name), { throwIfNoEntry: false })).filter((stat) => stat?.isFile());
  expect(found.map((stat) => stat?.uid)).toEqual([0]);
});

test("files whose names are no text are given as others are", async () => {
  const name = Buffer.concat([Buffer.from(`${folder}/deep/`), Buffer.from([0xff, 0xfe])]);
  writeFileSync(name, "", { mode: 0o600 });
  await giveToGroup(folder, pod());
  expect((lstatSync(name).mode & 0o7777).toString(8)).toBe("660");
});
