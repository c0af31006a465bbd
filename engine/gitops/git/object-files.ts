import { promises as fs } from "node:fs";
import path from "node:path";
import { systemClock } from "../../lib/clock.ts";

let written = 0;

/**
 * The file system, for a writer of objects. A file has all of its content as soon as it has its name: an object that is there is never
 * written again, so half of one would break every commit that holds it. `onDisk` resolves when all that was written is on the disk, which is
 * put there meanwhile; it rejects when some of it cannot be.
 */
export function openObjectFiles() {
  const syncing = new Set<Promise<void>>();
  return {
    fs: {
      ...fs,
      async writeFile(file: string, content: Uint8Array): Promise<void> {
        // Git removes what has such a name and is old.
        const fresh = path.join(path.dirname(file), `tmp_obj_${process.pid}_${++written}`);
        const handle = await fs.open(fresh, "w", 0o444);
        try {
          await handle.writeFile(content);
          await fs.rename(fresh, file);
        } catch (error) {
          await handle.close();
          await fs.rm(fresh, { force: true });
          throw error;
        }
        const sync = handle.sync().finally(() => handle.close());
        syncing.add(sync);
        sync.then(
          () => syncing.delete(sync),
          () => {}, // told by onDisk
        );
      },
      /**
       * A power cut may leave the name of a file without its content: such an object is not there. One that is there is made new, as by Git
       * itself: nothing may lead to it yet, and Git removes what is old by then.
       */
      async stat(file: string) {
        const stat = await fs.stat(file);
        if (stat.isFile() && stat.size === 0) throw Object.assign(new Error(`${file} is empty`), { code: "ENOENT" });
        const now = systemClock.now() / 1000;
        if (stat.isFile()) await fs.utimes(file, now, now);
        return stat;
      },
    },
    async onDisk(): Promise<void> {
      const mine = [...syncing];
      try {
        await Promise.all(mine);
      } finally {
        for (const sync of mine) syncing.delete(sync);
      }
    },
  };
}
