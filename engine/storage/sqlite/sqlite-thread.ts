import { asError } from "../../lib/as-error.ts";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { assert } from "../../lib/assert.ts";
import type { SqliteReply, SqliteRequest } from "./sqlite-protocol.ts";

/** A thread that answers from one SQLite file. */
export class SqliteThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Begins a thread, which takes as long as a good part of a start; resolves when it waits for its file. */
  static async begin(): Promise<SqliteThread> {
    const worker = new Worker(new URL("./sqlite-worker.ts", import.meta.url), { execArgv: ["--disable-warning=ExperimentalWarning"] });
    const reply = await firstReply(worker);
    assert(reply.is === "loaded", "the thread says first that it is there");
    return new SqliteThread(worker);
  }

  /** The revisions of the file. Rejects with what is wrong with it, as `openSqliteFile` throws. */
  async open(file: string): Promise<{ readonly revision: number; readonly compactRevision: number }> {
    this.#worker.postMessage(file);
    const reply = await firstReply(this.#worker);
    assert(reply.is === "opened", "the thread opens its file before it answers");
    return reply;
  }

  onReply(listener: (reply: SqliteReply) => void): void {
    this.#worker.on("message", (replies: readonly SqliteReply[]) => {
      for (const reply of replies) listener(reply);
    });
  }

  /** With what has failed, or with nothing when it has ended otherwise. */
  onEnd(listener: (error: Error | undefined) => void): void {
    this.#worker.on("error", (error) => listener(asError(error)));
    this.#worker.on("exit", () => listener(undefined));
  }

  run(batch: readonly SqliteRequest[]): void {
    this.#worker.postMessage(batch);
  }

  /** Whether the process waits for it, as it does at first. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#worker.ref();
    else this.#worker.unref();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

async function firstReply(worker: Worker): Promise<SqliteReply> {
  const [[reply]] = (await once(worker, "message")) as [readonly SqliteReply[]]; // an array, by sqlite-protocol.ts
  if (reply?.is === "broken") throw new Error(reply.message);
  assert(reply !== undefined, "the thread sends no empty messages");
  return reply;
}
