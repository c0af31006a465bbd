import { promises as fs } from "node:fs";
import path from "node:path";
import { systemClock } from "../../lib/clock.ts";

/** No push takes so long. */
const LEFT_MS = 86_400_000;

/**
 * Takes away what a fetch that failed had received so far: Git leaves it for weeks, and a remote that is asked again and again would fill the
 * disk. A repacking that is under way at that moment fails, and is made again.
 */
export async function removeUnfinishedPacks(gitDir: string): Promise<void> {
  const folder = path.join(gitDir, "objects", "pack");
  for (const name of await namesIn(folder)) if (/^tmp_(pack|idx|rev)_/.test(name)) await fs.rm(path.join(folder, name), { force: true });
}

/** Takes away what pushes and packings that were killed have left: Git does so as well, but only where it has much to put in order. */
export async function removeLeftovers(gitDir: string): Promise<void> {
  for (const folder of [path.join(gitDir, "objects"), path.join(gitDir, "objects", "pack")])
    for (const name of await namesIn(folder)) {
      if (!/^(tmp_(objdir-|pack_|idx_|rev_)|\.tmp-\d+-pack-)/.test(name)) continue;
      const stat = await fs.stat(path.join(folder, name)).catch(() => undefined); // its push has just ended
      if (stat !== undefined && systemClock.now() - stat.mtimeMs > LEFT_MS) await fs.rm(path.join(folder, name), { recursive: true, force: true });
    }
}

/** Without packs there is no such folder. */
function namesIn(folder: string): Promise<readonly string[]> {
  return fs.readdir(folder).catch(() => []);
}
