import { copyFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { sleep, type Clock } from "./clock.ts";
import { service, type Service } from "./service.ts";

const LOG_BYTES_MAX = 16 << 20;
const LOOK_MS = 30_000;

/**
 * Bounds a log that another process, or a part of this one, appends to: beyond so many bytes it becomes `<file>.1`, in place of the one
 * before, and its writer goes on at the beginning without being told. What is written in this very moment may be lost. Says whether it did.
 */
export function boundLog(file: string, bytesMax = LOG_BYTES_MAX): boolean {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= bytesMax) return false;
  try {
    copyFileSync(file, `${file}.1`);
  } catch {
    // No room for two: a log that fills the disk further would be worth less than one that begins anew.
    rmSync(`${file}.1`, { force: true });
  }
  truncateSync(file, 0);
  return true;
}

/** Keeps logs within their bound as long as it runs. */
export function createLogBounds(files: readonly string[], clock: Clock): Service {
  return service("log-bounds", async (signal) => {
    while (!signal.aborted) {
      for (const file of files) boundLog(file);
      await sleep(clock, LOOK_MS, signal).catch(() => {});
    }
  });
}
