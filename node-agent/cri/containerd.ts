import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { backoffMs } from "../../engine/lib/backoff.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { openCriRuntime } from "./cri-runtime.ts";

export const PAUSE_IMAGE = "mainstay.local/pause:1";

export interface ContainerdPaths {
  readonly root: string;
  readonly socket: string;
  readonly cniConfigDir: string;
}

/** Everything of our own containerd lies below the agent's directory; its socket path must stay below 108 bytes. */
export function containerdPaths(agentDir: string): ContainerdPaths {
  const root = path.join(agentDir, "containerd");
  return { root, socket: path.join(root, "c.sock"), cniConfigDir: path.join(agentDir, "cni", "net.d") };
}

export interface ContainerdHandle {
  readonly socket: string;
  /** The process; pods outlive it under their shims. */
  readonly pid: number;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** How soon the end of containerd is noticed. */
const LOOK_MS = 500;
const RESTART = { initialMs: 500, maxMs: 30_000 };
const BIN_DIRS = ["/usr/lib/cni", "/opt/cni/bin"];
const RUNTIMES = { crun: ["/usr/bin/crun", "/usr/sbin/crun"], runc: ["/usr/sbin/runc", "/usr/bin/runc"] } as const;

/**
 * Our own containerd: adopts the one that an earlier agent left running, or starts one. It runs in a process group of its own,
 * so that a terminal's Ctrl-C and the agent's sudden death leave it and the pods alone.
 */
export async function startContainerd(agentDir: string, clock: Clock, logger: Logger, signal: AbortSignal): Promise<ContainerdHandle> {
  const paths = containerdPaths(agentDir);
  const pidFile = path.join(paths.root, "pid");
  const known = findContainerd(pidFile, paths.root);
  if (known !== undefined) {
    // It may be busy, or have just been started: a second one on its files would wait for their lock in vain.
    const isAnswering = await waitUntilAnswers(paths.socket, clock, signal).then(() => true, () => false);
    signal.throwIfAborted();
    if (isAnswering) {
      logger.info("adopted the running containerd", { pid: known });
      writeFileSync(pidFile, String(known));
      return handle(paths.socket, known, pidFile, clock);
    }
    logger.warn("the running containerd does not answer, replacing it", { pid: known });
    await end(known, clock, "SIGKILL");
  }
  for (const directory of [paths.root, path.join(paths.root, "root"), path.join(paths.root, "state"), paths.cniConfigDir]) mkdirSync(directory, { recursive: true, mode: 0o711 });
  const configFile = path.join(paths.root, "config.toml");
  writeFileSync(configFile, containerdConfig(paths, chooseOciRuntime()));
  rmSync(paths.socket, { force: true });
  const log = openSync(path.join(paths.root, "containerd.log"), "a");
  const child = spawn("containerd", ["-c", configFile], { detached: true, stdio: ["ignore", log, log] });
  const failed = new Promise<never>((_resolve, reject) => {
    child.on("error", (error) => reject(new Error("start containerd", { cause: error })));
    child.on("exit", (code) => reject(new Error(`containerd ended with status ${code}; its last words: ${lastLines(path.join(paths.root, "containerd.log"))}`)));
  });
  failed.catch(() => {}); // judged by the race below; later ends are noticed by the runtime's own failures
  child.unref();
  writeFileSync(pidFile, String(child.pid));
  await Promise.race([failed, waitUntilAnswers(paths.socket, clock, signal)]);
  return handle(paths.socket, child.pid ?? 0, pidFile, clock);
}

export interface KeptContainerd {
  readonly socket: string;
  /** Starts it again, at the same socket, whenever it has ended; its containers went on under their shims. */
  readonly service: Service;
  stop(): Promise<void>;
}

/** A containerd of our own that is there as long as we are. Rejects when it cannot be started at all. */
export async function keepContainerd(agentDir: string, clock: Clock, logger: Logger, signal: AbortSignal): Promise<KeptContainerd> {
  let current = await startContainerd(agentDir, clock, logger, signal);
  return {
    socket: current.socket,
    service: service("containerd", async (running) => {
      for (let failures = 0; !running.aborted; ) {
        await sleep(clock, failures === 0 ? LOOK_MS : backoffMs(RESTART, failures), running).catch(() => {});
        if (running.aborted || isAlive(current.pid)) continue;
        logger.warn("containerd ended, starting it again", { pid: current.pid });
        try {
          current = await startContainerd(agentDir, clock, logger, running);
          failures = 0;
        } catch (error) {
          failures++;
          if (!running.aborted) logger.error("containerd does not start, will retry", { error: describeError(error) });
        }
      }
    }),
    stop: () => current.stop(),
  };
}

/** crun starts pods faster, but refuses the hybrid layout of cgroup versions, which runc copes with. */
export function chooseOciRuntime(): { readonly name: "crun" | "runc"; readonly path: string } {
  const find = (name: keyof typeof RUNTIMES) => RUNTIMES[name].find((candidate) => existsSync(candidate));
  const crun = find("crun");
  const runc = find("runc");
  if (crun !== undefined && (!isHybridCgroup() || runc === undefined)) return { name: "crun", path: crun };
  if (runc !== undefined) return { name: "runc", path: runc };
  throw new Error("neither crun nor runc is installed; install one of them");
}

const CGROUP2_MAGIC = 0x63677270;

function isHybridCgroup(): boolean {
  return existsSync("/sys/fs/cgroup/unified/cgroup.controllers") && statfsSync("/sys/fs/cgroup").type !== CGROUP2_MAGIC;
}

/** containerd's configuration: nothing of the system's own containerd is shared. */
export function containerdConfig(paths: ContainerdPaths, runtime: { readonly name: string; readonly path: string }): string {
  const binDir = BIN_DIRS.find((candidate) => existsSync(path.join(candidate, "ptp"))) ?? BIN_DIRS[0];
  return `version = 2
root = "${paths.root}/root"
state = "${paths.root}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "${paths.socket}"
[ttrpc]
  address = "${paths.socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${paths.root}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "${runtime.name}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${runtime.name}]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${runtime.name}.options]
        SystemdCgroup = false
        BinaryName = "${runtime.path}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${binDir}"
    conf_dir = "${paths.cniConfigDir}"
`;
}

function handle(socket: string, pid: number, pidFile: string, clock: Clock): ContainerdHandle {
  return {
    socket,
    pid,
    async stop() {
      await end(pid, clock, "SIGTERM");
      if (isAlive(pid)) await end(pid, clock, "SIGKILL");
      rmSync(pidFile, { force: true });
    },
  };
}

/** Asks a process to end, and waits a while for it. */
async function end(pid: number, clock: Clock, signal: NodeJS.Signals): Promise<void> {
  kill(pid, signal);
  for (let waited = 0; isAlive(pid) && waited < END_TIMEOUT_MS; waited += POLL_MS) await sleep(clock, POLL_MS, new AbortController().signal);
}

async function waitUntilAnswers(socket: string, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const deadline = clock.monotonic() + START_TIMEOUT_MS; clock.monotonic() < deadline; ) {
    if (existsSync(socket) && (await answers(socket))) return;
    await sleep(clock, POLL_MS, signal);
  }
  throw new Error(`containerd did not answer on ${socket} within ${START_TIMEOUT_MS / 1000} s`);
}

async function answers(socket: string): Promise<boolean> {
  const runtime = openCriRuntime(socket);
  try {
    await runtime.describe();
    return true;
  } catch (error) {
    return describeError(error) === "";
  } finally {
    runtime.close();
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

/** The containerd that runs on these files, by what its last starter wrote down or else by its command line. */
function findContainerd(pidFile: string, root: string): number | undefined {
  const written = readPid(pidFile);
  if (written !== undefined && isContainerd(written, root)) return written;
  return readdirSync("/proc").map(Number).find((pid) => pid > 1 && isContainerd(pid, root));
}

/** A process id may have been given to another program since: its command line must name our configuration. */
function isContainerd(pid: number, root: string): boolean {
  try {
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return path.basename(program) === "containerd" && args.includes(path.join(root, "config.toml"));
  } catch {
    return false;
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

function lastLines(file: string): string {
  // Whoever told it to stop may have removed its files before its end is noticed.
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").slice(-3).join(" | ") : "";
}
