import type { Informer } from "../../engine/client/informer.ts";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import type { EndpointSlice, Service as CoreService } from "../../engine/resources/types.ts";
import { ensureJumps, forgetUdpConnections, listOwnChains, restoreRules } from "./iptables.ts";
import { computeChains, planRestore, type ChainTable } from "./iptables-rules.ts";
import { RuleKeeper } from "./keep-rules.ts";
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

type Applied = { readonly [T in keyof ChainTable]: ReadonlyMap<string, readonly string[] | undefined> };

/** Keeps the machine's iptables rules equal to the cluster's Services. Level-triggered: every round computes all, applies the difference. */
export function createServiceProxy(options: ServiceProxyOptions): Service & { readonly requestSync: () => void } {
  const proxy = new ServiceProxy(options);
  return { ...service("service-proxy", (signal) => proxy.run(signal)), requestSync: () => proxy.requestSync() };
}

class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #services: Informer<CoreService>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #keeper: RuleKeeper;
  #applied: Applied | undefined;
  #ports: readonly ServicePort[] = [];

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#services = options.informers.informer(serviceResource);
    this.#slices = options.informers.informer(endpointSliceResource);
    const rules = { name: "service rules", sync: () => this.#sync(computeServicePorts(this.#services.list(), this.#slices.list(), options.nodeName)), forget: () => void (this.#applied = undefined), restoreJumps: () => ensureJumps() };
    this.#keeper = new RuleKeeper(rules, options);
  }

  requestSync(): void {
    this.#keeper.requestSync();
  }

  async run(signal: AbortSignal): Promise<void> {
    const onChange = { add: () => this.requestSync(), update: () => this.requestSync(), delete: () => this.requestSync() };
    const removeHandlers = [this.#services.addHandler(onChange), this.#slices.addHandler(onChange)];
    try {
      // Half a cluster's Services would cut the connections of the other half after a restart of the agent.
      await Promise.all([this.#services.waitForSync(signal), this.#slices.waitForSync(signal)]);
      await this.#keeper.run(signal);
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
