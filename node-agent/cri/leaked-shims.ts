import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { ContainerdPaths } from "./containerd.ts";
import type { Runtime } from "./runtime.ts";

/** The process that stands between containerd and the containers of one sandbox. */
export interface Shim {
  readonly pid: number;
  /** Of the sandbox. */
  readonly id: string;
  readonly program: string;
}

/** How often it is looked, at first and later. */
const LOOKS_MS = [5_000, 5_000, 5_000, 10_000, 60_000] as const;
/** Whoever called for it is dead, and containerd has undone the call, or not. */
const ORPHAN_PATIENCE_MS = 8_000;
/** Longer than a sandbox may take to start: a call of ours may still be under way. */
const PATIENCE_MS = 300_000;

/**
 * The shims that belong to no sandbox, and have for long enough. `unknownSince` says when each was first seen so, in milliseconds, and
 * is kept up here; `orphans` were there before this agent began, so nobody waits for them. Pure but for that map.
 */
export function chooseLeaked(
  shims: readonly Shim[],
  sandboxes: ReadonlySet<string>,
  orphans: ReadonlySet<number>,
  unknownSince: Map<number, number>,
  nowMs: number,
): readonly Shim[] {
  const unknown = shims.filter(({ id }) => !sandboxes.has(id));
  for (const pid of unknownSince.keys()) if (!unknown.some((shim) => shim.pid === pid)) unknownSince.delete(pid);
  for (const { pid } of unknown) if (!unknownSince.has(pid)) unknownSince.set(pid, nowMs);
  return unknown.filter(({ pid }) => nowMs - (unknownSince.get(pid) ?? nowMs) >= (orphans.has(pid) ? ORPHAN_PATIENCE_MS : PATIENCE_MS));
}

/**
 * Ends what containerd leaves behind when its caller dies in the middle of starting a sandbox: it may forget the sandbox, and not the
 * shim, which then holds memory and a process for ever. Only for a containerd of our own, where every shim is of a sandbox of ours.
 */
export function createShimReaper(runtime: Pick<Runtime, "glance">, { root, socket }: ContainerdPaths, clock: Clock, logger: Logger): Service {
  const orphans = new Set(findShims(socket).map(({ pid }) => pid));
  const unknownSince = new Map<number, number>();
  return service("shim reaper", async (signal) => {
    for (let look = 0; !signal.aborted; look++) {
      await sleep(clock, LOOKS_MS[look] ?? LOOKS_MS.at(-1) ?? 0, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        // The shims first: one that appears between the two looks is not taken for leaked.
        const shims = findShims(socket);
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
        ? [{ pid, id: value("-id"), program }]
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
async function endShim({ pid, id, program }: Shim, root: string, socket: string): Promise<void> {
  process.kill(pid, "SIGKILL");
  const bundle = path.join(root, "state", "io.containerd.runtime.v2.task", "k8s.io", id);
  if (!existsSync(bundle)) return;
  await promisify(execFile)(program, ["-namespace", "k8s.io", "-address", socket, "-publish-binary", "containerd", "-id", id, "-bundle", bundle, "delete"], {
    cwd: bundle,
  });
}
