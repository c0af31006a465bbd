import { abortError } from "../lib/abort.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { Mailbox } from "../lib/mailbox.ts";
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

/** One change of one key, kept until it is compacted. `entry` is undefined for a deletion. */
interface Version {
  readonly revision: number;
  readonly entry: Entry | undefined;
}

/** The storage contract in its simplest form: everything in maps, nothing survives the process. The specification the others are held to. */
export function openMemoryStorage(options: { readonly clock?: Clock; readonly progressIntervalMs?: number } = {}): Storage {
  return new MemoryStorage(options.clock ?? systemClock, options.progressIntervalMs ?? PROGRESS_INTERVAL_MS);
}

class MemoryStorage implements Storage {
  readonly #clock: Clock;
  readonly #progressIntervalMs: number;
  /** Versions of each key, oldest first. */
  readonly #versions = new Map<string, Version[]>();
  /** All changes in order, for watches that begin in the past. */
  #log: { readonly revision: number; readonly events: readonly StorageEvent[] }[] = [];
  readonly #watchers = new Set<{ readonly prefix: string; readonly afterRevision: number; readonly mailbox: Mailbox<WatchBatch> }>();
  #revision = 1;
  #compactRevision = 0;
  #isClosed = false;

  constructor(clock: Clock, progressIntervalMs: number) {
    this.#clock = clock;
    this.#progressIntervalMs = progressIntervalMs;
  }

  async currentRevision(): Promise<number> {
    this.#assertOpen();
    return this.#revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#assertOpen();
    return this.#latest(key);
  }

  async list(prefix: string, { limit, afterKey, revision }: ListRange = {}): Promise<EntryPage> {
    this.#assertOpen();
    const at = revision ?? this.#revision;
    if (at > this.#revision) throw new FutureRevisionError(at, this.#revision);
    if (at < this.#compactRevision) throw new CompactedError(at, this.#compactRevision);
    const entries: Entry[] = [];
    for (const [key, versions] of this.#versions) {
      if (!key.startsWith(prefix) || (afterKey !== undefined && key <= afterKey)) continue;
      const entry = versions.findLast((version) => version.revision <= at)?.entry;
      if (entry !== undefined) entries.push(entry);
    }
    entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = limit === undefined || limit <= 0 ? entries : entries.slice(0, limit);
    return { entries: page, revision: at, remaining: entries.length - page.length };
  }

  async commit(conditions: readonly Condition[], operations: readonly Operation[]): Promise<CommitResult> {
    this.#assertOpen();
    const failed = conditions.filter(({ key, modRevision }) => (this.#latest(key)?.modRevision ?? 0) !== modRevision);
    if (failed.length > 0) return { is: "failed", revision: this.#revision, found: new Map(failed.map(({ key }) => [key, this.#latest(key)])) };
    // Deleting what is not there is no change, and raises no revision.
    const effective = operations.filter((operation) => operation.do === "put" || this.#latest(operation.key) !== undefined);
    if (effective.length === 0) return { is: "committed", revision: this.#revision };
    const revision = ++this.#revision;
    const events = effective.map((operation) => this.#apply(operation, revision));
    this.#log.push({ revision, events });
    for (const watcher of this.#watchers) {
      // A watch may begin at a revision that has not happened yet.
      const seen = revision > watcher.afterRevision ? events.filter((event) => keyOf(event).startsWith(watcher.prefix)) : [];
      if (seen.length > 0 && !watcher.mailbox.push({ revision, events: seen }))
        watcher.mailbox.close(new StorageUnavailableError("watcher is too far behind", "none"));
    }
    return { is: "committed", revision };
  }

  async *watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    this.#assertOpen();
    if (afterRevision < this.#compactRevision) throw new CompactedError(afterRevision, this.#compactRevision);
    const mailbox = new Mailbox<WatchBatch>(WATCH_BATCHES_MAX);
    // Caught up and registered in one synchronous step: nothing can fall between the two.
    for (const { revision, events } of this.#log) {
      const seen = revision > afterRevision ? events.filter((event) => keyOf(event).startsWith(prefix)) : [];
      if (seen.length > 0) mailbox.push({ revision, events: seen });
    }
    const watcher = { prefix, afterRevision, mailbox };
    this.#watchers.add(watcher);
    let cancelProgress = () => {};
    const scheduleProgress = () => {
      cancelProgress = this.#clock.after(this.#progressIntervalMs, () => {
        if (mailbox.size === 0) mailbox.push({ revision: this.#revision, events: [] });
        scheduleProgress();
      });
    };
    scheduleProgress();
    try {
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
    this.#assertOpen();
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision <= this.#compactRevision) return;
    this.#compactRevision = revision;
    this.#log = this.#log.filter((change) => change.revision > revision);
    for (const [key, versions] of this.#versions) {
      const newest = versions.findLastIndex((version) => version.revision <= revision);
      const kept = versions.slice(Math.max(0, newest)).filter((version) => version.entry !== undefined || version.revision > revision);
      if (kept.length === 0) this.#versions.delete(key);
      else this.#versions.set(key, kept);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { mailbox } of this.#watchers) mailbox.close(new StorageUnavailableError("the store is closed", "none"));
  }

  #latest(key: string): Entry | undefined {
    return this.#versions.get(key)?.at(-1)?.entry;
  }

  #apply(operation: Operation, revision: number): StorageEvent {
    const { key } = operation;
    const previous = this.#latest(key);
    const entry: Entry | undefined =
      operation.do === "put" ? { key, value: operation.value, modRevision: revision, createRevision: previous?.createRevision ?? revision } : undefined;
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [{ revision, entry }]);
    else versions.push({ revision, entry });
    if (entry !== undefined) return { type: "put", entry, previous };
    // Only effective deletions come here, so there was an entry.
    return { type: "delete", key, revision, previous: previous as Entry };
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StorageUnavailableError("the store is closed", "none", { cause: abortError() });
  }
}

function keyOf(event: StorageEvent): string {
  return event.type === "put" ? event.entry.key : event.key;
}
