import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { RunningContainers } from "../cri/running-containers.ts";
import type { Runtime } from "../cri/runtime.ts";
import { COMPRESSED, rotatedLogs, UNFINISHED } from "./read-logs.ts";

export interface LogRotationOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bytesMax: number;
  /** With those put aside. */
  readonly filesMax: number;
  readonly lookMs: number;
}

/** Keeps the logs of running containers bounded: a full file is put aside, the runtime begins a new one, the oldest go. */
export function createLogRotation({ runtime, clock, logger, bytesMax, filesMax, lookMs }: LogRotationOptions): Service {
  return service("log-rotation", async (signal) => {
    const running = new RunningContainers(runtime);
    while (!signal.aborted) {
      await sleep(clock, lookMs, signal).catch(() => {});
      if (signal.aborted) return;
      const containers = await running.list().catch(() => []); // a runtime that does not answer writes no logs either
      for (const { id, logPath } of containers) {
        if (logPath === "") continue;
        await rotateLog(logPath, () => runtime.reopenLog(id), clock.now(), bytesMax, filesMax).catch((error: unknown) =>
          logger.warn("log not rotated, will retry", { log: logPath, error: describeError(error) }),
        );
      }
    }
  });
}

/**
 * Rotates one log if it is full; whether it was. A runtime that does not begin a new file gets its old one back. One whose file is gone, deleted by
 * somebody or put aside by an agent that died at that, begins a new one: what it writes to no file is for nobody, and takes room all the same.
 */
export async function rotateLog(file: string, reopen: () => Promise<void>, nowMs: number, bytesMax: number, filesMax: number): Promise<boolean> {
  const size = await sizeOf(file);
  if (size === undefined) await reopen();
  if (size === undefined || size < bytesMax) return false;
  const aside = `${file}.${new Date(nowMs)
    .toISOString()
    .replace(/[-:]/g, "")
    .replace(/\.\d+Z$/, "Z")}`;
  await rename(file, aside);
  try {
    await reopen();
  } catch (error) {
    await rename(aside, file);
    throw error;
  }
  const rotated = await rotatedLogs(file);
  const surplus = Math.max(0, rotated.length - (filesMax - 1));
  for (const old of rotated.slice(0, surplus)) await rm(old, { force: true });
  // Not the newest: whoever follows the log may still be reading its end.
  for (const old of rotated.slice(surplus, -1)) if (!old.endsWith(COMPRESSED)) await compressLog(old);
  await removeUnused(file);
  return true;
}

/** Undefined where there is none. */
async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // what the file system throws
    throw error;
  }
}

/** What an agent that died while it compressed has left. */
async function removeUnused(file: string): Promise<void> {
  const folder = path.dirname(file);
  const used = new Set(await rotatedLogs(file));
  for (const name of await readdir(folder)) {
    const place = path.join(folder, name);
    if (name.startsWith(`${path.basename(file)}.`) && !used.has(place)) await rm(place, { force: true });
  }
}

/** The compressed form takes the place of the plain one only when it is whole. */
async function compressLog(file: string): Promise<void> {
  const unfinished = `${file}${COMPRESSED}${UNFINISHED}`;
  await pipeline(createReadStream(file), createGzip(), createWriteStream(unfinished, { mode: 0o640 }));
  await rename(unfinished, `${file}${COMPRESSED}`);
  await rm(file, { force: true });
}
