import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import type { HostPathVolumeSource, Pod, Volume } from "../../engine/resources/types.ts";
import { MountError } from "./volume-plugin.ts";

/** What upstream calls the types that are checked. */
const NAMES: Readonly<Record<string, string>> = {
  Directory: "directory",
  DirectoryOrCreate: "directory",
  File: "file",
  FileOrCreate: "file",
  Socket: "socket file",
  CharDevice: "character device",
  BlockDevice: "block device",
};

export async function mountHostPath(_pod: Pod, volume: Volume): Promise<string> {
  return provideHostPath(volume.hostPath ?? { path: "" });
}

/** A place of the machine itself, checked and, where the type says so, made. */
export function provideHostPath({ path: place, type = "" }: HostPathVolumeSource): string {
  const isThere = existsSync(place);
  const refuse = () => new MountError(`hostPath type check failed: ${place} is not a ${NAMES[type] ?? type}`);
  if (!isThere && (type === "DirectoryOrCreate" || type === "")) mkdirSync(place, { recursive: true, mode: 0o755 });
  else if (!isThere && type === "FileOrCreate") writeFileSync(place, "", { mode: 0o644 });
  else if (!isThere) throw refuse();
  const stat = statSync(place);
  const fits: Readonly<Record<string, boolean>> = {
    Directory: stat.isDirectory(),
    DirectoryOrCreate: stat.isDirectory(),
    File: stat.isFile(),
    FileOrCreate: stat.isFile(),
    Socket: stat.isSocket(),
    CharDevice: stat.isCharacterDevice(),
    BlockDevice: stat.isBlockDevice(),
  };
  if (fits[type] === false) throw refuse();
  return place;
}
