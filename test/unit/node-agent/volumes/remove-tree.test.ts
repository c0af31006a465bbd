import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { removeTree } from "../../../../node-agent/volumes/remove-tree.ts";

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

  it.each([
    [10, false],
    [1_500, true],
  ])("of %d files goes by a program of its own (%s), which holds up nobody else", async (count, isElsewhere) => {
    const programs = path.join(top, "programs");
    mkdirSync(programs);
    writeFileSync(path.join(programs, "rm"), `#!/bin/sh\ntouch ${programs}/called\nexec /bin/rm "$@"\n`, { mode: 0o755 });
    for (let index = 0; index < count; index++) writeFileSync(path.join(folder, String(index)), "");
    vi.stubEnv("PATH", `${programs}:${process.env["PATH"]}`);
    try {
      await removeTree(folder);
    } finally {
      vi.unstubAllEnvs();
    }
    expect([existsSync(folder), existsSync(path.join(programs, "called"))]).toEqual([false, isElsewhere]);
  });
});
