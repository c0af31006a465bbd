import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { Pod } from "../../engine/resources/types.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { readProcessCount } from "../cgroups/cgroups.ts";
import { podCgroup, podLogDir } from "../pods/container-config/container-config.ts";
import { CONTAINERS } from "../pods/status/termination-message.ts";
import type { UsageSample } from "../stats/usage-sampler.ts";
import { volumeFolder } from "../volumes/volume-plugin.ts";
import type { PodConsumption } from "./eviction-plan.ts";

const run = promisify(execFile);

export interface PodPlaces {
  readonly podsDir: string;
  readonly logsDir: string;
  readonly cgroupRoot: string;
}

/** What pods use: memory and processes from the sample and cgroups; what they write only `withDisk`, since every file has to be looked at. */
export async function measurePod(
  pod: Pod,
  sample: UsageSample | undefined,
  containers: readonly ContainerState[],
  places: PodPlaces,
  withDisk: boolean,
): Promise<PodConsumption> {
  const uid = pod.metadata.uid ?? "";
  const usage = sample?.pods.get(uid);
  const own = containers.filter(({ podUid }) => podUid === uid);
  const disk = withDisk ? await measureWrites(pod, own, places) : NOTHING_WRITTEN;
  const names = new Set(own.map(({ name }) => name));
  return {
    memoryBytes: usage?.usage.workingSetBytes ?? 0,
    processes: readProcessCount(podCgroup(pod, places)),
    diskBytes: disk.total.bytes,
    inodes: disk.total.inodes,
    containers: new Map(
      [...names].map((name) => [
        name,
        { memoryBytes: usage?.containers.find((container) => container.name === name)?.usage.workingSetBytes ?? 0, diskBytes: disk.containers.get(name) ?? 0 },
      ]),
    ),
    emptyDirs: disk.emptyDirs,
  };
}

interface Written {
  readonly total: { readonly bytes: number; readonly inodes: number };
  readonly containers: ReadonlyMap<string, number>;
  readonly emptyDirs: ReadonlyMap<string, number>;
}

const NOTHING_WRITTEN: Written = { total: { bytes: 0, inodes: 0 }, containers: new Map(), emptyDirs: new Map() };

/** Empty folders on the disk, logs, what containers wrote over their images, and into files of the pod. */
async function measureWrites(pod: Pod, containers: readonly ContainerState[], { podsDir, logsDir }: PodPlaces): Promise<Written> {
  const layers = await writableLayers();
  const emptyDirs = (pod.spec.volumes ?? [])
    .filter(({ emptyDir }) => emptyDir !== undefined && !emptyDir.medium)
    .map(({ name }) => ({ name, folder: volumeFolder(path.join(podsDir, pod.metadata.uid ?? ""), "empty-dir", name) }));
  const logs = [...new Set(containers.map(({ name }) => name))].map((name) => ({ name, folder: path.join(podLogDir(pod, logsDir), name) }));
  const written = containers.flatMap(({ id, name }) => (layers.has(id) ? [{ name, folder: layers.get(id) ?? "" }] : []));
  // What containers write into the files that this agent gives them, their hosts and last words, is theirs as well, and of no bound.
  const given = ["etc-hosts", CONTAINERS].map((name) => path.join(podsDir, pod.metadata.uid ?? "", name)).filter((place) => existsSync(place));
  const sizes = await measureFolders([...[...emptyDirs, ...logs, ...written].map(({ folder }) => folder), ...given]);
  const sum = (parts: readonly { readonly folder: string }[]) => parts.reduce((total, { folder }) => total + (sizes.get(folder)?.bytes ?? 0), 0);
  const names = new Set([...logs, ...written].map(({ name }) => name));
  return {
    total: {
      bytes: [...sizes.values()].reduce((total, { bytes }) => total + bytes, 0),
      inodes: [...sizes.values()].reduce((total, { inodes }) => total + inodes, 0),
    },
    containers: new Map([...names].map((name) => [name, sum([...logs, ...written].filter((part) => part.name === name))])),
    emptyDirs: new Map(emptyDirs.map(({ name, folder }) => [name, sizes.get(folder)?.bytes ?? 0])),
  };
}

/** The folder of each running container's own files, by its id: the upper one of its overlay. */
async function writableLayers(): Promise<ReadonlyMap<string, string>> {
  return parseWritableLayers(await readFile("/proc/self/mountinfo", "utf8"));
}

/** Pure part of `writableLayers`. */
export function parseWritableLayers(mountinfo: string): ReadonlyMap<string, string> {
  return new Map(
    mountinfo.split("\n").flatMap((line) => {
      const id = / \S*\/([0-9a-f]{64})\/rootfs /.exec(line)?.[1];
      const upper = /[ ,]upperdir=([^,\s]+)/.exec(line)?.[1];
      return id === undefined || upper === undefined ? [] : [[id, upper] as const];
    }),
  );
}

/** Disk space and files of folders, without what is mounted in them. Folders that are gone have none. */
async function measureFolders(folders: readonly string[]): Promise<ReadonlyMap<string, { readonly bytes: number; readonly inodes: number }>> {
  if (folders.length === 0) return new Map();
  const measure = async (flags: readonly string[]) => {
    // du says how large the rest is although some files vanish under it, and then fails.
    const { stdout } = await run("du", ["-s", "-x", ...flags, "--", ...folders], { maxBuffer: 16 << 20 }).catch((error: unknown) => ({
      stdout: String((error as { readonly stdout?: string }).stdout ?? ""),
    })); // what execFile rejects with
    return new Map(
      stdout.split("\n").flatMap((line) => {
        const [amount, ...rest] = line.split("\t");
        return rest.length === 0 ? [] : [[rest.join("\t"), Number(amount)] as const];
      }),
    );
  };
  const [bytes, inodes] = await Promise.all([measure(["-B1"]), measure(["--inodes"])]);
  return new Map(folders.map((folder) => [folder, { bytes: bytes.get(folder) ?? 0, inodes: inodes.get(folder) ?? 0 }]));
}
