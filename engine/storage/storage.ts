/**
 * The store's contract: etcd's semantics, reduced to what an API server needs.
 * Memory, SQLite and etcd implement it and pass the same suite (test/storage); the memory store is the readable specification.
 *
 * One revision counter for the whole store. Every successful `commit` with at least one effective operation raises it
 * by exactly one, however many keys it touches; watchers see all of its events under that revision, in operation order.
 * A commit is durable when its promise resolves.
 */
export interface Storage {
  /** The newest revision that a linearizable read may have to see. */
  currentRevision(): Promise<number>;
  /**
   * The same, where it is known without asking, because nobody else writes to the store; undefined or absent where it is not. Where it is, a
   * watch from the past also announces progress as soon as it has told all that was there when it began.
   */
  knownRevision?(): number | undefined;
  /** The entry at the newest revision, linearizable; undefined when the key does not exist. */
  get(key: string): Promise<Entry | undefined>;
  /**
   * Entries whose key starts with `prefix`, in byte order of their keys.
   * Throws CompactedError for a revision that is gone and FutureRevisionError for one that is not yet.
   */
  list(prefix: string, options?: ListRange): Promise<EntryPage>;
  /** Atomically checks all conditions, then applies all operations; changes nothing when a condition fails. */
  commit(conditions: readonly Condition[], operations: readonly Operation[]): Promise<CommitResult>;
  /**
   * Changes to keys under `prefix` with revision > `afterRevision`, in order, batch by batch; a batch holds whole revisions.
   * Of all keys (the prefix "") every revision has events.
   * Also emits `progress` at least about every `progressIntervalMs` (5 s by default) so that a reader of a quiet prefix learns that time has passed.
   * Throws CompactedError when events after `afterRevision` are gone, also later when the reader falls behind a compaction.
   * Throws FutureRevisionError when the store has been set back behind what it has told, to a backup of it.
   * Ends quietly when the signal fires. Throws StorageUnavailableError when the store cannot serve it any longer.
   */
  watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchBatch>;
  /** Forgets what is needed only for revisions < `revision`. `revision` itself stays readable, and watchable from. */
  compact(revision: number): Promise<void>;
  /** Whether a write of the same value would be stored otherwise than it is: only stores that encrypt know such a thing. */
  isStale?(key: string): boolean;
  /** What the store takes up where it is kept, in bytes: only of those that are kept anywhere. Rejects when that cannot be told now. */
  sizeBytes?(): Promise<number>;
  /** Why it takes no writes although it may answer reads; undefined while nothing tells that. Only of those whose writes are watched. */
  writeProblem?(): Promise<string | undefined>;
  /** Bytes that are left where the store is kept: only of those that are kept on a disk of this machine. */
  freeBytes?(): Promise<number>;
  close(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: Buffer;
  /** The revision of the last write to the key. */
  readonly modRevision: number;
  readonly createRevision: number;
  /** Why the value, which is empty then, cannot be read: in events, and in lists that ask for it, of stores that encrypt. */
  readonly unreadable?: Error;
}

export interface ListRange {
  /** At most this many entries; all when absent. */
  readonly limit?: number;
  /** Continue with keys > `afterKey`. */
  readonly afterKey?: string;
  /** Read as of this revision; the newest when absent. */
  readonly revision?: number;
  /** Entries that cannot be read are listed as such; else a list fails that has any. */
  readonly marksUnreadable?: boolean;
}

export interface EntryPage {
  readonly entries: readonly Entry[];
  /** The revision the page was read at. */
  readonly revision: number;
  /** How many entries follow the page's last. */
  readonly remaining: number;
}

/** `modRevision` 0 means: the key must not exist. */
export interface Condition {
  readonly key: string;
  readonly modRevision: number;
}

export type Operation = { readonly do: "put"; readonly key: string; readonly value: Buffer } | { readonly do: "delete"; readonly key: string };

export type CommitResult =
  | { readonly is: "committed"; readonly revision: number }
  /** The entries, at one revision, of the keys whose condition failed (undefined: absent). */
  | { readonly is: "failed"; readonly revision: number; readonly found: ReadonlyMap<string, Entry | undefined> };

export type StorageEvent =
  | { readonly type: "put"; readonly entry: Entry; readonly previous: Entry | undefined }
  /** `revision` is that of the deletion. */
  | { readonly type: "delete"; readonly key: string; readonly revision: number; readonly previous: Entry };

export interface WatchBatch {
  /** All events up to and including this revision have been delivered. */
  readonly revision: number;
  /** Empty for a progress notice. */
  readonly events: readonly StorageEvent[];
}

/** The asked revision, or events after it, have been compacted away. */
export class CompactedError extends Error {
  readonly compactRevision: number;
  constructor(asked: number, compactRevision: number) {
    super(`revision ${asked} has been compacted; the oldest kept is ${compactRevision}`);
    this.name = "CompactedError";
    this.compactRevision = compactRevision;
  }
}

/** The asked revision has not happened yet. */
export class FutureRevisionError extends Error {
  readonly asked: number;
  readonly current: number;
  constructor(asked: number, current: number) {
    super(`revision ${asked} is in the future; the newest is ${current}`);
    this.name = "FutureRevisionError";
    this.asked = asked;
    this.current = current;
  }
}

/** A value that is there and cannot be read: only of stores that encrypt. */
export class UnreadableValueError extends Error {
  override readonly name = "UnreadableValueError";
}

/** A value that cannot be sealed for now, so that nothing was written: only of stores that encrypt. */
export class UnsealedValueError extends Error {
  override readonly name = "UnsealedValueError";
}

/** More than the store takes in one commit. Nothing was written; in parts it may fit. */
export class CommitTooLargeError extends Error {
  override readonly name = "CommitTooLargeError";
}

/**
 * The store cannot answer now (no quorum, disk full, closed). A write that failed with `outcome: "unknown"` may still take effect;
 * with `"none"` it certainly did not.
 */
export class StorageUnavailableError extends Error {
  readonly outcome: "none" | "unknown";
  constructor(message: string, outcome: "none" | "unknown", options?: ErrorOptions) {
    super(message, options);
    this.name = "StorageUnavailableError";
    this.outcome = outcome;
  }
}
