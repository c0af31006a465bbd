import { existsSync, readdirSync, rmdirSync } from "node:fs";
import path from "node:path";

const CGROUPS = "/sys/fs/cgroup";

/** Removes a pod's cgroup in every hierarchy: the runtime takes away only those of its containers. */
export function removePodCgroup(cgroup: string): void {
  for (const root of hierarchies()) removeTree(path.join(root, cgroup));
}

/** Removes an agent's whole tree of cgroups, and the folder it shares with other agents if it was the last. */
export function removeAgentCgroups(root: string): void {
  removePodCgroup(root);
  for (const hierarchy of hierarchies()) removeIfEmpty(path.join(hierarchy, path.dirname(root)));
}

/** All mounted hierarchies: one with cgroup v2, one per controller with v1. */
export function hierarchies(): string[] {
  if (existsSync(path.join(CGROUPS, "cgroup.controllers"))) return [CGROUPS];
  return readdirSync(CGROUPS).map((name) => path.join(CGROUPS, name));
}

/** Cgroups are removed from the leaves up; one that still has processes stays, and is taken by the next try. */
function removeTree(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeTree(path.join(folder, entry.name));
  removeIfEmpty(folder);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not there, not empty, or busy for a moment after its last process ended.
  }
}
