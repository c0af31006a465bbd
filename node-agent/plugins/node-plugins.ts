import path from "node:path";
import type { Client } from "../../engine/client/client.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import type { Logger } from "../../engine/lib/log.ts";
import type { Service } from "../../engine/lib/service.ts";
import { CsiDrivers } from "../csi/csi-drivers.ts";
import { CsiVolumes } from "../csi/csi-volumes.ts";
import { meterClaims } from "../devices/claims-in-use.ts";
import { DeviceDrivers } from "../devices/device-drivers.ts";
import { DeviceHealthBook } from "../devices/device-health.ts";
import { DeviceManager } from "../devices/device-manager.ts";
import { PreparedClaims } from "../devices/prepared-claims.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import type { VolumeSources } from "../volumes/volume-plugin.ts";
import { createPluginRegistry } from "./plugin-registry.ts";

export interface NodePluginsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  readonly events: EventRecorder;
  readonly nodeName: string;
  readonly dataDir: string;
  readonly rootDir: string;
  readonly token: VolumeSources["token"];
  /** Told when a device fares differently than before. */
  readonly onDeviceChange: () => void;
  /** The uids of the pods that are here; undefined before that is known. */
  readonly podUids: () => ReadonlySet<string> | undefined;
}

/** What other people's drivers do for pods: devices and volumes. */
export interface NodePlugins {
  readonly devices: DeviceManager;
  readonly csi: CsiVolumes;
  readonly services: readonly Service[];
}

/** The drivers of this machine, found by their sockets, and what they have prepared for pods. */
export function createNodePlugins(options: NodePluginsOptions): NodePlugins {
  const { client, clock, logger, metrics, events, nodeName, dataDir, rootDir, token } = options;
  const health = new DeviceHealthBook(options.onDeviceChange);
  const deviceDrivers = new DeviceDrivers({ client, clock, logger, metrics, nodeName, health });
  const claims = new PreparedClaims(path.join(dataDir, "prepared-claims.json"));
  meterClaims(metrics.registry, claims);
  const devices = new DeviceManager({ client, clock, logger, metrics, drivers: deviceDrivers, health, claims });
  const csiDrivers = new CsiDrivers({ client, clock, logger, metrics, nodeName });
  const csi = new CsiVolumes({ client, clock, events, logger, nodeName, rootDir, drivers: csiDrivers, token });
  return {
    devices,
    csi,
    services: [
      deviceDrivers.asService(),
      devices.asService(options.podUids),
      createPluginRegistry({ folder: path.join(rootDir, "plugins_registry"), handlers: [deviceDrivers, csiDrivers], clock, logger }),
      csiDrivers.asService(),
      csi.asService(),
    ],
  };
}
