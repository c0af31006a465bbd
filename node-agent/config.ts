import os from "node:os";
import path from "node:path";
import type { ClusterNetwork } from "../engine/auth/join-call.ts";
import { dnsSubdomainError, USUAL_CLUSTER_DOMAIN } from "../engine/apimachinery/names.ts";
import { parseBlock, parseHostAddress, parsePair, type IpFamily } from "../engine/lib/ip-address.ts";
import { parseNodeLabels, parseTaints } from "./node/registration.ts";
import { parseReserved } from "./resources/reserved.ts";
import { DEFAULT_EVICTION_HARD, parseGracePeriods, parseThresholds } from "./resources/thresholds.ts";

/** Everything an agent is told; `mainstay server` passes it to the agent of its own machine. */
export interface AgentConfig extends ClusterNetwork {
  readonly dataDir: string;
  /** Where drivers find the pods' volumes and are found themselves: kubelet's folder, laid out as a kubelet's. */
  readonly rootDir: string;
  readonly nodeName: string;
  readonly nodeIp: string | undefined;
  /** Either a kubeconfig with a node's certificate, or a server and a token to get one with. */
  readonly kubeconfig: string | undefined;
  readonly server: string | undefined;
  readonly token: string | undefined;
  /** Port of the agent's own endpoint, on the node's address. */
  readonly port: number;
  readonly containerRuntimeEndpoint: string | undefined;
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
  /** What the machine's Node is made with; see node/registration.ts for the form. */
  readonly nodeLabels: string;
  readonly registerWithTaints: string;
  /** Pods that the node takes. */
  readonly maxPods: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export interface AgentOptionRow {
  readonly key: keyof AgentConfig;
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
}

const DEFAULT_DATA_DIR = "/var/lib/mainstay/agent";

/** The one table of `mainstay agent`'s options; each is also MAINSTAY_… in the environment. */
export const agentOptions: readonly AgentOptionRow[] = [
  { key: "server", flags: "--server <url>", description: "API server to join, such as https://10.0.0.1:6443" },
  { key: "token", flags: "--token <token>", description: "join token; the server keeps it in <data-dir>/server/pki/node-token" },
  { key: "kubeconfig", flags: "--kubeconfig <file>", description: "kubeconfig of a node that has joined already, instead of --server and --token" },
  { key: "dataDir", flags: "--data-dir <dir>", description: "where the agent keeps everything", default: DEFAULT_DATA_DIR },
  { key: "rootDir", flags: "--root-dir <dir>", description: "folder of pods' volumes and of drivers' sockets, which drivers' manifests name (default: /var/lib/kubelet; with a --data-dir of its own, kubelet in that)" },
  { key: "nodeName", flags: "--node-name <name>", description: "name of this machine's Node", get default() { return os.hostname().toLowerCase(); } },
  { key: "nodeIp", flags: "--node-ip <ips>", description: "address of this machine towards other nodes, or one of each family with a comma between them (default: those on the default routes)" },
  { key: "port", flags: "--port <port>", description: "port of the agent's own endpoint (HTTPS)", default: "10250" },
  { key: "containerRuntimeEndpoint", flags: "--container-runtime-endpoint <socket>", description: "existing CRI socket (default: a containerd of our own)" },
  { key: "clusterCidr", flags: "--cluster-cidr <cidrs>", description: "addresses of all pods of the cluster: a range, or one of each family (default: what the server says)" },
  { key: "clusterDns", flags: "--cluster-dns <ips>", description: "address at which pods find the cluster's names, or one of each family (default: what the server says)" },
  { key: "clusterDomain", flags: "--cluster-domain <name>", description: "domain of the cluster's names (default: what the server says)" },
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
  { key: "nodeLabels", flags: "--node-labels <labels>", description: "labels that the machine's Node is made with: disk=ssd,topology.kubernetes.io/zone=a", default: "" },
  { key: "registerWithTaints", flags: "--register-with-taints <taints>", description: "taints that it is made with: dedicated=ci:NoSchedule", default: "" },
  { key: "maxPods", flags: "--max-pods <count>", description: "pods that run on this machine at most", default: "110" },
  { key: "logLevel", flags: "--log-level <level>", description: "debug, info, warn or error", default: "info" },
];

/** A cluster's network whose servers say nothing of it: they are of an earlier version, which expected that agents are told. */
const USUAL_NETWORK: ClusterNetwork = { clusterCidr: "10.42.0.0/16", clusterDns: "10.43.0.10", clusterDomain: USUAL_CLUSTER_DOMAIN };

type Flags = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string | undefined>>;

/** Merges flags, environment, what the cluster's servers say of its network, and defaults. Throws with the option's name for what cannot be. */
export function resolveAgentConfig(flags: Flags, environment: Environment, network: Partial<ClusterNetwork> = {}): AgentConfig {
  const learned: Readonly<Record<string, unknown>> = { ...USUAL_NETWORK, ...network };
  const values: Record<string, unknown> = {};
  for (const row of agentOptions) values[row.key] = toldOf(row.key, flags, environment) ?? learned[row.key] ?? row.default;
  const port = Number(values["port"]);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port "${String(values["port"])}": must be a port number from 0 to 65535`);
  const number = (key: "evictionMaxPodGracePeriod" | "imageGcHighThreshold" | "imageGcLowThreshold" | "podMaxPids" | "maxPods", min: number, max: number): number => {
    const value = Number(values[key]);
    if (!Number.isInteger(value) || value < min || value > max) throw new Error(`${agentOptions.find((row) => row.key === key)?.flags.split(" ")[0]} "${String(values[key])}": must be a whole number from ${min} to ${max}`);
    return value;
  };
  const numbers = { evictionMaxPodGracePeriod: number("evictionMaxPodGracePeriod", 0, 86_400), imageGcHighThreshold: number("imageGcHighThreshold", 0, 100), imageGcLowThreshold: number("imageGcLowThreshold", 0, 100), podMaxPids: number("podMaxPids", -1, 4_194_304), maxPods: number("maxPods", 0, 2_147_483_647) };
  if (numbers.imageGcLowThreshold >= numbers.imageGcHighThreshold) throw new Error(`--image-gc-low-threshold ${numbers.imageGcLowThreshold} must be below --image-gc-high-threshold ${numbers.imageGcHighThreshold}`);
  const addresses = Object.fromEntries((["nodeIp", "clusterDns"] as const).map((key) => [key, networkText(key, values[key], parseHostAddress, "an IP address")]));
  const ranges = { clusterCidr: networkText("clusterCidr", values["clusterCidr"], parseBlock, "a range of addresses") };
  const problem = dnsSubdomainError(String(values["clusterDomain"]));
  if (problem !== undefined) throw new Error(`--cluster-domain "${String(values["clusterDomain"])}": ${problem}`);
  // What cannot be read is said now, not when the machine is in need.
  parseThresholds(String(values["evictionHard"]));
  parseThresholds(String(values["evictionSoft"]), parseGracePeriods(String(values["evictionSoftGracePeriod"])));
  for (const key of ["systemReserved", "kubeReserved"]) parseReserved(String(values[key]));
  naming("--node-labels", () => parseNodeLabels(String(values["nodeLabels"])));
  naming("--register-with-taints", () => parseTaints(String(values["registerWithTaints"])));
  const allowedUnsafeSysctls = String(values["allowedUnsafeSysctls"]).split(",").filter((name) => name !== "");
  const dataDir = path.resolve(String(values["dataDir"]));
  const rootDir = values["rootDir"] === undefined ? defaultRootDir(dataDir) : path.resolve(String(values["rootDir"]));
  const config = { ...values, ...addresses, ...ranges, ...numbers, allowedUnsafeSysctls, port, dataDir, rootDir } as unknown as AgentConfig; // the table has a row for every key
  if (config.kubeconfig === undefined && (config.server === undefined || config.token === undefined)) throw new Error("an agent needs --server and --token to join a cluster, or --kubeconfig of a node that has joined");
  return config;
}

function naming(flag: string, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw new Error(flag, { cause: error });
  }
}

/** Whether the agent was told all of the cluster's network, so that no server has to be asked. */
export function isToldNetwork(flags: Flags, environment: Environment): boolean {
  return (Object.keys(USUAL_NETWORK) as readonly (keyof ClusterNetwork)[]).every((key) => toldOf(key, flags, environment) !== undefined);
}

/** What the flag says, or else the variable. */
function toldOf(key: keyof AgentConfig, flags: Flags, environment: Environment): string | undefined {
  const flag = flags[key];
  return typeof flag === "string" ? flag : environment[`MAINSTAY_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`];
}

/** Where manifests of drivers look; agents that share a machine have a data directory and so a folder each. */
function defaultRootDir(dataDir: string): string {
  return dataDir === DEFAULT_DATA_DIR ? "/var/lib/kubelet" : path.join(dataDir, "kubelet");
}

/** What stands for one family or for both, each part as it is written canonically. */
function networkText(key: keyof AgentConfig, value: unknown, parse: (part: string) => { readonly family: IpFamily; readonly text: string } | undefined, kind: string): string | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return parsePair(value, parse, kind).map(({ text }) => text).join(",");
  } catch (error) {
    throw new Error(`${agentOptions.find((row) => row.key === key)?.flags.split(" ")[0]} "${value}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Where the agent writes what it does. */
export function agentLog(dataDir: string): string {
  return path.join(dataDir, "agent.log");
}
