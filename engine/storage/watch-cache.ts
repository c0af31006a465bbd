import type { EncodedWatchEvent } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { StoredObject } from "./encoded-object.ts";
import { resourcePrefix } from "./keys.ts";

/** A change of one object as the cache remembers it; `previous` is what it was before, undefined for a creation. */
export interface CachedChange<T extends KubeObject = KubeObject> {
  readonly revision: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly current: StoredObject<T>;
  readonly previous: StoredObject<T> | undefined;
}

/** Changes kept per kind, for watches that begin a little in the past. Older ones get 410 and list again. */
const HISTORY_MAX = 4_096;

/** All objects of one kind, decoded once, in key order on demand; the recent changes; and who wants to hear of new ones. */
export class WatchCache<T extends KubeObject = KubeObject> {
  readonly definition: ResourceDefinition<T>;
  readonly prefix: string;
  readonly #objects = new Map<string, StoredObject<T>>();
  readonly #byNamespace = new Map<string, Map<string, StoredObject<T>>>();
  readonly #listeners = new Set<(change: CachedChange<T>) => void>();
  #history: CachedChange<T>[] = [];
  /** Changes after this revision are complete in the history. */
  #historyFloor = 0;
  #lastChange = 0;
  #sorted: readonly (readonly [string, StoredObject<T>])[] | undefined;

  constructor(definition: ResourceDefinition<T>) {
    this.definition = definition;
    this.prefix = resourcePrefix(definition);
  }

  /** The revision of the newest change of this kind. */
  get lastChange(): number {
    return this.#lastChange;
  }

  /** Watches may begin at this revision or later. */
  get historyFloor(): number {
    return this.#historyFloor;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): StoredObject<T> | undefined {
    return this.#objects.get(key);
  }

  /** Objects of a namespace, or all; in no particular order. */
  objects(namespace = ""): Iterable<StoredObject<T>> {
    return namespace === "" ? this.#objects.values() : (this.#byNamespace.get(namespace)?.values() ?? []);
  }

  /** All keys with their objects in the store's order, which is that of paged lists. */
  sorted(): readonly (readonly [string, StoredObject<T>])[] {
    return (this.#sorted ??= [...this.#objects].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Replaces everything, at start or after the store's watch broke: history begins anew. */
  replace(entries: readonly (readonly [string, StoredObject<T>])[], revision: number): void {
    this.#objects.clear();
    this.#byNamespace.clear();
    for (const [key, object] of entries) this.#put(key, object);
    this.#history = [];
    this.#historyFloor = revision;
    this.#lastChange = entries.reduce((newest, [, object]) => Math.max(newest, object.revision), 0);
    this.#sorted = undefined;
  }

  put(key: string, object: StoredObject<T>): void {
    const previous = this.#objects.get(key);
    this.#put(key, object);
    this.#record({ revision: object.revision, type: previous === undefined ? "ADDED" : "MODIFIED", current: object, previous });
  }

  /** `revision` is that of the deletion: watchers see the last state under it. */
  delete(key: string, revision: number): void {
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#objects.delete(key);
    this.#byNamespace.get(previous.object.metadata.namespace ?? "")?.delete(key);
    this.#record({ revision, type: "DELETED", current: previous.at(revision), previous });
  }

  /** Changes after `revision`; undefined when they are no longer all known. */
  changesAfter(revision: number): readonly CachedChange<T>[] | undefined {
    if (revision < this.#historyFloor) return undefined;
    let first = this.#history.length;
    while (first > 0 && (this.#history[first - 1]?.revision ?? 0) > revision) first--;
    return this.#history.slice(first);
  }

  subscribe(listener: (change: CachedChange<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #put(key: string, object: StoredObject<T>): void {
    this.#objects.set(key, object);
    const namespace = object.object.metadata.namespace ?? "";
    let members = this.#byNamespace.get(namespace);
    if (members === undefined) this.#byNamespace.set(namespace, (members = new Map()));
    members.set(key, object);
  }

  #record(change: CachedChange<T>): void {
    this.#sorted = undefined;
    this.#lastChange = change.revision;
    this.#history.push(change);
    if (this.#history.length > HISTORY_MAX * 2) {
      const dropped = this.#history.splice(0, this.#history.length - HISTORY_MAX);
      this.#historyFloor = dropped.at(-1)?.revision ?? this.#historyFloor;
    }
    for (const listener of this.#listeners) listener(change);
  }
}

/** What a watcher with a selection sees of a change: objects entering it are added, those leaving it deleted. */
export function eventFor<T extends KubeObject>(change: CachedChange<T>, matches: (object: T) => boolean): EncodedWatchEvent<T> | undefined {
  const { current, previous } = change;
  const was = previous !== undefined && matches(previous.object);
  const is = change.type !== "DELETED" && matches(current.object);
  if (is) return { type: was ? "MODIFIED" : "ADDED", object: current.object, encoded: current };
  if (!was || previous === undefined) return undefined;
  // The last state that matched, under the revision of the change that ended it.
  const last = previous.at(change.revision);
  return { type: "DELETED", object: last.object, encoded: last };
}
