import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { ImageSnapshots, SnapshotMount } from "../cri/image-snapshots.ts";
import { isMountPoint } from "../volumes/mounts.ts";

const run = promisify(execFile);

/** Images as volumes: their files, mounted to be read and to be run. */
export interface ImageMounts {
  /** Shows the files of an image that is on the machine at a place of a pod; does nothing when something is mounted there already. */
  mount(image: string, podUid: string, volumeName: string, place: string): Promise<void>;
  /** Lets the images of one pod go, whose mounts are gone. */
  release(podUid: string): Promise<void>;
  /** The same for all pods but these: what agents left that died. */
  releaseOthers(podUids: ReadonlySet<string>): Promise<void>;
}

export function createImageMounts(snapshots: ImageSnapshots): ImageMounts {
  const releaseIf = async (isOver: (podUid: string) => boolean) => {
    for (const { key, podUid } of await snapshots.list()) if (isOver(podUid)) await snapshots.drop(key);
  };
  return {
    async mount(image, podUid, volumeName, place) {
      if (isMountPoint(place)) return;
      const [mount, ...others] = await snapshots.keep(`mainstay/${podUid}/${volumeName}`, image, podUid);
      if (mount === undefined || others.length > 0)
        throw new Error(`mount image ${image}: the runtime gives ${others.length === 0 ? "no mount" : "several mounts"} for it`);
      mkdirSync(place, { recursive: true, mode: 0o755 });
      const { args, cwd } = planMount(mount, place);
      try {
        await run("mount", args, { cwd });
      } catch (error) {
        throw new Error(`mount image ${image}`, { cause: error });
      }
    },
    release: (podUid) => releaseIf((other) => other === podUid),
    releaseOthers: (podUids) => releaseIf((other) => !podUids.has(other)),
  };
}

const LAYERS = "lowerdir=";

/**
 * How mount(8) is called. Nothing in an image volume can be written, whatever flags a runtime gives to the mount that a container sees: runc forgets
 * those of its source from 1.2 on. So the file system itself cannot be, and a single layer, which is a folder that can, becomes one of two layers, the
 * other being the empty place. What is in it can be run, as upstream has it. The kernel takes no more than a page of options, which an image of many
 * layers would exceed: layers are named from the folder that they have in common. Pure.
 */
export function planMount({ type, source, options }: SnapshotMount, place: string): { readonly args: readonly string[]; readonly cwd: string } {
  const isFolder = type === "bind";
  const named = options.find((option) => option.startsWith(LAYERS))?.slice(LAYERS.length);
  const layers = isFolder ? [source, place] : (named?.split(":") ?? []);
  const cwd = layers.length === 0 ? "/" : commonFolder(layers);
  const own = isFolder ? [] : options.filter((option) => option !== "ro" && option !== "rw" && !option.startsWith(LAYERS));
  const lower = layers.length === 0 ? [] : [`${LAYERS}${layers.map((layer) => escapeLayer(path.relative(cwd, layer))).join(":")}`];
  const all = ["ro", ...own, ...lower];
  return { args: ["-t", isFolder ? "overlay" : type, "-o", all.join(","), isFolder ? "overlay" : source, place], cwd };
}

/** What separates options, or layers, is a part of a name behind a backslash. */
function escapeLayer(name: string): string {
  return name.replaceAll(/[\\:,]/g, "\\$&");
}

/** Folders above others are never a layer themselves. */
function commonFolder(places: readonly string[]): string {
  const [first = [], ...others] = places.map((place) => path.dirname(place).split("/"));
  const end = first.findIndex((step, index) => others.some((other) => other[index] !== step));
  return (end === -1 ? first : first.slice(0, end)).join("/") || "/";
}
