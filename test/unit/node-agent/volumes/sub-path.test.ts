import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeFolderIn } from "../../../../node-agent/volumes/sub-path.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "sub-path-"));
  for (const folder of ["volume", "machine"]) mkdirSync(path.join(root, folder), { mode: 0o700 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const missing = () => new Error("cannot be written");
const place = (name: string) => path.join(root, name);
const modeOf = (name: string) => statSync(place(name)).mode & 0o7777;

test("a folder of a volume is made with the volume's rights, whatever the umask", () => {
  expect(makeFolderIn(place("volume"), "data", 0o2777, missing)).toBe(true);
  expect(modeOf("volume/data")).toBe(0o2777);
});

test("a link in the place of the folder above is not followed", () => {
  symlinkSync(place("machine"), place("volume/sub"));
  expect(makeFolderIn(place("volume/sub"), "data", 0o777, missing)).toBe(false);
  symlinkSync(place("volume"), place("other"));
  expect(makeFolderIn(`${place("other")}/sub`, "data", 0o777, missing)).toBe(false);
  expect(readdirSync(place("machine"))).toEqual([]);
});

test("a link that came in its own place keeps its target's rights", () => {
  symlinkSync(place("machine"), place("volume/data"));
  expect(makeFolderIn(place("volume"), "data", 0o777, missing)).toBe(false);
  expect(modeOf("machine")).toBe(0o700);
});
