import { hasReason, StatusError } from "../apimachinery/status-error.ts";
import { INITIAL_EVENTS_END_ANNOTATION } from "../apimachinery/watch-event.ts";
import { objectKey, type KubeObject } from "../apimachinery/object-meta.ts";
import { abortError, isAbort } from "../lib/abort.ts";
import { backoffMs } from "../lib/backoff.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Client } from "./client.ts";

export interface InformerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Empty: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Called synchronously, in order, on every change of the local copy. Objects are shared: never mutate them. */
export interface InformerHandler<T extends KubeObject> {
  readonly add?: (object: T) => void;
  readonly update?: (old: T, object: T) => void;
  readonly delete?: (object: T) => void;
}

const RETRY = { initialMs: 200, maxMs: 30_000, jitter: 0.5 };
const PAGE_SIZE = 500;

/**
 * A local copy of one kind, kept up by list and watch. After a lost watch it resumes where it was; when that is no longer possible (410)
 * it lists again and reports the difference, so handlers see every object's latest state, though not every step to it.
 */
export class Informer<T extends KubeObject> {
  readonly resource: ResourceReference<T>;
  readonly #options: InformerOptions;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #indexes = new Map<string, { readonly keysOf: (object: T) => readonly string[]; readonly entries: Map<string, Set<string>> }>();
  #resourceVersion = "";
  #hasSynced = false;
  #waiters: (() => void)[] = [];
  #revisionWaiters: { readonly revision: number; readonly resolve: () => void }[] = [];

  constructor(resource: ResourceReference<T>, options: InformerOptions) {
    this.resource = resource;
    this.#options = options;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** The store revision this copy has reached; 0 before the first list. */
  get revision(): number {
    return Number(this.#resourceVersion || 0);
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(namespace === "" ? name : `${namespace}/${name}`);
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace = ""): T[] {
    const all = [...this.#objects.values()];
    return namespace === "" ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  /** Registers a secondary index once; the same name again is ignored. */
  addIndex(name: string, keysOf: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index = { keysOf, entries: new Map<string, Set<string>>() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) for (const entry of keysOf(object)) addTo(index.entries, entry, key);
  }

  byIndex(name: string, entry: string): T[] {
    const keys = this.#indexes.get(name)?.entries.get(entry) ?? [];
    return [...keys].map((key) => this.#objects.get(key)).filter((object) => object !== undefined);
  }

  /** Adds a handler, tells it about everything already known, and gives the function that removes it. */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler.add?.(object);
    return () => void this.#handlers.delete(handler);
  }

  waitForSync(signal: AbortSignal): Promise<void> {
    if (this.#hasSynced) return Promise.resolve();
    return abortable(signal, (resolve) => this.#waiters.push(resolve));
  }

  /** Resolves once this copy shows everything up to the given store revision. */
  waitForRevision(revision: number, signal: AbortSignal): Promise<void> {
    if (this.revision >= revision) return Promise.resolve();
    return abortable(signal, (resolve) => this.#revisionWaiters.push({ revision, resolve }));
  }

  /** Lists and watches until the signal fires; outlives every failure of the server. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === "") await this.#listAll();
        failures = 0;
        await this.#watch(signal);
      } catch (error) {
        if (isAbort(error) || signal.aborted) return;
        if (hasReason(error, "Expired", "Gone")) {
          this.#resourceVersion = "";
          continue;
        }
        failures++;
        if (failures > 1) this.#options.logger.warn("watch interrupted, will retry", { resource: this.resource.resource, error: describeError(error) });
      }
      if (failures > 0) await sleep(this.#options.clock, backoffMs(RETRY, failures, this.#options.random), signal).catch(() => {});
    }
  }

  async #listAll(): Promise<void> {
    const { namespace = "", labelSelector, fieldSelector } = this.#options;
    const selection = { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}), limit: PAGE_SIZE };
    const found = new Map<string, T>();
    let page = await this.#options.client.for(this.resource).list(namespace, selection);
    const resourceVersion = page.resourceVersion;
    for (;;) {
      for (const object of page.items) found.set(objectKey(object), object);
      if (page.continue === undefined || page.continue === "") break;
      page = await this.#options.client.for(this.resource).list(namespace, { ...selection, continue: page.continue });
    }
    for (const [key, object] of [...this.#objects]) if (!found.has(key)) this.#remove(key, object);
    for (const object of found.values()) this.#put(object);
    this.#advance(resourceVersion);
    this.#hasSynced = true;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { namespace = "", labelSelector, fieldSelector } = this.#options;
    const options = { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}), resourceVersion: this.#resourceVersion, allowWatchBookmarks: true };
    for await (const event of this.#options.client.for(this.resource).watch(namespace, options, signal)) {
      if (event.type === "DELETED") this.#remove(objectKey(event.object), event.object);
      else if (event.type !== "BOOKMARK") this.#put(event.object);
      else if (event.object.metadata.annotations?.[INITIAL_EVENTS_END_ANNOTATION]) this.#hasSynced = true;
      this.#advance(event.object.metadata.resourceVersion ?? this.#resourceVersion);
    }
  }

  #put(object: T): void {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    if (old !== undefined && old.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#objects.set(key, object);
    for (const { keysOf, entries } of this.#indexes.values()) {
      if (old !== undefined) for (const entry of keysOf(old)) removeFrom(entries, entry, key);
      for (const entry of keysOf(object)) addTo(entries, entry, key);
    }
    // Deleted and created again between two looks: whoever keys by identity must see both.
    const isReplaced = old !== undefined && old.metadata.uid !== object.metadata.uid;
    for (const handler of this.#handlers) {
      if (old !== undefined && !isReplaced) handler.update?.(old, object);
      else {
        if (old !== undefined) handler.delete?.(old);
        handler.add?.(object);
      }
    }
  }

  #remove(key: string, last: T): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    for (const { keysOf, entries } of this.#indexes.values()) for (const entry of keysOf(old)) removeFrom(entries, entry, key);
    for (const handler of this.#handlers) handler.delete?.(last);
  }

  #advance(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    if (this.#revisionWaiters.length === 0) return;
    const reached = this.#revisionWaiters.filter((waiter) => waiter.revision <= this.revision);
    this.#revisionWaiters = this.#revisionWaiters.filter((waiter) => waiter.revision > this.revision);
    for (const waiter of reached) waiter.resolve();
  }
}

/** For callers that branch on it: a list or watch that must begin again. */
export function mustRelist(error: unknown): boolean {
  return error instanceof StatusError && hasReason(error, "Expired", "Gone");
}

function abortable(signal: AbortSignal, register: (resolve: () => void) => void): Promise<void> {
  if (signal.aborted) return Promise.reject(abortError(signal));
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    register(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

function addTo(entries: Map<string, Set<string>>, entry: string, key: string): void {
  const keys = entries.get(entry);
  if (keys === undefined) entries.set(entry, new Set([key]));
  else keys.add(key);
}

function removeFrom(entries: Map<string, Set<string>>, entry: string, key: string): void {
  const keys = entries.get(entry);
  keys?.delete(key);
  if (keys?.size === 0) entries.delete(entry);
}
