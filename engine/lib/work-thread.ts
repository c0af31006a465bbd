import { asError } from "./as-error.ts";
import { Worker } from "node:worker_threads";

/** What one thread asks of another, and gets from it: one answer for each request, with its id. */
export interface WorkRequest<T> {
  readonly id: number;
  readonly work: T;
}
export interface WorkReply<T> {
  readonly id: number;
  readonly result: T;
}

/** How long it stays for more: files are often read one after the other, and to begin takes longer than most of them. */
const STAY_MS = 1_000;

export interface WorkThreadOptions {
  /** How long one piece may take; as long as it takes where this is not given. */
  readonly timeoutMs?: number;
  /** How long it stays for more. */
  readonly stayMs?: number;
  /** Whether the process goes on until its work is done; true when absent. Not so where whoever waits has a connection that does so, and may be sent away. */
  readonly holdsProcess?: boolean;
}

/** It was the work that was too much: it took longer than it may, or more memory than there is, and would do so again. */
export class ExcessiveWork extends Error {}

interface Piece<Work, Result> {
  readonly work: Work;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Does long work in a thread, in which everybody would otherwise wait: one piece after the other, that who brings many takes no more than a
 * thread. It begins with the first and ends a moment after the last; meanwhile it keeps no process from its end.
 */
export class WorkThread<Work, Result> {
  readonly #module: URL;
  readonly #timeoutMs: number | undefined;
  readonly #stayMs: number;
  readonly #holdsProcess: boolean;
  #worker: Worker | undefined;
  #leaving: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #lastId = 0;
  /** The first is being done. */
  readonly #waiting = new Map<number, Piece<Work, Result>>();

  /** The module answers each message, a WorkRequest, with a WorkReply, in their order. */
  constructor(module: URL, { timeoutMs, stayMs = STAY_MS, holdsProcess = true }: WorkThreadOptions = {}) {
    this.#module = module;
    this.#timeoutMs = timeoutMs;
    this.#stayMs = stayMs;
    this.#holdsProcess = holdsProcess;
  }

  /**
   * Rejects when the thread cannot begin, or ends before its answer: with an ExcessiveWork where its memory is not enough or the time is over.
   * What waits behind is done all the same.
   */
  run(work: Work): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const id = ++this.#lastId;
      this.#worker ??= this.#begin();
      this.#waiting.set(id, { work, resolve, reject });
      clearTimeout(this.#leaving);
      if (this.#holdsProcess) this.#worker.ref();
      this.#worker.postMessage({ id, work } satisfies WorkRequest<Work>);
      if (this.#waiting.size === 1) this.#watch();
    });
  }

  #begin(): Worker {
    const worker = new Worker(this.#module, { execArgv: ["--disable-warning=ExperimentalWarning"] });
    worker.on("message", ({ id, result }: WorkReply<Result>) => {
      this.#waiting.get(id)?.resolve(result);
      this.#waiting.delete(id);
      this.#watch();
      if (this.#waiting.size > 0) return;
      worker.unref();
      this.#leaving = setTimeout(() => {
        this.#leave(worker);
        void worker.terminate();
      }, this.#stayMs).unref();
    });
    worker.on("error", (error: NodeJS.ErrnoException) =>
      this.#goOn(worker, error.code === "ERR_WORKER_OUT_OF_MEMORY" ? new ExcessiveWork(error.message) : asError(error)),
    );
    worker.on("exit", () => this.#goOn(worker, new Error("its thread has ended")));
    if (!this.#holdsProcess) worker.unref(); // to listen to it holds the process as well
    return worker;
  }

  /** Gives the piece that is being done its time. */
  #watch(): void {
    clearTimeout(this.#deadline);
    const timeoutMs = this.#timeoutMs;
    const [id] = this.#waiting.keys();
    if (timeoutMs === undefined || id === undefined) return;
    const giveUp = () => {
      const worker = this.#worker;
      if (worker === undefined || !this.#waiting.has(id)) return;
      this.#goOn(worker, new ExcessiveWork(`it took longer than ${timeoutMs} ms`));
      void worker.terminate();
    };
    // Where this thread itself was held up, the answer may be there and waits to be read, which comes before that turn.
    this.#deadline = setTimeout(() => setImmediate(giveUp), timeoutMs).unref();
  }

  /** Without the piece that this thread did, in another one. */
  #goOn(worker: Worker, error: Error): void {
    this.#leave(worker);
    const [first, ...others] = this.#waiting;
    if (first === undefined) return;
    const [id, { reject }] = first;
    this.#waiting.delete(id);
    reject(error);
    if (others.length > 0) this.#beginAnew(others);
    this.#watch();
  }

  #beginAnew(pieces: readonly (readonly [id: number, Piece<Work, Result>])[]): void {
    try {
      this.#worker = this.#begin();
      for (const [id, { work }] of pieces) this.#worker.postMessage({ id, work } satisfies WorkRequest<Work>);
    } catch (error) {
      this.#waiting.clear();
      for (const [, { reject }] of pieces) reject(asError(error));
    }
  }

  #leave(worker: Worker): void {
    clearTimeout(this.#leaving);
    clearTimeout(this.#deadline);
    worker.removeAllListeners().on("error", () => {}); // nobody waits for it any more
    this.#worker = undefined;
  }
}
