import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import path from "node:path";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import { writeWholeFile } from "../../engine/lib/whole-file.ts";
import { isMountPoint } from "../volumes/mounts.ts";
import { volumeFolder, VOLUMES } from "../volumes/volume-plugin.ts";

/** kubelet's note about a volume beside its mount, by which it is taken away again. */
export interface VolumeData {
  readonly driverName: string;
  readonly volumeHandle: string;
  /** Name of the persistent volume, or of the pod's volume. */
  readonly specVolID?: string;
  readonly volumeLifecycleMode?: string;
  /** Of volumes that are attached to nodes. */
  readonly attachmentID?: string;
  readonly nodeName?: string;
}

const FILE = "vol_data.json";
const MOUNT = "mount";
const KIND = "kubernetes.io~csi";
const DEVICES = "volumeDevices";

/** Where a volume of the node is staged: a folder for all pods, by kubelet's layout. Devices have theirs by the volume's name. */
export function stagingPath(rootDir: string, driver: string, handle: string): string {
  return path.join(csiDir(rootDir), driver, createHash("sha256").update(handle).digest("hex"), "globalmount");
}

export function deviceStagingPath(rootDir: string, specName: string): string {
  return path.join(csiDir(rootDir), DEVICES, "staging", specName);
}

/** Where a pod's volume is mounted, or its device put. */
export function publishPath(podDir: string, specName: string): string {
  return path.join(volumeFolder(podDir, "csi", specName), MOUNT);
}

export function devicePublishPath(rootDir: string, specName: string, podUid: string): string {
  return path.join(csiDir(rootDir), DEVICES, "publish", specName, podUid);
}

/** The pod's own link to a device of its. */
export function deviceLink(podDir: string, specName: string): string {
  return path.join(podDir, DEVICES, KIND, specName);
}

/** What a pod has, or was about to get: a folder for each mount, a link for each device. */
export interface PodVolume {
  readonly data: VolumeData;
  readonly isBlock: boolean;
  readonly target: string;
}

export function podVolumes(rootDir: string, podDir: string): readonly PodVolume[] {
  const uid = path.basename(podDir);
  const mounts = namesIn(path.join(podDir, VOLUMES, KIND)).flatMap((name): PodVolume[] => {
    const target = publishPath(podDir, name);
    const data = readVolumeData(path.dirname(target));
    return data === undefined ? [] : [{ data: { specVolID: name, ...data }, isBlock: false, target }];
  });
  const devices = namesIn(path.join(podDir, DEVICES, KIND)).flatMap((name): PodVolume[] => {
    const data = readVolumeData(deviceDataDir(rootDir, name));
    return data === undefined ? [] : [{ data: { specVolID: name, ...data }, isBlock: true, target: devicePublishPath(rootDir, name, uid) }];
  });
  return [...mounts, ...devices];
}

/** What all pods of the node have, or were about to get. */
export function allPodVolumes(rootDir: string): readonly VolumeData[] {
  const pods = path.join(rootDir, "pods");
  return namesIn(pods).flatMap((uid) => podVolumes(rootDir, path.join(pods, uid)).map(({ data }) => data));
}

/** The same with what is only staged. */
export function nodeVolumes(rootDir: string): readonly VolumeData[] {
  return [...allPodVolumes(rootDir), ...stagedVolumes(rootDir).map(({ data }) => data)];
}

/** What is staged, or was about to be. */
export function stagedVolumes(rootDir: string): readonly { readonly data: VolumeData; readonly place: string; readonly isBlock: boolean }[] {
  const drivers = namesIn(csiDir(rootDir)).filter((name) => name !== DEVICES);
  const mounts = drivers.flatMap((driver) =>
    namesIn(path.join(csiDir(rootDir), driver)).flatMap((hash) => {
      const folder = path.join(csiDir(rootDir), driver, hash);
      const data = readVolumeData(folder);
      return data === undefined ? [] : [{ data, place: path.join(folder, "globalmount"), isBlock: false }];
    }),
  );
  const devices = namesIn(path.join(csiDir(rootDir), DEVICES))
    .filter((name) => name !== "staging" && name !== "publish")
    .flatMap((name) => {
      const data = readVolumeData(deviceDataDir(rootDir, name));
      return data === undefined ? [] : [{ data, place: deviceStagingPath(rootDir, name), isBlock: true }];
    });
  return [...mounts, ...devices];
}

/** The folder of a device's note. */
export function deviceDataDir(rootDir: string, specName: string): string {
  return path.join(csiDir(rootDir), DEVICES, specName, "data");
}

/** Whole or not at all: without its note, what is mounted would be taken for nobody's. */
export function writeVolumeData(folder: string, data: VolumeData): void {
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  if (!jsonEqual(readVolumeData(folder), data)) writeWholeFile(path.join(folder, FILE), `${JSON.stringify(data)}\n`, 0o640);
}

/** Takes away what is left of a mount that is no more, with the note beside it. What is still mounted is not touched. Throws then. */
export function removeMountFolder(target: string): void {
  if (isMountPoint(target)) throw new Error(`${target} is still mounted`);
  // By the specification the driver deletes its target; not all do.
  if (existsSync(target)) lstatSync(target).isDirectory() ? rmdirSync(target) : unlinkSync(target);
  for (const note of [FILE, `${FILE}.new`]) rmSync(path.join(path.dirname(target), note), { force: true });
  removeEmpty(path.dirname(target));
}

/** Deletes a folder unless something is in it. */
export function removeEmpty(folder: string): void {
  if (existsSync(folder) && namesIn(folder).length === 0) rmdirSync(folder);
}

function readVolumeData(folder: string): VolumeData | undefined {
  try {
    return JSON.parse(readFileSync(path.join(folder, FILE), "utf8")) as VolumeData; // an agent or a kubelet wrote it
  } catch (error) {
    // There is none, or a kubelet was cut short when it wrote it, before anything was asked of the driver.
    if (error instanceof SyntaxError || ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw new Error(`read ${path.join(folder, FILE)}`, { cause: error });
  }
}

function csiDir(rootDir: string): string {
  return path.join(rootDir, "plugins", "kubernetes.io", "csi");
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
