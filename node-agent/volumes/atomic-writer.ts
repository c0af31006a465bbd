import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

export interface VolumeFile {
  readonly content: Buffer;
  readonly mode: number;
  /** Whom the file belongs to; root when absent. */
  readonly uid?: number;
}

const DATA_LINK = "..data";
const NEXT_LINK = `${DATA_LINK}.tmp`;
/** What the names of the folders that the link leads to begin with. */
const VERSION = "..new-";

/**
 * Makes a folder show exactly these files, all at once: they are written beside the current ones, and one rename of the `..data` link
 * switches over, so that a reader never sees half. Nothing is written when the content is the same. Paths are relative and may have folders.
 * Whatever else is in the folder, nothing outside of it is changed, and what a write that was broken off has left in it goes.
 * `empty` are folders that stay as they are whatever the files, because others are mounted there. Returns whether anything changed.
 */
export function writeAtomically(folder: string, files: ReadonlyMap<string, VolumeFile>, group: number | undefined, empty: readonly string[] = []): boolean {
  // Not where files of the volume are shown, or were until now.
  const kept = empty.filter((place) => readLink(path.join(folder, topLevel(place))) === undefined);
  for (const place of ["", ...kept]) mkdirSync(path.join(folder, place), { recursive: true, mode: 0o755 });
  const taken = new Set(kept.map(topLevel));
  const link = path.join(folder, DATA_LINK);
  const current = currentVersion(folder);
  if (current !== undefined && isSame(path.join(folder, current), files)) {
    // An agent that died at this very moment has shown its content and not its names.
    linkTopLevel(folder, files, taken);
    return false;
  }
  removeVersionsBut(folder, current);
  const next = mkdtempSync(path.join(folder, VERSION));
  chmodSync(next, 0o755);
  for (const [name, { content, mode, uid = 0 }] of files) {
    const target = path.join(next, name);
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
    writeFileSync(target, content);
    // chmod after the write: the umask does not count for what a manifest asks.
    chmodSync(target, mode);
    if (group !== undefined || uid !== 0) chownSync(target, uid, group ?? 0);
  }
  rmSync(path.join(folder, NEXT_LINK), { recursive: true, force: true });
  symlinkSync(path.basename(next), path.join(folder, NEXT_LINK));
  renameSync(path.join(folder, NEXT_LINK), link);
  linkTopLevel(folder, files, taken);
  removeVersionsBut(folder, path.basename(next));
  return true;
}

/** The name of the folder that is shown; undefined where the link leads to none that was made here. */
export function currentVersion(folder: string): string | undefined {
  const name = readLink(path.join(folder, DATA_LINK));
  const isOwn = name !== undefined && name.startsWith(VERSION) && !name.includes("/");
  return isOwn && lstatSync(path.join(folder, name), { throwIfNoEntry: false })?.isDirectory() === true ? name : undefined;
}

function removeVersionsBut(folder: string, kept: string | undefined): void {
  for (const name of readdirSync(folder)) if (name.startsWith(VERSION) && name !== kept) rmSync(path.join(folder, name), { recursive: true, force: true });
}

/** The visible names are links through `..data`; those of files that are gone go too. */
function linkTopLevel(folder: string, files: ReadonlyMap<string, VolumeFile>, taken: ReadonlySet<string>): void {
  const wanted = new Set([...files.keys()].map(topLevel).filter((name) => !taken.has(name)));
  for (const name of readdirSync(folder))
    if (!name.startsWith("..") && !wanted.has(name) && !taken.has(name)) rmSync(path.join(folder, name), { recursive: true, force: true });
  for (const name of wanted) {
    const visible = path.join(folder, name);
    if (readLink(visible) === undefined) symlinkSync(path.join(DATA_LINK, name), visible);
  }
}

function topLevel(place: string): string {
  return place.split("/")[0] ?? "";
}

function isSame(folder: string, files: ReadonlyMap<string, VolumeFile>): boolean {
  try {
    const present = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => lstatSync(path.join(folder, name)).isFile());
    if (present.length !== files.size) return false;
    return [...files].every(([name, { content, mode, uid = 0 }]) => {
      const stat = lstatSync(path.join(folder, name));
      return readFileSync(path.join(folder, name)).equals(content) && (stat.mode & 0o777) === mode && (uid === 0 || stat.uid === uid);
    });
  } catch {
    return false;
  }
}

function readLink(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
