import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Clock } from "../../engine/lib/clock.ts";

const run = promisify(execFile);

/** Holds a shutdown of the machine up until it is released; the agent's own end releases it too. */
export interface ShutdownLock {
  release(): void;
}

/** What systemd's login manager does for those who have to end something before the machine shuts down. */
export interface LoginManager {
  /** Sees to it that a shutdown waits this long for those who hold it up, if the machine's operator has not given them more. */
  allowDelay(seconds: number): Promise<void>;
  holdUp(): Promise<ShutdownLock>;
  /** True for each shutdown that begins, false for one that is called off. Ends when the signal fires; rejects when nothing is heard any more. */
  shutdowns(signal: AbortSignal): AsyncIterable<boolean>;
}

const MANAGER = "org.freedesktop.login1.Manager";
const OBJECT = "/org/freedesktop/login1";
const SYSTEMD = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];
const SIGHUP = "1";
/** Read after a kubelet's, by its name. */
const SETTINGS_FILE = "/etc/systemd/logind.conf.d/99-mainstay.conf";
const HELD = "held";
/** The settings are read again some time after that was asked for. */
const LOOKS_MS = [100, 200, 400, 800, 1_600];

/** The machine's own, asked by systemd's programs: `busctl` and `systemd-inhibit`. */
export function systemLoginManager(clock: Clock): LoginManager {
  return { allowDelay: (seconds) => allowDelay(seconds, clock), holdUp, shutdowns };
}

/** What an agent has changed of the machine's settings is taken back. */
export function removeShutdownSettings(): void {
  rmSync(SETTINGS_FILE, { force: true });
}

async function allowDelay(seconds: number, clock: Clock): Promise<void> {
  if ((await delayMaxSeconds()) >= seconds) return;
  mkdirSync(path.dirname(SETTINGS_FILE), { recursive: true });
  writeFileSync(SETTINGS_FILE, `# The node agent needs as much to end pods when the machine shuts down.\n[Login]\nInhibitDelayMaxSec=${seconds}\n`);
  await run("busctl", ["--system", "call", ...SYSTEMD, "KillUnit", "ssi", "systemd-logind.service", "all", SIGHUP]);
  for (const ms of LOOKS_MS) {
    await new Promise<void>((resolve) => void clock.after(ms, resolve));
    if ((await delayMaxSeconds()) >= seconds) return;
  }
  throw new Error(`a shutdown is held up for ${await delayMaxSeconds()} s at most and not for ${seconds}: see InhibitDelayMaxSec of logind.conf`);
}

async function delayMaxSeconds(): Promise<number> {
  const { stdout } = await run("busctl", ["--system", "get-property", "org.freedesktop.login1", OBJECT, MANAGER, "InhibitDelayMaxUSec"]);
  return Number(stdout.trim().split(" ")[1]) / 1e6;
}

async function holdUp(): Promise<ShutdownLock> {
  // The lock is let go when the program ends, and that ends when nobody holds the other end of its input any more.
  const words = [
    "--what=shutdown",
    "--mode=delay",
    "--who=mainstay",
    "--why=pods are ended before the machine shuts down",
    "sh",
    "-c",
    `echo ${HELD}; exec cat`,
  ];
  const child = spawn("systemd-inhibit", words, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  child.stdin.on("error", () => {}); // it has ended
  for await (const line of linesOf(child, "hold up shutdowns")) if (line === HELD) break;
  return { release: () => void child.stdin.end() };
}

async function* shutdowns(signal: AbortSignal): AsyncIterable<boolean> {
  const match = `type='signal',path='${OBJECT}',interface='${MANAGER}',member='PrepareForShutdown'`;
  const child = spawn("busctl", ["--system", "--json=short", "--match", match, "monitor"], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const end = () => void child.kill();
  signal.addEventListener("abort", end);
  try {
    for await (const line of linesOf(child, "hear of shutdowns")) {
      const begins = readShutdown(line);
      if (begins !== undefined) yield begins;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}

/** Whether a message of the bus, as busctl writes it, says that a shutdown begins or that one is called off; undefined for what says neither. Pure. */
export function readShutdown(line: string): boolean | undefined {
  try {
    const { member, payload } = JSON.parse(line) as { readonly member?: unknown; readonly payload?: { readonly data?: readonly unknown[] } };
    const begins = payload?.data?.[0];
    return member === "PrepareForShutdown" && typeof begins === "boolean" ? begins : undefined;
  } catch {
    return undefined; // what it says of itself
  }
}

/** Rejects with what the program complains of when it ends, or cannot be run. */
async function* linesOf(child: ChildProcess, purpose: string): AsyncIterable<string> {
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint = `${complaint}${text}`.slice(-1_000)));
  const closed = new Promise((resolve) => child.once("close", resolve));
  await once(child, "spawn").catch((error: unknown) => {
    throw new Error(purpose, { cause: error });
  });
  if (child.stdout !== null) yield* createInterface({ input: child.stdout });
  await closed; // its complaint may come after its last line
  throw new Error(`${purpose}: ${child.spawnfile} ended: ${complaint.trim()}`);
}
