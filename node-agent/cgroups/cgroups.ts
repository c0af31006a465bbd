import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { HugePageLimits } from "./huge-page-limits.ts";

const CGROUPS = "/sys/fs/cgroup";
const PERIOD_US = 100_000;

/** Bounds of one cgroup; -1 for none, absent for "leave as it is". */
export interface CgroupLimits {
  readonly cpuShares?: number;
  /** Of every 100 ms. */
  readonly cpuQuotaUs?: number;
  readonly memoryBytes?: number;
  readonly pidsMax?: number;
  readonly hugePages?: HugePageLimits;
}

/**
 * Makes a cgroup and sets its bounds, in either version of cgroups. With `onlyRaise`, bounds that would become tighter stay: what is inside
 * has to be made smaller first. A controller that the machine lacks is passed over.
 */
export function limitCgroup(cgroup: string, limits: CgroupLimits, onlyRaise = false): void {
  for (const { controller, folder } of foldersOf(cgroup)) {
    const files = limitFiles(controller, limits);
    if (files.length === 0) continue;
    makeCgroup(folder, controller === "");
    for (const { file, text, amount } of files) {
      const target = path.join(folder, file);
      if (!existsSync(target) || (onlyRaise && !isRaise(readAmount(target), amount))) continue;
      if (readFileSync(target, "utf8").trim() !== text) writeFileSync(target, text);
    }
  }
}

interface LimitFile {
  readonly file: string;
  readonly text: string;
  readonly amount: number;
}

/** What is written where in a cgroup; of all controllers with version 2, whose name is empty, of one with version 1. Pure. */
export function limitFiles(controller: string, limits: CgroupLimits): readonly LimitFile[] {
  return controller === "" ? unifiedFiles(limits) : v1Files(controller, limits);
}

function v1Files(controller: string, { cpuShares, cpuQuotaUs, memoryBytes, pidsMax, hugePages }: CgroupLimits): LimitFile[] {
  const one = (file: string, amount: number | undefined, text = String(amount)): LimitFile[] => (amount === undefined ? [] : [{ file, text, amount }]);
  // The quota belongs to the controller of shares.
  if (controller === "cpu") return [...one("cpu.shares", cpuShares), ...one("cpu.cfs_quota_us", cpuQuotaUs)];
  if (controller === "memory") return one("memory.limit_in_bytes", memoryBytes);
  if (controller === "hugetlb") return hugePageFiles(hugePages, "limit_in_bytes");
  return controller === "pids" ? one("pids.max", pidsMax, pidsMax === -1 ? "max" : String(pidsMax)) : [];
}

function unifiedFiles({ cpuShares, cpuQuotaUs, memoryBytes, pidsMax, hugePages }: CgroupLimits): LimitFile[] {
  const one = (file: string, amount: number | undefined, text = amount === -1 ? "max" : String(amount)): LimitFile[] =>
    amount === undefined ? [] : [{ file, text, amount }];
  return [
    ...one("cpu.weight", cpuShares === undefined ? undefined : sharesToWeight(cpuShares)),
    ...one("cpu.max", cpuQuotaUs, `${cpuQuotaUs === -1 ? "max" : cpuQuotaUs} ${PERIOD_US}`),
    ...one("memory.max", memoryBytes),
    ...one("pids.max", pidsMax),
    ...hugePageFiles(hugePages, "max"),
  ];
}

function hugePageFiles(hugePages: HugePageLimits = {}, bound: string): LimitFile[] {
  return Object.entries(hugePages).map(([size, amount]) => ({ file: `hugetlb.${size}.${bound}`, text: String(amount), amount }));
}

/** From 2–262144 to 1–10000, as runtimes convert them. */
export function sharesToWeight(shares: number): number {
  return shares <= 0 ? 0 : 1 + Math.floor(((Math.max(2, shares) - 2) * 9999) / 262_142);
}

/** No bound at all is above every other. */
function isRaise(current: number, wanted: number): boolean {
  return wanted === -1 || (current !== -1 && wanted > current);
}

/** The kernel shows a missing memory limit as a number beyond any machine's. */
function readAmount(file: string): number {
  const text = readFileSync(file, "utf8").trim().split(" ")[0] ?? "";
  const amount = text === "max" ? -1 : Number(text);
  return amount > 2 ** 60 ? -1 : amount;
}

/** With cgroup v2 controllers must be handed down from folder to folder. */
function makeCgroup(folder: string, isUnified: boolean): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  if (!isUnified) return;
  const steps = path
    .relative(CGROUPS, path.dirname(folder))
    .split("/")
    .filter((step) => step !== "");
  for (let depth = 0; depth <= steps.length; depth++) {
    const above = path.join(CGROUPS, ...steps.slice(0, depth));
    for (const controller of ["cpu", "memory", "pids", "hugetlb"]) {
      try {
        writeFileSync(path.join(above, "cgroup.subtree_control"), `+${controller}`);
      } catch {
        // The controller is not there, or not ours to hand down: its files will be missing below, and are passed over.
      }
    }
  }
}

/** Removes a pod's cgroup in every hierarchy: the runtime takes away only those of its containers. */
export function removePodCgroup(cgroup: string): void {
  for (const { folder } of foldersOf(cgroup)) removeTree(folder);
}

/** The names of cgroups within one, in any hierarchy. */
export function cgroupsWithin(cgroup: string): ReadonlySet<string> {
  const entries = foldersOf(cgroup).flatMap(({ folder }) => (existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []));
  return new Set(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name));
}

/** Removes an agent's whole tree of cgroups, and the folder it shares with other agents if it was the last. */
export function removeAgentCgroups(root: string): void {
  removePodCgroup(root);
  for (const { folder } of foldersOf(path.dirname(root))) removeIfEmpty(folder);
}

/** The cgroup's folder in every mounted hierarchy: one with cgroup v2, whose controller is empty, one per controller with v1. */
function foldersOf(cgroup: string): readonly { readonly controller: string; readonly folder: string }[] {
  if (existsSync(path.join(CGROUPS, "cgroup.controllers"))) return [{ controller: "", folder: path.join(CGROUPS, cgroup) }];
  if (!existsSync(CGROUPS)) return [];
  return readdirSync(CGROUPS).map((controller) => ({ controller, folder: path.join(CGROUPS, controller, cgroup) }));
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

/** Processes and threads in a cgroup; 0 when it is gone or nobody counts them. */
export function readProcessCount(cgroup: string): number {
  const counts = foldersOf(cgroup)
    .filter(({ controller }) => controller === "" || controller === "pids")
    .map(({ folder }) => path.join(folder, "pids.current"));
  const file = counts.find((candidate) => existsSync(candidate));
  return file === undefined ? 0 : Number(readFileSync(file, "utf8"));
}
