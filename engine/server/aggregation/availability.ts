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
import { fetchOpenApi, fetchOpenApiV2, fetchResources, requirePresence, type RemoteAsk } from "./remote-discovery.ts";

export interface AvailabilityOptions {
  readonly aggregator: Aggregator;
  readonly store: ObjectStore;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

const WORKERS = 3;
/** A server that answers is asked again after this long. */
const RECHECK_MS = 30_000;
/** One that does not is asked sooner, and again and again: nothing tells when it has come. Both are upstream's times. */
const RETRY = { initialMs: 5, maxMs: 30_000 };
/** One that is there, but does not say what it serves. */
const RELEARN = { initialMs: 500, maxMs: 60_000 };

/** Asks every server behind this one whether it is there and what it serves, and says so in the conditions of its APIService. */
export function availabilityService(options: AvailabilityOptions): EngineService {
  return service("aggregated APIs", (signal) => new AvailabilityRunner(options, signal).run());
}

class AvailabilityRunner {
  readonly #options: AvailabilityOptions;
  readonly #signal: AbortSignal;
  /** Whose presence is to be looked at. */
  readonly #queue: Workqueue;
  /**
   * Who has to be asked what it serves, as upstream whether it counts as present or not: who takes his time for that keeps nobody's
   * presence from being seen.
   */
  readonly #learning: Workqueue;

  constructor(options: AvailabilityOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#queue = new Workqueue({ clock: options.clock, retry: RETRY });
    this.#learning = new Workqueue({ clock: options.clock, retry: RELEARN });
  }

  async run(): Promise<void> {
    const { aggregator, store } = this.#options;
    const disconnect = aggregator.onChange((name) => this.#queue.add(name));
    const touched = (namespace: string, name: string) => {
      for (const { metadata, spec } of aggregator.services())
        if (spec.service?.namespace === namespace && spec.service.name === name) this.#queue.add(metadata.name ?? "");
    };
    store.follow(serviceResource, { replaced: () => {}, changed: ({ metadata }) => touched(metadata.namespace ?? "", metadata.name ?? "") });
    store.follow(endpointSliceResource, {
      replaced: () => {},
      changed: ({ metadata }) => touched(metadata.namespace ?? "", metadata.labels?.["kubernetes.io/service-name"] ?? ""),
    });
    const working = Array.from({ length: WORKERS }, () => [
      this.#work(this.#queue, (name) => this.#check(name)),
      this.#work(this.#learning, (name) => this.#learn(name)),
    ]).flat();
    await aborted(this.#signal);
    disconnect();
    for (const queue of [this.#queue, this.#learning]) queue.close();
    await Promise.all(working);
  }

  async #work(queue: Workqueue, handle: (name: string) => Promise<void>): Promise<void> {
    for (;;) {
      const name = await queue.take();
      if (name === undefined) return;
      if (!this.#signal.aborted) await handle(name);
      queue.done(name);
    }
  }

  async #check(name: string): Promise<void> {
    const { aggregator, logger } = this.#options;
    const api = aggregator.get(name);
    if (api === undefined) return this.#queue.forget(name);
    this.#learning.add(name);
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
    const { store } = this.#options;
    const { namespace = "", name = "" } = api.spec.service ?? {};
    const found = await store.get(serviceResource, namespace, name, { resourceVersion: "0" });
    const slices = await store.list(endpointSliceResource, namespace, { labelSelector: `kubernetes.io/service-name=${name}`, resourceVersion: "0" });
    const obstacle = findObstacle(api, { service: found?.object, slices: slices.items.map(({ object }) => object as EndpointSlice) }); // listed by their own definition
    if (obstacle !== undefined) return obstacle;
    try {
      await requirePresence(api, this.#ask());
      return AVAILABLE;
    } catch (error) {
      return unavailable("FailedDiscoveryCheck", error instanceof Error ? error.message : String(error));
    }
  }

  /** Never rejects. Each part counts as soon as it is known. */
  async #learn(name: string): Promise<void> {
    const { aggregator, logger } = this.#options;
    const api = aggregator.get(name);
    if (api === undefined) return this.#learning.forget(name);
    const known = aggregator.find(api.spec.group ?? "", api.spec.version ?? "")?.documents;
    const ask = this.#ask();
    const resources = fetchResources(api, known?.resources, ask).then(
      (found) => {
        aggregator.learned(name, { resources: found, isFresh: true });
        this.#learning.forget(name);
      },
      (error: unknown) => {
        if (this.#signal.aborted) return;
        logger.debug("an aggregated API does not say what it serves, will retry", { name, error: describeError(error) });
        aggregator.learned(name, { isFresh: false });
        this.#learning.retry(name);
      },
    );
    await Promise.all([
      resources,
      fetchOpenApi(api, known?.openApi, ask).then((openApi) => aggregator.learned(name, { openApi })),
      fetchOpenApiV2(api, known?.openApiV2, ask).then((openApiV2) => aggregator.learned(name, { openApiV2 })),
    ]);
  }

  #ask(): RemoteAsk {
    const { aggregator, clock } = this.#options;
    return { identity: aggregator.identity, clock, signal: this.#signal };
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
