import type { Client } from "../../engine/client/client.ts";
import { hasReason, unlessGone } from "../../engine/apimachinery/status-error.ts";
import { Bell } from "../../engine/lib/bell.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { KeyedLocks } from "../../engine/lib/keyed-locks.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { csiDriverResource } from "../../engine/resources/storage/csi-driver.ts";
import type { CSIDriver as CsiDriverObject } from "../../engine/resources/types.ts";
import { withCallTimes } from "../plugins/metered-channel.ts";
import { openPluginChannel } from "../plugins/plugin-channel.ts";
import type { PluginHandler, PluginInfo } from "../plugins/plugin-handler.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import { MountError } from "../volumes/volume-plugin.ts";
import { openCsiDriver, type CsiDriver } from "./csi-driver.ts";
import { ensureCsiNode, writeDriver, type DriverNodeInfo } from "./driver-registration.ts";

export interface CsiDriversOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<AgentMetrics, "csiCallSeconds">;
  readonly nodeName: string;
}

const RETRY_MS = 2_000;
/** How often drivers are looked through for those whose room on the node changes by itself. */
const LOOK_MS = 10_000;

interface Registered {
  readonly plugin: PluginInfo;
  readonly driver: CsiDriver;
  /** When it was last asked what the node holds. */
  askedAtMs: number;
}

/** The CSI drivers of this machine: taken up when they register, and told of in the node's CSINode. */
export class CsiDrivers implements PluginHandler {
  readonly type = "CSIPlugin";
  readonly #options: CsiDriversOptions;
  readonly #drivers = new Map<string, Registered>();
  /** Gone, and perhaps still in the CSINode. */
  readonly #gone = new Set<string>();
  /** What is written of a driver is written in the order in which it comes and goes. */
  readonly #writes = new KeyedLocks();
  readonly #bell: Bell;
  readonly #ended = new AbortController();
  #hasCsiNode = false;

  constructor(options: CsiDriversOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock, { isRung: true });
  }

  /** Throws a MountError when no such driver is registered here (yet). */
  get(name: string): CsiDriver {
    const registered = this.#drivers.get(name);
    if (registered === undefined) throw new MountError(`driver name ${name} not found in the list of registered CSI drivers`);
    return registered.driver;
  }

  /** What the cluster knows of a driver; nothing when it has no CSIDriver object, which it need not have. */
  async describe(name: string): Promise<CsiDriverObject["spec"] | undefined> {
    return (await unlessGone(this.#options.client.for(csiDriverResource).get("", name)))?.spec;
  }

  validate({ name, endpoint, versions }: PluginInfo): void {
    if (!versions.some((version) => /^v?1\.\d+/.test(version)))
      throw new Error(`none of the versions ${versions.join(", ")} of CSI driver ${name} is supported; 1.x is`);
    const known = this.#drivers.get(name);
    if (known !== undefined && known.plugin.endpoint !== endpoint) throw new Error(`another CSI driver with the name ${name} is already registered`);
  }

  async register(plugin: PluginInfo): Promise<void> {
    const { client, clock, metrics, nodeName } = this.#options;
    const { name, endpoint } = plugin;
    // No volume here was one of a kind that upstream had before there were drivers.
    const channel = withCallTimes(openPluginChannel(endpoint), clock, (seconds, end) =>
      metrics.csiCallSeconds.observe(seconds, { driver_name: name, ...end, migrated: "false" }),
    );
    const driver = openCsiDriver(name, channel, this.#ended.signal);
    try {
      await this.#writes.run([name], async () => {
        await writeDriver(client, nodeName, name, await nodeInfo(driver));
        this.#drivers.get(name)?.driver.close();
        this.#drivers.set(name, { plugin, driver, askedAtMs: clock.monotonic() });
        this.#gone.delete(name);
      });
      // While there was none, nobody looked.
      this.#bell.ring();
    } catch (error) {
      driver.close();
      throw error;
    }
  }

  deregister(plugin: PluginInfo): void {
    const { name } = plugin;
    const known = this.#drivers.get(name);
    // The same driver may have registered a second time, by another socket, before its first was gone.
    if (known?.plugin !== plugin) return;
    known.driver.close();
    this.#drivers.delete(name);
    this.#gone.add(name);
    this.#bell.ring();
  }

  /** Keeps the CSINode true: makes it, takes drivers out of it that went, and asks those again that said so how many volumes fit. */
  asService(): Service {
    return service("csi-drivers", async (signal) => {
      try {
        while (!signal.aborted) {
          this.#bell.take();
          const isDone = await this.#update();
          await this.#bell.wait(isDone ? (this.#drivers.size === 0 ? Infinity : LOOK_MS) : RETRY_MS, signal);
        }
      } finally {
        this.#ended.abort();
        for (const { driver } of this.#drivers.values()) driver.close();
      }
    });
  }

  async #update(): Promise<boolean> {
    const { client, logger, nodeName } = this.#options;
    try {
      if (!this.#hasCsiNode) await ensureCsiNode(client, await client.for(nodeResource).get("", nodeName));
      this.#hasCsiNode = true;
    } catch (error) {
      // At its first start, the node does not exist yet.
      if (!hasReason(error, "NotFound")) logger.warn("CSINode not written, will retry", { node: nodeName, error: describeError(error) });
      return false;
    }
    // One that fails holds up no other.
    const names = new Set([...this.#gone, ...this.#drivers.keys()]);
    const isDone = await Promise.all([...names].map((name) => this.#writes.run([name], () => this.#updateDriver(name))));
    return isDone.every(Boolean);
  }

  async #updateDriver(name: string): Promise<boolean> {
    const { client, logger, nodeName } = this.#options;
    const registered = this.#drivers.get(name);
    try {
      if (registered !== undefined) await this.#refresh(name, registered);
      else {
        await writeDriver(client, nodeName, name, undefined);
        this.#gone.delete(name);
      }
      return true;
    } catch (error) {
      logger.warn("driver in the CSINode not brought up to date, will retry", { node: nodeName, driver: name, error: describeError(error) });
      return false;
    }
  }

  /** How much fits on the node may change without the driver's being registered anew, if it says so. */
  async #refresh(name: string, registered: Registered): Promise<void> {
    const { client, clock, nodeName } = this.#options;
    const periodMs = ((await this.describe(name))?.nodeAllocatableUpdatePeriodSeconds ?? 0) * 1000;
    if (periodMs === 0 || clock.monotonic() - registered.askedAtMs < periodMs) return;
    registered.askedAtMs = clock.monotonic();
    await writeDriver(client, nodeName, name, await nodeInfo(registered.driver));
  }
}

async function nodeInfo(driver: CsiDriver): Promise<DriverNodeInfo> {
  const { nodeId, maxVolumesPerNode, accessibleTopology } = await driver.info();
  if (nodeId === "") throw new Error(`CSI driver ${driver.name} gave the node no ID`);
  return { nodeId, volumesMax: Number(maxVolumesPerNode), topology: accessibleTopology?.segments ?? {} };
}
