import { statSync } from "node:fs";
import { stat, statfs } from "node:fs/promises";
import path from "node:path";
import { assert } from "../lib/assert.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { Mailbox } from "../lib/mailbox.ts";
import { SqliteExecutor } from "./sqlite/sqlite-executor.ts";
import type { SqliteReply, SqliteRequest, WireChange, WireEntry, WireEvent, WireOperation } from "./sqlite/sqlite-protocol.ts";
import { SqliteThread } from "./sqlite/sqlite-thread.ts";
import {
  CompactedError,
  FutureRevisionError,
  StorageUnavailableError,
  type CommitResult,
  type Condition,
  type Entry,
  type EntryPage,
  type ListRange,
  type Operation,
  type Storage,
  type StorageEvent,
  type WatchBatch,
} from "./storage.ts";

const PROGRESS_INTERVAL_MS = 5_000;
/** A watcher that is this many batches behind is ended; it can resume from the revision it has seen. */
const WATCH_BATCHES_MAX = 100_000;
/** Entries per answer of the worker: writers wait for no longer list than this. */
const PAGE_ENTRIES = 2_000;

/** What a process that was killed has left in the log of its file is more to read and to sync than a start should wait for in its own thread. */
const LOG_BYTES_MAX = 1 << 20;

export interface SqliteOptions {
  readonly clock?: Clock;
  readonly progressIntervalMs?: number;
  /**
   * A thread takes as long to begin as a small store to read. Until this resolves the file is read and written by the thread that opens it,
   * which every sync holds up; from then on by one of its own. Without it, by one of its own from the beginning.
   */
  readonly threadAfter?: Promise<unknown>;
}

/**
 * The embedded store: one SQLite file, owned by one process.
 * Rejects with what is wrong and what to do when the file is in use, damaged, or not ours to read.
 */
export async function openSqliteStorage(file: string, options: SqliteOptions = {}): Promise<Storage> {
  const storage = new SqliteStorage(file, options);
  const { threadAfter } = options;
  if (threadAfter === undefined || logBytes(file) > LOG_BYTES_MAX) await storage.openInThread();
  else {
    storage.openHere();
    void threadAfter.then(() => storage.moveToThread());
  }
  return storage;
}

interface Pending {
  readonly resolve: (reply: SqliteReply) => void;
  readonly reject: (error: Error) => void;
  /** Of a commit: what it puts, for those who watch. */
  readonly operations: readonly WireOperation[];
}

interface Watcher {
  readonly prefix: string;
  readonly afterRevision: number;
  readonly mailbox: Mailbox<WatchBatch>;
}

type RequestBody = SqliteRequest extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;

class SqliteStorage implements Storage {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #progressIntervalMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #watchers = new Set<Watcher>();
  /** Who answers; nobody while the file changes hands. */
  #here: SqliteExecutor | undefined;
  #thread: SqliteThread | undefined;
  #moving: Promise<void> | undefined;
  #outbox: SqliteRequest[] = [];
  #revision = 0;
  #compactRevision = 0;
  #nextId = 1;
  #ended: StorageUnavailableError | undefined;

  constructor(file: string, options: SqliteOptions) {
    this.#file = file;
    this.#clock = options.clock ?? systemClock;
    this.#progressIntervalMs = options.progressIntervalMs ?? PROGRESS_INTERVAL_MS;
  }

  openHere(): void {
    this.#here = new SqliteExecutor(this.#file, (replies) => {
      for (const reply of replies) this.#receive(reply);
    });
    this.#revision = this.#here.revision;
    this.#compactRevision = this.#here.compactRevision;
  }

  async openInThread(): Promise<void> {
    await this.#openIn(await SqliteThread.begin());
  }

  /** Never rejects: a file that cannot be opened again ends the store. */
  moveToThread(): Promise<void> {
    return (this.#moving ??= this.#move());
  }

  async #move(): Promise<void> {
    try {
      const thread = await SqliteThread.begin();
      if (this.#ended !== undefined || this.#here === undefined) return await thread.end();
      // Between two turns of the loop, so that nothing is being answered: what is asked from now on, and what is not yet done, the thread gets.
      this.#outbox.unshift(...this.#here.handOver());
      this.#here = undefined;
      await this.#openIn(thread);
    } catch (error) {
      this.#end(new StorageUnavailableError("the store's thread could not take over its file", "none", { cause: error }));
    }
  }

  async #openIn(thread: SqliteThread): Promise<void> {
    const { revision, compactRevision } = await thread.open(this.#file);
    this.#revision = revision;
    this.#compactRevision = compactRevision;
    thread.onReply((reply) => this.#receive(reply));
    thread.onEnd((error) =>
      this.#end(error === undefined ? closedError() : new StorageUnavailableError("the store's thread failed", "unknown", { cause: error })),
    );
    thread.hold(this.#pending.size > 0);
    this.#thread = thread;
    this.#flush();
  }

  async currentRevision(): Promise<number> {
    if (this.#ended !== undefined) throw this.#ended;
    return this.#revision;
  }

  knownRevision(): number | undefined {
    return this.#ended === undefined ? this.#revision : undefined;
  }

  /** With what is in its log and not yet in the file. */
  async sizeBytes(): Promise<number> {
    const sizes = await Promise.all(["", "-wal"].map(async (suffix) => (await stat(`${this.#file}${suffix}`)).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async freeBytes(): Promise<number> {
    const { bavail, bfree, bsize } = await statfs(path.dirname(this.#file));
    // Some of it may be kept for root.
    return (process.geteuid?.() === 0 ? bfree : bavail) * bsize;
  }

  async get(key: string): Promise<Entry | undefined> {
    const reply = await this.#ask({ do: "get", key });
    assert(reply.is === "entry", "a get is answered with an entry");
    return reply.entry && toEntry(reply.entry);
  }

  async list(prefix: string, range: ListRange = {}): Promise<EntryPage> {
    const wanted = range.limit !== undefined && range.limit > 0 ? range.limit : Number.POSITIVE_INFINITY;
    const entries: Entry[] = [];
    let revision = range.revision;
    for (let afterKey = range.afterKey; ; afterKey = entries.at(-1)?.key) {
      const limit = Math.min(PAGE_ENTRIES, wanted - entries.length);
      const reply = await this.#ask({ do: "list", prefix, limit, afterKey, revision, withRemaining: limit === wanted - entries.length });
      // Overtaken by a compaction between two pages of the newest state: that state is gone, a newer one is not.
      if (reply.is === "compacted" && range.revision === undefined) return this.list(prefix, range);
      if (reply.is === "compacted") throw new CompactedError(range.revision ?? 0, reply.compactRevision);
      if (reply.is === "future") throw new FutureRevisionError(range.revision ?? 0, reply.current);
      assert(reply.is === "page", "a list is answered with a page");
      for (const entry of reply.entries) entries.push(toEntry(entry));
      revision = reply.revision;
      if (reply.remaining === 0 || entries.length >= wanted) return { entries, revision, remaining: reply.remaining };
    }
  }

  async commit(conditions: readonly Condition[], operations: readonly Operation[]): Promise<CommitResult> {
    assert(operations.length < 2 || new Set(operations.map(({ key }) => key)).size === operations.length, "a commit changes a key once");
    const reply = await this.#ask({ do: "commit", conditions, operations: operations.map(toWire) });
    if (reply.is === "failed")
      return { is: "failed", revision: reply.revision, found: new Map(reply.found.map(([key, entry]) => [key, entry && toEntry(entry)])) };
    assert(reply.is === "committed", "a commit is answered with its outcome");
    return { is: "committed", revision: reply.revision };
  }

  async *watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    if (this.#ended !== undefined) throw this.#ended;
    if (afterRevision < this.#compactRevision) throw new CompactedError(afterRevision, this.#compactRevision);
    const mailbox = new Mailbox<WatchBatch>(WATCH_BATCHES_MAX);
    const watcher = { prefix, afterRevision, mailbox };
    // Registered first: commits from now on come through the mailbox, everything up to now through the log.
    this.#watchers.add(watcher);
    const caughtUp = this.#revision;
    const cancelProgress = this.#progress(mailbox);
    try {
      for (let seen = afterRevision; seen < caughtUp && !signal.aborted;) {
        const reply = await this.#ask({ do: "after", prefix, afterRevision: seen, upTo: caughtUp });
        if (reply.is === "compacted") throw new CompactedError(seen, reply.compactRevision);
        assert(reply.is === "events", "history is answered with events");
        yield* toBatches(reply.events);
        seen = reply.through;
        if (seen >= caughtUp) yield { revision: caughtUp, events: [] };
      }
      for (;;) {
        const batch = await mailbox.take(signal);
        if (batch === undefined) return;
        yield batch;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    } finally {
      cancelProgress();
      this.#watchers.delete(watcher);
    }
  }

  async compact(revision: number): Promise<void> {
    const reply = await this.#ask({ do: "compact", revision });
    if (reply.is === "future") throw new FutureRevisionError(revision, reply.current);
    assert(reply.is === "compactDone", "a compaction is answered with its revision");
    this.#compactRevision = reply.compactRevision;
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const closing = this.#ask({ do: "close" });
    this.#ended = closedError(); // what is asked from now on would come after it
    await closing;
    await this.#moving;
    await this.#thread?.end();
    this.#end(this.#ended);
  }

  #ask(body: RequestBody): Promise<SqliteReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise<SqliteReply>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, operations: body.do === "commit" ? body.operations : [] });
      if (this.#pending.size === 1) this.#thread?.hold(true);
      // All that is asked for in one turn of the loop goes as one batch, and commits of one batch share a sync.
      if (this.#outbox.push({ ...body, id }) === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const answering = this.#thread ?? this.#here;
    if (answering !== undefined && this.#outbox.length > 0) answering.run(this.#outbox.splice(0));
  }

  #receive(reply: SqliteReply): void {
    if (reply.is === "broken") return this.#end(new StorageUnavailableError(`the store's thread failed: ${reply.message}`, "unknown"));
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return; // ended meanwhile
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#thread?.hold(false);
    if (reply.is === "committed" && reply.changes.length > 0) {
      // Watchers hear of a commit before its writer does, so a writer that reads its own watch is never ahead of it.
      this.#revision = reply.revision;
      this.#publish(reply.revision, pending.operations, reply.changes);
    }
    if (reply.is !== "error") return pending.resolve(reply);
    const error = new StorageUnavailableError(`the store refused: ${reply.message}`, reply.outcome);
    pending.reject(error);
    if (reply.outcome === "unknown")
      this.#end(new StorageUnavailableError("the store's file can no longer be written reliably; check the disk, and start again", "none", { cause: error }));
  }

  #publish(revision: number, operations: readonly WireOperation[], changes: readonly WireChange[]): void {
    if (this.#watchers.size === 0) return;
    const events = changes.map((change) => toEvent(wireEvent(operations, change, revision)));
    for (const { prefix, afterRevision, mailbox } of this.#watchers) {
      // A watch may begin at a revision that has not happened yet.
      const seen = revision > afterRevision ? events.filter((event) => (event.type === "put" ? event.entry.key : event.key).startsWith(prefix)) : [];
      if (seen.length > 0 && !mailbox.push({ revision, events: seen })) mailbox.close(new StorageUnavailableError("watcher is too far behind", "none"));
    }
  }

  #progress(mailbox: Mailbox<WatchBatch>): () => void {
    let cancel = () => {};
    const schedule = () => {
      cancel = this.#clock.after(this.#progressIntervalMs, () => {
        if (mailbox.size === 0) mailbox.push({ revision: this.#revision, events: [] });
        schedule();
      });
    };
    schedule();
    return () => cancel();
  }

  #end(error: StorageUnavailableError): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const { mailbox } of this.#watchers) mailbox.close(error);
  }
}

/** With a buffer of its own: one cut from Node's pool would take the whole pool along to the other thread, and keep it alive in this one. */
function toWire(operation: Operation): WireOperation {
  if (operation.do === "delete") return operation;
  const { key, value } = operation;
  return { do: "put", key, value: value.buffer.byteLength === value.byteLength ? value : new Uint8Array(value) };
}

function toEntry(wire: WireEntry): Entry {
  return { ...wire, value: Buffer.from(wire.value.buffer, wire.value.byteOffset, wire.value.byteLength) };
}

function wireEvent(operations: readonly WireOperation[], { index, createRevision, previous }: WireChange, revision: number): WireEvent {
  const operation = operations[index];
  assert(operation !== undefined, "what changed was asked for");
  const { key } = operation;
  return { key, revision, previous, entry: operation.do === "put" ? { key, value: operation.value, modRevision: revision, createRevision } : undefined };
}

function toEvent(wire: WireEvent): StorageEvent {
  if (wire.entry !== undefined) return { type: "put", entry: toEntry(wire.entry), previous: wire.previous && toEntry(wire.previous) };
  assert(wire.previous !== undefined, "only what existed is deleted");
  return { type: "delete", key: wire.key, revision: wire.revision, previous: toEntry(wire.previous) };
}

function* toBatches(events: readonly WireEvent[]): Generator<WatchBatch> {
  for (const [revision, batch] of Map.groupBy(events, (event) => event.revision)) yield { revision, events: batch.map(toEvent) };
}

function closedError(): StorageUnavailableError {
  return new StorageUnavailableError("the store is closed", "none");
}

/** What lies in the log of a file; 0 where there is none. */
function logBytes(file: string): number {
  return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
