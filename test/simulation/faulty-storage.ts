import type { CommitResult, Condition, Entry, EntryPage, ListRange, Operation, Storage, WatchBatch } from "../../engine/storage/storage.ts";
import { StorageUnavailableError } from "../../engine/storage/storage.ts";

/** Whether a write that meets a fault has reached the store. */
export type FaultMoment = "before" | "after";

/** A store whose writes can be made to fail: at the nth from now, once, or all of them for a time. */
export class FaultyStorage implements Storage {
  readonly #inner: Storage;
  #countdown = Infinity;
  #moment: FaultMoment = "before";
  #crash: () => void = () => {};
  /** Asked for every request while the store is away: how it fails; undefined lets it through. */
  #outage: (() => FaultMoment | undefined) | undefined;

  constructor(inner: Storage) {
    this.#inner = inner;
  }

  /** The nth write from now is the last thing that happens before `crash`. */
  crashAt(writes: number, moment: FaultMoment, crash: () => void): void {
    this.#countdown = writes;
    this.#moment = moment;
    this.#crash = crash;
  }

  breakDown(how: () => FaultMoment | undefined): void {
    this.#outage = how;
  }

  /** No fault that was asked for will happen any more. */
  mend(): void {
    this.#outage = undefined;
    this.#countdown = Infinity;
  }

  async commit(conditions: readonly Condition[], operations: readonly Operation[]): Promise<CommitResult> {
    const isLast = --this.#countdown === 0;
    const moment = isLast ? this.#moment : this.#outage?.();
    if (moment !== "before") {
      const result = await this.#inner.commit(conditions, operations);
      if (moment === undefined) return result;
    }
    if (isLast) this.#crash();
    throw new StorageUnavailableError("the store is away", moment === "before" ? "none" : "unknown");
  }

  currentRevision(): Promise<number> {
    return this.#read(() => this.#inner.currentRevision());
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#read(() => this.#inner.get(key));
  }

  list(prefix: string, options?: ListRange): Promise<EntryPage> {
    return this.#read(() => this.#inner.list(prefix, options));
  }

  watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return this.#inner.watch(prefix, afterRevision, signal);
  }

  compact(revision: number): Promise<void> {
    return this.#inner.compact(revision);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #read<T>(work: () => Promise<T>): Promise<T> {
    if (this.#outage?.() !== undefined) throw new StorageUnavailableError("the store is away", "none");
    return work();
  }
}
