import { promises as fs } from "node:fs";
import path from "node:path";
import { NEVER } from "../../lib/abort.ts";
import { sleep, systemClock } from "../../lib/clock.ts";
import type { PushResult } from "./git-source.ts";
import { listRefs, readRef } from "./git-refs.ts";
import { gitText } from "./native-git.ts";
import { isRefName } from "./ref-name.ts";
import { removeStaleLock, removeStaleRefLocks } from "./stale-locks.ts";

/** As long as Git itself waits for the lock of a ref (core.filesRefLockTimeout): whoever packs refs holds each for a moment. */
const LOCK_WAIT_MS = 100;
const LOCK_LOOK_MS = 5;
/** As often as Git makes a folder that another one takes away as empty, before the file is in it. */
const FOLDER_TRIES_MAX = 3;

/**
 * Moves a loose ref by Git's own protocol: `<ref>.lock` made exclusively, then compared, written and renamed.
 * A running `git push` holds the same lock, so neither can overwrite the other; starting `git update-ref` for it would cost 8 ms.
 */
export async function compareAndSwapRef(gitDir: string, ref: string, from: string | undefined, to: string | undefined): Promise<PushResult> {
  if (!isRefName(ref)) throw new Error(`${ref} is no name of a ref`);
  // Deleting has to edit packed-refs as well; it is rare enough to leave to Git.
  if (to === undefined) return deleteRef(gitDir, ref, from);
  const file = path.join(gitDir, ref);
  const lock = await takeLock(file);
  if (lock === "blocked") return { is: "conflict", reason: `there is no place for ${ref}: another ref has the name of its folder` };
  if (lock === undefined) return { is: "conflict", reason: `${ref} is locked by another writer` };
  let isRenamed = false;
  try {
    const current = await readRef(gitDir, ref);
    if (current !== from) return { is: "conflict", reason: `${ref} is at ${current ?? "nothing"}, not at ${from ?? "nothing"}` };
    const rival = current === undefined ? await findRival(gitDir, ref) : undefined;
    if (rival !== undefined) return { is: "conflict", reason: `there is no place for ${ref} beside ${rival}` };
    await lock.writeFile(`${to}\n`);
    await lock.sync();
    await removeEmptyFolders(file);
    await fs.rename(`${file}.lock`, file);
    isRenamed = true;
    return { is: "pushed" };
  } finally {
    await lock.close();
    if (!isRenamed) await fs.rm(`${file}.lock`, { force: true });
  }
}

/** Undefined while another one holds it; blocked where a file stands in the place of a folder. */
async function takeLock(file: string): Promise<fs.FileHandle | "blocked" | undefined> {
  let isStaleGone = false;
  for (let [folderTries, waitedMs] = [1, 0]; ;) {
    try {
      await fs.mkdir(path.dirname(file), { recursive: true });
    } catch (error) {
      if (hasCode(error, "EEXIST", "ENOTDIR")) return "blocked";
      if (!hasCode(error, "ENOENT") || folderTries++ >= FOLDER_TRIES_MAX) throw new Error(`make the folder of ${file}`, { cause: error });
      continue;
    }
    try {
      return await fs.open(`${file}.lock`, "wx");
    } catch (error) {
      if (hasCode(error, "ENOENT") && folderTries++ < FOLDER_TRIES_MAX) continue;
      if (!hasCode(error, "EEXIST")) throw new Error(`lock ${file}`, { cause: error });
    }
    if (!isStaleGone && (isStaleGone = await removeStaleLock(`${file}.lock`))) continue;
    if (waitedMs >= LOCK_WAIT_MS) return undefined;
    await sleep(systemClock, LOCK_LOOK_MS, NEVER);
    waitedMs += LOCK_LOOK_MS;
  }
}

/** A ref whose name one of the two would need for a folder. */
async function findRival(gitDir: string, ref: string): Promise<string | undefined> {
  for (let at = ref.lastIndexOf("/"); at > "refs/".length; at = ref.lastIndexOf("/", at - 1)) {
    const above = ref.slice(0, at);
    if (isRefName(above) && above.split("/").length > 2 && (await readRef(gitDir, above)) !== undefined) return above;
  }
  const [below] = (await listRefs(gitDir, ref)).keys();
  return below;
}

/** What branches that are gone have left in the place of the file. */
async function removeEmptyFolders(file: string): Promise<void> {
  const entries = await fs.readdir(file, { withFileTypes: true }).catch(() => undefined); // mostly it is a file, or nothing yet
  if (entries === undefined) return;
  for (const entry of entries) if (entry.isDirectory()) await removeEmptyFolders(path.join(file, entry.name));
  await fs.rmdir(file);
}

async function deleteRef(gitDir: string, ref: string, from: string | undefined): Promise<PushResult> {
  await removeStaleRefLocks(gitDir, [ref]);
  try {
    await gitText({ gitDir, args: ["update-ref", "-d", ref, ...(from === undefined ? [] : [from])] });
    return { is: "pushed" };
  } catch (error) {
    return { is: "conflict", reason: error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error) };
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}
