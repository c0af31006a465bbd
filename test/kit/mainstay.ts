import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { programArguments, programEnvironment } from "../../engine/cli/snapshot/program.mjs";
import type { Host } from "./hosts.ts";

/** What Node is started with to run the command line as users do; its arguments follow. */
export const nodeArgs = programArguments("server", (line) => console.log(line));
const agentNodeArgs = programArguments("agent", (line) => console.log(line));

export interface Mainstay {
  readonly dataDir: string;
  readonly kubeconfig: string;
  /** What the server printed so far. */
  output(): string;
  /** Ends the server in order, as Ctrl-C does; pods stay. */
  stop(): Promise<void>;
  /** Ends the server's process without any warning. */
  kill(): Promise<void>;
  readonly process: ChildProcess;
}

/** A data directory with a short path: sockets in it must stay below 108 bytes. */
export function makeDataDir(): string {
  return mkdtempSync(path.join(os.tmpdir(), "ms-"));
}

/** Runs `mainstay server` on a host and waits until it says that it is ready. */
export async function startMainstay(host: Host, dataDir: string, args: readonly string[] = [], timeoutMs = 90_000, environment: Readonly<Record<string, string>> = {}): Promise<Mainstay> {
  return startProcess(
    host,
    dataDir,
    ["server", "--data-dir", dataDir, "--node-name", host.name, "--node-ip", nodeIps(host), ...args],
    path.join(dataDir, "kubeconfig.yaml"),
    /^mainstay is ready/m,
    timeoutMs,
    environment,
  );
}

/** Runs `mainstay agent` on a host; it is ready when the API says so. */
export async function startAgent(host: Host, dataDir: string, args: readonly string[]): Promise<Mainstay> {
  return startProcess(host, dataDir, ["agent", "--data-dir", dataDir, "--node-name", host.name, "--node-ip", nodeIps(host), ...args], "", undefined, 0);
}

function nodeIps({ address, address6 }: Host): string {
  return address6 === undefined ? address : `${address},${address6}`;
}

/** Everything that a server or agent left on the host. */
export async function resetMainstay(host: Host, dataDir: string): Promise<void> {
  // A test that failed in the middle may have left a server that nobody holds any more.
  await host.exec("pkill", "-9", "-f", `main.ts (server|agent) .*${dataDir}`).catch(() => "");
  // Where nothing was begun there is nothing that a reset would know as Mainstay's.
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) await host.exec(process.execPath, ...nodeArgs, "reset", "--data-dir", dataDir);
  rmSync(dataDir, { recursive: true, force: true });
}

/** Takes every step, also when one before it fails, and only then throws what failed: nothing that a test has begun outlives it. */
export async function cleanUp(...steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, "several steps of the clean-up failed");
}

/** Runs another command of the command line on a host, and gives what it prints. */
export async function runMainstay(host: Host, ...args: string[]): Promise<string> {
  return host.exec(process.execPath, ...nodeArgs, ...args);
}

/** kubectl on the host against a cluster of this test. */
export async function kubectl(host: Host, { kubeconfig }: Pick<Mainstay, "kubeconfig">, ...args: string[]): Promise<string> {
  return host.exec("kubectl", "--kubeconfig", kubeconfig, ...args);
}

/** Asks again until the answer is right; fails with the last one. */
export async function eventually<T>(ask: () => Promise<T>, isRight: (answer: T) => boolean, timeoutMs = 60_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask().catch((error: unknown) => error as T); // a failure is an answer too, and a wrong one
    if (!(answer instanceof Error) && isRight(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s; last answer: ${answer instanceof Error ? answer.message : JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function startProcess(
  host: Host,
  dataDir: string,
  args: readonly string[],
  kubeconfig: string,
  ready: RegExp | undefined,
  timeoutMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Mainstay> {
  const [enter = "", ...words] = host.enter;
  const child = spawn(enter, [...words, process.execPath, ...(args[0] === "agent" ? agentNodeArgs : nodeArgs), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: { ...programEnvironment, ...process.env, ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  const mainstay: Mainstay = {
    dataDir,
    kubeconfig,
    process: child,
    output: () => output,
    async stop() {
      if (!isOver()) child.kill("SIGTERM");
      await ended;
    },
    async kill() {
      if (!isOver()) child.kill("SIGKILL");
      await ended;
    },
  };
  for (const deadline = performance.now() + timeoutMs; ready !== undefined && !ready.test(output);) {
    if (isOver() || performance.now() > deadline) {
      await mainstay.stop();
      throw new Error(`the server did not become ready:\n${output}\n${tail(path.join(dataDir, "mainstay.log"))}\n${tail(path.join(dataDir, "agent", "agent.log"))}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return mainstay;
}

function tail(file: string): string {
  try {
    return readFileSync(file, "utf8").trim().split("\n").slice(-15).join("\n");
  } catch {
    return "";
  }
}

/** Whether this run may use network namespaces and containers; in CI it must. */
export function requireRoot(): boolean {
  if (process.getuid?.() === 0) return true;
  if (process.env["CI"]) throw new Error("these tests need root, and CI must run them");
  console.log("skipped: needs root for containers and network namespaces");
  return false;
}
