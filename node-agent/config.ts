import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseReserved } from "./resources/reserved.ts";
import { DEFAULT_EVICTION_HARD, parseGracePeriods, parseThresholds } from "./resources/thresholds.ts";

/** Everything an agent is told; `mainstay server` passes it to the agent of its own machine. */
export interface AgentConfig {
  readonly dataDir: string;
  readonly nodeName: string;
  readonly nodeIp: string | undefined;
  /** Either a kubeconfig with a node's certificate, or a server and a token to get one with. */
  readonly kubeconfig: string | undefined;
  readonly server: string | undefined;
  readonly token: string | undefined;
  /** Port of the agent's own endpoint, on the node's address. */
  readonly port: number;
  readonly containerRuntimeEndpoint: string | undefined;
  readonly clusterCidr: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** Thresholds at which pods have to go; see resources/thresholds.ts for the form. */
  readonly evictionHard: string;
  readonly evictionSoft: string;
  readonly evictionSoftGracePeriod: string;
  readonly evictionMaxPodGracePeriod: number;
  /** Amounts kept from pods, for the machine's processes and for the agent's. */
  readonly systemReserved: string;
  readonly kubeReserved: string;
  /** Percent of the disk. */
  readonly imageGcHighThreshold: number;
  readonly imageGcLowThreshold: number;
  /** Processes of one pod; -1 for no bound. */
  readonly podMaxPids: number;
  /** Kernel parameters that pods may set though they may touch others. */
  readonly allowedUnsafeSysctls: readonly string[];
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export interface AgentOptionRow {
  readonly key: keyof AgentConfig;
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
}

/** The one table of `mainstay agent`'s options; each is also MAINSTAY_… in the environment. */
export const agentOptions: readonly AgentOptionRow[] = [
  { key: "server", flags: "--server <url>", description: "API server to join, such as https://10.0.0.1:6443" },
  { key: "token", flags: "--token <token>", description: "join token; the server keeps it in <data-dir>/server/pki/node-token" },
  { key: "kubeconfig", flags: "--kubeconfig <file>", description: "kubeconfig of a node that has joined already, instead of --server and --token" },
  { key: "dataDir", flags: "--data-dir <dir>", description: "where the agent keeps everything", default: "/var/lib/mainstay/agent" },
  { key: "nodeName", flags: "--node-name <name>", description: "name of this machine's Node", get default() { return os.hostname().toLowerCase(); } },
  { key: "nodeIp", flags: "--node-ip <ip>", description: "address of this machine towards other nodes (default: the one on the default route)" },
  { key: "port", flags: "--port <port>", description: "port of the agent's own endpoint (HTTPS)", default: "10250" },
  { key: "containerRuntimeEndpoint", flags: "--container-runtime-endpoint <socket>", description: "existing CRI socket (default: a containerd of our own)" },
  { key: "clusterCidr", flags: "--cluster-cidr <cidr>", description: "addresses of all pods of the cluster", default: "10.42.0.0/16" },
  { key: "clusterDns", flags: "--cluster-dns <ip>", description: "address at which pods find the cluster's names", default: "10.43.0.10" },
  { key: "clusterDomain", flags: "--cluster-domain <name>", description: "domain of the cluster's names", default: "cluster.local" },
  { key: "evictionHard", flags: "--eviction-hard <thresholds>", description: "end pods at once below these: <signal><<amount or percent>, separated by commas", default: DEFAULT_EVICTION_HARD },
  { key: "evictionSoft", flags: "--eviction-soft <thresholds>", description: "end pods when it stays below these for the grace period", default: "" },
  { key: "evictionSoftGracePeriod", flags: "--eviction-soft-grace-period <periods>", description: "how long for each soft signal: memory.available=1m30s", default: "" },
  { key: "evictionMaxPodGracePeriod", flags: "--eviction-max-pod-grace-period <seconds>", description: "most time a pod has to end in a soft eviction", default: "30" },
  { key: "systemReserved", flags: "--system-reserved <amounts>", description: "kept from pods for the machine: cpu=200m,memory=500Mi,ephemeral-storage=1Gi", default: "" },
  { key: "kubeReserved", flags: "--kube-reserved <amounts>", description: "the same for the agent and the runtime", default: "" },
  { key: "imageGcHighThreshold", flags: "--image-gc-high-threshold <percent>", description: "delete unused images when the disk is fuller than this", default: "85" },
  { key: "imageGcLowThreshold", flags: "--image-gc-low-threshold <percent>", description: "down to this", default: "80" },
  { key: "podMaxPids", flags: "--pod-max-pids <count>", description: "processes that one pod may have (-1: no bound)", default: "-1" },
  { key: "allowedUnsafeSysctls", flags: "--allowed-unsafe-sysctls <names>", description: "kernel parameters that pods may set though they may touch others, separated by commas; a trailing * stands for anything", default: "" },
  { key: "logLevel", flags: "--log-level <level>", description: "debug, info, warn or error", default: "info" },
];

/** Merges flags, environment and defaults. Throws with the option's name for what cannot be. */
export function resolveAgentConfig(flags: Readonly<Record<string, unknown>>, environment: Readonly<Record<string, string | undefined>>): AgentConfig {
  const values: Record<string, unknown> = {};
  for (const row of agentOptions) {
    const flag = flags[row.key];
    values[row.key] = typeof flag === "string" ? flag : (environment[`MAINSTAY_${row.key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`] ?? row.default);
  }
  const port = Number(values["port"]);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port "${String(values["port"])}": must be a port number from 0 to 65535`);
  const number = (key: "evictionMaxPodGracePeriod" | "imageGcHighThreshold" | "imageGcLowThreshold" | "podMaxPids", min: number, max: number): number => {
    const value = Number(values[key]);
    if (!Number.isInteger(value) || value < min || value > max) throw new Error(`${agentOptions.find((row) => row.key === key)?.flags.split(" ")[0]} "${String(values[key])}": must be a whole number from ${min} to ${max}`);
    return value;
  };
  const numbers = { evictionMaxPodGracePeriod: number("evictionMaxPodGracePeriod", 0, 86_400), imageGcHighThreshold: number("imageGcHighThreshold", 0, 100), imageGcLowThreshold: number("imageGcLowThreshold", 0, 100), podMaxPids: number("podMaxPids", -1, 4_194_304) };
  if (numbers.imageGcLowThreshold >= numbers.imageGcHighThreshold) throw new Error(`--image-gc-low-threshold ${numbers.imageGcLowThreshold} must be below --image-gc-high-threshold ${numbers.imageGcHighThreshold}`);
  // What cannot be read is said now, not when the machine is in need.
  parseThresholds(String(values["evictionHard"]));
  parseThresholds(String(values["evictionSoft"]), parseGracePeriods(String(values["evictionSoftGracePeriod"])));
  for (const key of ["systemReserved", "kubeReserved"]) parseReserved(String(values[key]));
  const allowedUnsafeSysctls = String(values["allowedUnsafeSysctls"]).split(",").filter((name) => name !== "");
  const config = { ...values, ...numbers, allowedUnsafeSysctls, port, dataDir: path.resolve(String(values["dataDir"])) } as unknown as AgentConfig; // the table has a row for every key
  if (config.kubeconfig === undefined && (config.server === undefined || config.token === undefined)) throw new Error("an agent needs --server and --token to join a cluster, or --kubeconfig of a node that has joined");
  return config;
}

/** Where the agent writes what it does. */
export function agentLog(dataDir: string): string {
  return path.join(dataDir, "agent.log");
}

/** The machine's address towards the world: that of the interface with the default route, else the first that is not loopback. */
export function machineAddress(): string {
  const device = defaultInterface(readRoutes());
  const interfaces = os.networkInterfaces();
  const all = [...(device === undefined ? [] : (interfaces[device] ?? [])), ...Object.values(interfaces).flatMap((list) => list ?? [])];
  return all.find((candidate) => candidate.family === "IPv4" && !candidate.internal)?.address ?? "127.0.0.1";
}

/** The interface of the cheapest route to everywhere, in the kernel's table of routes (proc(5), /proc/net/route). */
export function defaultInterface(routes: string): string | undefined {
  const rows = routes.split("\n").slice(1).map((line) => line.split(/\s+/));
  const toEverywhere = rows.filter(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000");
  return toEverywhere.sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

function readRoutes(): string {
  try {
    return readFileSync("/proc/net/route", "utf8");
  } catch {
    return "";
  }
}
