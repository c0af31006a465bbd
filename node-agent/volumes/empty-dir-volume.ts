import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { promisify } from "node:util";
import { wholeValue } from "../../engine/apimachinery/quantity.ts";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import { podLimits } from "../../engine/resources/pod-requests.ts";
import type { Pod, Volume } from "../../engine/resources/types.ts";
import { shareMounts } from "./mounts.ts";
import { giveToGroup } from "./ownership.ts";
import { MountError, volumeFolder } from "./volume-plugin.ts";

const run = promisify(execFile);

/** An empty folder that lives as long as the pod: on the disk, in memory, or in huge pages. */
export async function mountEmptyDir(pod: Pod, volume: Volume, podDir: string): Promise<string> {
  const folder = volumeFolder(podDir, "empty-dir", volume.name);
  if (!existsSync(folder)) await provide(pod, volume, folder);
  if (isPropagated(pod, volume.name)) await shareMounts(folder);
  return folder;
}

async function provide(pod: Pod, volume: Volume, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o777 });
  const mount = fileSystemFor(pod, volume);
  if (mount !== undefined) await run("mount", ["-t", mount.type, "-o", mount.options, mount.type, folder]);
  // What is mounted has its mode from there; of what was made here, the umask has taken something.
  if (mount === undefined) chmodSync(folder, 0o777);
  await giveToGroup(folder, pod);
}

/** Whether a container wants to see what others mount in the volume, or to be seen. */
function isPropagated({ spec }: Pod, name: string): boolean {
  return podContainers(spec).some(({ volumeMounts }) =>
    volumeMounts?.some((mount) => mount.name === name && (mount.mountPropagation === "Bidirectional" || mount.mountPropagation === "HostToContainer")),
  );
}

/**
 * What to mount for the medium; nothing for the disk. Memory is bounded by what the volume or else the pod may use, and sticky as the
 * kernel and upstream have it.
 */
function fileSystemFor(pod: Pod, { name, emptyDir = {} }: Volume): { readonly type: string; readonly options: string } | undefined {
  const { medium = "", sizeLimit } = emptyDir;
  if (medium === "") return undefined;
  if (medium === "Memory") {
    const limits = [...(sizeLimit === undefined || wholeValue(sizeLimit) === 0 ? [] : [wholeValue(sizeLimit)]), ...boundOf(pod)];
    return { type: "tmpfs", options: ["mode=1777", ...(limits.length === 0 ? [] : [`size=${Math.min(...limits)}`])].join(",") };
  }
  const page = /^HugePages(?:-(\d+)([KMG])i)?$/.exec(medium);
  if (page === null) throw new MountError(`volume "${name}": unknown medium ${medium}`);
  return { type: "hugetlbfs", options: page[1] === undefined ? "mode=0777" : `mode=0777,pagesize=${page[1]}${page[2]}` };
}

/** The memory that the whole pod may use, if each of its containers is bounded. */
function boundOf({ spec }: Pod): readonly number[] {
  const isBounded = spec.resources?.limits?.["memory"] !== undefined || spec.containers.every(({ resources }) => resources?.limits?.["memory"] !== undefined);
  const memory = isBounded ? podLimits(spec)["memory"] : undefined;
  return memory === undefined || memory === 0 ? [] : [memory];
}
