import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
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

/** Makes a folder a shared mount of its own, unless it lies in one: what containers mount in it can then be seen by others. What is mounted in it stays so. */
export async function shareMounts(folder: string): Promise<void> {
  const around = mountAround(readMounts(), folder);
  if (around?.isShared === true) return;
  if (around?.place !== folder) await mountOnItself(folder);
  await run("mount", ["--make-shared", folder]);
}

async function mountOnItself(folder: string): Promise<void> {
  const inner = mountsBelow(folder);
  if (inner.length === 0) return void (await run("mount", ["--bind", folder, folder]));
  // A mount on top would hide them where nobody can unmount them; so they move into it, elsewhere.
  const aside = mkdtempSync(`${folder}.`);
  await run("mount", ["--rbind", folder, aside]);
  for (const place of inner) await run("umount", ["-l", place]);
  await run("mount", ["--move", aside, folder]);
  rmdirSync(aside);
}

/** The mount that a path lies in. Pure. */
function mountAround(mounts: readonly Mount[], place: string): Mount | undefined {
  // Of two in one place, the later hides the earlier.
  return mounts
    .filter((mount) => mount.place === "/" || mount.place === place || place.startsWith(`${mount.place}/`))
    .reduce<Mount | undefined>((nearest, mount) => (nearest === undefined || mount.place.length >= nearest.place.length ? mount : nearest), undefined);
}

export function isMountPoint(place: string): boolean {
  return readMounts().some((mount) => mount.place === place);
}

/** Mounts below a folder, the innermost first. */
export function mountsBelow(folder: string): readonly string[] {
  return readMounts()
    .map(({ place }) => place)
    .filter((place) => place.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
}

/** Whether a folder is a mount of its own content, as `shareMounts` makes it, and not of something else. Pure. */
export function isMountedOnItself(mounts: readonly Mount[], folder: string): boolean {
  const own = mountAround(mounts, folder);
  const beside = mountAround(
    mounts.filter(({ place }) => place !== folder),
    folder,
  );
  return own?.place === folder && own.device === beside?.device && own.root === path.join(beside.root, path.relative(beside.place, folder));
}

/**
 * Removes a folder with all in it. What of it is a mount point of somebody else's stays, and is empty: throws when it is not, for what is
 * mounted within would be deleted too.
 */
export function removeFolder(folder: string): void {
  const places = readMounts().map(({ place }) => place);
  const remove = (from: string, isPoint: boolean) => {
    if (!isPoint && !places.some((place) => place.startsWith(`${from}/`))) return rmSync(from, { recursive: true, force: true });
    for (const name of readdirSync(from)) {
      const entry = path.join(from, name);
      if (!places.includes(entry)) remove(entry, false);
      else if (!statSync(entry).isDirectory() || readdirSync(entry).length > 0) throw new Error(`${entry} is mounted, what is in it would be deleted too`);
    }
  };
  if (existsSync(folder)) remove(folder, places.includes(folder));
}

/** Spaces and their like are written as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
