import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One line of the kernel's list: which part of which device is seen where. */
export interface Mount {
  /** `major:minor`. */
  readonly device: string;
  /** The part, as a path within the device's own file system. */
  readonly root: string;
  readonly place: string;
  /** Whether what is mounted below it is seen wherever else the place is seen. */
  readonly isShared: boolean;
}

/** All mounts that this process sees, in the order in which they were made. */
export function readMounts(): readonly Mount[] {
  return parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Pure part of `readMounts`. Format: proc(5), mountinfo. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    const [, , device, root, place, , ...rest] = line.split(" ");
    // Fields of propagation come up to a lone dash.
    const isShared = rest.slice(0, rest.indexOf("-")).some((field) => field.startsWith("shared:"));
    return device === undefined || root === undefined || place === undefined ? [] : [{ device, root: unescape(root), place: unescape(place), isShared }];
  });
}

/** Makes a folder a shared mount of its own, unless it is one: what containers mount in it can then be seen by others. */
export async function shareMounts(folder: string): Promise<void> {
  const own = readMounts().findLast(({ place }) => place === folder);
  if (own?.isShared === true) return;
  if (own === undefined) await run("mount", ["--bind", folder, folder]);
  await run("mount", ["--make-shared", folder]);
}

export function isMountPoint(place: string): boolean {
  return readMounts().some((mount) => mount.place === place);
}

/** Mounts below a folder, the innermost first. */
export function mountsBelow(folder: string): readonly string[] {
  return readMounts().map(({ place }) => place).filter((place) => place.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length);
}

/** Spaces and their like are written as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
