import { open, stat, readdir } from "node:fs/promises";
import path from "node:path";
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

const POLL_MS = 200;
const CHUNK_BYTES = 64 * 1024;

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
  const matches = (line: LogLine) => (query.sinceMs === undefined || Date.parse(line.time) >= query.sinceMs) && (query.stream === "All" || line.stream === query.stream.toLowerCase());
  const { lines, offset } = await existing(file);
  const chosen = lines.filter(matches);
  yield* query.tailLines === undefined ? chosen : query.tailLines === 0 ? [] : chosen.slice(-query.tailLines);
  if (!query.follow) return;
  let at = offset;
  let rest = "";
  for (;;) {
    // Asked before reading: what is written until the end is read in any case.
    const goesOn = await isRunning();
    const { text, next } = await readFrom(file, at);
    at = next;
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const line = parseLogLine(part);
      if (line !== undefined && matches(line)) yield line;
    }
    if (!goesOn || signal.aborted) return;
    if (text === "") await sleep(clock, POLL_MS, signal).catch(() => {});
    if (signal.aborted) return;
  }
}

/** All lines there are, rotated files first, and where the newest file ends. */
async function existing(file: string): Promise<{ lines: LogLine[]; offset: number }> {
  const folder = path.dirname(file);
  const rotated = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(`${path.basename(file)}.`) && !name.endsWith(".gz")).sort();
  const lines: LogLine[] = [];
  let offset = 0;
  for (const name of [...rotated, path.basename(file)]) {
    const { text, next } = await readFrom(path.join(folder, name), 0);
    const parts = text.split("\n");
    const rest = parts.pop() ?? "";
    if (name === path.basename(file)) offset = next - Buffer.byteLength(rest);
    for (const part of parts) {
      const line = parseLogLine(part);
      if (line !== undefined) lines.push(line);
    }
  }
  return { lines, offset };
}

/** What the file has from an offset on; a file that became shorter was rotated and is read from its beginning. */
async function readFrom(file: string, offset: number): Promise<{ text: string; next: number }> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  let at = size < offset ? 0 : offset;
  if (size === at) return { text: "", next: at };
  const handle = await open(file, "r");
  try {
    const chunks: Buffer[] = [];
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at);
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return { text: Buffer.concat(chunks).toString("utf8"), next: at };
  } finally {
    await handle.close();
  }
}
