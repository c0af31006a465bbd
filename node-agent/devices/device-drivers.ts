import type { Client } from "../../engine/client/client.ts";
import { aborted } from "../../engine/lib/abort.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { GrpcCode, grpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import type { GrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { resourceSliceResource } from "../../engine/resources/device/resource-slice.ts";
import { withCallTimes } from "../plugins/metered-channel.ts";
import { openPluginChannel } from "../plugins/plugin-channel.ts";
import type { PluginHandler, PluginInfo } from "../plugins/plugin-handler.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import { DeviceHealthBook } from "./device-health.ts";
import { DRAResourceHealth } from "./dra_health_pb.ts";
import { DRAPlugin as DRAPluginV1, type NodePrepareResourcesResponse, type NodeUnprepareResourcesResponse } from "./dra_pb.ts";
import { DRAPlugin as DRAPluginV1beta1 } from "./dra_v1beta1_pb.ts";

/** A claim as drivers know it; they ask the API for the rest. */
export interface ClaimIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A driver's promise to prepare devices. Rejects with the driver's words. */
export interface DeviceDriver {
  prepare(claims: readonly ClaimIdentity[]): Promise<NodePrepareResourcesResponse>;
  unprepare(claims: readonly ClaimIdentity[]): Promise<NodeUnprepareResourcesResponse>;
}

const SERVICES = { "v1.DRAPlugin": DRAPluginV1, "v1beta1.DRAPlugin": DRAPluginV1beta1 } as const;
type ServiceName = keyof typeof SERVICES;

const CALL_MS = 45_000;
/** How often a driver that tells nothing by itself is asked whether it is there. */
const ASK_MS = 5_000;
/** A driver that is replaced comes back within this time; after it, nobody can use what it offered. */
const WIPE_MS = 30_000;

export interface DeviceDriversOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<AgentMetrics, "draCallSeconds">;
  readonly nodeName: string;
  readonly health: DeviceHealthBook;
}

interface Running {
  readonly plugin: PluginInfo;
  readonly channel: GrpcChannel;
  readonly service: ServiceName;
  readonly stop: AbortController;
  isConnected: boolean;
}

/**
 * The drivers of devices that registered with the agent. Of one driver there may be several while it is being replaced; the newest that
 * answers is used. What a driver offered goes from the API when it has been away for a while.
 */
export class DeviceDrivers implements PluginHandler {
  readonly type = "DRAPlugin";
  readonly #options: DeviceDriversOptions;
  readonly #drivers = new Map<string, Running[]>();
  readonly #wipes = new Map<string, () => void>();
  readonly #work = new Set<Promise<void>>();

  constructor(options: DeviceDriversOptions) {
    this.#options = options;
  }

  validate({ name, versions }: PluginInfo): void {
    if (chooseService(versions) === undefined)
      throw new Error(
        `invalid supported gRPC versions of DRA driver plugin ${name}: none of services supported by the plugin (${versions.join(", ")}) are supported by the kubelet (${Object.keys(SERVICES).join(", ")})`,
      );
  }

  register(plugin: PluginInfo, _signal: AbortSignal): Promise<void> {
    const running = this.#drivers.get(plugin.name) ?? [];
    if (running.some((other) => other.plugin.endpoint === plugin.endpoint))
      return Promise.reject(new Error(`endpoint ${plugin.endpoint} already registered for DRA driver plugin ${plugin.name}`));
    const { clock, metrics } = this.#options;
    const channel = withCallTimes(openPluginChannel(plugin.endpoint), clock, (seconds, end) =>
      metrics.draCallSeconds.observe(seconds, { driver_name: plugin.name, ...end }),
    );
    const added: Running = { plugin, channel, service: chooseService(plugin.versions) ?? "v1.DRAPlugin", stop: new AbortController(), isConnected: true };
    this.#drivers.set(plugin.name, [...running, added]);
    this.#connectionChanged(plugin.name);
    this.#track(this.#follow(added));
    return Promise.resolve();
  }

  deregister({ name, endpoint }: PluginInfo): void {
    const running = this.#drivers.get(name) ?? [];
    const gone = running.find(({ plugin }) => plugin.endpoint === endpoint);
    if (gone === undefined) return;
    gone.stop.abort();
    gone.channel.close();
    const rest = running.filter((other) => other !== gone);
    if (rest.length === 0) this.#drivers.delete(name);
    else this.#drivers.set(name, rest);
    this.#connectionChanged(name);
  }

  /** The driver to ask. Throws when there is none. */
  get(name: string): DeviceDriver {
    const running = this.#drivers.get(name) ?? [];
    const found = running.findLast(({ isConnected }) => isConnected) ?? running.at(-1);
    if (found === undefined) throw new Error(`DRA driver ${name} is not registered`);
    const { channel } = found;
    const { method } = SERVICES[found.service];
    return {
      prepare: (claims) => channel.unary(method.nodePrepareResources, { claims: [...claims] }, { timeoutMs: CALL_MS }),
      unprepare: (claims) => channel.unary(method.nodeUnprepareResources, { claims: [...claims] }, { timeoutMs: CALL_MS }),
    };
  }

  /** Takes away what drivers offered that did not come back, and ends with the signal. */
  asService(): Service {
    return service("device-drivers", async (signal) => {
      let hasLooked = false;
      while (!hasLooked && !signal.aborted) {
        await sleep(this.#options.clock, WIPE_MS, signal).catch(() => {});
        hasLooked = !signal.aborted && (await this.#wipeLeftovers());
      }
      await aborted(signal);
      for (const cancel of this.#wipes.values()) cancel();
      for (const { stop, channel } of [...this.#drivers.values()].flat()) {
        stop.abort();
        channel.close();
      }
      await Promise.all(this.#work);
    });
  }

  /** Hears how the devices fare from drivers that tell; asks the others now and then, to know whether they are there. */
  async #follow(running: Running): Promise<void> {
    const { clock, health, logger } = this.#options;
    const { signal } = running.stop;
    const { name } = running.plugin;
    while (!signal.aborted) {
      try {
        for await (const { devices } of running.channel.serverStream(DRAResourceHealth.method.nodeWatchResources, {}, { signal })) {
          this.#setConnected(running, true);
          health.tell(name, devices, clock.now());
        }
        this.#setConnected(running, true);
      } catch (error) {
        if (signal.aborted) return;
        const isAway = grpcCode(error) === GrpcCode.unavailable;
        if (isAway && running.isConnected) logger.warn("device driver does not answer", { driver: name, error: describeError(error) });
        this.#setConnected(running, !isAway);
      }
      await sleep(clock, ASK_MS, signal).catch(() => {});
    }
  }

  #setConnected(running: Running, isConnected: boolean): void {
    if (running.isConnected === isConnected) return;
    running.isConnected = isConnected;
    this.#connectionChanged(running.plugin.name);
  }

  #isUsable(name: string): boolean {
    return this.#drivers.get(name)?.some(({ isConnected }) => isConnected) === true;
  }

  #connectionChanged(name: string): void {
    if (this.#isUsable(name)) {
      this.#wipes.get(name)?.();
      this.#wipes.delete(name);
    } else if (!this.#wipes.has(name)) {
      this.#wipes.set(
        name,
        this.#options.clock.after(WIPE_MS, () => {
          this.#wipes.delete(name);
          this.#track(this.#wipe(name));
        }),
      );
    }
  }

  /** What drivers offered that were here before the agent started, and are not now. Says whether it could be looked for. */
  async #wipeLeftovers(): Promise<boolean> {
    const { client, logger, nodeName } = this.#options;
    try {
      const { items } = await client.for(resourceSliceResource).list("", { fieldSelector: `spec.nodeName=${nodeName}` });
      for (const driver of new Set(items.map(({ spec }) => spec.driver))) if (!this.#isUsable(driver)) this.#track(this.#wipe(driver));
      return true;
    } catch (error) {
      logger.warn("devices of drivers that are gone not removed, will retry", { error: describeError(error) });
      return false;
    }
  }

  async #wipe(driver: string): Promise<void> {
    const { client, clock, logger, nodeName } = this.#options;
    try {
      await client.for(resourceSliceResource).deleteCollection("", { fieldSelector: `spec.nodeName=${nodeName},spec.driver=${driver}` });
      logger.info("removed the devices of a driver that is gone", { driver });
    } catch (error) {
      logger.warn("devices of a driver that is gone not removed, will retry", { driver, error: describeError(error) });
      if (!this.#wipes.has(driver))
        this.#wipes.set(
          driver,
          clock.after(WIPE_MS, () => {
            this.#wipes.delete(driver);
            if (!this.#isUsable(driver)) this.#track(this.#wipe(driver));
          }),
        );
    }
  }

  #track(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }
}

/** The first of the driver's versions that is spoken here: drivers name what they prefer first. */
function chooseService(versions: readonly string[]): ServiceName | undefined {
  return versions.find((version): version is ServiceName => Object.hasOwn(SERVICES, version));
}
