import { spawn, type ChildProcess } from "node:child_process";
import { openSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { backoffMs } from "./lib/backoff.ts";
import { sleep, type Clock } from "./lib/clock.ts";
import type { Logger } from "./lib/log.ts";
import { service, type Service } from "./lib/service.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const RETRY = { initialMs: 500, maxMs: 30_000 };
/** An agent that ran this long before it ended is started again at once. */
const STABLE_MS = 60_000;

/**
 * The node agent of the server's own machine, as a process of its own: when it dies it is started again, and pods notice neither.
 * It ends by itself when this process does, for whatever reason: their channel closes.
 */
export function createAgentProcess(args: readonly string[], logFile: string, clock: Clock, logger: Logger): Service {
  return service("agent", async (signal) => {
    for (let failures = 0; !signal.aborted;) {
      const startedMs = clock.monotonic();
      const log = openSync(logFile, "a");
      // A group of its own: Ctrl-C reaches only the server, which then ends the agent in order.
      const child = spawn(process.execPath, [...agentFlags(), main, "agent", ...args], { stdio: ["ignore", log, log, "ipc"], detached: true });
      const ended = new Promise<number | null>((resolve) => child.once("exit", resolve).once("error", () => resolve(null)));
      const onAbort = () => stop(child);
      signal.addEventListener("abort", onAbort, { once: true });
      const code = await ended;
      signal.removeEventListener("abort", onAbort);
      if (signal.aborted) return;
      failures = clock.monotonic() - startedMs > STABLE_MS ? 1 : failures + 1;
      logger.error("the node agent ended, starting it again", { code, failures, log: path.basename(logFile) });
      await sleep(clock, backoffMs(RETRY, failures), signal).catch(() => {});
    }
  });
}

/** What Node was started with for this process; the agent's snapshot lies beside the server's (cli/snapshot/README.md). */
function agentFlags(): readonly string[] {
  return process.execArgv.map((flag) => flag.replace(/\bserver\.blob$/, "agent.blob"));
}

function stop(child: ChildProcess): void {
  child.kill("SIGTERM");
}
