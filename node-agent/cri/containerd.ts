import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Clock } from "../../engine/lib/clock.ts";
import { adoptOrStart, endLeftover, keepProgram, type KeptProgram, type Program } from "../../engine/lib/kept-process.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { CDI_FOLDERS } from "../devices/cdi-edits.ts";
import { cniPlaces, type CniPlaces } from "../network/cni.ts";
import { hasAppArmor } from "../node/app-armor.ts";
import { openCriRuntime } from "./cri-runtime.ts";

/** Where containerd looks for the mirrors, authorities and plain addresses of registries: a folder for each, with a hosts.toml; read at each pull. */
export const REGISTRY_HOSTS_DIR = "/etc/containerd/certs.d";
export const PAUSE_IMAGE = "mainstay.local/pause:1";
const NAME = "containerd";

export interface ContainerdPaths {
  readonly root: string;
  readonly socket: string;
  readonly cni: CniPlaces;
}

/**
 * Everything of our own containerd lies below the agent's directory; its socket path must stay below 108 bytes. Only the network namespaces of pods
 * are mounted where other runtimes mount them, in /run/netns: programs that add networks to pods look there, as does ip(8).
 */
export function containerdPaths(agentDir: string): ContainerdPaths {
  const root = path.join(agentDir, "containerd");
  return { root, socket: path.join(root, "c.sock"), cni: cniPlaces(agentDir) };
}

export interface ContainerdHandle {
  readonly socket: string;
  /** The process; pods outlive it under their shims. */
  readonly pid: number;
  stop(): Promise<void>;
}

const RUNTIMES = { crun: ["/usr/bin/crun", "/usr/sbin/crun"], runc: ["/usr/sbin/runc", "/usr/bin/runc"] } as const;

/** Our own containerd: adopts the one that an earlier agent left running, or starts one. */
export async function startContainerd(agentDir: string, clock: Clock, logger: Logger, signal: AbortSignal): Promise<ContainerdHandle> {
  const { pid, stop } = await adoptOrStart(containerdProgram(agentDir), clock, logger, signal);
  return { socket: containerdPaths(agentDir).socket, pid, stop };
}

export interface KeptContainerd extends KeptProgram {
  readonly socket: string;
}

/** A containerd of our own that is there as long as we are; its containers go on under their shims. Rejects when it cannot be started at all. */
export async function keepContainerd(agentDir: string, clock: Clock, logger: Logger, signal: AbortSignal): Promise<KeptContainerd> {
  await endOutdated(agentDir, clock, logger);
  return { socket: containerdPaths(agentDir).socket, ...(await keepProgram({ program: () => containerdProgram(agentDir), clock, logger }, signal)) };
}

/** A configuration is read once: who runs with another one, as of an earlier release, goes. Its containers stay, under their shims. */
async function endOutdated(agentDir: string, clock: Clock, logger: Logger): Promise<void> {
  const paths = containerdPaths(agentDir);
  const { configFile, pidFile } = filesOf(paths);
  if (!existsSync(configFile) || readFileSync(configFile, "utf8") === containerdConfig(paths, chooseOciRuntime())) return;
  if (await endLeftover({ name: NAME, mark: configFile, pidFile }, clock)) logger.info("ended the running containerd, whose configuration was another");
}

function filesOf({ root }: ContainerdPaths) {
  return { configFile: path.join(root, "config.toml"), pidFile: path.join(root, "pid") };
}

/** With its configuration written, as it is by now. */
function containerdProgram(agentDir: string): Program {
  const paths = containerdPaths(agentDir);
  for (const directory of [paths.root, path.join(paths.root, "root"), path.join(paths.root, "state"), paths.cni.configDir])
    mkdirSync(directory, { recursive: true, mode: 0o711 });
  const { configFile, pidFile } = filesOf(paths);
  writeFileSync(configFile, containerdConfig(paths, chooseOciRuntime()));
  return {
    name: NAME,
    args: ["-c", configFile],
    mark: configFile,
    pidFile,
    logFile: path.join(paths.root, "containerd.log"),
    answers: async () => existsSync(paths.socket) && (await answers(paths.socket)),
  };
}

interface OciRuntime {
  readonly name: "crun" | "runc";
  readonly path: string;
}

/** crun starts pods faster, but refuses the hybrid layout of cgroup versions, which runc copes with. */
function chooseOciRuntime(): OciRuntime {
  const [crun, runc] = (["crun", "runc"] as const).map((name) => installedRuntimes().find((runtime) => runtime.name === name));
  if (crun !== undefined && (!isHybridCgroup() || runc === undefined)) return crun;
  if (runc !== undefined) return runc;
  throw new Error("neither crun nor runc is installed; install one of them");
}

const CGROUP2_MAGIC = 0x63677270;

function isHybridCgroup(): boolean {
  return existsSync("/sys/fs/cgroup/unified/cgroup.controllers") && statfsSync("/sys/fs/cgroup").type !== CGROUP2_MAGIC;
}

/** containerd's configuration: nothing of the system's own containerd is shared. */
function containerdConfig(paths: ContainerdPaths, runtime: OciRuntime): string {
  const others = installedRuntimes().filter(({ name }) => name !== runtime.name);
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
  disable_apparmor = ${!hasAppArmor()}
  restrict_oom_score_adj = true
  disable_hugetlb_controller = false
  tolerate_missing_hugetlb_controller = true
  enable_cdi = true
  cdi_spec_dirs = [${CDI_FOLDERS.map((folder) => `"${folder}"`).join(", ")}]
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "${runtime.name}"
${[runtime, ...others].map(runtimeConfig).join("")}  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${REGISTRY_HOSTS_DIR}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${paths.cni.binDir}"
    conf_dir = "${paths.cni.configDir}"
`;
}

/** A handler of the runtime's name, for RuntimeClasses. */
function runtimeConfig({ name, path: binary }: OciRuntime): string {
  return `    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${name}]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${name}.options]
        SystemdCgroup = false
        BinaryName = "${binary}"
`;
}

function installedRuntimes(): readonly OciRuntime[] {
  return (["crun", "runc"] as const).flatMap((name) => {
    const found = RUNTIMES[name].find((candidate) => existsSync(candidate));
    return found === undefined ? [] : [{ name, path: found }];
  });
}

async function answers(socket: string): Promise<boolean> {
  const runtime = openCriRuntime(socket);
  try {
    await runtime.describe();
    return true;
  } catch {
    return false;
  } finally {
    runtime.close();
  }
}
