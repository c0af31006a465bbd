import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { bundlesOf, CRI_NAMESPACE } from "./containerd-namespace.ts";
import type { ContainerdPaths } from "./containerd.ts";
import type { Runtime } from "./runtime.ts";

/** The process that stands between containerd and the containers of one sandbox. */
export interface Shim {
  readonly pid: number;
  /** When it was started, in the kernel's ticks: two processes may have one number, one after the other. */
  readonly since: number;
  /** Of the sandbox. */
  readonly id: string;
  readonly program: string;
}

/** How often it is looked, at first, after another containerd was started, and later. */
const LOOKS_MS = [5_000, 5_000, 5_000, 10_000, 60_000] as const;
/** How often it is seen whether there is another. */
const STEP_MS = 5_000;
/** Whoever called for it is dead, and containerd has undone the call, or not. */
const ORPHAN_PATIENCE_MS = 8_000;
/** Longer than a sandbox may take to start: a call of ours may still be under way. */
const PATIENCE_MS = 300_000;

/**
 * The shims that belong to no sandbox, and have for long enough. `unknownSince` says when each was first seen so, in milliseconds, and
 * is kept up here, by `identityOf`; `orphans` are those for which nobody waits. Pure but for that map.
 */
export function chooseLeaked(
  shims: readonly Shim[],
  sandboxes: ReadonlySet<string>,
  orphans: ReadonlySet<string>,
  unknownSince: Map<string, number>,
  nowMs: number,
): readonly Shim[] {
  const unknown = shims.filter(({ id }) => !sandboxes.has(id));
  for (const known of unknownSince.keys()) if (!unknown.some((shim) => identityOf(shim) === known)) unknownSince.delete(known);
  for (const shim of unknown) if (!unknownSince.has(identityOf(shim))) unknownSince.set(identityOf(shim), nowMs);
  return unknown.filter((shim) => nowMs - (unknownSince.get(identityOf(shim)) ?? nowMs) >= (orphans.has(identityOf(shim)) ? ORPHAN_PATIENCE_MS : PATIENCE_MS));
}

/** Tells a process from all that had its number before, or will have it. */
function identityOf({ pid, since }: Pick<Shim, "pid" | "since">): string {
  return `${pid} ${since}`;
}

export interface ShimReaperOptions {
  readonly runtime: Pick<Runtime, "glance">;
  readonly paths: ContainerdPaths;
  /** Of the process that runs now. */
  readonly containerdPid: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Ends what containerd leaves behind when it or its caller dies in the middle of starting a sandbox: it may forget the sandbox, and not the
 * shim, which then holds memory and a process for ever. Only for a containerd of our own, where every shim is of a sandbox of ours.
 */
export function createShimReaper({ runtime, paths: { root, socket }, containerdPid, clock, logger }: ShimReaperOptions): Service {
  const leftByAgent = new Set(findShims(socket).map(identityOf));
  const unknownSince = new Map<string, number>();
  return service("shim reaper", async (signal) => {
    let served = containerdPid();
    let look = 0;
    let lookAtMs = clock.monotonic() + LOOKS_MS[0];
    while (!signal.aborted) {
      await sleep(clock, STEP_MS, signal).catch(() => {});
      if (signal.aborted) return;
      if (containerdPid() !== served) look = 0;
      else if (clock.monotonic() < lookAtMs) continue;
      served = containerdPid();
      lookAtMs = clock.monotonic() + (LOOKS_MS[++look] ?? LOOKS_MS.at(-1) ?? 0);
      try {
        // The shims first: one that appears between the two looks is not taken for leaked.
        const shims = findShims(socket);
        const servedSince = startTicks(served);
        // Before this agent, or before this containerd: whoever waited for them is dead.
        const orphans = new Set(shims.filter((shim) => leftByAgent.has(identityOf(shim)) || shim.since < servedSince).map(identityOf));
        const sandboxes = new Set((await runtime.glance()).sandboxes.map(({ id }) => id));
        for (const shim of chooseLeaked(shims, sandboxes, orphans, unknownSince, clock.monotonic())) {
          logger.warn("ending what is left of a sandbox that containerd has forgotten", { sandbox: shim.id, pid: shim.pid });
          await endShim(shim, root, socket);
        }
      } catch (error) {
        logger.debug("leaked shims are not looked for now", { error: describeError(error) });
      }
    }
  });
}

/** When a process was started, in the kernel's ticks since its own start; 0 for one that has ended. */
function startTicks(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // A program's name, in parentheses, may hold anything.
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[19]);
  } catch {
    return 0;
  }
}

/** The shims of the containerd behind a socket. */
function findShims(socket: string): readonly Shim[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1)
    .flatMap((pid) => {
      const args = commandLine(pid);
      const [program = ""] = args;
      const value = (flag: string) => args[args.indexOf(flag) + 1] ?? "";
      return path.basename(program).startsWith("containerd-shim") && args.includes("-address") && value("-address") === socket
        ? [{ pid, since: startTicks(pid), id: value("-id"), program }]
        : [];
    });
}

function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended
  }
}

/** As containerd clears up after a shim that has died: the shim's own program ends what it ran, and takes its folder away. */
async function endShim({ pid, since, id, program }: Shim, root: string, socket: string): Promise<void> {
  if (startTicks(pid) === since) process.kill(pid, "SIGKILL");
  const bundle = path.join(bundlesOf(root), id);
  if (!existsSync(bundle)) return;
  await promisify(execFile)(
    program,
    ["-namespace", CRI_NAMESPACE, "-address", socket, "-publish-binary", "containerd", "-id", id, "-bundle", bundle, "delete"],
    {
      cwd: bundle,
    },
  );
}
