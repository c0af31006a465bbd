import type { EncodedObject, ListOptions, ObjectList, WatchStream } from "../apimachinery/api-request.ts";
import { decodeContinueToken, expiredContinueToken } from "../apimachinery/continue-token.ts";
import { parseResourceVersion, requireVersion } from "../apimachinery/list-options.ts";
import { demandedFieldValue } from "../apimachinery/selectors.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { alreadyExists, conflict, hasReason, notFound, StatusError } from "../apimachinery/status-error.ts";
import { raceAbort } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { jsonEqual } from "../lib/freeze.ts";
import type { Logger } from "../lib/log.ts";
import type { Span } from "../lib/tracing/span.ts";
import type { Tracer } from "../lib/tracing/tracer.ts";
import type { ResourceDefinition, StoredForm } from "../resources/define-resource.ts";
import { StoredObject } from "./encoded-object.ts";
import { KindCaches } from "./kind-caches.ts";
import { namespacePrefix, objectStorageKey } from "./keys.ts";
import { fromEntry, listCached, listStored, stagedView, type ListRequest, type ObjectsOfKind } from "./object-list.ts";
import { openWatch, resumedRevision } from "./object-watch.ts";
import { convertedStream, storedSelection, viewOf, viewsOf, viewStream } from "./object-view.ts";
import { compileSelection, EVERYTHING, type Selection } from "./selection.ts";
import type { CommitResult, Condition, Entry, Operation, Storage } from "./storage.ts";
import { withStatusErrors } from "./storage-status.ts";
import { commitInSpan, encodeInSpan, inSpan, kindAttributes, objectAttributes, pastListAttributes } from "./store-spans.ts";
import { isStagedRevision, StoreTransaction, withTransactions, type TransactionalStorage } from "./transaction.ts";

/** More keys for the same commit: claims of addresses, for one. */
export interface ExtraWrites {
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
}

export type Change<T> =
  | { readonly do: "write"; readonly object: T; readonly extra?: ExtraWrites }
  | { readonly do: "delete"; readonly extra?: ExtraWrites }
  | { readonly do: "keep" };

/** After a deletion: the last state, under the revision of the deletion. */
export interface ChangeResult<T extends KubeObject> {
  readonly encoded: EncodedObject<T>;
  readonly wasDeleted: boolean;
}

type ChangeOutcome<T extends KubeObject> =
  | { readonly is: "done"; readonly result: ChangeResult<T> }
  | { readonly is: "unchanged" }
  | { readonly is: "refused"; readonly error: unknown }
  /** The object was no longer what the decision was made for. */
  | { readonly is: "raced"; readonly found: Entry | undefined };

/** An extra condition of a commit did not hold: the caller chooses other keys and tries again. */
export class ExtraConditionFailed extends Error {
  readonly keys: readonly string[];
  constructor(keys: readonly string[]) {
    super(`taken meanwhile: ${keys.join(", ")}`);
    this.name = "ExtraConditionFailed";
    this.keys = keys;
  }
}

/** Who keeps a view of all objects of a kind. */
export interface Follower<T extends KubeObject> {
  /** All there are; nothing that was told before holds any more. */
  replaced(objects: readonly T[]): void;
  changed(object: T, wasDeleted: boolean): void;
}

export interface ObjectStoreOptions {
  readonly storage: Storage;
  readonly resources: readonly ResourceDefinition[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who measures what is asked in the course of a traced request; absent where nobody does. */
  readonly tracer?: Tracer | undefined;
}

/** Upstream gives up only when the request times out; nobody loses this many races in a row without a fault of his own. */
const WRITE_TRIES_MAX = 1_000;

/** Typed objects over a Storage: every object is decoded once into a cache and encoded once for all its readers. */
export class ObjectStore {
  readonly #storage: TransactionalStorage;
  readonly #clock: Clock;
  readonly #tracer: Tracer | undefined;
  readonly #kinds: KindCaches;

  constructor({ storage, resources, clock, logger, tracer }: ObjectStoreOptions) {
    this.#storage = withTransactions(storage);
    this.#clock = clock;
    this.#tracer = tracer;
    this.#kinds = new KindCaches({ storage: this.#storage.inner, resources, clock, logger });
  }

  /** The store underneath, for keys that are not objects. */
  get storage(): Storage {
    return this.#storage;
  }

  /** The revision that the cache has reached; 0 before it is filled. */
  revision(): number {
    return this.#kinds.freshness.revision;
  }

  /** Resolves once the cache has been filled. */
  ready(signal?: AbortSignal): Promise<void> {
    const filled = this.#kinds.freshness.reached(1);
    return signal === undefined ? filled : raceAbort(filled, signal);
  }

  /** Keeps the cache up with the store until the signal fires; see `KindCaches`. */
  run(signal: AbortSignal): Promise<void> {
    return this.#kinds.run(signal);
  }

  /** `resourceVersion` unset reads the newest state, "0" whatever is cached, a number nothing older than it. */
  async get<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    namespace: string,
    name: string,
    options: { readonly resourceVersion?: string } = {},
  ): Promise<EncodedObject<T> | undefined> {
    const { storedAs } = definition;
    if (storedAs !== undefined) {
      const stored = await this.get(storedAs.definition, namespace, name, options);
      return stored && (await viewsOf(definition, storedAs, [stored]))[0];
    }
    requireVersion(options.resourceVersion);
    const key = objectStorageKey(definition, namespace, name);
    const span = this.#readTracer(options)?.start("cacher.Get", { key, "resource-version": options.resourceVersion ?? "" });
    await inSpan(span, this.#kinds.freshness.freshen(options.resourceVersion));
    return this.#kinds.isWhole(definition) ? this.#known(definition, key) : this.#read(key, definition);
  }

  /** A list, or one page of it. All pages show the moment of the first; when that has been compacted, 410 Expired offers to go on without. */
  async list<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options: ListOptions): Promise<ObjectList<T>> {
    const selection = compileSelection(definition, options);
    const { storedAs } = definition;
    if (storedAs === undefined) return this.#list(definition, namespace, options, selection);
    if (storedAs.later !== undefined) return this.#listConverted(definition, storedAs, namespace, options, selection);
    const list = await this.#list(storedAs.definition, namespace, options, storedSelection(storedAs, selection));
    return { ...list, items: list.items.map((stored) => viewOf(definition, storedAs, stored)) };
  }

  /** Only conversion tells what is selected: with a selection everything is read, and the limit is left to the reader's patience. */
  async #listConverted<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    form: StoredForm<T>,
    namespace: string,
    options: ListOptions,
    selection: Selection<T>,
  ): Promise<ObjectList<T>> {
    const { limit, ...unlimited } = options;
    const list = await this.#list(form.definition, namespace, selection.isEmpty && limit !== undefined ? options : unlimited, EVERYTHING);
    const items = await viewsOf(definition, form, list.items);
    return { ...list, items: selection.isEmpty ? items : items.filter(({ object }) => selection.matches(object)) };
  }

  #list<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options: ListOptions, selection: Selection<T>): Promise<ObjectList<T>> {
    const span = this.#readTracer(options)?.start("cacher.GetList", kindAttributes(definition));
    return inSpan(span, this.#page(definition, namespace, options, selection, span));
  }

  async #page<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    namespace: string,
    options: ListOptions,
    selection: Selection<T>,
    span: Span | undefined,
  ): Promise<ObjectList<T>> {
    const cache = this.#kinds.whole(definition);
    const token = options.continue === undefined ? undefined : decodeContinueToken(options.continue);
    await this.#kinds.freshness.freshen(token === undefined ? options.resourceVersion : undefined);
    span?.event("watchCache fresh enough");
    const limit = token === undefined && isWhole(definition, options) ? 0 : Math.max(0, options.limit ?? 0);
    const revision = token === undefined ? exactRevision(options, limit) : token.revision < 0 ? undefined : token.revision;
    const request: ListRequest<T> = { namespace, selection, limit, afterKey: token?.afterKey ?? "", revision: revision ?? this.revision() };
    const transaction = this.#storage.current();
    const cached = (objects: ObjectsOfKind<T>) => {
      const list = listCached(objects, request);
      span?.event("Filtered items", { count: list.items.length });
      return list;
    };
    if (transaction !== undefined && token === undefined && revision === undefined) return cached(stagedView(cache, transaction));
    if (revision === undefined) return cached(cache);
    try {
      if (cache.lastChange > revision)
        return await inSpan(
          span?.child("List(recursive=true) etcd3", pastListAttributes(namespacePrefix(definition, namespace), options)),
          listStored(this.#storage, cache, request),
        );
      // Nothing of this kind has changed since: the cache still is that moment. It ends for readers when it is compacted, as every other one does.
      await withStatusErrors(() => this.#storage.inner.list(cache.prefix, { revision, limit: 1 }));
      return cached(cache);
    } catch (error) {
      if (token !== undefined && hasReason(error, "Expired")) throw expiredContinueToken(token);
      throw error;
    }
  }

  /** See `openWatch`. Without a resourceVersion it begins with the newest state, never with a cached older one. */
  async watch<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    namespace: string,
    options: ListOptions & { readonly name?: string },
    signal?: AbortSignal,
  ): Promise<WatchStream<T>> {
    const selection = compileSelection(definition, options);
    requireVersion(options.resourceVersion);
    const span = this.#tracer?.start("cacher.Watch", kindAttributes(definition));
    await inSpan(span, this.#kinds.freshness.freshen(options.resourceVersion));
    const { storedAs } = definition;
    if (storedAs === undefined) return this.#watch(definition, namespace, options, selection, signal);
    if (storedAs.later === undefined)
      return viewStream(definition, storedAs, await this.#watch(storedAs.definition, namespace, options, storedSelection(storedAs, selection), signal));
    return convertedStream(definition, storedAs, await this.#watch(storedAs.definition, namespace, options, EVERYTHING, signal), selection);
  }

  async #watch<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    namespace: string,
    options: ListOptions,
    selection: Selection<T>,
    signal: AbortSignal | undefined,
  ): Promise<WatchStream<T>> {
    const cache = this.#kinds.whole(definition);
    const open = () => openWatch({ cache, namespace, options, selection, clock: this.#clock, signal, revision: () => this.revision() });
    const after = resumedRevision(options);
    if (after === undefined) return open();
    // What the revision itself brought is remembered from the one before it on.
    const from = options.repeatsRevision === true && after <= cache.lastChange ? after - 1 : after;
    if (from >= cache.historyFloor) return open();
    // Who waits is a watcher already: when all watches of the kind are ended, this one is, too.
    let isEnded = false;
    const leave = cache.subscribe({ namespace: "" }, { changed: () => {}, reset: () => (isEnded = true) });
    await this.#kinds.forgotten.recall(cache, from, after);
    leave();
    const stream = open();
    if (isEnded) stream.close();
    return stream;
  }

  /** How many objects of a kind there are, in all namespaces. */
  count(definition: ResourceDefinition): number {
    return this.#kinds.of(definition.storedAs?.definition ?? definition).size;
  }

  /** Whether objects of this kind are kept here. */
  holds(definition: ResourceDefinition): boolean {
    return this.#kinds.holds(definition.storedAs?.definition ?? definition);
  }

  /** Begins to serve a kind that the store was not opened with. Resolves once its objects are there. */
  addKind(definition: ResourceDefinition): Promise<void> {
    return this.#kinds.add(definition);
  }

  /** Forgets what changed up to a revision that the store has forgotten as well: watches from there have to list again. */
  forget(revision: number): void {
    this.#kinds.forget(revision);
  }

  /** Ends the watches of a kind: its objects are served otherwise from here on, or with `isGone` no more. */
  interruptKind(definition: ResourceDefinition, isGone = false): void {
    this.#kinds.interrupt(definition, isGone);
  }

  /** Resolves once the cache shows everything that was written before the call, by this server or another. */
  caughtUp(): Promise<void> {
    return this.#kinds.freshness.freshen(undefined);
  }

  /** Tells of every object of a kind that the cache holds now, and of each change from here on, in the store's order. Never ends. */
  follow<T extends KubeObject>(definition: ResourceDefinition<T>, follower: Follower<T>): void {
    const { storedAs } = definition;
    if (storedAs !== undefined) {
      return this.follow(storedAs.definition, {
        replaced: (objects) => follower.replaced(objects.map(storedAs.fromStored)),
        changed: (object, wasDeleted) => follower.changed(storedAs.fromStored(object), wasDeleted),
      });
    }
    const cache = this.#kinds.followed(definition);
    const tellAll = () => follower.replaced(cache.range(cache.prefix).map(({ object }) => object));
    tellAll();
    cache.subscribe({ namespace: "" }, { reset: tellAll, changed: ({ type, current }) => follower.changed(current.object, type === "DELETED") });
  }

  /**
   * Everything that `work` writes through this store, and whatever it calls, becomes one commit under one revision: watchers see all of
   * it or nothing. Inside, reads show what was written, under revisions that are not those it will have. With `isTrial` nothing is
   * committed. Throws Conflict when something it was decided on had changed; then nothing was written, and it may be tried again.
   */
  async transaction<R>(work: () => Promise<R>, isTrial = false): Promise<{ readonly result: R; readonly revision: number }> {
    const transaction = new StoreTransaction();
    const result = await this.#storage.within(transaction, work);
    const { conditions, operations } = transaction.finish();
    if (isTrial || operations.length === 0) return { result, revision: this.revision() };
    const commit = await withStatusErrors(() => this.#storage.inner.commit(conditions, operations));
    if (commit.is === "committed") return { result, revision: commit.revision };
    throw new StatusError("Conflict", `what the writes were decided on has changed: ${[...commit.found.keys()].slice(0, 5).join(", ")}; try again`);
  }

  /** Whether the caller's writes are part of a commit that is still being gathered. */
  get isInTransaction(): boolean {
    return this.#storage.current() !== undefined;
  }

  /** What is stored as its reader gets it, who may have written it just now: what conversion and the stored version make of it is in it. */
  async #view<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stored: EncodedObject): Promise<EncodedObject<T>> {
    const [view] = await viewsOf(definition, form, [stored]);
    return view ?? viewOf(definition, form, stored);
  }

  async create<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, extra?: ExtraWrites): Promise<EncodedObject<T>> {
    const { storedAs } = definition;
    if (storedAs !== undefined) {
      const stored = storedAs.later === undefined ? storedAs.toStored(object) : await storedAs.later.toStored(object);
      return this.#view(definition, storedAs, await this.create(storedAs.definition, stored, extra));
    }
    const { namespace = "", name = "" } = object.metadata;
    const key = objectStorageKey(definition, namespace, name);
    const span = this.#tracer?.start("Create etcd3", objectAttributes(definition, key));
    return inSpan(span, this.#insert(definition, object, key, extra, span));
  }

  async #insert<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    object: T,
    key: string,
    extra: ExtraWrites | undefined,
    span: Span | undefined,
  ): Promise<EncodedObject<T>> {
    const value = encodeInSpan(definition, object, span);
    const result = await this.#commit([{ key, modRevision: 0 }, ...(extra?.conditions ?? [])], [{ do: "put", key, value }, ...(extra?.operations ?? [])], span);
    if (result.is === "committed") return new StoredObject<T>(value, result.revision, object);
    if (result.found.has(key)) throw alreadyExists(definition, object.metadata.name ?? "");
    throw new ExtraConditionFailed([...result.found.keys()]);
  }

  /**
   * Changes one object: `change` sees its current state and decides; when the state was no longer current, it is asked again.
   * Writing equal content writes nothing. Throws NotFound when there is no such object.
   */
  async update<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    namespace: string,
    name: string,
    change: (current: EncodedObject<T>) => Promise<Change<T>> | Change<T>,
  ): Promise<ChangeResult<T>> {
    const { storedAs } = definition;
    if (storedAs !== undefined) {
      const { encoded, wasDeleted } = await this.update(storedAs.definition, namespace, name, async (stored) => {
        const decision = await change(await this.#view(definition, storedAs, stored));
        if (decision.do !== "write") return decision;
        return { ...decision, object: storedAs.later === undefined ? storedAs.toStored(decision.object) : await storedAs.later.toStored(decision.object) };
      });
      return { encoded: await this.#view(definition, storedAs, encoded), wasDeleted };
    }
    const key = objectStorageKey(definition, namespace, name);
    const span = this.#tracer?.start("GuaranteedUpdate etcd3", objectAttributes(definition, key));
    return inSpan(span, this.#change(definition, key, name, change, span));
  }

  async #change<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    key: string,
    name: string,
    change: (current: EncodedObject<T>) => Promise<Change<T>> | Change<T>,
    span: Span | undefined,
  ): Promise<ChangeResult<T>> {
    let current = this.#kinds.isWhole(definition) ? this.#known(definition, key) : undefined;
    // The cache may lag: what is decided on its word alone is only good for a write, which the store checks.
    let isNewest = current !== undefined && isStagedRevision(current.revision);
    for (let tries = 0; tries < WRITE_TRIES_MAX; tries++) {
      if (current === undefined) {
        if (!isNewest) current = await this.#read(key, definition);
        isNewest = true;
        if (current === undefined) throw notFound(definition, name);
      }
      span?.event(tries === 0 ? "initial value restored" : "Retry value restored");
      const seen: StoredObject<T> = current;
      const outcome = await this.#tryChange(definition, key, seen, change, span);
      if (outcome.is === "done") return outcome.result;
      if (outcome.is === "raced") {
        current = outcome.found === undefined ? undefined : fromEntry(outcome.found, this.#kinds.of(definition));
        isNewest = true;
        continue;
      }
      const conclude = (): ChangeResult<T> => {
        if (outcome.is === "refused") throw outcome.error;
        return { encoded: seen, wasDeleted: false };
      };
      if (isNewest) return conclude();
      current = await this.#read(key, definition);
      isNewest = true;
      if (current?.revision === seen.revision) return conclude();
    }
    throw conflict(definition, name);
  }

  async #tryChange<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    key: string,
    current: StoredObject<T>,
    change: (current: EncodedObject<T>) => Promise<Change<T>> | Change<T>,
    span: Span | undefined,
  ): Promise<ChangeOutcome<T>> {
    let decision: Change<T>;
    try {
      decision = await change(current);
    } catch (error) {
      return { is: "refused", error };
    }
    if (decision.do === "keep") return { is: "unchanged" };
    const value = decision.do === "write" ? encodeInSpan(definition, decision.object, span) : undefined;
    if (decision.do === "write" && value !== undefined && decision.extra === undefined && isSameContent(decision.object, value, current) && !this.#isStale(key))
      return { is: "unchanged" };
    const operation: Operation = value === undefined ? { do: "delete", key } : { do: "put", key, value };
    const { conditions = [], operations = [] } = decision.extra ?? {};
    span?.event("Transaction prepared");
    const result = await this.#commit([{ key, modRevision: current.revision }, ...conditions], [operation, ...operations], span);
    if (result.is === "failed") {
      if (result.found.has(key)) return { is: "raced", found: result.found.get(key) };
      throw new ExtraConditionFailed([...result.found.keys()]);
    }
    if (decision.do === "write" && value !== undefined)
      return { is: "done", result: { encoded: new StoredObject<T>(value, result.revision, decision.object), wasDeleted: false } };
    return { is: "done", result: { encoded: current.at(result.revision), wasDeleted: true } };
  }

  /** Reading whatever is cached takes no time worth telling of, and admission does so over and over. */
  #readTracer({ resourceVersion }: { readonly resourceVersion?: string }): Tracer | undefined {
    return resourceVersion === "0" ? undefined : this.#tracer;
  }

  /** Whether the same content would be stored otherwise now. */
  #isStale(key: string): boolean {
    return this.#storage.inner.isStale?.(key) ?? false;
  }

  async #read<T extends KubeObject>(key: string, definition: ResourceDefinition<T>): Promise<StoredObject<T> | undefined> {
    const entry = await withStatusErrors(() => this.#storage.get(key));
    return entry === undefined ? undefined : fromEntry(entry, this.#kinds.of(definition));
  }

  /** What is cached, or what the caller's own transaction has made of it. */
  #known<T extends KubeObject>(definition: ResourceDefinition<T>, key: string): StoredObject<T> | undefined {
    const cache = this.#kinds.of(definition);
    const staged = this.#storage.current()?.find(key);
    if (staged === undefined) return cache.get(key);
    return staged.entry === undefined ? undefined : fromEntry(staged.entry, cache);
  }

  #commit(conditions: readonly Condition[], operations: readonly Operation[], span: Span | undefined): Promise<CommitResult> {
    const committing = withStatusErrors(() => this.#storage.commit(conditions, operations));
    return span === undefined ? committing : commitInSpan(committing, span);
  }
}

/** Of kinds that upstream keeps in its cache, whoever takes any state gets all of it, whatever limit he names. It keeps no events there. */
function isWhole({ resource }: { readonly resource: string }, { resourceVersion, resourceVersionMatch }: ListOptions): boolean {
  return (
    resource !== "events" &&
    resourceVersion !== undefined &&
    /^0+$/.test(resourceVersion) &&
    (resourceVersionMatch === undefined || resourceVersionMatch === "NotOlderThan")
  );
}

/** The one revision that a list has to show: as asked with Exact, and, as upstream reads it, with a limit beside a resourceVersion, but for one object alone. */
function exactRevision({ resourceVersion, resourceVersionMatch, fieldSelector }: ListOptions, limit: number): number | undefined {
  const asked = parseResourceVersion(resourceVersion) ?? 0;
  const isPage = resourceVersionMatch === undefined && limit > 0 && demandedFieldValue(fieldSelector, "metadata.name") === undefined;
  const isExact = resourceVersionMatch === "Exact" || isPage;
  return isExact && asked > 0 ? asked : undefined;
}

/** Whether writing would change nothing: the bytes are the same, or the values are and only the order of their fields is not. */
function isSameContent<T extends KubeObject>(next: T, bytes: Buffer, current: StoredObject<T>): boolean {
  if (current.isStoredAs(bytes)) return true;
  return jsonEqual(
    { ...next, metadata: { ...next.metadata, resourceVersion: "" } },
    { ...current.object, metadata: { ...current.object.metadata, resourceVersion: "" } },
  );
}
