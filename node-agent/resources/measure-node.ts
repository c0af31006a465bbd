import { readFile, statfs } from "node:fs/promises";
import { readNodeUsage } from "../stats/read-usage.ts";
import type { Measurement, Measurements, Signal } from "./thresholds.ts";

/** Looks at the machine. What cannot be measured is left out, and no threshold about it is crossed. */
export async function measureNode(nodeDir: string, imageDir: string, memoryBytes: number): Promise<Measurements> {
  const [memory, node, images, pids] = await Promise.all([
    readNodeUsage()
      .then(({ availableBytes }): Measurement => ({ available: availableBytes, capacity: memoryBytes }))
      .catch(() => undefined),
    measureDisk(nodeDir),
    measureDisk(imageDir),
    measurePids().catch(() => undefined),
  ]);
  const found: readonly (readonly [Signal, Measurement | undefined])[] = [
    ["memory.available", memory],
    ["nodefs.available", node?.bytes],
    ["nodefs.inodesFree", node?.inodes],
    ["imagefs.available", images?.bytes],
    ["imagefs.inodesFree", images?.inodes],
    ["pid.available", pids],
  ];
  return new Map(found.flatMap(([signal, measurement]) => (measurement === undefined ? [] : [[signal, measurement] as const])));
}

/** The file system that a folder is on. One without inodes of its own, such as btrfs, says 0 of 0, and is never short of them. */
export async function measureDisk(folder: string): Promise<{ readonly bytes: Measurement; readonly inodes: Measurement | undefined } | undefined> {
  try {
    const { bavail, blocks, bsize, files, ffree } = await statfs(folder);
    return { bytes: { available: bavail * bsize, capacity: blocks * bsize }, inodes: files === 0 ? undefined : { available: ffree, capacity: files } };
  } catch {
    return undefined; // not there yet
  }
}

/** How many processes and threads the machine can have. */
export async function readProcessCapacity(): Promise<number> {
  const bounds = await Promise.all(["pid_max", "threads-max"].map((name) => readFile(`/proc/sys/kernel/${name}`, "utf8")));
  return Math.min(...bounds.map(Number));
}

async function measurePids(): Promise<Measurement> {
  const [load, capacity] = await Promise.all([readFile("/proc/loadavg", "utf8"), readProcessCapacity()]);
  const running = Number(/\d+\/(\d+)/.exec(load)?.[1] ?? 0);
  return { available: capacity - running, capacity };
}
