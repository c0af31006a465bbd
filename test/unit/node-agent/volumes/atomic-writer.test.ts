import { mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeAtomically } from "../../../../node-agent/volumes/atomic-writer.ts";

describe("files", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), "content-"))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = (text: string, mode = 0o644) => ({ content: Buffer.from(text), mode });

  it("switch all at once, keep their visible names, and change only when the content does", () => {
    const volume = path.join(folder, "v");
    const files = () =>
      new Map([
        ["a", file("1")],
        ["dir/b", file("2", 0o400)],
      ]);
    expect(writeAtomically(volume, files(), undefined)).toBe(true);
    const first = readlinkSync(path.join(volume, "..data"));
    expect(readlinkSync(path.join(volume, "a"))).toBe("..data/a");
    expect(statSync(path.join(volume, "dir/b")).mode & 0o777).toBe(0o400);
    expect(writeAtomically(volume, files(), undefined)).toBe(false);
    expect(writeAtomically(volume, new Map([["a", file("3")]]), undefined)).toBe(true);
    expect(readFileSync(path.join(volume, "a"), "utf8")).toBe("3");
    expect(readdirSync(volume).filter((name) => !name.startsWith(".."))).toEqual(["a"]);
    expect(readlinkSync(path.join(volume, "..data"))).not.toBe(first);
    expect(readdirSync(volume).filter((name) => name.startsWith("..new-"))).toHaveLength(1);
  });

  it("are made in their folder alone, wherever somebody in it made their link lead to", () => {
    const volume = path.join(folder, "v");
    const elsewhere = path.join(folder, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(path.join(elsewhere, "precious"), "");
    writeAtomically(volume, new Map([["a", file("1")]]), undefined);
    for (const target of ["../elsewhere", elsewhere, "..new-mine"]) {
      symlinkSync(elsewhere, path.join(volume, "..new-mine"));
      unlinkSync(path.join(volume, "..data"));
      symlinkSync(target, path.join(volume, "..data"));
      expect(writeAtomically(volume, new Map([["a", file(target)]]), undefined)).toBe(true);
      expect(readFileSync(path.join(volume, "a"), "utf8")).toBe(target);
      expect(readdirSync(elsewhere)).toEqual(["precious"]);
    }
  });

  it("have their visible names, also after an agent that died before it made these", () => {
    const volume = path.join(folder, "volume");
    const files = new Map([["a", file("1")]]);
    writeAtomically(volume, files, undefined);
    unlinkSync(path.join(volume, "a"));
    expect(writeAtomically(volume, files, undefined)).toBe(false);
    expect(readFileSync(path.join(volume, "a"), "utf8")).toBe("1");
  });

  it("are written after a write that was broken off, which leaves nothing", () => {
    const volume = path.join(folder, "v");
    writeAtomically(volume, new Map([["a", file("1")]]), undefined);
    mkdirSync(path.join(volume, "..new-half"));
    symlinkSync("..new-half", path.join(volume, "..data.tmp"));
    expect(writeAtomically(volume, new Map([["a", file("2")]]), undefined)).toBe(true);
    expect(readFileSync(path.join(volume, "a"), "utf8")).toBe("2");
    expect(readdirSync(volume).sort()).toEqual(["..data", readlinkSync(path.join(volume, "..data")), "a"]);
  });
});
