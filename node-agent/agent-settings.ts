import { createHash } from "node:crypto";
import os from "node:os";
import path from "node:path";
import type { AgentConfig } from "./agent-options.ts";
import { cniPlaces, hasBandwidthPlugin } from "./network/cni.ts";
import { readHugePageSizes } from "./node/huge-pages.ts";
import { parseNodeLabels, parseTaints, type Registration } from "./node/registration.ts";
import type { NodeSettings } from "./pods/container-config/container-config.ts";
import type { AccessMemory } from "./server/agent-access.ts";
import type { TlsSettings } from "./server/agent-server.ts";

/** What pods are told of their node. */
export function nodeSettingsOf(config: AgentConfig, hostIps: readonly string[]): NodeSettings {
  const { dataDir } = config;
  return {
    nodeName: config.nodeName,
    hostIps,
    clusterDns: config.clusterDns.split(","),
    clusterDomain: config.clusterDomain,
    resolvConf: config.resolvConf,
    logsDir: config.podLogsDir ?? path.join(dataDir, "logs"),
    cgroupRoot: cgroupRoot(dataDir),
    memoryBytes: os.totalmem(),
    hugePageSizes: readHugePageSizes(),
    boundsBandwidth: () => config.containerRuntimeEndpoint !== undefined || hasBandwidthPlugin(cniPlaces(dataDir)),
    seccompDir: path.join(dataDir, "seccomp"),
    seccompDefault: config.seccompDefault,
  };
}

export function registrationOf(config: AgentConfig): Registration {
  return {
    labels: parseNodeLabels(config.nodeLabels),
    taints: parseTaints(config.registerWithTaints),
    providerId: config.providerId,
    makesNode: config.registerNode,
  };
}

export function accessMemoryOf(config: AgentConfig): AccessMemory {
  return {
    tokenMs: config.authenticationTokenWebhookCacheTtl,
    allowedMs: config.authorizationWebhookCacheAuthorizedTtl,
    deniedMs: config.authorizationWebhookCacheUnauthorizedTtl,
  };
}

export function tlsOf(config: AgentConfig): TlsSettings {
  return {
    minVersion: config.tlsMinVersion,
    ...(config.tlsCipherSuites === undefined ? {} : { ciphers: config.tlsCipherSuites }),
    ...(config.tlsCurvePreferences === undefined ? {} : { ecdhCurve: config.tlsCurvePreferences }),
  };
}

/** Pods that the machine takes, with this many processors. Pure. */
export function podsMaxOf({ maxPods, podsPerCore }: Pick<AgentConfig, "maxPods" | "podsPerCore">, processors: number): number {
  return podsPerCore === 0 ? maxPods : Math.min(maxPods, podsPerCore * processors);
}

/** Agents on one machine, as tests run them, must not share cgroups. */
export function cgroupRoot(dataDir: string): string {
  return `/mainstay/${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}`;
}
