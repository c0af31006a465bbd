import { promises as fs } from "node:fs";
import path from "node:path";
import { systemClock } from "../../lib/clock.ts";

/** Whoever holds a lock of a ref writes one line and lets go. What is older than this was left by somebody who was killed, or by a power cut. */
const STALE_MS = 10_000;

/**
 * Takes away what stands in the way of moving these refs, and will for ever: locks of writers that are no more. Git itself leaves that to an
 * administrator.
 */
export async function removeStaleRefLocks(gitDir: string, refs: readonly string[]): Promise<void> {
  // A branch moves together with the log of HEAD, and is deleted from packed-refs as well.
  for (const name of [...refs, "HEAD", "packed-refs"]) await removeStaleLock(path.join(gitDir, `${name}.lock`));
}

/** Returns whether the lock is gone. */
export async function removeStaleLock(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await fs.stat(file);
    // By the machine's clock, as files are; one that was put back leaves files of the future.
    if (Math.abs(systemClock.now() - mtimeMs) < STALE_MS) return false;
    await fs.rm(file, { force: true });
    return true;
  } catch (error) {
    // Below a branch there is none, and can be none: Git itself says so.
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return true;
    throw error;
  }
}
