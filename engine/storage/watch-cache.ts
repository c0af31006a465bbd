import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { StoredObject } from "./encoded-object.ts";
import { resourcePrefix } from "./keys.ts";
import { SortedObjects } from "./sorted-objects.ts";

/** A change of one object as the cache remembers it; `previous` is what it was before, undefined for a creation. */
export interface CachedChange<T extends KubeObject = KubeObject> {
  readonly revision: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** For a deletion: the last state, under the revision of the deletion. */
  readonly current: StoredObject<T>;
  readonly previous: StoredObject<T> | undefined;
}

/** What somebody wants to hear of: everything, one namespace, or the objects with one value of an indexed field. */
export interface Scope {
  readonly namespace: string;
  readonly field?: { readonly name: string; readonly value: string };
}

export interface Subscriber<T extends KubeObject> {
  changed(change: CachedChange<T>): void;
  /** Everything was read anew, and what changed meanwhile is not known one by one: list again. */
  reset(): void;
}

/**
 * Changes kept per kind, for watches that begin a little in the past; for older ones see `ForgottenChanges`. Up to a quarter more is kept
 * between two cleanings.
 */
export const HISTORY_MAX = 4_096;
export const HISTORY_BYTES_MAX = 16 << 20;
const SLACK = 1.25;
/** Of the changes that are not recent any more so many are kept, of a kind that seldom changes; upstream's number. */
const STALE_MAX = 100;
const STALE_BYTES_MAX = 512 << 10;

/** Fields by which so many ask for so few that scanning would cost too much: every node agent follows its own pods. */
const INDEXED_FIELDS: Readonly<Record<string, readonly string[]>> = { "/pods": ["spec.nodeName"] };

/** All objects of one kind, in key order; the recent changes; and who wants to hear of new ones. */
export class WatchCache<T extends KubeObject = KubeObject> {
  readonly definition: ResourceDefinition<T>;
  readonly prefix: string;
  readonly #objects = new SortedObjects<T>();
  /** Per indexed field, per value: the objects by key. */
  readonly #indexes: ReadonlyMap<string, Map<string, Map<string, StoredObject<T>>>>;
  readonly #subscribers = new Map<string, Set<Subscriber<T>>>();
  #history: CachedChange<T>[] = [];
  #historyBytes = 0;
  #historyFloor = 0;
  #lastChange = 0;

  constructor(definition: ResourceDefinition<T>) {
    this.definition = definition;
    this.prefix = resourcePrefix(definition);
    this.#indexes = new Map((INDEXED_FIELDS[`${definition.group}/${definition.resource}`] ?? []).map((field) => [field, new Map()]));
  }

  /** No object of this kind has changed after this revision. */
  get lastChange(): number {
    return this.#lastChange;
  }

  /** Changes after this revision are complete in the history: watches may begin here or later. */
  get historyFloor(): number {
    return this.#historyFloor;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): StoredObject<T> | undefined {
    return this.#objects.get(key);
  }

  /** Objects whose key starts with the prefix and comes after `afterKey`, in the store's order, which is that of paged lists. */
  range(prefix: string, afterKey = ""): readonly StoredObject<T>[] {
    return this.#objects.range(prefix, afterKey);
  }

  /** Objects with this value of an indexed field, in key order. */
  withField(field: string, value: string): readonly StoredObject<T>[] {
    const found = this.#indexes.get(field)?.get(value);
    return found === undefined ? [] : [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** The first of these fields that is indexed. */
  indexedField(equals: ReadonlyMap<string, string>): { readonly name: string; readonly value: string } | undefined {
    for (const name of this.#indexes.keys()) {
      const value = equals.get(name);
      if (value !== undefined) return { name, value };
    }
    return undefined;
  }

  /** Replaces everything, at start or when what changed since can no longer be told: history begins anew, and who follows must list again. */
  replace(entries: readonly (readonly [string, StoredObject<T>])[], revision: number): void {
    this.#objects.replace(entries);
    for (const index of this.#indexes.values()) index.clear();
    for (const [key, object] of entries) this.#index(key, undefined, object);
    this.#history = [];
    this.#historyBytes = 0;
    this.#historyFloor = revision;
    // Deletions leave no trace in what was read: any revision before this one may have held more.
    this.#lastChange = revision;
    for (const audience of [...this.#subscribers.values()]) for (const subscriber of [...audience]) subscriber.reset();
  }

  /** Ends all watches: what they show is no longer served as it was. Objects and history stay. */
  interrupt(): void {
    for (const audience of [...this.#subscribers.values()]) for (const subscriber of [...audience]) subscriber.reset();
  }

  put(key: string, object: StoredObject<T>): void {
    const previous = this.#objects.put(key, object);
    this.#index(key, previous, object);
    this.#record(key, { revision: object.revision, type: previous === undefined ? "ADDED" : "MODIFIED", current: object, previous });
  }

  /** `revision` is that of the deletion: watchers see the last state under it. */
  delete(key: string, revision: number): void {
    const previous = this.#objects.delete(key);
    if (previous === undefined) return;
    this.#index(key, previous, undefined);
    this.#record(key, { revision, type: "DELETED", current: previous.at(revision), previous });
  }

  /** Changes after `revision`; undefined when they are no longer all known. */
  changesAfter(revision: number): readonly CachedChange<T>[] | undefined {
    if (revision < this.#historyFloor) return undefined;
    let first = this.#history.length;
    while (first > 0 && (this.#history[first - 1]?.revision ?? 0) > revision) first--;
    return this.#history.slice(first);
  }

  /** Forgets changes up to a revision that the store has forgotten as well. */
  forget(revision: number): void {
    this.#forgetWhile((_, change) => change.revision <= revision);
  }

  /** Forgets changes up to a revision of some time ago, but for a few of a kind that seldom changes. */
  forgetStale(revision: number): void {
    this.#forgetWhile((count, change) => change.revision <= revision && (this.#history.length - count > STALE_MAX || this.#historyBytes > STALE_BYTES_MAX));
  }

  /** Remembers again what came before the history: all changes after `floor` up to where it began. False for more than it holds. */
  recall(floor: number, changes: readonly CachedChange[]): boolean {
    // Of the revision with which it began, some may have been forgotten and some not.
    const known = this.#history.filter(({ revision }) => revision > this.#historyFloor);
    const history = [...(changes as readonly CachedChange<T>[]), ...known]; // they were read under this kind's prefix
    const bytes = history.reduce((sum, { current }) => sum + current.byteLength, 0);
    if (history.length > HISTORY_MAX || bytes > HISTORY_BYTES_MAX) return false;
    this.#history = history;
    this.#historyBytes = bytes;
    this.#historyFloor = floor;
    return true;
  }

  /** Calls at least for every change that touches the scope; the caller still tests each. Returns what ends it. */
  subscribe(scope: Scope, subscriber: Subscriber<T>): () => void {
    const topic = scope.field !== undefined ? fieldTopic(scope.field.name, scope.field.value) : namespaceTopic(scope.namespace);
    let audience = this.#subscribers.get(topic);
    if (audience === undefined) this.#subscribers.set(topic, (audience = new Set()));
    audience.add(subscriber);
    return () => {
      audience.delete(subscriber);
      if (audience.size === 0 && this.#subscribers.get(topic) === audience) this.#subscribers.delete(topic);
    };
  }

  #index(key: string, previous: StoredObject<T> | undefined, current: StoredObject<T> | undefined): void {
    for (const [field, index] of this.#indexes) {
      const before = previous && this.#value(field, previous);
      const after = current && this.#value(field, current);
      if (before !== undefined && before !== after) {
        index.get(before)?.delete(key);
        if (index.get(before)?.size === 0) index.delete(before);
      }
      if (after === undefined || current === undefined) continue;
      let members = index.get(after);
      if (members === undefined) index.set(after, (members = new Map()));
      members.set(key, current);
    }
  }

  #value(field: string, object: StoredObject<T>): string {
    try {
      return this.definition.selectableFields[field]?.(object.object) ?? "";
    } catch {
      // Written past this API, without what its schema requires: it has no such value, and must not stop everybody else's events.
      return "";
    }
  }

  #record(key: string, change: CachedChange<T>): void {
    this.#lastChange = change.revision;
    this.#history.push(change);
    this.#historyBytes += change.current.byteLength;
    if (this.#history.length > HISTORY_MAX * SLACK || this.#historyBytes > HISTORY_BYTES_MAX * SLACK) this.#forgetOldest();
    for (const topic of this.#topics(key, change)) for (const subscriber of this.#subscribers.get(topic) ?? []) subscriber.changed(change);
  }

  #forgetOldest(): void {
    this.#forgetWhile((count) => this.#history.length - count > HISTORY_MAX || this.#historyBytes > HISTORY_BYTES_MAX);
  }

  #forgetWhile(isTooOld: (count: number, change: CachedChange<T>) => boolean): void {
    let count = 0;
    for (const change of this.#history) {
      if (!isTooOld(count, change)) break;
      this.#historyBytes -= change.current.byteLength;
      count++;
    }
    const dropped = this.#history.splice(0, count);
    this.#historyFloor = dropped.at(-1)?.revision ?? this.#historyFloor;
  }

  #topics(key: string, { current, previous }: CachedChange<T>): Set<string> {
    const topics = new Set([namespaceTopic("")]);
    if (this.definition.namespaced) topics.add(namespaceTopic(key.slice(this.prefix.length, key.indexOf("/", this.prefix.length))));
    for (const field of this.#indexes.keys()) {
      topics.add(fieldTopic(field, this.#value(field, current)));
      if (previous !== undefined) topics.add(fieldTopic(field, this.#value(field, previous)));
    }
    return topics;
  }
}

/** A watch event whose object is decoded only for those who look at it: most send its bytes. */
export class ObjectEvent<T extends KubeObject> {
  readonly type: CachedChange["type"];
  readonly encoded: StoredObject<T>;

  constructor(type: CachedChange["type"], encoded: StoredObject<T>) {
    this.type = type;
    this.encoded = encoded;
  }

  get object(): T {
    return this.encoded.object;
  }
}

/** What a watcher with a selection sees of a change: objects entering it are added, those leaving it deleted. */
export function eventFor<T extends KubeObject>(change: CachedChange<T>, isSelected: (object: StoredObject<T>) => boolean): ObjectEvent<T> | undefined {
  const { current, previous } = change;
  const was = previous !== undefined && isSelected(previous);
  const is = change.type !== "DELETED" && isSelected(current);
  if (is) return new ObjectEvent(was ? "MODIFIED" : "ADDED", current);
  if (!was || previous === undefined) return undefined;
  // The last state that matched, under the revision of the change that ended it.
  return new ObjectEvent("DELETED", previous.at(change.revision));
}

function namespaceTopic(namespace: string): string {
  return `in ${namespace}`;
}

function fieldTopic(field: string, value: string): string {
  return `${field}=${value}`;
}
