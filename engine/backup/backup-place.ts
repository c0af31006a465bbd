import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";

/** Where scheduled backups go. */
export interface BackupPlace {
  /** For messages. */
  readonly name: string;
  /** Takes in a file under a name, and lets go those that `expired` chooses of all that are there then. */
  add(file: string, name: string, expired: (names: readonly string[]) => readonly string[]): Promise<void>;
}

/** A folder: files appear in it whole. */
export function backupFolder(directory: string): BackupPlace {
  return {
    name: directory,
    async add(file, name, expired) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const incoming = path.join(directory, `${name}.new`);
      try {
        await copyFile(file, incoming);
        await rename(incoming, path.join(directory, name));
      } catch (error) {
        await rm(incoming, { force: true });
        throw error;
      }
      for (const old of expired(await readdir(directory))) await rm(path.join(directory, old), { force: true });
    },
  };
}
