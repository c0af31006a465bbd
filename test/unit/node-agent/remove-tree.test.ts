import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { removeTree } from "../../../node-agent/volumes/remove-tree.ts";

describe("a folder that a container has filled", () => {
  let top: string;
  let folder: string;
  beforeEach(() => {
    top = mkdtempSync(path.join(os.tmpdir(), "tree-"));
    folder = path.join(top, "volume");
    mkdirSync(folder);
    writeFileSync(path.join(top, "precious"), "");
    symlinkSync("..", path.join(folder, "link"));
  });
  afterEach(() => {
    expect(existsSync(path.join(top, "precious"))).toBe(true);
    execFileSync("rm", ["-rf", top]);
  });

  it.each([1, 1_500])("goes with %d files whose names are no text, and without what links in it lead to", async (count) => {
    for (let index = 0; index < count; index++) writeFileSync(Buffer.concat([Buffer.from(`${folder}/${index}`), Buffer.from([0xff, 0x0a])]), "");
    await removeTree(folder);
    expect(existsSync(folder)).toBe(false);
  });

  it("goes when it is deeper than a path can be long", async () => {
    const nested = Array.from({ length: 15 }, () => "d".repeat(200)).join("/");
    for (const place of [path.join(top, "below"), folder]) mkdirSync(path.join(place, nested), { recursive: true });
    renameSync(path.join(top, "below"), path.join(folder, nested, "below"));
    await removeTree(folder);
    expect(existsSync(folder)).toBe(false);
  });

  it("may have gone before", async () => {
    await removeTree(path.join(top, "none"));
  });

  it("holds up nobody else while it goes", async () => {
    for (let index = 0; index < 1_500; index++) writeFileSync(path.join(folder, String(index)), "");
    const removed = removeTree(folder);
    expect(existsSync(path.join(folder, "1499"))).toBe(true);
    await removed;
  });
});
