import { abortError } from "../lib/abort.ts";
import { sleep, systemClock, type Clock } from "../lib/clock.ts";
import { findCompactRevision, watchEtcd } from "./etcd/etcd-watch.ts";
import { EtcdEndpoints, type EtcdTls } from "./etcd/etcd-endpoints.ts";
import { FIRST_KEY, keyBytes, prefixRangeEnd } from "./etcd/etcd-entries.ts";
import { classifyEtcdError } from "./etcd/etcd-errors.ts";
import {
  COMPACT_PATH,
  frameCompaction,
  frameRange,
  NO_FIELDS,
  RANGE_PATH,
  readDatabaseBytes,
  readRange,
  STATUS_PATH,
  type Range,
  type RangeAnswer,
} from "./etcd/etcd-messages.ts";
import { frameReads, frameTransaction, readTransaction, TXN_PATH, type TransactionAnswer } from "./etcd/etcd-transaction.ts";
import {
  CompactedError,
  FutureRevisionError,
  CommitTooLargeError,
  StorageUnavailableError,
  type CommitResult,
  type Condition,
  type Entry,
  type EntryPage,
  type ListRange,
  type Operation,
  type Storage,
  type WatchBatch,
} from "./storage.ts";

export type { EtcdTls } from "./etcd/etcd-endpoints.ts";

/** Who wants to know is not kept waiting for a store that is away. */
const SIZE_TIMEOUT_MS = 2_000;

export interface EtcdOptions {
  readonly clock?: Clock;
  readonly progressIntervalMs?: number;
}

/** Short, for a reader of the newest state waits for the watch to pass it. */
const PROGRESS_INTERVAL_MS = 1_000;
/** Entries per answer: long lists come in pages of one revision, so that no answer takes long or is huge. */
const PAGE_ENTRIES = 500;
/** How long a write without an answer is looked for before it is given up as unknown. */
const SETTLE_MS = 2_000;
const SETTLE_PAUSE_MS = 150;
const COMPACT_PROBE_MS = 1_000;

/**
 * The quorum store: an etcd cluster, of version 3.4 or later, reached over any of its members.
 * `endpoints` are URLs with http or https. Rejects when no member answers a linearizable read.
 */
export async function openEtcdStorage(endpoints: readonly string[], tls?: EtcdTls, options: EtcdOptions = {}): Promise<Storage> {
  const storage = etcdStorageOver(new EtcdEndpoints(endpoints, tls, options.clock ?? systemClock), options);
  try {
    await storage.currentRevision();
    return storage;
  } catch (error) {
    await storage.close();
    throw new Error(`connect to etcd at ${endpoints.join(", ")}`, { cause: error });
  }
}

/** The same over members that may change; whether any answers shows with the first call. Closing it closes them. */
export function etcdStorageOver(endpoints: EtcdEndpoints, options: EtcdOptions = {}): Storage {
  return new EtcdStorage(endpoints, options);
}

class EtcdStorage implements Storage {
  readonly #endpoints: EtcdEndpoints;
  readonly #clock: Clock;
  readonly #progressIntervalMs: number;
  readonly #closing = new AbortController();

  constructor(endpoints: EtcdEndpoints, options: EtcdOptions) {
    this.#endpoints = endpoints;
    this.#clock = options.clock ?? systemClock;
    this.#progressIntervalMs = options.progressIntervalMs ?? PROGRESS_INTERVAL_MS;
  }

  async currentRevision(): Promise<number> {
    // The key does not matter: the answer tells the revision, after this member has caught up with the quorum.
    return (await this.#range({ key: FIRST_KEY, countOnly: true })).revision;
  }

  /** Of the member that is asked just now. */
  async sizeBytes(): Promise<number> {
    return readDatabaseBytes(await this.#endpoints.pick().unaryBytes(STATUS_PATH, NO_FIELDS, { timeoutMs: SIZE_TIMEOUT_MS }));
  }

  async get(key: string): Promise<Entry | undefined> {
    return (await this.#range({ key: keyBytes(key) })).entries[0];
  }

  async list(prefix: string, { limit, afterKey, revision }: ListRange = {}): Promise<EntryPage> {
    const wanted = limit !== undefined && limit > 0 ? limit : Number.POSITIVE_INFINITY;
    const rangeEnd = prefixRangeEnd(prefix);
    const entries: Entry[] = [];
    let at = revision;
    let after = afterKey !== undefined && afterKey >= prefix ? afterKey : undefined;
    for (;;) {
      const key = after !== undefined ? keyBytes(`${after}\0`) : prefix === "" ? FIRST_KEY : keyBytes(prefix);
      const page = await this.#range({ key, rangeEnd, limit: Math.min(PAGE_ENTRIES, wanted - entries.length), revision: at ?? 0 });
      at ??= page.revision;
      for (const entry of page.entries) entries.push(entry);
      const remaining = page.count - page.entries.length;
      if (remaining <= 0 || entries.length >= wanted) return { entries, revision: at, remaining: Math.max(0, remaining) };
      after = entries.at(-1)?.key;
    }
  }

  async commit(conditions: readonly Condition[], operations: readonly Operation[]): Promise<CommitResult> {
    const request = frameTransaction(conditions, operations);
    const canRepeat = isFenced(conditions, operations);
    let isLost = false;
    let answer: TransactionAnswer;
    try {
      answer = await this.#endpoints.call(
        async (channel, timeoutMs) => readTransaction(await channel.unaryBytes(TXN_PATH, request, { timeoutMs })),
        (error) => {
          const failure = classifyEtcdError(error);
          isLost ||= failure.is === "lost";
          return failure.is === "unsent" || (failure.is === "lost" && canRepeat);
        },
        this.#closing.signal,
      );
    } catch (error) {
      const failure = classifyEtcdError(error);
      if (this.#closing.signal.aborted && !isLost) throw closedError();
      if (!isLost && failure.is === "refused" && failure.isTooLarge === true)
        throw new CommitTooLargeError(`etcd refused a commit of ${operations.length} operations: ${failure.why}`, { cause: error });
      if (!isLost)
        throw new StorageUnavailableError(
          failure.is === "refused" ? `etcd refused a commit of ${operations.length} operations: ${failure.why}` : "no etcd member takes writes",
          "none",
          { cause: error },
        );
      return this.#settle(conditions, operations, error);
    }
    if (answer.isCommitted) return { is: "committed", revision: answer.revision };
    // The conditions may have failed because an earlier try of this very commit took effect.
    if (isLost) return this.#settle(conditions, operations, new Error("the conditions no longer hold"));
    return { is: "failed", revision: answer.revision, found: failedConditions(conditions, answer.found) };
  }

  async *watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    const closing = this.#closing.signal;
    if (closing.aborted) throw closedError();
    const either = AbortSignal.any([signal, closing]);
    yield* watchEtcd({
      endpoints: this.#endpoints,
      clock: this.#clock,
      prefix,
      afterRevision,
      progressIntervalMs: this.#progressIntervalMs,
      signal: either,
      currentRevision: () => this.currentRevision(),
    });
    if (!signal.aborted && closing.aborted) throw closedError();
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.#read((channel, timeoutMs) => channel.unaryBytes(COMPACT_PATH, frameCompaction(revision), { timeoutMs }));
    } catch (error) {
      const { is } = classifyEtcdError(error);
      if (is === "compacted") return;
      if (is === "future") throw new FutureRevisionError(revision, await this.currentRevision());
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#endpoints.close();
  }

  async #range(range: Range): Promise<RangeAnswer> {
    const request = frameRange(range);
    try {
      return await this.#read(async (channel, timeoutMs) => readRange(await channel.unaryBytes(RANGE_PATH, request, { timeoutMs })));
    } catch (error) {
      const { revision: asked = 0 } = range;
      const { is } = classifyEtcdError(error);
      if (is === "future") throw new FutureRevisionError(asked, await this.currentRevision());
      if (is === "compacted") {
        const known = await findCompactRevision(this.#endpoints.pick(), asked, this.#clock, COMPACT_PROBE_MS);
        throw new CompactedError(asked, known ?? asked + 1);
      }
      throw error;
    }
  }

  /** Calls that may be repeated at will. */
  async #read<R>(work: Parameters<typeof EtcdEndpoints.prototype.call<R>>[0]): Promise<R> {
    if (this.#closing.signal.aborted) throw closedError();
    try {
      return await this.#endpoints.call(work, (error) => ["lost", "unsent"].includes(classifyEtcdError(error).is), this.#closing.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) throw closedError();
      const failure = classifyEtcdError(error);
      if (failure.is === "compacted" || failure.is === "future") throw error;
      throw new StorageUnavailableError(failure.is === "refused" ? `etcd refused: ${failure.why}` : "no etcd member answers", "none", { cause: error });
    }
  }

  /**
   * Finds out whether a commit without an answer took effect: it did when all of its keys show what it wrote, under one revision
   * newer than those it was conditional on. When they show anything else it may have been overwritten, or may still come.
   */
  async #settle(conditions: readonly Condition[], operations: readonly Operation[], cause: unknown): Promise<CommitResult> {
    const deadline = this.#clock.monotonic() + SETTLE_MS;
    const unknown = new StorageUnavailableError("etcd did not say whether the write took effect", "unknown", { cause });
    const isRecognisable = operations.some((operation) => operation.do === "put") && conditions.length > 0;
    while (isRecognisable && !this.#closing.signal.aborted && this.#clock.monotonic() < deadline) {
      try {
        const request = frameReads(operations.map(({ key }) => key));
        const { found } = await this.#read(async (channel, timeoutMs) => readTransaction(await channel.unaryBytes(TXN_PATH, request, { timeoutMs })));
        const revision = revisionWrittenBy(conditions, operations, found);
        if (revision !== undefined) return { is: "committed", revision };
        await sleep(this.#clock, SETTLE_PAUSE_MS, this.#closing.signal);
      } catch {
        throw unknown; // nobody to ask: that is the answer
      }
    }
    throw unknown;
  }
}

/**
 * Whether the same commit can be sent twice and takes effect at most once: it changes a key on condition of a revision,
 * and revisions never return. "Must not exist" is no such fence: created, deleted by another, it would be created again.
 */
function isFenced(conditions: readonly Condition[], operations: readonly Operation[]): boolean {
  return conditions.some(({ key, modRevision }) => modRevision > 0 && operations.some((operation) => operation.key === key));
}

/** The revision at which these operations have been applied as one, if that is what the entries show. */
function revisionWrittenBy(conditions: readonly Condition[], operations: readonly Operation[], found: readonly (Entry | undefined)[]): number | undefined {
  const revisions = new Set<number>();
  for (const [index, operation] of operations.entries()) {
    const entry = found[index];
    if (operation.do === "delete" ? entry !== undefined : !entry?.value.equals(operation.value)) return undefined;
    if (entry !== undefined) revisions.add(entry.modRevision);
  }
  const [revision] = revisions;
  if (revision === undefined || revisions.size > 1) return undefined;
  const isNewer = conditions.every(({ modRevision }) => revision > modRevision);
  // What had to be created must have been created by this very write.
  const isCreated = conditions.every(
    ({ key, modRevision }) => modRevision > 0 || found.every((entry) => entry?.key !== key || entry.createRevision === revision),
  );
  const isGuarded = conditions.some(({ key }) => operations.some((operation) => operation.key === key));
  return isNewer && isCreated && isGuarded ? revision : undefined;
}

function failedConditions(conditions: readonly Condition[], entries: readonly (Entry | undefined)[]): Map<string, Entry | undefined> {
  const pairs = conditions.map(({ key, modRevision }, index) => ({ key, modRevision, entry: entries[index] }));
  return new Map(pairs.filter(({ modRevision, entry }) => (entry?.modRevision ?? 0) !== modRevision).map(({ key, entry }) => [key, entry]));
}

function closedError(): StorageUnavailableError {
  return new StorageUnavailableError("the store is closed", "none", { cause: abortError() });
}
