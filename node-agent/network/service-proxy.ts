import { TO_BE_DELETED_TAINT, ZONE_LABEL } from "../../engine/apimachinery/known-labels.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { Informer } from "../../engine/client/informer.ts";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import { familyOf, standardBlock } from "../../engine/lib/net/ip-address.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { nodeResource, podCidrsOf } from "../../engine/resources/core/node.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import type { EndpointSlice, Node, Service as CoreService } from "../../engine/resources/types.ts";
import { tuneConntrack } from "./conntrack.ts";
import { anyAddress, familiesIn, type FamilyRanges } from "./families.ts";
import { HealthCheckPorts } from "./health-check-ports.ts";
import { restoreJumps } from "./iptables.ts";
import { RuleKeeper } from "./keep-rules.ts";
import { RefusalNotices } from "./refused-rules.ts";
import { ProxyMetrics } from "./proxy-metrics.ts";
import { createProxyPages, type ProxyHealth } from "./proxy-pages.ts";
import { computeHealthChecks, computeServicePorts } from "./service-map.ts";
import { ServiceRules } from "./service-rules.ts";

export interface ServiceProxyOptions {
  readonly informers: InformerFactory;
  readonly nodeName: string;
  /** The pods' ranges by family; rules are kept for the families that are there. */
  readonly clusterCidrs: FamilyRanges;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A change that is not in the rules after this long means that they cannot be trusted. */
const OVERDUE_MS = 60_000;

/**
 * Keeps the machine's iptables rules equal to the cluster's Services, and says so to who asks. Level-triggered: every round computes all,
 * applies the difference.
 */
export function createServiceProxy(options: ServiceProxyOptions): readonly Service[] {
  const proxy = new ServiceProxy(options);
  return [
    service("service-proxy", (signal) => proxy.run(signal)),
    ...createProxyPages(
      () => proxy.health(),
      () => proxy.metrics.page(),
      { ...options, host: anyAddress(options.clusterCidrs) },
    ),
  ];
}

class ServiceProxy {
  readonly metrics: ProxyMetrics;
  readonly #options: ServiceProxyOptions;
  readonly #services: Informer<CoreService>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #nodes: Informer<Node>;
  readonly #keeper: RuleKeeper;
  readonly #healthChecks: HealthCheckPorts;
  readonly #rules: readonly ServiceRules[];
  readonly #notices: RefusalNotices;
  /** Since when a change waits to become rules, by the monotonic clock. */
  #waitingSinceMs: number | undefined;
  #lastUpdatedMs: number | undefined;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#services = options.informers.informer(serviceResource);
    this.#slices = options.informers.informer(endpointSliceResource);
    this.#nodes = options.informers.informer(nodeResource);
    this.metrics = new ProxyMetrics(familiesIn(options.clusterCidrs), options.clock);
    this.#rules = familiesIn(options.clusterCidrs).map((family) => new ServiceRules(family));
    this.#notices = new RefusalNotices(options);
    this.#healthChecks = new HealthCheckPorts(() => this.health().isHealthy, anyAddress(options.clusterCidrs), options.logger);
    this.#keeper = new RuleKeeper(
      {
        name: "service rules",
        sync: () => this.#sync(),
        forget: () => this.#rules.forEach((rules) => rules.forget()),
        restoreJumps: () => restoreJumps(this.#rules.map(({ family }) => family)),
        reconsiderRefused: async () => {
          for (const rules of this.#rules) await rules.reconsiderRefused();
        },
      },
      options,
    );
  }

  health(): ProxyHealth {
    const { clock, nodeName } = this.#options;
    const node = this.#nodes.get("", nodeName);
    return {
      isHealthy: this.#waitingSinceMs === undefined || clock.monotonic() - this.#waitingSinceMs < OVERDUE_MS,
      lastUpdatedMs: this.#lastUpdatedMs,
      isNodeEligible:
        node !== undefined && node.metadata.deletionTimestamp === undefined && !(node.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED_TAINT),
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const onChange = () => this.#requestSync();
    const onService = () => (this.metrics.serviceChanged(), onChange());
    const onSlice = (before: EndpointSlice | undefined, after: EndpointSlice | undefined) => (this.metrics.sliceChanged(before, after), onChange());
    const services = { add: onService, update: onService, delete: onService };
    const slices = {
      add: (slice: EndpointSlice) => onSlice(undefined, slice),
      update: onSlice,
      delete: (slice: EndpointSlice) => onSlice(slice, undefined),
    };
    const isElsewhere = ({ metadata }: Node) => metadata.name !== this.#options.nodeName;
    const own = {
      add: (node: Node) => isElsewhere(node) || onChange(),
      update: (old: Node, node: Node) => isElsewhere(node) || jsonEqual(placeOf(old), placeOf(node)) || onChange(),
      delete: () => {},
    };
    const removeHandlers = [this.#services.addHandler(services), this.#slices.addHandler(slices), this.#nodes.addHandler(own)];
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
    this.metrics.requested();
    this.#keeper.requestSync();
  }

  async #sync(): Promise<void> {
    const { clock } = this.#options;
    const since = this.#waitingSinceMs ?? clock.monotonic();
    // What comes from now on waits for the next round.
    this.#waitingSinceMs = undefined;
    const written = this.metrics.beginRound();
    try {
      await this.#apply();
      written();
    } catch (error) {
      this.#waitingSinceMs = since;
      throw error;
    }
    this.#lastUpdatedMs = clock.now();
  }

  async #apply(): Promise<void> {
    const { nodeName, clusterCidrs, logger } = this.#options;
    const [services, slices, node] = [this.#services.list(), this.#slices.list(), this.#nodes.get("", nodeName)];
    if (this.#lastUpdatedMs === undefined) tuneConntrack(logger);
    const refused: [CoreService, readonly string[]][] = [];
    for (const rules of this.#rules) {
      const { family } = rules;
      const ports = computeServicePorts(services, slices, { nodeName, zone: node?.metadata.labels?.[ZONE_LABEL] }, family);
      const podCidr = podCidrsOf(node)
        .map(standardBlock)
        .find((range) => familyOf(range) === family);
      const ranges = { clusterCidr: clusterCidrs[family] ?? "", podCidr };
      const bytes = await this.metrics.measure(family, () => rules.apply(ports, ranges));
      for (const [id, left] of rules.refused) {
        const owner = services.find(({ metadata }) => id.startsWith(`${metadata.namespace}/${metadata.name}:`));
        if (owner !== undefined) refused.push([owner, left]);
      }
      if (bytes > 0) logger.debug("service rules applied", { family, services: ports.length, bytes });
    }
    this.#notices.tell(refused);
    await this.#healthChecks.sync(computeHealthChecks(services, slices, nodeName));
  }
}

/** What of the own node is in the rules. */
function placeOf(node: Node): readonly (string | undefined)[] {
  return [node.metadata.labels?.[ZONE_LABEL], ...podCidrsOf(node)];
}
