import path from "node:path";
import type { ClusterNetwork } from "../engine/auth/join-call.ts";
import { USUAL_CLUSTER_DOMAIN } from "../engine/apimachinery/names.ts";
import { describeError } from "../engine/lib/log.ts";
import { flagKey } from "../engine/options/flag-names.ts";
import { agentOptions, DEFAULT_DATA_DIR, variableOf, type AgentConfig, type AgentOptionRow } from "./agent-options.ts";
import { DEFAULT_EVICTION_HARD, mergeThresholds, parseGracePeriods, parseThresholds } from "./resources/thresholds.ts";

/** What is said in files, by the option that it is; `origin` is where: `kubelet.yaml:7 maxPods`. */
export type ToldByFile = ReadonlyMap<keyof AgentConfig, { readonly text: string; readonly origin: string }>;

/** A cluster's network whose servers say nothing of it: they are of an earlier version, which expected that agents are told. */
const USUAL_NETWORK: ClusterNetwork = { clusterCidr: "10.42.0.0/16", clusterDns: "10.43.0.10", clusterDomain: USUAL_CLUSTER_DOMAIN };

type Flags = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string | undefined>>;

interface Told {
  readonly text: string;
  /** Who says it. */
  readonly origin: string;
}

/**
 * Merges flags, environment, files, what the cluster's servers say of its network, and defaults. Throws with the option's name, or the
 * field's place, for what cannot be.
 */
export function resolveAgentConfig(flags: Flags, environment: Environment, network: Partial<ClusterNetwork> = {}, file: ToldByFile = new Map()): AgentConfig {
  const learned: Readonly<Record<string, unknown>> = { ...USUAL_NETWORK, ...network };
  const values: Record<string, unknown> = {};
  const origins = new Map<keyof AgentConfig, string>();
  for (const row of agentOptions) {
    const said = toldOf(row, flags, environment, file);
    const text = said?.text ?? (learned[row.key] as string | undefined) ?? row.default; // what servers say of the network is text
    const origin = said?.origin ?? nameOf(row);
    origins.set(row.key, origin);
    values[row.key] = text === undefined ? undefined : valueOf(row, text, origin);
  }
  const dataDir = path.resolve(String(values["dataDir"]));
  const rootDir = values["rootDir"] === undefined ? defaultRootDir(dataDir) : path.resolve(String(values["rootDir"]));
  const config = { ...values, nodeName: values["hostnameOverride"] ?? values["nodeName"], dataDir, rootDir } as unknown as AgentConfig; // the table has a row for every key
  refuseContradictions(config, (key) => origins.get(key) ?? key);
  if (config.kubeconfig === undefined && (config.server === undefined || config.token === undefined))
    throw new Error("an agent needs --server and --token to join a cluster, or --kubeconfig of a node that has joined");
  return config.mergeDefaultEvictionSettings ? { ...config, evictionHard: mergeThresholds(config.evictionHard, DEFAULT_EVICTION_HARD) } : config;
}

/** What cannot be read is said now, not when the machine is in need. */
function refuseContradictions(config: AgentConfig, origin: (key: keyof AgentConfig) => string): void {
  if (config.imageGcLowThreshold >= config.imageGcHighThreshold)
    throw new Error(
      `${origin("imageGcLowThreshold")} ${config.imageGcLowThreshold} must be below ${origin("imageGcHighThreshold")} ${config.imageGcHighThreshold}`,
    );
  if (config.imageMaximumGcAge > 0 && config.imageMaximumGcAge <= config.minimumImageTtlDuration)
    throw new Error(`${origin("imageMaximumGcAge")} must be longer than ${origin("minimumImageTtlDuration")}`);
  if (config.preloadedImagesVerificationAllowlist.length > 0 && config.imagePullCredentialsVerificationPolicy !== "NeverVerifyAllowlistedImages")
    throw new Error(
      `${origin("preloadedImagesVerificationAllowlist")} says nothing unless ${origin("imagePullCredentialsVerificationPolicy")} is NeverVerifyAllowlistedImages`,
    );
  if (config.serializeImagePulls === true && (config.maxParallelImagePulls ?? 1) > 1)
    throw new Error(`${origin("maxParallelImagePulls")} cannot be larger than 1 unless ${origin("serializeImagePulls")} is false`);
  if (config.shutdownGracePeriodCriticalPods > config.shutdownGracePeriod)
    throw new Error(`${origin("shutdownGracePeriodCriticalPods")} must not be longer than ${origin("shutdownGracePeriod")}, of which it is a part`);
  if (config.shutdownGracePeriodByPodPriority.length > 0 && config.shutdownGracePeriod > 0)
    throw new Error(`${origin("shutdownGracePeriodByPodPriority")} stands in place of ${origin("shutdownGracePeriod")}: only one of them can be given`);
  const periods = naming(origin("evictionSoftGracePeriod"), () => parseGracePeriods(config.evictionSoftGracePeriod));
  naming(origin("evictionSoft"), () => parseThresholds(config.evictionSoft, periods));
}

function valueOf(row: AgentOptionRow, text: string, origin: string): unknown {
  if (row.check !== undefined) naming(origin, () => row.check?.(text));
  try {
    return row.parse === undefined ? text : row.parse(text);
  } catch (error) {
    throw new Error(`${origin} "${text}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

function naming<T>(origin: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`${origin}: ${describeError(error)}`);
  }
}

/** Whether the agent was told all of the cluster's network, so that no server has to be asked. */
export function isToldNetwork(flags: Flags, environment: Environment, file: ToldByFile = new Map()): boolean {
  return agentOptions.filter(({ key }) => key in USUAL_NETWORK).every((row) => toldOf(row, flags, environment, file) !== undefined);
}

/** What the flag says, or else the variable, or else a file. */
export function toldOf(row: AgentOptionRow, flags: Flags, environment: Environment, file: ToldByFile = new Map()): Told | undefined {
  const flag = row.flags === undefined ? undefined : flags[flagKey(row.flags)];
  if (flag === true || typeof flag === "string") return { text: String(flag), origin: nameOf(row) };
  const variable = variableOf(row);
  const text = row.flags === undefined ? undefined : environment[variable];
  return text === undefined ? file.get(row.key) : { text, origin: variable };
}

function nameOf({ flags, key }: AgentOptionRow): string {
  return flags?.split(" ")[0] ?? key;
}

/** Where manifests of drivers look; agents that share a machine have a data directory and so a folder each. */
function defaultRootDir(dataDir: string): string {
  return dataDir === DEFAULT_DATA_DIR ? "/var/lib/kubelet" : path.join(dataDir, "kubelet");
}

/** Where the agent writes what it does. */
export function agentLog(dataDir: string): string {
  return path.join(dataDir, "agent.log");
}
