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

/**
 * Does long work in a thread, in which everybody would otherwise wait: one piece after the other, that who brings many takes no more than a
 * thread. It begins with the first and ends a moment after the last; meanwhile it keeps no process from its end.
 */
export class WorkThread<Work, Result> {
  readonly #module: URL;
  #worker: Worker | undefined;
  #leaving: NodeJS.Timeout | undefined;
  #lastId = 0;
  readonly #waiting = new Map<number, { readonly resolve: (result: Result) => void; readonly reject: (error: Error) => void }>();

  /** The module answers each message, a WorkRequest, with a WorkReply. */
  constructor(module: URL) {
    this.#module = module;
  }

  /** Rejects when the thread ends before its answer, as it does when its memory is not enough. */
  run(work: Work): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      clearTimeout(this.#leaving);
      this.#worker ??= this.#begin();
      this.#worker.ref();
      this.#worker.postMessage({ id, work } satisfies WorkRequest<Work>);
    });
  }

  #begin(): Worker {
    const worker = new Worker(this.#module, { execArgv: ["--disable-warning=ExperimentalWarning"] });
    const end = (error: Error) => {
      this.#leave(worker);
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { reject } of waiting) reject(error);
    };
    worker.on("message", ({ id, result }: WorkReply<Result>) => {
      this.#waiting.get(id)?.resolve(result);
      this.#waiting.delete(id);
      if (this.#waiting.size > 0) return;
      worker.unref();
      this.#leaving = setTimeout(() => {
        this.#leave(worker);
        void worker.terminate();
      }, STAY_MS).unref();
    });
    worker.on("error", (error) => end(asError(error)));
    worker.on("exit", () => end(new Error("its thread has ended")));
    return worker;
  }

  #leave(worker: Worker): void {
    clearTimeout(this.#leaving);
    worker.removeAllListeners().on("error", () => {}); // nobody waits for it any more
    this.#worker = undefined;
  }
}
