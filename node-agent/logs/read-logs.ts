import { constants } from "node:fs";
import { open, readdir, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { sleep, type Clock } from "../../engine/lib/clock.ts";

export interface LogQuery {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Only lines at or after this instant, milliseconds since the epoch. */
  readonly sinceMs: number | undefined;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly stream: "All" | "Stdout" | "Stderr";
}

interface LogLine {
  readonly time: string;
  readonly stream: string;
  readonly isPartial: boolean;
  readonly text: string;
}

/** How often a log that is followed is looked at. */
export const POLL_MS = 200;
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 10;
/** The runtime writes lines of 16 KiB at most; what is longer is none of its, and nobody waits for its end. */
const LINE_BYTES_MAX = 1 << 20;
/** How much is held to find the last lines; where more are wanted, they are counted first and read once more. */
const HELD_LENGTH_MAX = 4 << 20;
/** What a line takes beside its text, which may be none. */
const LINE_OVERHEAD = 128;

/**
 * A container's log as it was written, out of the runtime's format (`time stream P|F text`, one line per write; long lines come in parts).
 * Follows the file while `isRunning` says so. Yields text, line ends included.
 */
export async function* readLogs(file: string, query: LogQuery, clock: Clock, isRunning: () => Promise<boolean>, signal: AbortSignal): AsyncGenerator<string> {
  let left = query.limitBytes ?? Infinity;
  for await (const line of selected(file, query, clock, isRunning, signal)) {
    const text = `${query.timestamps ? `${line.time} ` : ""}${line.text}${line.isPartial ? "" : "\n"}`;
    const bytes = Buffer.from(text);
    if (bytes.length >= left) {
      yield bytes.subarray(0, left).toString("utf8");
      return;
    }
    left -= bytes.length;
    yield text;
  }
}

/** One line of the runtime's format; undefined for what is none. */
export function parseLogLine(line: string): LogLine | undefined {
  const match = /^(\S+) (stdout|stderr) ([PF])(?:\S*) ?(.*)$/s.exec(line);
  return match === null ? undefined : { time: match[1] ?? "", stream: match[2] ?? "", isPartial: match[3] === "P", text: match[4] ?? "" };
}

async function* selected(file: string, query: LogQuery, clock: Clock, isRunning: () => Promise<boolean>, signal: AbortSignal): AsyncGenerator<LogLine> {
  const matches = (line: LogLine) =>
    (query.sinceMs === undefined || Date.parse(line.time) >= query.sinceMs) && (query.stream === "All" || line.stream === query.stream.toLowerCase());
  // Opened first: what is rotated away meanwhile is still read to its end.
  let current = await FollowedFile.open(file);
  try {
    const { tailLines } = query;
    const last = new LastLines(tailLines ?? 0);
    for await (const line of existing(file, current)) {
      if (!matches(line)) continue;
      if (tailLines === undefined) yield line;
      else last.add(line);
    }
    if (last.lines === undefined) {
      await current.close();
      current = await FollowedFile.open(file);
      let passed = 0;
      for await (const line of existing(file, current)) if (matches(line) && ++passed > last.before) yield line;
    } else yield* last.lines;
    if (query.follow) for await (const line of followLines(current, clock, isRunning, signal)) if (matches(line)) yield line;
  } finally {
    await current.close();
  }
}

/** What is written from here on, from file to file as they are rotated, until the container has ended or nobody reads. */
async function* followLines(current: FollowedFile, clock: Clock, isRunning: () => Promise<boolean>, signal: AbortSignal): AsyncGenerator<LogLine> {
  do {
    // Asked before reading: what is written until the end is read in any case.
    const goesOn = await isRunning();
    let isQuiet = true;
    for await (const line of current.newLines()) {
      isQuiet = false;
      yield line;
    }
    if (!goesOn || signal.aborted) return;
    if (!isQuiet) continue;
    const next = await current.successor();
    if (next === undefined) await sleep(clock, POLL_MS, signal).catch(() => {});
    else {
      // Nobody writes to the old file any more: what came after our last look is its end.
      yield* current.newLines();
      await current.goOver(next);
    }
  } while (!signal.aborted);
}

/** The last lines of many. */
class LastLines {
  readonly #max: number;
  #held: LogLine[] | undefined = [];
  #length = 0;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(line: LogLine): void {
    this.#count++;
    if (this.#max === 0 || this.#held === undefined) return;
    this.#length += lengthOf(line);
    if (this.#held.push(line) > 2 * this.#max) {
      this.#held = this.#held.slice(-this.#max);
      this.#length = this.#held.reduce((sum, held) => sum + lengthOf(held), 0);
    }
    if (this.#length > HELD_LENGTH_MAX) this.#held = undefined;
  }

  /** Undefined when they are too many to be held. */
  get lines(): readonly LogLine[] | undefined {
    return this.#max === 0 ? [] : this.#held?.slice(-this.#max);
  }

  /** How many came before them. */
  get before(): number {
    return Math.max(0, this.#count - this.#max);
  }
}

function lengthOf({ text }: LogLine): number {
  return text.length + LINE_OVERHEAD;
}

/** All lines there are, those of rotated files first. */
async function* existing(file: string, current: FollowedFile): AsyncGenerator<LogLine> {
  for (const rotated of await rotatedLogs(file)) {
    // What was rotated since we opened the newest file is that file, under its new name.
    if (await current.is(rotated)) continue;
    if (rotated.endsWith(COMPRESSED)) {
      yield* compressedLines(rotated);
      continue;
    }
    const old = await FollowedFile.open(rotated);
    try {
      // Compressed since we looked: then it is there under its other name.
      if (old.isOpen) yield* old.newLines();
      else yield* compressedLines(`${rotated}${COMPRESSED}`);
    } finally {
      await old.close();
    }
  }
  yield* current.newLines();
}

/** Lines of a part that was compressed; none when it has been deleted meanwhile. Rejects when it cannot be read to its end. */
async function* compressedLines(file: string): AsyncGenerator<LogLine> {
  const handle = await openIfThere(file);
  if (handle === undefined) return;
  const input = pipeline(handle.createReadStream(), createGunzip(), () => {}); // whoever reads the lines hears of it
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    const line = parseLogLine(text);
    if (line !== undefined) yield line;
  }
}

/** What a compressed part has behind its name, and what one has that is being compressed. */
export const COMPRESSED = ".gz";
export const UNFINISHED = ".tmp";

/** The earlier parts of a log, oldest first. Of one that has just been compressed, only that form. */
export async function rotatedLogs(file: string): Promise<readonly string[]> {
  const folder = path.dirname(file);
  const names = new Set(await readdir(folder).catch(() => []));
  const parts = [...names].filter((name) => name.startsWith(`${path.basename(file)}.`) && !name.endsWith(UNFINISHED) && !names.has(`${name}${COMPRESSED}`));
  return parts.sort().map((name) => path.join(folder, name));
}

/** A file that grows, read from where it was left, a chunk at a time; one that is not there yet is empty. */
class FollowedFile {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #offset = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  static async open(path: string): Promise<FollowedFile> {
    const file = new FollowedFile(path);
    file.#handle = await openIfThere(path);
    return file;
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  /** Whole lines that were not given yet. */
  async *newLines(): AsyncGenerator<LogLine> {
    this.#handle ??= await openIfThere(this.#path);
    if (this.#handle === undefined) return;
    let rest = Buffer.alloc(0);
    for (;;) {
      const { bytesRead, buffer } = await this.#handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, this.#offset + rest.length);
      if (bytesRead === 0) return;
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      const end = rest.lastIndexOf(NEWLINE) + 1;
      const whole = rest.subarray(0, end).toString("utf8");
      rest = rest.subarray(end);
      this.#offset += end;
      if (rest.length > LINE_BYTES_MAX) [rest, this.#offset] = [Buffer.alloc(0), this.#offset + rest.length];
      for (const text of whole.split("\n")) {
        const line = parseLogLine(text);
        if (line !== undefined) yield line;
      }
    }
  }

  /** The file that has taken this one's place, when there is one. */
  async successor(): Promise<FileHandle | undefined> {
    return this.#handle === undefined || (await this.is(this.#path)) ? undefined : openIfThere(this.#path);
  }

  async goOver(next: FileHandle): Promise<void> {
    await this.#handle?.close();
    [this.#handle, this.#offset] = [next, 0];
  }

  /** Whether the path names the very file that is open here. */
  async is(path: string): Promise<boolean> {
    const [named, own] = await Promise.all([stat(path).catch(() => undefined), this.#handle?.stat()]);
    return named !== undefined && own !== undefined && named.ino === own.ino && named.dev === own.dev;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    // Pipes and devices may have no beginning or no end. A folder cannot be read either, and says so itself.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (found.isFile() || found.isDirectory()) return handle;
    await handle.close();
    throw new Error("it is no file");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`read the log ${path}`, { cause: error });
  }
}
