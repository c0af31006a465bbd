import { runServices, type Service } from "./service.ts";

/**
 * The lifetime of a program that is put together step by step. What was begun last ends first: a stage of services is aborted and
 * awaited before the one below it, and what was deferred runs at its place in that order. The scope ends when its signal fires, when a
 * service fails, or on `end`; it takes everything with it, also when the program never came to be complete.
 */
export class ServiceScope {
  readonly #stack: (() => Promise<void>)[] = [];
  readonly #ending = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #unwound = Promise.resolve();
  #failure: unknown;

  constructor(signal: AbortSignal) {
    this.#ended.promise.catch(() => {}); // whoever awaits it is told; nobody has to
    if (signal.aborted) void this.end();
    else {
      const onAbort = () => void this.end();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#stack.push(async () => signal.removeEventListener("abort", onAbort));
    }
  }

  /** Fires when the scope begins to end. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Settles when everything has ended; rejects with the failure that ended it. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Runs services as one stage. Throws the abort when the scope is ending already. */
  start(...services: readonly Service[]): void {
    this.#ending.signal.throwIfAborted();
    const stop = new AbortController();
    const done = runServices(services, stop.signal).catch((error: unknown) => this.#fail(error));
    this.#stack.push(() => {
      stop.abort();
      return done;
    });
  }

  /** Runs when the scope ends, after everything that was begun later; at once when it has ended while what this closes was being opened. */
  defer(close: () => Promise<void> | void): void {
    this.#stack.push(async () => close());
    if (this.#ending.signal.aborted) void this.#unwind();
  }

  /** Ends everything; resolves when all of it has. A failure is told by `ended`. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#unwind();
    if (this.#failure === undefined) this.#ended.resolve();
    else this.#ended.reject(this.#failure);
  }

  /** One after the other, whoever asks. */
  #unwind(): Promise<void> {
    return (this.#unwound = this.#unwound.then(async () => {
      for (let close = this.#stack.pop(); close !== undefined; close = this.#stack.pop()) {
        await close().catch((error: unknown) => void (this.#failure ??= error));
      }
    }));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    void this.end();
  }
}
