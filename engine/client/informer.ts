import { formatApiVersion } from "../apimachinery/group-version.ts";
import { objectKey, type KubeObject } from "../apimachinery/object-meta.ts";
import { abortError } from "../lib/abort.ts";
import { describeError } from "../lib/log.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import { Indexer, type IndexFunction } from "./indexer.ts";
import { Reflector, type ReflectorOptions } from "./reflector.ts";

export type InformerOptions = Omit<ReflectorOptions, "transform">;

/** Called synchronously, in order, on every change of the local copy. Objects are shared: never mutate them. */
export interface InformerHandler<T extends KubeObject> {
  readonly add?: (object: T) => void;
  readonly update?: (old: T, object: T) => void;
  readonly delete?: (object: T) => void;
}

/** What an informer keeps of its objects; `identity` is their names and uids, their owners, and what concerns their end. */
export type InformerContent = "whole" | "identity";

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
}

/**
 * A local copy of one kind with indexes, kept up by a reflector and shared by its readers. Handlers see every object's latest state,
 * though not every step to it: after an interruption they are told the difference.
 */
export class Informer<T extends KubeObject> {
  readonly resource: ResourceReference<T>;
  readonly #options: InformerOptions;
  readonly #indexer = new Indexer<T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #waiters = new Set<Waiter>();
  #keeps: InformerContent;
  #reflector: Reflector<T> | undefined;
  #isRunning = false;
  #revision = 0;
  #hasSynced = false;
  #failure: unknown;

  constructor(resource: ResourceReference<T>, options: InformerOptions, keeps: InformerContent = "whole") {
    this.resource = resource;
    this.#options = options;
    this.#keeps = keeps;
  }

  /** Keeps whole objects from here on; false when it already runs without. */
  keepWhole(): boolean {
    if (this.#isRunning) return this.#keeps === "whole";
    this.#keeps = "whole";
    return true;
  }

  /** Whether the first list is complete. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Why the first list is not complete, where the server has said so the last time that it was asked. */
  get failure(): unknown {
    return this.#hasSynced ? undefined : this.#failure;
  }

  /** The store revision this copy has reached; 0 before the first list. */
  get revision(): number {
    return this.#revision;
  }

  /** How many objects this copy holds. */
  get size(): number {
    return this.#indexer.size;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#indexer.getByKey(namespace === "" ? name : `${namespace}/${name}`);
  }

  getByKey(key: string): T | undefined {
    return this.#indexer.getByKey(key);
  }

  list(namespace = ""): T[] {
    return this.#indexer.list(namespace);
  }

  /** Registers a secondary index once; the same name again is ignored. */
  addIndex(name: string, entriesOf: IndexFunction<T>): void {
    this.#indexer.addIndex(name, entriesOf);
  }

  byIndex(name: string, entry: string): T[] {
    return this.#indexer.byIndex(name, entry);
  }

  countByIndex(name: string, entry: string): number {
    return this.#indexer.countByIndex(name, entry);
  }

  /** Adds a handler, tells it about everything already known, and gives the function that removes it. */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#indexer.list()) this.#tell(() => handler.add?.(object));
    return () => void this.#handlers.delete(handler);
  }

  waitForSync(signal: AbortSignal): Promise<void> {
    return this.waitUntil(() => this.#hasSynced, signal);
  }

  /** Resolves once this copy shows everything up to the given store revision. */
  waitForRevision(revision: number, signal: AbortSignal): Promise<void> {
    return this.waitUntil(() => this.#revision >= revision, signal);
  }

  /** Resolves once the condition holds; it is asked after every change of this copy, and when its first list has failed. Rejects with an AbortError when the signal fires. */
  waitUntil(isDone: () => boolean, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(abortError(signal));
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = {
        isDone,
        resolve: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(abortError(signal));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Lists and watches until the signal fires; outlives every failure of the server. */
  run(signal: AbortSignal): Promise<void> {
    this.#isRunning = true;
    const identities = () => ({ ...this.#options, transform: identityReader(this.resource as ResourceReference) as unknown as (object: T) => T }); // who asks for these reads nothing else
    this.#reflector = new Reflector(this.resource, this.#keeps === "whole" ? this.#options : identities(), {
      replace: (objects, resourceVersion) => this.#replace(objects, resourceVersion),
      put: (object) => this.#put(object),
      remove: (object) => this.#remove(objectKey(object), object),
      advance: (resourceVersion) => this.#advance(resourceVersion),
      failed: (error) => this.#fail(error),
    });
    return this.#reflector.run(signal);
  }

  /** See Reflector. */
  retryNow(): void {
    this.#reflector?.retryNow();
  }

  #replace(objects: readonly T[], resourceVersion: string): void {
    const present = new Set(objects.map(objectKey));
    for (const key of this.#indexer.keys()) if (!present.has(key)) this.#remove(key);
    for (const object of objects) this.#put(object);
    this.#hasSynced = true;
    this.#advance(resourceVersion);
  }

  #put(object: T): void {
    const known = this.#indexer.getByKey(objectKey(object));
    if (known !== undefined && known.metadata.resourceVersion === object.metadata.resourceVersion) return;
    const old = this.#indexer.put(object);
    // Deleted and created again between two looks: whoever keys by identity must hear of both.
    const isReplaced = old !== undefined && old.metadata.uid !== object.metadata.uid;
    for (const handler of this.#handlers) {
      if (old !== undefined && !isReplaced) this.#tell(() => handler.update?.(old, object));
      else {
        if (old !== undefined) this.#tell(() => handler.delete?.(old));
        this.#tell(() => handler.add?.(object));
      }
    }
  }

  /** `last` is the final state where the server sent it; after a relist the last known one has to do. */
  #remove(key: string, last?: T): void {
    const old = this.#indexer.remove(key);
    if (old === undefined) return;
    for (const handler of this.#handlers) this.#tell(() => handler.delete?.(last ?? old));
  }

  #advance(resourceVersion: string): void {
    this.#revision = Number(resourceVersion || 0);
    this.#tellWaiters();
  }

  #fail(error: unknown): void {
    if (this.#hasSynced) return;
    this.#failure = error;
    this.#tellWaiters();
  }

  #tellWaiters(): void {
    for (const waiter of [...this.#waiters]) {
      if (!waiter.isDone()) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** One handler's mistake must not cost the others their events, nor the copy its place in the stream. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.logger.error("handler failed", { resource: this.resource.resource, error: describeError(error) });
    }
  }
}

/** Who an object is, whose it is, and whether it is going: a tenth of most, and what all of a kind have in common only once. */
function identityReader(resource: ResourceReference): (object: KubeObject) => KubeObject {
  const { kind } = resource;
  const apiVersion = formatApiVersion(resource.group, resource.version);
  return ({ metadata: { name = "", namespace, uid = "", resourceVersion = "", deletionTimestamp, finalizers, ownerReferences } }) => ({
    apiVersion,
    kind,
    metadata: {
      name,
      uid,
      resourceVersion,
      ...(namespace === undefined ? {} : { namespace }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
  });
}
