import { constants, existsSync, mkdirSync, writeFileSync, type Stats } from "node:fs";
import { chmod, chown, lstat, open, opendir, realpath, type FileHandle } from "node:fs/promises";
import path from "node:path";
import type { Pod } from "../../engine/resources/types.ts";
import { PATH_ONLY } from "./path-only.ts";

/**
 * Gives everything in a volume to the pod's fsGroup: readable and writable as its owner may, and what is made in it later belongs to the
 * group too. With the policy OnRootMismatch, a volume whose top folder is right is taken for right as a whole. The top comes last: a walk
 * that was interrupted is done again.
 */
export async function giveToGroup(folder: string, pod: Pod): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup === undefined) return;
  // Whoever made a volume by hand may have named a link to it.
  const root = await realpath(folder);
  const top = await lstat(root);
  if (fsGroupChangePolicy === "OnRootMismatch" && top.gid === fsGroup && (top.mode & 0o2070) === 0o2070) return;
  const opened = await open(root, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await giveAll(opened, fsGroup);
    await give(`/proc/self/fd/${opened.fd}`, top, fsGroup);
  } finally {
    await opened.close();
  }
}

/** Once for each pod: what its containers do with their files from then on is theirs, also when the agent starts anew. */
export async function giveToGroupOnce(place: string, pod: Pod, podDir: string, volumeName: string): Promise<void> {
  const mark = path.join(podDir, "given", volumeName);
  if (existsSync(mark)) return;
  await giveToGroup(place, pod);
  mkdirSync(path.dirname(mark), { recursive: true, mode: 0o750 });
  writeFileSync(mark, "");
}

/** Folders that lie within one another; each of them is held open while its own are looked at. */
const DEPTH_MAX = 1_000;
/** Of chown(2): whoever has it keeps it. */
const KEPT = -1;

/**
 * Everything below an open folder. Another pod may have the volume too, and exchange what is in it for links at any moment: each thing is reached
 * by the handle of its folder, and changed by a handle of its own, which lead to it alone.
 */
async function giveAll(folder: FileHandle, group: number, depth = 0): Promise<void> {
  if (depth > DEPTH_MAX) throw new Error(`give a volume to its group: it has more than ${DEPTH_MAX} folders within one another`);
  const place = Buffer.from(`/proc/self/fd/${folder.fd}/`);
  // Names need not be text; such ones are taken and given, and not in Node's types.
  for await (const { name } of await opendir(place as unknown as string, { encoding: "buffer" as BufferEncoding })) {
    const entry = Buffer.concat([place, name as unknown as Buffer]);
    const found = await open(entry, PATH_ONLY | constants.O_NOFOLLOW).catch(unlessGone);
    if (found === undefined) continue;
    try {
      const stat = await found.stat();
      if (stat.isDirectory()) {
        const inner = await open(`/proc/self/fd/${found.fd}`, constants.O_RDONLY | constants.O_DIRECTORY);
        try {
          await giveAll(inner, group, depth + 1);
        } finally {
          await inner.close();
        }
      }
      await give(`/proc/self/fd/${found.fd}`, stat, group);
    } finally {
      await found.close();
    }
  }
}

async function give(place: string, stat: Stats, group: number): Promise<void> {
  await chown(place, KEPT, group);
  // A link has no rights of its own.
  if (!stat.isSymbolicLink()) await chmod(place, (stat.mode & 0o7777) | (stat.isDirectory() ? 0o2770 : 0o660));
}

function unlessGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // what fs rejects with
}
