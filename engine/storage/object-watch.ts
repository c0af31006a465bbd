import type { EncodedWatchEvent, ListOptions, WatchStream } from "../apimachinery/api-request.ts";
import { parseResourceVersion, resourceVersionTooOld } from "../apimachinery/list-options.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { INITIAL_EVENTS_END_ANNOTATION } from "../apimachinery/watch-event.ts";
import { formatApiVersion } from "../apimachinery/group-version.ts";
import type { Clock } from "../lib/clock.ts";
import { Mailbox } from "../lib/mailbox.ts";
import { eventFor, type CachedChange, type WatchCache } from "./watch-cache.ts";

/** A watcher that is this many events behind is ended, so that nobody waits for it; it lists again. */
const EVENTS_MAX = 50_000;
const BOOKMARK_INTERVAL_MS = 60_000;
/** Watches that ask for no timeout end by themselves after this long, so that load spreads again after restarts. */
const DEFAULT_TIMEOUT_MS = 45 * 60_000;

export interface WatchRequest<T extends KubeObject> {
  readonly cache: WatchCache<T>;
  readonly namespace: string;
  readonly options: ListOptions;
  readonly matches: (object: T) => boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly revision: () => number;
}

/**
 * A watch over one kind's cache: the current state first when no resourceVersion (or "0") is given or initial events are asked for,
 * else everything after the given one. All watchers of a kind see the same events in the same order.
 */
export function openWatch<T extends KubeObject>({ cache, namespace, options, matches, clock, signal, revision }: WatchRequest<T>): WatchStream<T> {
  const mailbox = new Mailbox<EncodedWatchEvent<T>>(EVENTS_MAX);
  const isSelected = (object: T) => (namespace === "" || object.metadata.namespace === namespace) && matches(object);
  const cleanups: (() => void)[] = [];
  const close = () => {
    for (const cleanup of cleanups.splice(0)) cleanup();
    mailbox.close();
  };
  const deliver = (change: CachedChange<T>) => {
    const event = eventFor(change, isSelected);
    if (event !== undefined && !mailbox.push(event)) close();
  };
  const asked = parseResourceVersion(options.resourceVersion);
  const startsWithState = options.sendInitialEvents === true || ((asked === undefined || asked === 0) && options.sendInitialEvents !== false);
  if (startsWithState) {
    for (const current of [...cache.objects(namespace)].sort((a, b) => a.revision - b.revision)) {
      if (isSelected(current.object)) mailbox.push({ type: "ADDED", object: current.object, encoded: current });
    }
    if (options.sendInitialEvents === true && options.allowWatchBookmarks !== false) mailbox.push(bookmark(cache, revision(), { [INITIAL_EVENTS_END_ANNOTATION]: "true" }));
  } else {
    const missed = cache.changesAfter(asked ?? revision());
    if (missed === undefined) {
      mailbox.push({ type: "ERROR", object: resourceVersionTooOld(asked ?? 0).status });
      mailbox.close();
      return stream(mailbox, close);
    }
    for (const change of missed) deliver(change);
  }
  cleanups.push(cache.subscribe(deliver));
  cleanups.push(clock.after(options.timeoutSeconds === undefined ? DEFAULT_TIMEOUT_MS : options.timeoutSeconds * 1000, close));
  if (options.allowWatchBookmarks === true) cleanups.push(repeat(clock, BOOKMARK_INTERVAL_MS, () => mailbox.size === 0 && mailbox.push(bookmark(cache, revision()))));
  signal?.addEventListener("abort", close, { once: true });
  if (signal?.aborted === true) close();
  return stream(mailbox, close);
}

function stream<T extends KubeObject>(mailbox: Mailbox<EncodedWatchEvent<T>>, close: () => void): WatchStream<T> {
  return {
    close,
    async *[Symbol.asyncIterator]() {
      try {
        yield* mailbox;
      } finally {
        close();
      }
    },
  };
}

function bookmark<T extends KubeObject>({ definition }: WatchCache<T>, revision: number, annotations?: Readonly<Record<string, string>>): EncodedWatchEvent<T> {
  const object = { kind: definition.kind, apiVersion: formatApiVersion(definition.group, definition.version), metadata: { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) } };
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
