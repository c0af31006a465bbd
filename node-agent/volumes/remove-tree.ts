import { execFile } from "node:child_process";
import { opendirSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What is deleted at once; a container may leave millions of files, and nothing else would be done meanwhile. */
const ENTRIES_MAX = 1_000;

/**
 * Deletes a folder with all that is in it, whatever the names and however deep; one that is not there is gone already. Rejects when something
 * stays, such as what is mounted in a large one.
 */
export async function removeTree(folder: string): Promise<void> {
  if (isSmall(folder)) rmSync(folder, { recursive: true, force: true });
  else await run("rm", ["-rf", "--one-file-system", "--", folder]);
}

/** Whether there are few files in it, all of them at paths that can be named. */
function isSmall(folder: string): boolean {
  let count = 0;
  const folders = [Buffer.from(folder)]; // names need not be text
  try {
    for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
      const entries = opendirSync(next as unknown as string, { encoding: "buffer" as BufferEncoding }); // both are taken, and not in Node's types
      try {
        for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
          if (++count > ENTRIES_MAX) return false;
          if (entry.isDirectory()) folders.push(Buffer.concat([next, Buffer.from(path.sep), entry.name as unknown as Buffer])); // as asked for above
        }
      } finally {
        entries.closeSync();
      }
    }
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT"; // what fs throws has a code
  }
}
