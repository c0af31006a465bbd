import { execFile } from "node:child_process";
import { chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, readlinkSync, realpathSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { ContainerConfigError } from "../pods/container-config/pod-environment.ts";
import { readMounts } from "./mounts.ts";

const run = promisify(execFile);

/**
 * A part of a volume, bound to a place of our own, so that no container can exchange it for a link to somewhere else between our look and
 * the runtime's mount. Folders that are missing are made. After the bind it is checked what the kernel really bound; what lies outside
 * of the volume is unbound and refused. The pod's other mounts below its folder go with it: see `unmountVolumes`.
 */
export async function bindSubPath(root: string, subPath: string, place: string, volumeName: string): Promise<string> {
  const refuse = () => new ContainerConfigError(`subPath "${subPath}" leaves the volume "${volumeName}"`);
  if (path.isAbsolute(subPath) || subPath.split("/").includes("..")) throw refuse();
  const top = realpathSync(root);
  const missing = () => new ContainerConfigError(`subPath "${subPath}" is not in the volume "${volumeName}", which cannot be written`);
  const target = makeInside(top, subPath, { refuse, missing });
  for (const mount of readMounts()) if (mount.place === place) await run("umount", ["-l", place]);
  mkdirSync(path.dirname(place), { recursive: true, mode: 0o750 });
  const isFolder = statSync(target).isDirectory();
  if (isFolder) mkdirSync(place, { recursive: true, mode: 0o750 });
  else if (!existsSync(place)) writeFileSync(place, "");
  await run("mount", ["--bind", target, place]);
  if (isBoundInside(place, top)) return place;
  await run("umount", [place]);
  throw refuse();
}

/** Goes down step by step, never out of the volume, and makes what is missing with the rights of the volume itself. */
function makeInside(top: string, subPath: string, { refuse, missing }: { readonly refuse: () => Error; readonly missing: () => Error }): string {
  let current = top;
  const mode = statSync(top).mode & 0o7777;
  for (const step of subPath.split("/").filter((part) => part !== "" && part !== ".")) {
    const next = path.join(current, step);
    if (!existsSync(next) && !makeFolderIn(current, step, mode, missing)) throw refuse();
    current = realpathSync(next);
    if (current !== top && !current.startsWith(`${top}/`)) throw refuse();
  }
  return current;
}

/**
 * Makes a folder in that very folder, and gives it its rights, by handles: the volume's other users may exchange each of the two for a link
 * meanwhile, and neither is followed. Returns false when one was.
 */
export function makeFolderIn(parent: string, name: string, mode: number, missing: () => Error): boolean {
  const opened: number[] = [];
  try {
    const above = openFolder(parent, opened);
    if (above === undefined || readlinkSync(above) !== parent) return false;
    make(`${above}/${name}`, missing);
    const own = openFolder(`${above}/${name}`, opened);
    if (own === undefined) return false;
    chmodSync(own, mode); // umask has taken something of it
    return true;
  } finally {
    for (const handle of opened) closeSync(handle);
  }
}

/** The open folder's place in /proc, which leads to it wherever it is moved; undefined when there is something else. */
function openFolder(place: string, opened: number[]): string | undefined {
  try {
    const handle = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    opened.push(handle);
    return `/proc/self/fd/${handle}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // what fs throws
    if (code === "ELOOP" || code === "ENOTDIR" || code === "ENOENT") return undefined;
    throw error;
  }
}

function make(folder: string, missing: () => Error): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // what fs throws
    if (code === "EEXIST") return; // it came meanwhile; what it is, is looked at by its handle
    throw code === "EROFS" ? missing() : error;
  }
}

/** Asks the kernel what it bound: the same device, and within it the volume's own folder or something below. No link can lie about that. */
function isBoundInside(place: string, top: string): boolean {
  const mounts = readMounts();
  const bound = mounts.findLast((mount) => mount.place === place);
  const over = mounts
    .filter((mount) => mount.place !== place && (top === mount.place || top.startsWith(mount.place === "/" ? "/" : `${mount.place}/`)))
    .sort((a, b) => a.place.length - b.place.length)
    .at(-1);
  if (bound === undefined || over === undefined || bound.device !== over.device) return false;
  const own = path.join(over.root, path.relative(over.place, top));
  return bound.root === own || bound.root.startsWith(own === "/" ? "/" : `${own}/`);
}
