import { abortError } from "./abort.ts";

/**
 * A bounded queue between a synchronous producer and one consumer, who waits (`take`) or is called (`poll`, `whenReady`).
 * `push` never waits: when the bound is reached it returns false, and the producer decides
 * (a watch ends its slow consumer with 410 so that it lists again).
 */
export class Mailbox<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #head = 0;
  #closed = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Adds an item; false when the mailbox is full or closed. */
  push(item: T): boolean {
    if (this.#closed || this.size >= this.#capacity) return false;
    this.#items.push(item);
    this.#signal();
    return true;
  }

  /** Ends the sequence after the items already in it; with an error, the consumer gets it last. */
  close(failure?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = failure;
    this.#signal();
  }

  /** The next item if one waits, without waiting for it. Throws the failure given to `close` when that is what comes next. */
  poll(): T | undefined {
    if (this.#head === this.#items.length) {
      if (this.#closed && this.#failure !== undefined) throw this.#failure;
      return undefined;
    }
    const item = this.#items[this.#head++];
    if (this.#head === this.#items.length || (this.#head > 1024 && this.#head * 2 > this.#items.length)) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** It is closed, and every item has been taken. */
  get isDone(): boolean {
    return this.#closed && this.size === 0;
  }

  /** Calls once, as soon as there is something to take or the end: at once if so already. Only who asked last is called. */
  whenReady(wake: () => void): void {
    if (this.size > 0 || this.#closed) wake();
    else this.#wake = wake;
  }

  /** The next item; undefined at the end; rejects with the failure given to `close` or when the signal fires. */
  async take(signal?: AbortSignal): Promise<T | undefined> {
    for (;;) {
      if (signal?.aborted) throw abortError(signal);
      const item = this.poll();
      if (item !== undefined || this.isDone) return item;
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        this.whenReady(wake);
        signal?.addEventListener("abort", wake, { once: true });
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = await this.take();
      if (item === undefined) return;
      yield item;
    }
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
