import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Pod } from "../../../engine/resources/types.ts";
import { giveToGroup } from "../../../node-agent/volumes/ownership.ts";

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
