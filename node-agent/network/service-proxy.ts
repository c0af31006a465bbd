import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import { raceAbort } from "../../engine/lib/abort.ts";
import { backoffMs } from "../../engine/lib/backoff.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import { ensureJumps, forgetUdpConnections, listOwnChains, restoreRules } from "./iptables.ts";
import { computeChains, planRestore, type ChainTable } from "./iptables-rules.ts";
import { computeServicePorts, type ServicePort } from "./service-map.ts";

export interface ServiceProxyOptions {
  readonly informers: InformerFactory;
  readonly nodeName: string;
  readonly clusterCidr: string;
  /** This node's pod range, known once the node has one. */
  readonly podCidr: () => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Changes that come within this time are applied together; a single change waits no longer than this. */
const COALESCE_MS = 20;
/** How often the machine's chains are checked for what others removed. */
const AUDIT_MS = 30_000;
const RETRY = { initialMs: 200, maxMs: 30_000 };

type Applied = { readonly [T in keyof ChainTable]: ReadonlyMap<string, readonly string[] | undefined> };

/** Keeps the machine's iptables rules equal to the cluster's Services. Level-triggered: every round computes all, applies the difference. */
export function createServiceProxy(options: ServiceProxyOptions): Service & { readonly requestSync: () => void } {
  const proxy = new ServiceProxy(options);
  return { ...service("service-proxy", (signal) => proxy.run(signal)), requestSync: () => proxy.requestSync() };
}

class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  #applied: Applied | undefined;
  #ports: readonly ServicePort[] = [];
  #isDirty = true;
  #wake: (() => void) | undefined;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
  }

  requestSync(): void {
    this.#isDirty = true;
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers, clock } = this.#options;
    const services = informers.informer(serviceResource);
    const slices = informers.informer(endpointSliceResource);
    const onChange = { add: () => this.requestSync(), update: () => this.requestSync(), delete: () => this.requestSync() };
    const removeHandlers = [services.addHandler(onChange), slices.addHandler(onChange)];
    try {
      // Half a cluster's Services would cut the connections of the other half after a restart of the agent.
      await Promise.all([services.waitForSync(signal), slices.waitForSync(signal)]);
      let failures = 0;
      while (!signal.aborted) {
        this.#isDirty = false;
        try {
          await this.#sync(computeServicePorts(services.list(), slices.list(), this.#options.nodeName));
          failures = 0;
        } catch (error) {
          failures++;
          this.#applied = undefined; // what the kernel holds now is unknown
          this.#options.logger.warn("service rules not applied, will retry", { error: describeError(error), failures });
          await sleep(clock, backoffMs(RETRY, failures), signal);
          continue;
        }
        await this.#waitForWork(signal);
      }
    } finally {
      for (const remove of removeHandlers) remove();
    }
  }

  async #sync(ports: readonly ServicePort[]): Promise<void> {
    const desired = computeChains(ports, { clusterCidr: this.#options.clusterCidr, podCidr: this.#options.podCidr() });
    const previous = this.#applied ?? (await this.#leftovers());
    const text = planRestore(previous, desired);
    if (text !== undefined) {
      await restoreRules(text);
      this.#options.logger.debug("service rules applied", { services: ports.length, bytes: text.length });
    }
    if (this.#applied === undefined) await ensureJumps();
    this.#applied = desired;
    const stale = computeStaleUdp(this.#ports, ports);
    this.#ports = ports;
    for (const { ip, port, endpoint } of stale) await forgetUdpConnections(ip, port, endpoint);
  }

  async #leftovers(): Promise<Applied> {
    const unknown = async (table: "nat" | "filter") => new Map((await listOwnChains(table)).map((chain) => [chain, undefined]));
    return { nat: await unknown("nat"), filter: await unknown("filter") };
  }

  /** Until something changed (plus a moment for what comes with it), or it is time to look whether our rules are still there. */
  async #waitForWork(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    if (!this.#isDirty) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      let cancel = () => {};
      const due = new Promise<void>((resolve) => (cancel = clock.after(AUDIT_MS, resolve)));
      await raceAbort(Promise.race([woken, due]), signal).finally(cancel);
      this.#wake = undefined;
    }
    if (this.#isDirty) return sleep(clock, COALESCE_MS, signal);
    if (await ensureJumps()) {
      logger.warn("service rules had been removed by someone else, writing them again");
      this.#applied = undefined;
    }
  }
}

/** UDP flows that conntrack still sends to endpoints that left, and first flows that began before there was an endpoint. Pure. */
export function computeStaleUdp(before: readonly ServicePort[], after: readonly ServicePort[]): { readonly ip: string; readonly port: number; readonly endpoint: string | undefined }[] {
  const now = new Map(after.map((port) => [port.id, port]));
  return before
    .filter((port) => port.protocol === "udp")
    .flatMap((port) => {
      const current = now.get(port.id)?.endpoints ?? [];
      const gone = port.endpoints.filter((endpoint) => !current.some((other) => other.ip === endpoint.ip && other.port === endpoint.port)).map((endpoint) => endpoint.ip);
      // Packets sent while there was no endpoint left entries without rewriting; they would shadow the new one.
      const ends: (string | undefined)[] = port.endpoints.length === 0 && current.length > 0 ? [undefined] : gone;
      return ends.flatMap((endpoint) => port.clusterIps.map((ip) => ({ ip, port: port.port, endpoint })));
    });
}
