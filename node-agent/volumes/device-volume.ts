import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { promisify } from "node:util";
import { isMountPoint } from "./mounts.ts";
import { MountError } from "./volume-plugin.ts";

const run = promisify(execFile);
/** blkid's exit code for a device on which it finds nothing that it knows. */
const NOTHING_FOUND = 2;

/** What is on a block device; both absent on an empty one. */
export interface DeviceContent {
  readonly type?: string;
  readonly partitions?: string;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** A block device as a folder: the file system on it, mounted for one pod. An empty device gets one; whatever else is on it is left alone. */
export async function mountDevice(device: string, folder: string, asked: string | undefined, options: readonly string[] = []): Promise<string> {
  if (isMountPoint(folder)) return folder;
  const fsType = chooseFileSystem(asked);
  const make = planFormat(device, await probe(device), fsType);
  try {
    if (make !== undefined) await start(make);
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    await run("mount", ["-t", fsType, ...(options.length === 0 ? [] : ["-o", options.join(",")]), device, folder]);
  } catch (error) {
    throw new MountError(`device "${device}" could not be mounted as ${fsType}`, { cause: error });
  }
  return folder;
}

/** Lets the file system on a device take all of it, while it is mounted. A device that is as large as before, or holds none, stays as it is. */
export async function growDevice(device: string, folder: string): Promise<void> {
  const grow = planGrowth(device, (await probe(device)).type, folder);
  try {
    if (grow !== undefined) await start(grow);
  } catch (error) {
    throw new MountError(`the file system on device "${device}" could not be grown`, { cause: error });
  }
}

async function start({ program, args }: Command): Promise<void> {
  try {
    await run(program, args);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error(`${program} is not on this node; install what has it (e2fsprogs for ext4, xfsprogs for xfs, btrfs-progs for btrfs)`, { cause: error });
  }
}

/** The program that lets a mounted file system grow; undefined when there is none. Throws a MountError for one that this agent cannot grow. Pure. */
export function planGrowth(device: string, type: string | undefined, folder: string): Command | undefined {
  if (type === undefined) return undefined;
  if (/^ext[234]$/.test(type)) return { program: "resize2fs", args: [device] };
  if (type === "xfs") return { program: "xfs_growfs", args: ["-d", folder] };
  if (type === "btrfs") return { program: "btrfs", args: ["filesystem", "resize", "max", folder] };
  throw new MountError(`device "${device}" holds ${type}, which does not grow`);
}

/** A volume that names no file system, or an empty one, has what upstream gives it. Pure. */
export function chooseFileSystem(asked: string | undefined): string {
  return asked === undefined || asked === "" ? "ext4" : asked;
}

/** The program that makes the file system; undefined when it is there. Throws a MountError when something else is. Pure. */
export function planFormat(device: string, { type, partitions }: DeviceContent, fsType: string): Command | undefined {
  if (type === undefined && partitions !== undefined)
    throw new MountError(`device "${device}" has a partition table (${partitions}) and no file system; name one of its partitions`);
  if (type !== undefined && type !== fsType) throw new MountError(`device "${device}" holds ${type} and not ${fsType}`);
  if (type !== undefined) return undefined;
  // What is empty has been looked at already: -F keeps mkfs from asking whether a whole device is meant. Nothing is kept for root.
  return { program: `mkfs.${fsType}`, args: [...(fsType.startsWith("ext") ? ["-F", "-m0"] : fsType === "xfs" ? ["-f"] : []), device] };
}

async function probe(device: string): Promise<DeviceContent> {
  try {
    return parseProbe((await run("blkid", ["-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "export", device])).stdout);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === NOTHING_FOUND) return {}; // what execFile rejects with
    throw new MountError(`device "${device}" could not be read`, { cause: error });
  }
}

/** blkid's form for export: NAME=value, a line each. Pure. */
export function parseProbe(text: string): DeviceContent {
  const type = /^TYPE=(.+)$/m.exec(text)?.[1];
  const partitions = /^PTTYPE=(.+)$/m.exec(text)?.[1];
  return { ...(type === undefined ? {} : { type }), ...(partitions === undefined ? {} : { partitions }) };
}
