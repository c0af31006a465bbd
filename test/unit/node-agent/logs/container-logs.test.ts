import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { rotateLog } from "../../../../node-agent/logs/rotate-logs.ts";
import { readLogs, type LogQuery } from "../../../../node-agent/logs/read-logs.ts";

const line = (text: string) => `2026-01-01T00:00:00.000000000Z stdout F ${text}\n`;
const ALL: LogQuery = { follow: false, timestamps: false, sinceMs: undefined, tailLines: undefined, limitBytes: undefined, stream: "All" };

let folder: string;
let log: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "logs-"));
  log = path.join(folder, "0.log");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function read(query: Partial<LogQuery> = {}): Promise<string> {
  let text = "";
  for await (const part of readLogs(log, { ...ALL, ...query }, systemClock, async () => false, new AbortController().signal)) text += part;
  return text;
}

describe("a log", () => {
  test("is read through its rotated parts, oldest first", async () => {
    writeFileSync(`${log}.20260101T000000Z`, line("one"));
    writeFileSync(`${log}.20260102T000000Z`, line("two"));
    writeFileSync(log, line("three"));
    expect(await read()).toBe("one\ntwo\nthree\n");
    expect(await read({ tailLines: 2 })).toBe("two\nthree\n");
  });

  test("longer than what is read at once comes whole, a line across two reads included", async () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => `${index} ${"x".repeat(index % 100)}ä`);
    writeFileSync(log, lines.map(line).join(""));
    expect(await read()).toBe(lines.map((text) => `${text}\n`).join(""));
    expect(await read({ tailLines: 3 })).toBe(
      lines
        .slice(-3)
        .map((text) => `${text}\n`)
        .join(""),
    );
  });

  test("of many empty lines takes little memory, however many of its last ones are wanted", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    writeFileSync(log, line("").repeat(400_000));
    collect();
    const before = process.memoryUsage().heapUsed;
    let most = 0;
    let lines = 0;
    for await (const text of readLogs(log, { ...ALL, tailLines: 1_000_000_000 }, systemClock, async () => false, new AbortController().signal)) {
      lines += text.length;
      if (lines % 100_000 !== 1) continue;
      collect();
      most = Math.max(most, process.memoryUsage().heapUsed - before);
    }
    expect(lines).toBe(400_000);
    expect(most).toBeLessThan(20 << 20);
  });

  test("that is none is not waited for, nor read", async () => {
    execFileSync("mkfifo", [log]);
    await expect(read()).rejects.toThrow(`read the log ${log}`);
    rmSync(log);
    symlinkSync("/dev/zero", log);
    await expect(read({ tailLines: 1 })).rejects.toThrow(`read the log ${log}`);
  });

  test("is followed through a rotation, without a line lost or repeated", async () => {
    writeFileSync(log, line("before"));
    const seen: string[] = [];
    let isRunning = true;
    const following = (async () => {
      for await (const text of readLogs(log, { ...ALL, follow: true }, systemClock, async () => isRunning, new AbortController().signal)) seen.push(text);
    })();
    await expect.poll(() => seen.length).toBe(1);
    renameSync(log, `${log}.20260101T000000Z`);
    appendFileSync(`${log}.20260101T000000Z`, line("last words of the old file"));
    writeFileSync(log, line("first of the new one"));
    await expect.poll(() => seen.length).toBe(3);
    isRunning = false;
    await following;
    expect(seen).toEqual(["before\n", "last words of the old file\n", "first of the new one\n"]);
  });

  test("gives as many of its last lines as are asked for, whatever they weigh, and is followed behind them", async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `${index} ${"x".repeat(10_000)}`);
    writeFileSync(`${log}.20260101T000000Z`, lines.slice(0, 1_000).map(line).join(""));
    writeFileSync(log, lines.slice(1_000).map(line).join(""));
    expect(await read({ tailLines: 1_500 })).toBe(
      lines
        .slice(-1_500)
        .map((text) => `${text}\n`)
        .join(""),
    );
    expect(await read({ tailLines: 1_000_000_000 })).toBe(lines.map((text) => `${text}\n`).join(""));
    const seen: string[] = [];
    let isRunning = true;
    const following = (async () => {
      for await (const text of readLogs(log, { ...ALL, follow: true, tailLines: 1_500 }, systemClock, async () => isRunning, new AbortController().signal)) seen.push(text);
    })();
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(1_500);
    appendFileSync(log, line("after"));
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(1_501);
    isRunning = false;
    await following;
    expect(seen.at(-1)).toBe("after\n");
  });

  test("is not held in memory, however many of its last lines are asked for", async () => {
    for (let index = 0; index < 6_000; index++) appendFileSync(log, line(`${index} ${"y".repeat(10_000)}`));
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    collect();
    const before = process.memoryUsage().heapUsed;
    const lines = readLogs(log, { ...ALL, tailLines: 5_900 }, systemClock, async () => false, new AbortController().signal);
    expect((await lines.next()).value).toMatch(/^100 y/);
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 << 20);
    await lines.return(undefined);
  });

  test("with a line that has no end is read without it", async () => {
    writeFileSync(log, `${line("one")}2026-01-01T00:00:00.000000000Z stdout F ${"z".repeat(8 << 20)}\n${line("two")}`);
    expect(await read()).toBe("one\ntwo\n");
  });

  test("that does not exist yet is empty", async () => expect(await read()).toBe(""));
});

describe("rotation", () => {
  const at = (day: number) => Date.UTC(2026, 0, day);
  const reopen = async () => writeFileSync(log, "");

  test("leaves a log alone until it is full, then puts it aside and keeps so many", async () => {
    writeFileSync(log, "12345");
    expect(await rotateLog(log, reopen, at(1), 10, 3)).toBe(false);
    for (let day = 1; day <= 4; day++) {
      writeFileSync(log, `day ${day} is full`);
      expect(await rotateLog(log, reopen, at(day), 10, 3)).toBe(true);
    }
    expect(readdirSync(folder).sort()).toEqual(["0.log", "0.log.20260103T000000Z.gz", "0.log.20260104T000000Z"]);
    expect(readFileSync(`${log}.20260104T000000Z`, "utf8")).toBe("day 4 is full");
  });

  test("compresses all but the newest part, and the log reads as before", async () => {
    for (let day = 1; day <= 3; day++) {
      writeFileSync(log, line(`day ${day}`));
      await rotateLog(log, reopen, at(day), 10, 5);
    }
    writeFileSync(log, line("today"));
    expect(readdirSync(folder).sort()).toEqual(["0.log", "0.log.20260101T000000Z.gz", "0.log.20260102T000000Z.gz", "0.log.20260103T000000Z"]);
    expect(await read()).toBe("day 1\nday 2\nday 3\ntoday\n");
    // A crash in the middle of it leaves these behind.
    writeFileSync(`${log}.20260103T000000Z.gz.tmp`, "half");
    writeFileSync(`${log}.20260102T000000Z`, line("day 2"));
    expect(await read({ tailLines: 3 })).toBe("day 2\nday 3\ntoday\n");
    await rotateLog(log, reopen, at(4), 10, 5);
    expect(readdirSync(folder).sort()).toEqual(["0.log", ...[1, 2, 3].map((day) => `0.log.2026010${day}T000000Z.gz`), "0.log.20260104T000000Z"]);
  });

  test("with a part that cannot be read says so to who reads it, and ends nothing else", async () => {
    writeFileSync(log, line("today"));
    const part = `${log}.20260101T000000Z.gz`;
    mkdirSync(part);
    await expect(read()).rejects.toThrow("EISDIR");
    rmSync(part, { recursive: true });
    writeFileSync(part, "nothing compressed");
    await expect(read()).rejects.toThrow("incorrect header");
  });

  test("that somebody has deleted is begun anew", async () => {
    expect(await rotateLog(log, async () => writeFileSync(log, "new"), at(1), 10, 5)).toBe(false);
    expect(readFileSync(log, "utf8")).toBe("new");
  });

  test("is taken back when the runtime does not begin a new file", async () => {
    writeFileSync(log, "full of words");
    await expect(rotateLog(log, () => Promise.reject(new Error("no container")), at(1), 10, 5)).rejects.toThrow("no container");
    expect(readFileSync(log, "utf8")).toBe("full of words");
    expect(existsSync(`${log}.20260101T000000Z`)).toBe(false);
  });
});
