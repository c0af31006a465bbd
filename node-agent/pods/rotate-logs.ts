import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { RunningContainers } from "../cri/running-containers.ts";
import type { Runtime } from "../cri/runtime.ts";
import { COMPRESSED, rotatedLogs, UNFINISHED } from "../server/read-logs.ts";

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

/** Rotates one log if it is full; whether it was. A runtime that does not begin a new file gets its old one back. */
export async function rotateLog(file: string, reopen: () => Promise<void>, nowMs: number, bytesMax: number, filesMax: number): Promise<boolean> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size < bytesMax) return false;
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
  return true;
}

/** The compressed form takes the place of the plain one only when it is whole. */
async function compressLog(file: string): Promise<void> {
  const unfinished = `${file}${COMPRESSED}${UNFINISHED}`;
  await pipeline(createReadStream(file), createGzip(), createWriteStream(unfinished, { mode: 0o640 }));
  await rename(unfinished, `${file}${COMPRESSED}`);
  await rm(file, { force: true });
}
