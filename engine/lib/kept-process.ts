import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { NEVER } from "./abort.ts";
import { backoffMs } from "./backoff.ts";
import { boundLog } from "./bounded-log.ts";
import { sleep, type Clock } from "./clock.ts";
import { describeError, type Logger } from "./log.ts";
import { service, type Service } from "./service.ts";

/** A program of somebody else's that runs beside us, on files of ours. */
export interface Program {
  /** What is started, found on PATH; also what the process is known by, together with its mark. */
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The one of `args` that tells this process from others of the same program. */
  readonly mark: string;
  readonly pidFile: string;
  readonly logFile: string;
  /** Whether it does its work by now. */
  readonly answers: (signal: AbortSignal) => Promise<boolean>;
}

export interface RunningProgram {
  readonly pid: number;
  /** Asks it to end, and makes it. */
  stop(): Promise<void>;
}

/** It ended before it answered; `log` is the end of what it wrote. */
export class ProgramEndedError extends Error {
  override readonly name = "ProgramEndedError";
  readonly log: string;

  constructor(program: string, code: number | null, logFile: string) {
    super(`${program} ended with status ${code}; its last words: ${lastLines(logFile, WORDS).join(" | ")}`);
    this.log = lastLines(logFile, LOG_LINES).join("\n");
  }
}

/** Lines of a log that fit into a message. */
const WORDS = 3;
/** Lines of a log among which the reason of an end is looked for. */
const LOG_LINES = 100;
const START_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** How soon the end of a kept program is noticed. */
const LOOK_MS = 500;
const RESTART = { initialMs: 500, maxMs: 30_000 };

/**
 * Adopts the process that an earlier run left, or starts one. It runs in a process group of its own, so that a terminal's Ctrl-C and
 * our sudden death leave it alone. Resolves when it answers; rejects with a ProgramEndedError when it ends before, or with the time it had.
 */
export async function adoptOrStart(program: Program, clock: Clock, logger: Logger, signal: AbortSignal): Promise<RunningProgram> {
  const { name, pidFile, logFile } = program;
  const known = findProcess(program);
  if (known !== undefined) {
    // It may be busy, or have just been started: a second one on its files would wait for their lock in vain.
    const isAnswering = await waitUntilAnswers(program, clock, signal).then(
      () => true,
      () => false,
    );
    signal.throwIfAborted();
    if (isAnswering) {
      logger.info(`adopted the running ${name}`, { pid: known });
      writeFileSync(pidFile, String(known));
      return handle(known, pidFile, clock);
    }
    logger.warn(`the running ${name} does not answer, replacing it`, { pid: known });
    await end(known, clock, "SIGKILL");
  }
  const log = openSync(logFile, "a");
  const child = spawn(name, program.args, {
    detached: true,
    stdio: ["ignore", log, log],
    ...(program.env === undefined ? {} : { env: { ...process.env, ...program.env } }),
  });
  const failed = new Promise<never>((_resolve, reject) => {
    child.on("error", (error) => reject(new Error(`start ${name}`, { cause: error })));
    child.on("exit", (code) => reject(new ProgramEndedError(name, code, logFile)));
  });
  failed.catch(() => {}); // judged by the race below; later ends are noticed by whoever keeps it
  child.unref();
  writeFileSync(pidFile, String(child.pid));
  try {
    await Promise.race([failed, waitUntilAnswers(program, clock, signal)]);
  } catch (error) {
    if (signal.aborted && child.pid !== undefined) await end(child.pid, clock, "SIGKILL");
    throw error;
  }
  return handle(child.pid ?? 0, pidFile, clock);
}

export interface KeptProgram {
  /** Starts it again whenever it has ended, and keeps its log within bounds. Rejects when `onEnd` does. */
  readonly service: Service;
  /** Of the process that runs, or ran last. */
  pid(): number;
  stop(): Promise<void>;
}

export interface KeepOptions {
  /** Made anew for every start, since ways and options may have changed. */
  readonly program: () => Program;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when it has ended, with the end of its log; may reject, when starting it again cannot help. */
  readonly onEnd?: (log: string) => Promise<void>;
}

/** A program that is there as long as we are. Rejects when it cannot be started at all. */
export async function keepProgram({ program, clock, logger, onEnd }: KeepOptions, signal: AbortSignal): Promise<KeptProgram> {
  const { name, logFile } = program();
  let current = await adoptOrStart(program(), clock, logger, signal);
  return {
    service: service(name, async (running) => {
      for (let failures = 0; !running.aborted;) {
        await sleep(clock, failures === 0 ? LOOK_MS : backoffMs(RESTART, failures), running).catch(() => {});
        boundLog(logFile);
        if (running.aborted || isAlive(current.pid)) continue;
        await onEnd?.(lastLines(logFile, LOG_LINES).join("\n"));
        logger.warn(`${name} ended, starting it again`, { pid: current.pid });
        try {
          current = await adoptOrStart(program(), clock, logger, running);
          failures = 0;
        } catch (error) {
          failures++;
          if (!running.aborted) logger.error(`${name} does not start, will retry`, { error: describeError(error) });
        }
      }
    }),
    pid: () => current.pid,
    stop: () => current.stop(),
  };
}

/** Ends the process that an earlier run left on these files. Whether there was one. */
export async function endLeftover(program: Pick<Program, "name" | "mark" | "pidFile">, clock: Clock): Promise<boolean> {
  const pid = findProcess(program);
  if (pid !== undefined) await handle(pid, program.pidFile, clock).stop();
  return pid !== undefined;
}

function handle(pid: number, pidFile: string, clock: Clock): RunningProgram {
  return {
    pid,
    async stop() {
      await end(pid, clock, "SIGTERM");
      if (isAlive(pid)) await end(pid, clock, "SIGKILL");
      rmSync(pidFile, { force: true });
    },
  };
}

/** Tells a process to end, and waits a while until it has. */
async function end(pid: number, clock: Clock, signal: NodeJS.Signals): Promise<void> {
  kill(pid, signal);
  for (let waited = 0; isAlive(pid) && waited < END_TIMEOUT_MS; waited += POLL_MS) await sleep(clock, POLL_MS, NEVER);
}

async function waitUntilAnswers({ name, answers }: Program, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const deadline = clock.monotonic() + START_TIMEOUT_MS; clock.monotonic() < deadline;) {
    if (await answers(signal)) return;
    await sleep(clock, POLL_MS, signal);
  }
  throw new Error(`${name} did not answer within ${START_TIMEOUT_MS / 1000} s`);
}

/** The process that runs on these files, by what its last starter wrote down or else by its command line. */
function findProcess(program: Pick<Program, "name" | "mark" | "pidFile">): number | undefined {
  const written = readPid(program.pidFile);
  if (written !== undefined && isProcessOf(written, program)) return written;
  return readdirSync("/proc")
    .map(Number)
    .find((pid) => pid > 1 && isProcessOf(pid, program));
}

/** A process id may have been given to another program since: its command line must bear the mark. */
function isProcessOf(pid: number, { name, mark }: Pick<Program, "name" | "mark">): boolean {
  try {
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return path.basename(program) === name && args.includes(mark);
  } catch {
    return false;
  }
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already: that is what was wanted.
  }
}

function lastLines(file: string, count: number): readonly string[] {
  // Whoever told it to stop may have removed its files before its end is noticed.
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").slice(-count) : [];
}
