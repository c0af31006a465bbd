import { appendFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { boundLog } from "../../../engine/lib/bounded-log.ts";

test("a log beyond its bound is put aside, and who writes it goes on at the beginning", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "log-"));
  try {
    const file = path.join(folder, "a.log");
    expect(boundLog(file, 10)).toBe(false);
    const writer = openSync(file, "a");
    writeSync(writer, "0123456789");
    expect([boundLog(file, 10), existsSync(`${file}.1`)]).toEqual([false, false]);
    writeSync(writer, "first\n");
    expect(boundLog(file, 10)).toBe(true);
    writeSync(writer, "second\n");
    expect([readFileSync(`${file}.1`, "utf8"), readFileSync(file, "utf8")]).toEqual(["0123456789first\n", "second\n"]);
    appendFileSync(file, "and so on");
    expect(boundLog(file, 10)).toBe(true);
    expect(readFileSync(`${file}.1`, "utf8")).toBe("second\nand so on");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
