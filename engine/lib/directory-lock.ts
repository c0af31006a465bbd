import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { nodeJs } from "./late-modules.ts";

/** Holds a directory for this process; the operating system releases it when the process ends, however it ends. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes a directory for this process alone, or throws with the holder's process id.
 * Node has no flock; an exclusive SQLite transaction on a file of its own is a file lock that dies with its process.
 */
export function lockDirectory(directory: string): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holderFile = path.join(directory, "lock.pid");
  const database = new nodeJs.sqlite.DatabaseSync(path.join(directory, "lock.db"));
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message))
      throw new Error(`${directory} is in use by another Mainstay (process ${readHolder(holderFile)}); stop it first, or give this one another --data-dir`);
    throw new Error(`lock ${directory}`, { cause: error });
  }
  writeFileSync(holderFile, String(process.pid));
  return { release: () => database.close() };
}

function readHolder(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "unknown";
  }
}
