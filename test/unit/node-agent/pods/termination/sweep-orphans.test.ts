import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { silentLogger } from "../../../../../engine/lib/log.ts";
import { sweepOrphans } from "../../../../../node-agent/pods/termination/sweep-orphans.ts";
import type { DriverVolumes } from "../../../../../node-agent/volumes/volume-plugin.ts";
import { deleteFolder } from "../../../../../node-agent/volumes/local-volumes.ts";

const inFolder = async (work: (folder: string) => Promise<void>) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "orphans-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const noDrivers: DriverVolumes = { mount: async () => "", follows: () => false, unmountPod: async () => {} };

test("what a dead agent left of pods that nobody knows any more goes, and nothing else", async () => {
  await inFolder(async (folder) => {
    const [podsDir, logsDir] = [path.join(folder, "pods"), path.join(folder, "logs")];
    for (const uid of ["alive", "dead"]) {
      mkdirSync(path.join(podsDir, uid, "volumes", "cache"), { recursive: true });
      mkdirSync(path.join(logsDir, `shop_web-7_${uid}`), { recursive: true });
    }
    await sweepOrphans({ podsDir, logsDir, cgroupRoot: "/mainstay/none" }, new Set(["alive"]), noDrivers, silentLogger);
    expect([readdirSync(podsDir), readdirSync(logsDir)]).toEqual([["alive"], ["shop_web-7_alive"]]);
    await sweepOrphans({ podsDir: path.join(folder, "absent"), logsDir: path.join(folder, "absent"), cgroupRoot: "/mainstay/none" }, new Set(), noDrivers, silentLogger);
  });
});

test("a pod whose volume cannot be taken away yet keeps its folder, and is named", async () => {
  await inFolder(async (folder) => {
    const [podsDir, logsDir] = [path.join(folder, "pods"), path.join(folder, "logs")];
    mkdirSync(path.join(podsDir, "dead"), { recursive: true });
    const unmountPod = () => Promise.reject(new Error("driver name disks.example not found in the list of registered CSI drivers"));
    expect(await sweepOrphans({ podsDir, logsDir, cgroupRoot: "/mainstay/none" }, new Set(), { ...noDrivers, unmountPod }, silentLogger)).toEqual(["dead"]);
    expect(readdirSync(podsDir)).toEqual(["dead"]);
  });
});

test("only a folder among the volumes is ever deleted for one", async () => {
  await inFolder(async (folder) => {
    const volumesDir = path.join(folder, "volumes");
    mkdirSync(path.join(volumesDir, "pvc-1", "data"), { recursive: true });
    writeFileSync(path.join(folder, "precious"), "");
    await deleteFolder(volumesDir, path.join(volumesDir, "pvc-1"));
    expect(readdirSync(volumesDir)).toEqual([]);
    await deleteFolder(volumesDir, path.join(volumesDir, "pvc-1"));
    for (const place of [folder, volumesDir, path.join(volumesDir, "..", "precious"), path.join(folder, "precious"), "/", path.join(volumesDir, ".deleted-x")])
      await expect(deleteFolder(volumesDir, place)).rejects.toThrow("it is not in");
    expect(existsSync(path.join(folder, "precious"))).toBe(true);
  });
});
