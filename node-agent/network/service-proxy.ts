import { TO_BE_DELETED_TAINT, ZONE_LABEL } from "../../engine/apimachinery/known-labels.ts";
import type { Informer } from "../../engine/client/informer.ts";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import type { EndpointSlice, Node, Service as CoreService } from "../../engine/resources/types.ts";
import { forgetUdpFlows, listUdpFlows, tuneConntrack } from "./conntrack.ts";
import { HealthCheckPorts } from "./health-check-ports.ts";
import { ensureJumps, listOwnChains, restoreRules } from "./iptables.ts";
import { computeChains, planRestore, type ChainTable } from "./iptables-rules.ts";
import { RuleKeeper } from "./keep-rules.ts";
import { createProxyPages, type ProxyHealth } from "./proxy-pages.ts";
import { computeHealthChecks, computeServicePorts } from "./service-map.ts";
import { computeStaleFlows, udpFingerprint } from "./stale-flows.ts";

export interface ServiceProxyOptions {
  readonly informers: InformerFactory;
  readonly nodeName: string;
  readonly clusterCidr: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Applied = { readonly [T in keyof ChainTable]: ReadonlyMap<string, readonly string[] | undefined> };

/** A change that is not in the rules after this long means that they cannot be trusted. */
const OVERDUE_MS = 60_000;

/** Keeps the machine's iptables rules equal to the cluster's Services, and says so to who asks. Level-triggered: every round computes all, applies the difference. */
export function createServiceProxy(options: ServiceProxyOptions): readonly Service[] {
  const proxy = new ServiceProxy(options);
  return [service("service-proxy", (signal) => proxy.run(signal)), ...createProxyPages(() => proxy.health(), options)];
}

class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #services: Informer<CoreService>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #nodes: Informer<Node>;
  readonly #keeper: RuleKeeper;
  readonly #healthChecks: HealthCheckPorts;
  #applied: Applied | undefined;
  #udpFacts = "";
  /** Since when a change waits to become rules, by the monotonic clock. */
  #waitingSinceMs: number | undefined;
  #lastUpdatedMs: number | undefined;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#services = options.informers.informer(serviceResource);
    this.#slices = options.informers.informer(endpointSliceResource);
    this.#nodes = options.informers.informer(nodeResource);
    this.#healthChecks = new HealthCheckPorts(() => this.health().isHealthy, options.logger);
    this.#keeper = new RuleKeeper({ name: "service rules", sync: () => this.#sync(), forget: () => this.#forget(), restoreJumps: () => ensureJumps() }, options);
  }

  health(): ProxyHealth {
    const { clock, nodeName } = this.#options;
    const node = this.#nodes.get("", nodeName);
    return {
      isHealthy: this.#waitingSinceMs === undefined || clock.monotonic() - this.#waitingSinceMs < OVERDUE_MS,
      lastUpdatedMs: this.#lastUpdatedMs,
      isNodeEligible: node !== undefined && node.metadata.deletionTimestamp === undefined && !(node.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED_TAINT),
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const onChange = () => this.#requestSync();
    const all = { add: onChange, update: onChange, delete: onChange };
    const isElsewhere = ({ metadata }: Node) => metadata.name !== this.#options.nodeName;
    const own = { add: (node: Node) => isElsewhere(node) || onChange(), update: (old: Node, node: Node) => isElsewhere(node) || jsonEqual(placeOf(old), placeOf(node)) || onChange(), delete: () => {} };
    const removeHandlers = [this.#services.addHandler(all), this.#slices.addHandler(all), this.#nodes.addHandler(own)];
    try {
      // Half a cluster's Services would cut the connections of the other half after a restart of the agent.
      await Promise.all([this.#services.waitForSync(signal), this.#slices.waitForSync(signal), this.#nodes.waitForSync(signal)]);
      await this.#keeper.run(signal);
    } finally {
      for (const remove of removeHandlers) remove();
      await this.#healthChecks.close();
    }
  }

  #requestSync(): void {
    this.#waitingSinceMs ??= this.#options.clock.monotonic();
    this.#keeper.requestSync();
  }

  async #sync(): Promise<void> {
    const { clock } = this.#options;
    const since = this.#waitingSinceMs ?? clock.monotonic();
    // What comes from now on waits for the next round.
    this.#waitingSinceMs = undefined;
    try {
      await this.#apply();
    } catch (error) {
      this.#waitingSinceMs = since;
      throw error;
    }
    this.#lastUpdatedMs = clock.now();
  }

  async #apply(): Promise<void> {
    const { nodeName, clusterCidr, logger } = this.#options;
    const [services, slices, node] = [this.#services.list(), this.#slices.list(), this.#nodes.get("", nodeName)];
    const ports = computeServicePorts(services, slices, { nodeName, zone: node?.metadata.labels?.[ZONE_LABEL] });
    const desired = computeChains(ports, { clusterCidr, podCidr: node?.spec?.podCIDR });
    const text = planRestore(this.#applied ?? (await this.#leftovers()), desired);
    if (text !== undefined) {
      await restoreRules(text);
      logger.debug("service rules applied", { services: ports.length, bytes: text.length });
    }
    if (this.#applied === undefined) {
      await ensureJumps();
      tuneConntrack(logger);
    }
    this.#applied = desired;
    await this.#healthChecks.sync(computeHealthChecks(services, slices, nodeName));
    const udpFacts = udpFingerprint(ports);
    if (udpFacts === this.#udpFacts) return;
    // New rules are in place by now, so that what a client sends after this goes to where it should.
    await forgetUdpFlows(computeStaleFlows(await listUdpFlows(), ports));
    this.#udpFacts = udpFacts;
  }

  #forget(): void {
    this.#applied = undefined;
    this.#udpFacts = "";
  }

  async #leftovers(): Promise<Applied> {
    const unknown = async (table: "nat" | "filter") => new Map((await listOwnChains(table)).map((chain) => [chain, undefined]));
    return { nat: await unknown("nat"), filter: await unknown("filter") };
  }
}

/** What of the own node is in the rules. */
function placeOf({ metadata, spec }: Node): readonly (string | undefined)[] {
  return [metadata.labels?.[ZONE_LABEL], spec?.podCIDR];
}
