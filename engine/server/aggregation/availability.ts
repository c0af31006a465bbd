import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { Workqueue } from "../../client/workqueue.ts";
import { formatTime, type Clock } from "../../lib/clock.ts";
import { aborted } from "../../lib/abort.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { service, type Service as EngineService } from "../../lib/service.ts";
import { apiServiceResource } from "../../resources/apiregistration/api-service.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { APIService, APIServiceCondition, EndpointSlice } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { Aggregator } from "./aggregator.ts";
import { AVAILABLE, findObstacle, unavailable, withAvailability } from "./plan-availability.ts";
import { fetchDocuments } from "./remote-discovery.ts";

export interface AvailabilityOptions {
  readonly aggregator: Aggregator;
  readonly store: ObjectStore;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

const WORKERS = 3;
/** A server that answers is asked again after this long, one that does not sooner and sooner later; upstream's times. */
const RECHECK_MS = 30_000;

/** Asks every server behind this one whether it is there and what it serves, and says so in the conditions of its APIService. */
export function availabilityService(options: AvailabilityOptions): EngineService {
  return service("aggregated APIs", (signal) => new AvailabilityRunner(options, signal).run());
}

class AvailabilityRunner {
  readonly #options: AvailabilityOptions;
  readonly #signal: AbortSignal;
  readonly #queue: Workqueue;

  constructor(options: AvailabilityOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#queue = new Workqueue({ clock: options.clock });
  }

  async run(): Promise<void> {
    const { aggregator, store } = this.#options;
    const disconnect = aggregator.onChange((name) => this.#queue.add(name));
    const touched = (namespace: string, name: string) => {
      for (const { metadata, spec } of aggregator.services()) if (spec.service?.namespace === namespace && spec.service.name === name) this.#queue.add(metadata.name ?? "");
    };
    store.follow(serviceResource, { replaced: () => {}, changed: ({ metadata }) => touched(metadata.namespace ?? "", metadata.name ?? "") });
    store.follow(endpointSliceResource, { replaced: () => {}, changed: ({ metadata }) => touched(metadata.namespace ?? "", metadata.labels?.["kubernetes.io/service-name"] ?? "") });
    const working = Array.from({ length: WORKERS }, () => this.#work());
    await aborted(this.#signal);
    disconnect();
    this.#queue.close();
    await Promise.all(working);
  }

  async #work(): Promise<void> {
    for (;;) {
      const name = await this.#queue.take();
      if (name === undefined) return;
      if (!this.#signal.aborted) await this.#check(name);
      this.#queue.done(name);
    }
  }

  async #check(name: string): Promise<void> {
    const { aggregator, logger } = this.#options;
    const api = aggregator.get(name);
    if (api === undefined) return this.#queue.forget(name);
    try {
      const condition = await this.#conditionOf(api);
      await this.#tell(api, condition);
      if (condition.status !== "True") return this.#queue.retry(name);
      this.#queue.forget(name);
      this.#queue.addAfter(name, RECHECK_MS);
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!hasReason(error, "Conflict", "NotFound")) logger.warn("an aggregated API could not be checked, will retry", { name, error: describeError(error) });
      this.#queue.retry(name);
    }
  }

  async #conditionOf(api: APIService): Promise<APIServiceCondition> {
    const { aggregator, store } = this.#options;
    const { namespace = "", name = "" } = api.spec.service ?? {};
    const found = await store.get(serviceResource, namespace, name, { resourceVersion: "0" });
    const slices = await store.list(endpointSliceResource, namespace, { labelSelector: `kubernetes.io/service-name=${name}`, resourceVersion: "0" });
    const obstacle = findObstacle(api, { service: found?.object, slices: slices.items.map(({ object }) => object as EndpointSlice) }); // listed by their own definition
    if (obstacle !== undefined) return obstacle;
    try {
      const known = aggregator.find(api.spec.group ?? "", api.spec.version ?? "")?.documents;
      aggregator.learned(api.metadata.name ?? "", await fetchDocuments(api, known, aggregator.identity, this.#options.clock, this.#signal));
      return AVAILABLE;
    } catch (error) {
      return unavailable("FailedDiscoveryCheck", error instanceof Error ? error.message : String(error));
    }
  }

  async #tell(api: APIService, condition: APIServiceCondition): Promise<void> {
    const { client, clock, logger, aggregator } = this.#options;
    const current = aggregator.get(api.metadata.name ?? "");
    if (current === undefined) return;
    const next = withAvailability(current, condition, formatTime(clock.now()));
    if (next === current) return;
    await client.for(apiServiceResource).updateStatus(next);
    logger.info("an aggregated API became available or unavailable", { name: api.metadata.name, status: condition.status, reason: condition.reason });
  }
}
