import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { createLogger } from "../../../engine/lib/log.ts";

test("a log on a full disk loses lines and nothing else", () => {
  const log = createLogger("info", "/dev/full");
  for (let index = 0; index < 5_000; index++) log.info("x".repeat(1_000), { index });
});

test("a log that cannot be opened is an error of the start", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ms-log-"));
  try {
    expect(() => createLogger("info", path.join(folder, "missing/a.log"))).toThrow(/ENOENT/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
