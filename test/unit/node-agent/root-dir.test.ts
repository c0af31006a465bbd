import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openRootDir, readRootDir } from "../../../node-agent/root-dir.ts";
import { removeFolder } from "../../../node-agent/volumes/mounts.ts";
import { volumeFolder } from "../../../node-agent/volumes/volume-plugin.ts";

let dataDir: string;
beforeEach(() => void (dataDir = mkdtempSync(path.join(os.tmpdir(), "ms-root-"))));
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const leaveVolume = (folder: string) => {
  mkdirSync(path.join(folder, "pods/p1/volumes"), { recursive: true });
  writeFileSync(path.join(folder, "pods/p1/volumes/file"), "kept");
};
const volumeIn = (folder: string) => readFileSync(path.join(folder, "pods/p1/volumes/file"), "utf8");

test("a root directory has a folder for pods, and its place is remembered", () => {
  const rootDir = path.join(dataDir, "kubelet");
  expect(readRootDir(dataDir)).toBeUndefined();
  openRootDir(dataDir, rootDir);
  openRootDir(dataDir, rootDir);
  expect(existsSync(path.join(rootDir, "pods"))).toBe(true);
  expect(readRootDir(dataDir)).toBe(rootDir);
});

test("a note that was cut short names no root directory, least of all that of the machine", () => {
  writeFileSync(path.join(dataDir, "root-dir"), "\n");
  expect(readRootDir(dataDir)).toBeUndefined();
});

test("pods that an earlier agent kept in its data directory go on in the root directory", () => {
  leaveVolume(dataDir);
  openRootDir(dataDir, path.join(dataDir, "kubelet"));
  expect(volumeIn(path.join(dataDir, "kubelet"))).toBe("kept");
  expect(existsSync(path.join(dataDir, "pods"))).toBe(false);
});

test("they follow when the root directory becomes another one, and what is there already stays", () => {
  const [first, second] = [path.join(dataDir, "first"), path.join(dataDir, "second")];
  openRootDir(dataDir, first);
  leaveVolume(first);
  openRootDir(dataDir, second);
  expect(volumeIn(second)).toBe("kept");
  mkdirSync(path.join(first, "pods"), { recursive: true });
  openRootDir(dataDir, first);
  expect(volumeIn(second)).toBe("kept");
  expect(readRootDir(dataDir)).toBe(first);
});

test("a volume that was made before folders of kinds stays where it is", () => {
  mkdirSync(path.join(dataDir, "volumes/old"), { recursive: true });
  expect(volumeFolder(dataDir, "empty-dir", "old")).toBe(path.join(dataDir, "volumes/old"));
  expect(volumeFolder(dataDir, "empty-dir", "new")).toBe(path.join(dataDir, "volumes/kubernetes.io~empty-dir/new"));
});

/** Mounts empty file systems there for as long as the work takes. */
function withMounts(places: readonly string[], work: () => void): void {
  const made: string[] = [];
  try {
    for (const place of places) {
      mkdirSync(place, { recursive: true });
      execFileSync("mount", ["-t", "tmpfs", "tmpfs", place]);
      made.unshift(place);
    }
    work();
  } finally {
    for (const place of made) execFileSync("umount", [place]);
  }
}

test.skipIf(process.getuid?.() !== 0)("a data directory that is a disk of its own is emptied and stays, and nothing is deleted of what is mounted within", () => {
  const disk = path.join(dataDir, "disk");
  withMounts([disk], () => {
    leaveVolume(disk);
    removeFolder(disk);
    expect(readdirSync(disk)).toEqual([]);
  });
  const nested = path.join(disk, "agent");
  withMounts([disk, nested], () => {
    leaveVolume(nested);
    writeFileSync(path.join(disk, "lock.db"), "");
    expect(() => removeFolder(disk)).toThrow(`${nested} is mounted, what is in it would be deleted too`);
    expect(volumeIn(nested)).toBe("kept");
    rmSync(path.join(nested, "pods"), { recursive: true });
    removeFolder(disk);
    expect(readdirSync(disk)).toEqual(["agent"]);
  });
  removeFolder(disk);
  expect(existsSync(disk)).toBe(false);
});
