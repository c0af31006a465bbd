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

/** A block device as a folder: the file system on it, mounted for one pod. An empty device gets one; whatever else is on it is left alone. */
export async function mountDevice(device: string, folder: string, asked: string | undefined, options: readonly string[] = []): Promise<string> {
  if (isMountPoint(folder)) return folder;
  const fsType = chooseFileSystem(asked);
  const make = planFormat(device, await probe(device), fsType);
  try {
    if (make !== undefined) await run(make.program, make.args);
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    await run("mount", ["-t", fsType, ...(options.length === 0 ? [] : ["-o", options.join(",")]), device, folder]);
  } catch (error) {
    throw new MountError(`device "${device}" could not be mounted as ${fsType}`, { cause: error });
  }
  return folder;
}

/** A volume that names no file system, or an empty one, has what upstream gives it. Pure. */
export function chooseFileSystem(asked: string | undefined): string {
  return asked === undefined || asked === "" ? "ext4" : asked;
}

/** The program that makes the file system; undefined when it is there. Throws a MountError when something else is. Pure. */
export function planFormat(device: string, { type, partitions }: DeviceContent, fsType: string): { readonly program: string; readonly args: readonly string[] } | undefined {
  if (type === undefined && partitions !== undefined) throw new MountError(`device "${device}" has a partition table (${partitions}) and no file system; name one of its partitions`);
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
