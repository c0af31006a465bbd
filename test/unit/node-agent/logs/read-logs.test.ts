import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { parseLogLine, readLogs, type LogQuery } from "../../../../node-agent/logs/read-logs.ts";

describe("lines of logs", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), "content-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const all: LogQuery = { follow: false, timestamps: false, sinceMs: undefined, tailLines: undefined, limitBytes: undefined, stream: "All" };
  const read = async (query: Partial<LogQuery>) => {
    const log = path.join(folder, "0.log");
    writeFileSync(log, ["2026-01-01T00:00:00.5Z stdout F one", "2026-01-01T00:00:01Z stderr F two", "2026-01-01T00:00:02Z stdout P thr", "2026-01-01T00:00:02Z stdout F ee", ""].join("\n"));
    let text = "";
    for await (const part of readLogs(log, { ...all, ...query }, systemClock, async () => false, new AbortController().signal)) text += part;
    return text;
  };

  it.each<[string, Partial<LogQuery>, string]>([
    ["whole, with long lines joined", {}, "one\ntwo\nthree\n"],
    ["the last lines", { tailLines: 2 }, "three\n"],
    ["from a moment on", { sinceMs: Date.parse("2026-01-01T00:00:01Z") }, "two\nthree\n"],
    ["with times", { tailLines: 0, timestamps: true }, ""],
    ["one stream", { stream: "Stderr" }, "two\n"],
    ["so many bytes", { limitBytes: 5 }, "one\nt"],
    ["to their end when followed", { follow: true }, "one\ntwo\nthree\n"],
  ])("are read %s", async (_name, query, expected) => {
    expect(await read(query)).toBe(expected);
  });

  it("that are no log lines are left out", () => {
    expect(parseLogLine("garbage")).toBeUndefined();
    expect(parseLogLine("2026-01-01T00:00:00Z stdout F ")).toMatchObject({ text: "", isPartial: false });
  });
});
