import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { promisify } from "node:util";
import type { NFSVolumeSource, Pod, Volume } from "../../engine/resources/types.ts";
import { isMountPoint } from "./mounts.ts";
import { MountError, volumeFolder } from "./volume-plugin.ts";

const run = promisify(execFile);
const PROGRAMS = ["/sbin/mount.nfs", "/usr/sbin/mount.nfs"];
/** A server that does not answer holds up no more than its own pods. */
const MOUNT_MS = 120_000;

export async function mountNfsVolume(_pod: Pod, volume: Volume, podDir: string): Promise<string> {
  return mountNfs(volume.nfs ?? { server: "", path: "" }, volumeFolder(podDir, "nfs", volume.name));
}

/** A folder of an NFS server, mounted for one pod by the node's own mount.nfs. Who may do what in it is the server's business. */
export async function mountNfs(source: NFSVolumeSource, folder: string, options: readonly string[] = []): Promise<string> {
  if (isMountPoint(folder)) return folder;
  if (!PROGRAMS.some((program) => existsSync(program)))
    throw new MountError("volumes of type nfs need mount.nfs on the node; install the Debian package nfs-common");
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  try {
    await run("mount", planNfsMount(source, folder, options), { timeout: MOUNT_MS });
  } catch (error) {
    throw new MountError(`${source.server}:${source.path} could not be mounted`, { cause: error });
  }
  return folder;
}

/** Arguments of mount(8). Pure. */
export function planNfsMount({ server, path, readOnly }: NFSVolumeSource, folder: string, options: readonly string[]): readonly string[] {
  const all = [...(readOnly === true ? ["ro"] : []), ...options];
  const host = server.includes(":") && !server.startsWith("[") ? `[${server}]` : server;
  return ["-t", "nfs", ...(all.length === 0 ? [] : ["-o", all.join(",")]), `${host}:${path}`, folder];
}
