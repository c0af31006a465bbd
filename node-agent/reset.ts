import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { NEVER } from "../engine/lib/abort.ts";
import { sleep, systemClock } from "../engine/lib/clock.ts";
import { describeError, silentLogger } from "../engine/lib/log.ts";
import { cgroupRoot } from "./agent-settings.ts";
import { startContainerd } from "./cri/containerd.ts";
import { openCriRuntime } from "./cri/cri-runtime.ts";
import type { Runtime, SandboxState } from "./cri/runtime.ts";
import { networkNamespaces, removeNetworkNamespaces } from "./cri/network-namespaces.ts";
import { readRootDir, ROOT_FOLDERS } from "./root-dir.ts";
import { readDnsAddresses } from "./network/dns-addresses.ts";
import { resetNetwork } from "./network/network.ts";
import { removeShutdownSettings } from "./shutdown/logind.ts";
import { removeAgentCgroups } from "./cgroups/cgroups.ts";
import { isMountedOnItself, isMountPoint, mountsBelow, readMounts, removeFolder } from "./volumes/mounts.ts";

const run = promisify(execFile);

/**
 * Removes everything an agent with this data directory ever made on the machine: pods, the containerd of ours and its shims, mounts,
 * network namespaces, rules, routes, cgroups, and at last the directory. Safe to repeat; goes on after failures and reports them.
 */
export async function resetAgent(dataDir: string, say: (line: string) => void): Promise<void> {
  const attempt = async (what: string, work: () => Promise<void> | void) => {
    try {
      await work();
    } catch (error) {
      say(`${what}: ${describeError(error)}`);
    }
  };
  let namespaces: readonly string[] = [];
  await attempt("finding network namespaces", () => void (namespaces = networkNamespaces(dataDir)));
  if (existsSync(path.join(dataDir, "containerd", "config.toml"))) await attempt("removing pods", () => removePods(dataDir, say));
  await attempt("ending processes", () => endProcesses(dataDir));
  await attempt("removing network namespaces", () => removeNetworkNamespaces(namespaces));
  await attempt("removing network rules", () => resetNetwork(readDnsAddresses(dataDir)));
  const rootDir = readRootDir(dataDir);
  // The root directory may be mounted on itself, by us; a disk of its own that it or the data directory has is somebody else's.
  const isShared = rootDir !== undefined && isMountedOnItself(readMounts(), rootDir);
  const isOurs = (place: string) => (isShared && place === rootDir) || place.startsWith(`${rootDir ?? dataDir}/`) || place.startsWith(`${dataDir}/`);
  await attempt("unmounting", () => unmountAll(isOurs));
  await attempt("removing settings of shutdowns", removeShutdownSettings);
  await attempt("removing cgroups", () => removeAgentCgroups(cgroupRoot(dataDir)));
  if (rootDir !== undefined) await attempt(`removing ${rootDir}`, () => removeRootDir(rootDir));
  await attempt(`removing ${dataDir}`, () => removeFolder(dataDir));
}

/** Drivers may keep files of their own beside ours; those are left. */
function removeRootDir(rootDir: string): void {
  if (mountsBelow(rootDir).length > 0) throw new Error("something is still mounted in it, which would be deleted too");
  for (const folder of ROOT_FOLDERS) rmSync(path.join(rootDir, folder), { recursive: true, force: true });
  if (existsSync(rootDir) && readdirSync(rootDir).length === 0 && !isMountPoint(rootDir)) rmdirSync(rootDir);
}

/** The runtime's own way, so that addresses and network namespaces are given back. */
async function removePods(dataDir: string, say: (line: string) => void): Promise<void> {
  const stop = new AbortController();
  const containerd = await startContainerd(dataDir, systemClock, silentLogger, stop.signal);
  const runtime = openCriRuntime(containerd.socket);
  try {
    await removeSandboxes(runtime, say);
  } finally {
    runtime.close();
    await containerd.stop();
  }
}

/** All that the runtime has. One that does not go keeps no other; rejects when all have been tried. */
export async function removeSandboxes(runtime: Runtime, say: (line: string) => void): Promise<void> {
  const sandboxes = await runtime.listSandboxes();
  if (sandboxes.length > 0) say(`removing ${sandboxes.length} pods`);
  // What does not end so ends with its sandbox.
  for (const { id, state } of await runtime.listContainers()) if (state === "running") await runtime.stopContainer(id, 0).catch(() => {});
  const left: string[] = [];
  const remove = async ({ id, namespace, name }: SandboxState) => {
    try {
      await runtime.stopSandbox(id);
      await runtime.removeSandbox(id);
    } catch (error) {
      left.push(`${namespace}/${name}: ${describeError(error)}`);
    }
  };
  await Promise.all(sandboxes.map(remove));
  if (left.length > 0) throw new Error(`${left.length} of ${sandboxes.length} did not go: ${left.join("; ")}`);
}

/** Whatever still runs out of the directory: shims of pods that would not go, and what those have started, which outlives them. */
async function endProcesses(dataDir: string): Promise<void> {
  const cgroup = `:${cgroupRoot(dataDir)}/`;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const isOurs =
        (commandLine.includes("containerd") && commandLine.includes(`${dataDir}/`)) || readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(cgroup);
      if (isOurs) process.kill(Number(pid), "SIGKILL");
    } catch {
      // Gone meanwhile.
    }
  }
  await sleep(systemClock, 200, NEVER);
}

/** In rounds, for one mount may hide another in the same place. */
async function unmountAll(isOurs: (place: string) => boolean): Promise<void> {
  let failure: unknown;
  for (let round = 0; round < 3; round++) {
    const places = readMounts()
      .map(({ place }) => place)
      .filter(isOurs);
    if (places.length === 0) return;
    for (const place of places.sort((a, b) => b.length - a.length))
      await run("umount", [place])
        .catch(() => run("umount", ["-l", place]))
        .catch((error: unknown) => (failure = error));
  }
  if (readMounts().some(({ place }) => isOurs(place))) throw failure;
}
