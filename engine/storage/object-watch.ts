import type { EncodedWatchEvent, ListOptions, WatchStream } from "../apimachinery/api-request.ts";
import { formatApiVersion } from "../apimachinery/group-version.ts";
import { parseResourceVersion, resourceVersionTooOld } from "../apimachinery/list-options.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { INITIAL_EVENTS_END_ANNOTATION } from "../apimachinery/watch-event.ts";
import type { Clock } from "../lib/clock.ts";
import { Mailbox } from "../lib/mailbox.ts";
import { StoredObject } from "./encoded-object.ts";
import { namespacePrefix } from "./keys.ts";
import { selects, type Selection } from "./selection.ts";
import { eventFor, ObjectEvent, type CachedChange, type WatchCache } from "./watch-cache.ts";

/** A watcher that is this far behind is ended, so that neither memory nor anybody else waits for it; it watches on from what it saw. */
const EVENTS_MAX = 50_000;
const BYTES_MAX = 32 << 20;
const BOOKMARK_INTERVAL_MS = 60_000;
/** The last bookmark comes this long before the end, so that the next watch begins where this one stopped; upstream's time. */
const LAST_BOOKMARK_MS = 2_000;
/** Watches that ask for no timeout end by themselves after this long, so that load spreads again after restarts. */
const DEFAULT_TIMEOUT_MS = 45 * 60_000;

export interface WatchRequest<T extends KubeObject> {
  readonly cache: WatchCache<T>;
  readonly namespace: string;
  readonly options: ListOptions;
  readonly selection: Selection<T>;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly revision: () => number;
}

/**
 * A watch over one kind's cache: the current state first when no resourceVersion (or "0") is given or initial events are asked for,
 * else everything after the given one, and with `repeatsRevision` what else that one may have brought. All watchers of a kind see the same
 * events in the same order.
 */
export function openWatch<T extends KubeObject>(request: WatchRequest<T>): WatchStream<T> {
  const { cache, namespace, options, selection, clock, signal, revision } = request;
  const isSelected = (stored: StoredObject<T>) =>
    (namespace === "" || stored.object.metadata.namespace === namespace) && (selection.isEmpty || selects(selection, stored));
  const asked = parseResourceVersion(options.resourceVersion) ?? 0;
  const withInitialEvents = hasInitialEvents(options, asked);
  const first = withInitialEvents ? selectInitial(request, isSelected) : repeatedEvents(request, asked, isSelected);
  const queue = new WatchQueue<T>();
  if (options.sendInitialEvents === true && options.allowWatchBookmarks === true)
    queue.push(bookmark(cache, revision(), { [INITIAL_EVENTS_END_ANNOTATION]: "true" }));
  if (!withInitialEvents) {
    const missed = cache.changesAfter(asked === 0 ? revision() : asked);
    if (missed === undefined) {
      queue.push({ type: "ERROR", object: resourceVersionTooOld(asked, cache.historyFloor).status });
      queue.close();
      return stream([], queue, () => {});
    }
    for (const change of missed) push(queue, change, isSelected);
  }

  const cleanups: (() => void)[] = [];
  const close = () => {
    for (const cleanup of cleanups.splice(0)) cleanup();
    queue.close();
  };
  const field = cache.indexedField(selection.equals);
  const changed = (change: CachedChange<T>) => void (push(queue, change, isSelected) || close());
  cleanups.push(cache.subscribe({ namespace, ...(field === undefined ? {} : { field }) }, { changed, reset: close }));
  const timeoutMs = options.timeoutSeconds === undefined ? DEFAULT_TIMEOUT_MS : options.timeoutSeconds * 1000;
  cleanups.push(clock.after(timeoutMs, close));
  if (options.allowWatchBookmarks === true) {
    // What waits already tells the reader a revision.
    const sendBookmark = () => void (queue.isEmpty && queue.push(bookmark(cache, revision())));
    cleanups.push(repeat(clock, BOOKMARK_INTERVAL_MS, sendBookmark));
    if (timeoutMs > LAST_BOOKMARK_MS) cleanups.push(clock.after(timeoutMs - LAST_BOOKMARK_MS, sendBookmark));
  }
  if (signal?.aborted === true) close();
  else if (signal !== undefined) {
    signal.addEventListener("abort", close, { once: true });
    cleanups.push(() => signal.removeEventListener("abort", close));
  }
  return stream(first, queue, close);
}

/** The revision behind which a watch goes on; undefined where it begins with what there is, or now. */
export function resumedRevision(options: ListOptions): number | undefined {
  const asked = parseResourceVersion(options.resourceVersion) ?? 0;
  return asked === 0 || hasInitialEvents(options, asked) ? undefined : asked;
}

/**
 * The events of a revision of which a reader may have seen some: none if they are fewer than two. A revision that is not remembered, with
 * which the store's history begins or that is larger than a cache remembers, is told by the objects that are still of it.
 */
function repeatedEvents<T extends KubeObject>(
  request: WatchRequest<T>,
  revision: number,
  isSelected: (stored: StoredObject<T>) => boolean,
): readonly FirstEvent<T>[] {
  const { cache, options } = request;
  if (options.repeatsRevision !== true || revision === 0 || revision > cache.lastChange) return [];
  const remembered = cache.changesAfter(revision - 1);
  const events =
    remembered === undefined
      ? selectInitial(request, (stored) => stored.revision === revision && isSelected(stored))
      : remembered.flatMap((change) => (change.revision === revision ? (eventFor(change, isSelected) ?? []) : []));
  return events.length > 1 ? events : [];
}

function hasInitialEvents({ sendInitialEvents }: ListOptions, asked: number): boolean {
  return sendInitialEvents === true || (asked === 0 && sendInitialEvents !== false);
}

/** Events that wait for their reader, bounded in number and bytes. */
class WatchQueue<T extends KubeObject> {
  #mailbox = new Mailbox<EncodedWatchEvent<T>>(EVENTS_MAX);
  #bytes = 0;
  /** The revision that the reader is at. */
  #taken = 0;

  get isEmpty(): boolean {
    return this.#mailbox.size === 0;
  }

  /**
   * False when the reader is too far behind: then what waited is dropped, and the stream ends. It watches on behind the revision that it
   * has come to, so of that one it still gets the rest.
   */
  push(event: EncodedWatchEvent<T>): boolean {
    this.#bytes += sizeOf(event);
    if (this.#bytes <= BYTES_MAX && this.#mailbox.push(event)) return true;
    const late = this.#mailbox;
    // A reader that is stuck may never come back for the others.
    this.#mailbox = new Mailbox<EncodedWatchEvent<T>>(EVENTS_MAX);
    for (let waiting = late.poll(); waiting !== undefined && revisionOf(waiting) === this.#taken; waiting = late.poll()) this.#mailbox.push(waiting);
    this.close();
    late.close();
    return false;
  }

  take(): EncodedWatchEvent<T> | undefined {
    const event = this.#mailbox.poll();
    if (event !== undefined) {
      this.#bytes -= sizeOf(event);
      this.#taken = revisionOf(event) ?? this.#taken;
    }
    return event;
  }

  get isEnded(): boolean {
    return this.#mailbox.isDone;
  }

  whenReady(wake: () => void): void {
    this.#mailbox.whenReady(wake);
  }

  /** Ends the stream behind what already waits. */
  close(): void {
    this.#mailbox.close();
  }
}

function push<T extends KubeObject>(queue: WatchQueue<T>, change: CachedChange<T>, isSelected: (stored: StoredObject<T>) => boolean): boolean {
  const event = eventFor(change, isSelected);
  return event === undefined || queue.push(event);
}

function revisionOf<T extends KubeObject>(event: EncodedWatchEvent<T>): number | undefined {
  return event.type !== "ERROR" && event.type !== "BOOKMARK" && event.encoded instanceof StoredObject ? event.encoded.revision : undefined;
}

function sizeOf<T extends KubeObject>(event: EncodedWatchEvent<T>): number {
  return event.type !== "ERROR" && event.type !== "BOOKMARK" && event.encoded instanceof StoredObject ? event.encoded.byteLength : 0;
}

/** Oldest change first, so that a reader that is cut off can go on from the last one it saw. */
function selectInitial<T extends KubeObject>(
  { cache, namespace, selection }: WatchRequest<T>,
  isSelected: (stored: StoredObject<T>) => boolean,
): StoredObject<T>[] {
  const field = cache.indexedField(selection.equals);
  const candidates = field === undefined ? cache.range(namespacePrefix(cache.definition, namespace)) : cache.withField(field.name, field.value);
  return candidates.filter(isSelected).sort((a, b) => a.revision - b.revision);
}

/** What a watch begins with, before what happens from then on: an object alone is told as added. */
type FirstEvent<T extends KubeObject> = StoredObject<T> | ObjectEvent<T>;

/** The first events are made one by one as they are read: there may be more of them than may wait. */
function stream<T extends KubeObject>(first: readonly FirstEvent<T>[], queue: WatchQueue<T>, close: () => void): WatchStream<T> {
  let left = first;
  let next = 0;
  return {
    take() {
      const event = left[next];
      if (event === undefined) return queue.take();
      // What has been told may be forgotten, however long the watch goes on.
      if (++next === left.length) [left, next] = [[], 0];
      return event instanceof StoredObject ? new ObjectEvent("ADDED", event) : event;
    },
    get isEnded() {
      return left.length === 0 && queue.isEnded;
    },
    whenReady(wake) {
      if (left.length > 0) wake();
      else queue.whenReady(wake);
    },
    close,
  };
}

function bookmark<T extends KubeObject>({ definition }: WatchCache<T>, revision: number, annotations?: Readonly<Record<string, string>>): EncodedWatchEvent<T> {
  const object = {
    kind: definition.kind,
    apiVersion: formatApiVersion(definition.group, definition.version),
    metadata: { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) },
  };
  return { type: "BOOKMARK", object: object as unknown as T }; // a bookmark's object holds metadata only, by definition
}

function repeat(clock: Clock, everyMs: number, work: () => void): () => void {
  let cancel = () => {};
  const schedule = () => {
    cancel = clock.after(everyMs, () => {
      work();
      schedule();
    });
  };
  schedule();
  return () => cancel();
}
