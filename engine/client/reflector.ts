import type { KubeObject } from "../apimachinery/object-meta.ts";
import { isResourceVersionTooLarge } from "../apimachinery/list-options.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { INITIAL_EVENTS_END_ANNOTATION } from "../apimachinery/watch-event.ts";
import { throwIfAborted } from "../lib/abort.ts";
import { Bell } from "../lib/bell.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { randomInteger, type Random } from "../lib/random.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Client } from "./client.ts";
import { listPages } from "./list-pages.ts";

export interface ReflectorOptions<T extends KubeObject = KubeObject> {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Empty or absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Asks for the first state as a watch (`sendInitialEvents`) instead of pages of a list; falls back where that is refused. */
  readonly streamsInitialState?: boolean;
  /** What the sink gets of each object, made as it comes; the object itself when absent. Its name and resourceVersion must stay. */
  readonly transform?: (object: T) => T;
}

/** Who keeps what a reflector brings. All calls are synchronous and in the store's order. */
export interface ReflectorSink<T extends KubeObject> {
  /** The whole state; whatever is not in it is gone. */
  replace(objects: readonly T[], resourceVersion: string): void;
  put(object: T): void;
  remove(object: T): void;
  /** Everything up to this resourceVersion has been delivered. */
  advance(resourceVersion: string): void;
  /** What it brings could not be had; it is tried again. */
  failed(error: unknown): void;
}

const RETRY = { initialMs: 200, maxMs: 30_000, jitter: 0.5 };
const PAGE_SIZE = 500;
/** Watches end by themselves after five to ten minutes, so that connections spread again over servers. */
const WATCH_SECONDS_MIN = 300;
/** A watch that ends sooner without an event counts as a failure, or a server that hangs up at once would be asked without pause. */
const SHORT_WATCH_MS = 1_000;

/**
 * Brings one kind's objects from the API to a sink and keeps them up: lists, watches from there, resumes a lost watch where it was,
 * and lists again when that is no longer possible (410). Outlives every failure of the server; ends when the signal fires.
 */
export class Reflector<T extends KubeObject> {
  readonly #resource: ResourceReference<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #sink: ReflectorSink<T>;
  readonly #transform: (object: T) => T;
  readonly #bell: Bell;
  #resourceVersion = "";
  #streamsInitialState: boolean;

  constructor(resource: ResourceReference<T>, options: ReflectorOptions<T>, sink: ReflectorSink<T>) {
    this.#resource = resource;
    this.#options = options;
    this.#sink = sink;
    this.#bell = new Bell(options.clock);
    this.#transform = options.transform ?? ((object) => object);
    this.#streamsInitialState = options.streamsInitialState === true;
  }

  /** The server answers others again: what waits after a failure waits no longer. */
  retryNow(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startMs = clock.monotonic();
      // Whoever says so during a try that fails, says so of the time after it.
      this.#bell.take();
      try {
        if (this.#resourceVersion === "") await this.#bringState(signal);
        const events = await this.#follow(signal);
        if (events > 0 || clock.monotonic() - startMs >= SHORT_WATCH_MS) failures = 0;
        else failures++;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.#sink.failed(error);
        // The history we would resume from is gone, or was never had by a store that has been set back: what is known stays until the new list is complete.
        if (hasReason(error, "Expired", "Gone") || isResourceVersionTooLarge(error)) this.#resourceVersion = "";
        else if (failures > 1) logger.warn("watch interrupted, will retry", { resource: this.#resource.resource, failures, error: describeError(error) });
      }
      // The first failure after a good watch is the normal end of a connection; it costs no wait.
      if (failures <= 1) continue;
      await this.#bell.wait(backoffMs(RETRY, failures - 1, random), signal);
    }
  }

  async #bringState(signal: AbortSignal): Promise<void> {
    if (!this.#streamsInitialState) return this.#list(signal);
    try {
      await this.#streamState(signal);
    } catch (error) {
      if (!hasReason(error, "Invalid", "BadRequest")) throw error;
      this.#streamsInitialState = false;
      await this.#list(signal);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    let found: { readonly objects: readonly T[]; readonly resourceVersion: string };
    try {
      found = await this.#pages({ limit: PAGE_SIZE }, signal);
    } catch (error) {
      // History was compacted between two pages; in one piece it cannot be.
      if (!hasReason(error, "Expired", "Gone")) throw error;
      found = await this.#pages({}, signal);
    }
    this.#sink.replace(found.objects, found.resourceVersion);
    this.#resourceVersion = found.resourceVersion;
  }

  async #pages(limit: { readonly limit?: number }, signal: AbortSignal) {
    const client = this.#options.client.for(this.#resource);
    const { namespace = "" } = this.#options;
    const selection = { ...this.#selection(), ...limit };
    let resourceVersion: string | undefined; // of the first page: what follows is as of then
    const objects: T[] = [];
    for await (const page of listPages(client, namespace, selection)) {
      throwIfAborted(signal);
      resourceVersion ??= page.resourceVersion;
      for (const object of page.items) objects.push(this.#transform(object));
    }
    return { objects, resourceVersion: resourceVersion ?? "" };
  }

  /** The state as a watch that begins with everything there is; it is cut where the server says that this is all. */
  async #streamState(signal: AbortSignal): Promise<void> {
    const found = new Map<string, T>();
    const options = {
      ...this.#selection(),
      sendInitialEvents: true,
      resourceVersionMatch: "NotOlderThan",
      allowWatchBookmarks: true,
      timeoutSeconds: this.#watchSeconds(),
    } as const;
    for await (const { type, object } of this.#options.client.for(this.#resource).watch(this.#options.namespace ?? "", options, signal)) {
      const key = `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
      if (type === "DELETED") found.delete(key);
      else if (type !== "BOOKMARK") found.set(key, this.#transform(object));
      else if (object.metadata.annotations?.[INITIAL_EVENTS_END_ANNOTATION] === "true") {
        const resourceVersion = object.metadata.resourceVersion ?? "";
        this.#sink.replace([...found.values()], resourceVersion);
        this.#resourceVersion = resourceVersion;
        return;
      }
    }
    throwIfAborted(signal);
    throw new Error(`the first state of ${this.#resource.resource} ended before it was complete`);
  }

  /** Delivers changes until the server ends the watch; gives how many there were. */
  async #follow(signal: AbortSignal): Promise<number> {
    let events = 0;
    const options = { ...this.#selection(), resourceVersion: this.#resourceVersion, allowWatchBookmarks: true, timeoutSeconds: this.#watchSeconds() };
    for await (const { type, object } of this.#options.client.for(this.#resource).watch(this.#options.namespace ?? "", options, signal)) {
      if (signal.aborted) break;
      events++;
      if (type === "DELETED") this.#sink.remove(this.#transform(object));
      else if (type !== "BOOKMARK") this.#sink.put(this.#transform(object));
      this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
      this.#sink.advance(this.#resourceVersion);
    }
    return events;
  }

  #selection() {
    const { labelSelector, fieldSelector } = this.#options;
    return { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) };
  }

  #watchSeconds(): number {
    return WATCH_SECONDS_MIN + randomInteger(this.#options.random, WATCH_SECONDS_MIN);
  }
}
