import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { assert } from "../lib/assert.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { Mailbox } from "../lib/mailbox.ts";
import type { SqliteReply, SqliteRequest, WireEntry, WireEvent } from "./sqlite-protocol.ts";
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
const WATCH_BATCHES_MAX = 100_000;

export interface SqliteOptions {
  readonly clock?: Clock;
  readonly progressIntervalMs?: number;
}

/**
 * The embedded store: one SQLite file, owned by one process and one worker thread of it.
 * Rejects when the file is in use, damaged, or from a newer version.
 */
export async function openSqliteStorage(file: string, options: SqliteOptions = {}): Promise<Storage> {
  const worker = new Worker(new URL("./sqlite-worker.ts", import.meta.url), { workerData: { path: file }, execArgv: ["--disable-warning=ExperimentalWarning"] });
  worker.unref();
  try {
    const [opened] = (await once(worker, "message")) as [SqliteReply]; // the worker's first message says it is open
    assert(opened.is === "opened", "the worker opens before it answers");
    return new SqliteStorage(worker, opened.revision, opened.compactRevision, options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (/locked|busy/i.test(why)) throw new Error(`${file} is in use by another process`, { cause: error });
    throw new Error(`open the store ${file}: ${why}`, { cause: error });
  }
}

type Pending = { readonly resolve: (reply: SqliteReply) => void; readonly reject: (error: Error) => void };
type RequestBody = SqliteRequest extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;

class SqliteStorage implements Storage {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #progressIntervalMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #watchers = new Set<{ readonly prefix: string; readonly afterRevision: number; readonly mailbox: Mailbox<WatchBatch> }>();
  #revision: number;
  #compactRevision: number;
  #nextId = 1;
  #ended: StorageUnavailableError | undefined;

  constructor(worker: Worker, revision: number, compactRevision: number, options: SqliteOptions) {
    this.#worker = worker;
    this.#revision = revision;
    this.#compactRevision = compactRevision;
    this.#clock = options.clock ?? systemClock;
    this.#progressIntervalMs = options.progressIntervalMs ?? PROGRESS_INTERVAL_MS;
    worker.on("message", (reply: SqliteReply) => this.#receive(reply));
    worker.on("error", (error) => this.#end(new StorageUnavailableError("the store's thread failed", "unknown", { cause: error })));
    worker.on("exit", () => this.#end(new StorageUnavailableError("the store is closed", "none")));
  }

  async currentRevision(): Promise<number> {
    if (this.#ended !== undefined) throw this.#ended;
    return this.#revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    const reply = await this.#ask({ do: "get", key });
    assert(reply.is === "entry", "a get is answered with an entry");
    return reply.entry && toEntry(reply.entry);
  }

  async list(prefix: string, range: ListRange = {}): Promise<EntryPage> {
    const limit = range.limit !== undefined && range.limit > 0 ? range.limit : undefined;
    const reply = await this.#ask({ do: "list", prefix, limit, afterKey: range.afterKey, revision: range.revision });
    if (reply.is === "compacted") throw new CompactedError(range.revision ?? 0, reply.compactRevision);
    if (reply.is === "future") throw new FutureRevisionError(range.revision ?? 0, reply.current);
    assert(reply.is === "page", "a list is answered with a page");
    return { entries: reply.entries.map(toEntry), revision: reply.revision, remaining: reply.remaining };
  }

  async commit(conditions: readonly Condition[], operations: readonly Operation[]): Promise<CommitResult> {
    const reply = await this.#ask({ do: "commit", conditions, operations });
    if (reply.is === "failed") return { is: "failed", revision: reply.revision, found: new Map(reply.found.map(([key, entry]) => [key, entry && toEntry(entry)])) };
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
      if (afterRevision < caughtUp) {
        const reply = await this.#ask({ do: "after", prefix, afterRevision, upTo: caughtUp });
        if (reply.is === "compacted") throw new CompactedError(afterRevision, reply.compactRevision);
        assert(reply.is === "events", "history is answered with events");
        yield* toBatches(reply.events);
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
    await this.#ask({ do: "close" });
    await this.#worker.terminate();
    this.#end(new StorageUnavailableError("the store is closed", "none"));
  }

  #ask(body: RequestBody): Promise<SqliteReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise<SqliteReply>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      if (this.#pending.size === 1) this.#worker.ref();
      this.#worker.postMessage({ ...body, id });
    });
  }

  #receive(reply: SqliteReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if (reply.is === "committed" && reply.events.length > 0) {
      // Watchers hear of a commit before its writer does, so a writer that reads its own watch is never ahead of it.
      this.#revision = reply.revision;
      this.#publish(reply.revision, reply.events.map(toEvent));
    }
    if (reply.is === "error") pending?.reject(new StorageUnavailableError(`the store refused: ${reply.message}`, "none"));
    else pending?.resolve(reply);
  }

  #publish(revision: number, events: readonly StorageEvent[]): void {
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
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
    for (const { mailbox } of this.#watchers) mailbox.close(this.#ended);
  }
}

function toEntry(wire: WireEntry): Entry {
  return { ...wire, value: Buffer.from(wire.value.buffer, wire.value.byteOffset, wire.value.byteLength) };
}

function toEvent(wire: WireEvent): StorageEvent {
  if (wire.entry !== undefined) return { type: "put", entry: toEntry(wire.entry), previous: wire.previous && toEntry(wire.previous) };
  assert(wire.previous !== undefined, "only what existed is deleted");
  return { type: "delete", key: wire.key, revision: wire.revision, previous: toEntry(wire.previous) };
}

function* toBatches(events: readonly WireEvent[]): Generator<WatchBatch> {
  for (const [revision, batch] of Map.groupBy(events, (event) => event.revision)) yield { revision, events: batch.map(toEvent) };
}
