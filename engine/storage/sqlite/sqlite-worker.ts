import { parentPort } from "node:worker_threads";
import { SqliteExecutor } from "./sqlite-executor.ts";
import type { SqliteReply, SqliteRequest } from "./sqlite-protocol.ts";

/**
 * The thread of a database file. The first message names the file; requests that come while others are answered are one batch, and so
 * share a sync.
 */

const port = parentPort;
if (port === null) throw new Error("sqlite-worker runs only as a worker thread");
// Node would send on what is thrown out of this thread, by modules that it cannot load here in a process from a snapshot: the whole would end by a signal.
process.on("uncaughtException", (error) => {
  send([{ id: 0, is: "broken", message: error.message }]);
  process.exit(1);
});
let queue: SqliteRequest[] = [];

port.once("message", (file: string) => {
  const executor = new SqliteExecutor(file, send);
  const { revision, compactRevision } = executor;
  send([{ id: 0, is: "opened", revision, compactRevision }]);
  port.on("message", (requests: readonly SqliteRequest[]) => {
    if (queue.push(...requests) === requests.length) setImmediate(() => executor.run(queue.splice(0)));
  });
});
send([{ id: 0, is: "loaded" }]);

function send(replies: readonly SqliteReply[]): void {
  port?.postMessage(replies);
}
