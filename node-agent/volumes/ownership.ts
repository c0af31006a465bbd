import { chmodSync, lchownSync, lstatSync, readdirSync } from "node:fs";
import path from "node:path";
import type { Pod } from "../../engine/resources/types.ts";

/**
 * Gives everything in a volume to the pod's fsGroup: readable and writable as its owner may, and what is made in it later belongs to the
 * group too. With the policy OnRootMismatch, a volume whose top folder is right is taken for right as a whole.
 */
export function giveToGroup(folder: string, pod: Pod): void {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (fsGroup === undefined) return;
  const top = lstatSync(folder);
  if (fsGroupChangePolicy === "OnRootMismatch" && top.gid === fsGroup && (top.mode & 0o2070) === 0o2070) return;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) give(path.join(folder, name), fsGroup);
  give(folder, fsGroup);
}

function give(place: string, group: number): void {
  const { mode, uid } = lstatSync(place);
  const kind = mode & 0o170000;
  lchownSync(place, uid, group);
  // A link has no rights of its own, and what it points to may lie elsewhere.
  if (kind === 0o040000) chmodSync(place, (mode & 0o7777) | 0o2770);
  else if (kind !== 0o120000) chmodSync(place, (mode & 0o7777) | 0o660);
}
