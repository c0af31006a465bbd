import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { chmod, lchown, lstat, opendir, realpath } from "node:fs/promises";
import path from "node:path";
import type { Pod } from "../../engine/resources/types.ts";

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
  await giveAll(root, fsGroup);
  await give(root, fsGroup);
}

/** Once for each pod: what its containers do with their files from then on is theirs, also when the agent starts anew. */
export async function giveToGroupOnce(place: string, pod: Pod, podDir: string, volumeName: string): Promise<void> {
  const mark = path.join(podDir, "given", volumeName);
  if (existsSync(mark)) return;
  await giveToGroup(place, pod);
  mkdirSync(path.dirname(mark), { recursive: true, mode: 0o750 });
  writeFileSync(mark, "");
}

async function giveAll(folder: string, group: number): Promise<void> {
  for await (const entry of await opendir(folder)) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) await giveAll(place, group);
    await give(place, group);
  }
}

async function give(place: string, group: number): Promise<void> {
  const stat = await lstat(place);
  await lchown(place, stat.uid, group);
  // A link has no rights of its own, and what it points to may lie elsewhere.
  if (stat.isDirectory()) await chmod(place, (stat.mode & 0o7777) | 0o2770);
  else if (!stat.isSymbolicLink()) await chmod(place, (stat.mode & 0o7777) | 0o660);
}
