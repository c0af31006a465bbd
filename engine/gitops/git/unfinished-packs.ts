import { promises as fs } from "node:fs";
import path from "node:path";

/**
 * Takes away what a fetch that failed had received so far: Git leaves it for weeks, and a remote that is asked again and again would fill the
 * disk. A repacking that is under way at that moment fails, and is made again.
 */
export async function removeUnfinishedPacks(gitDir: string): Promise<void> {
  const folder = path.join(gitDir, "objects", "pack");
  const names = await fs.readdir(folder).catch(() => [] as string[]); // without packs there is no such folder
  for (const name of names) if (/^tmp_(pack|idx|rev)_/.test(name)) await fs.rm(path.join(folder, name), { force: true });
}
