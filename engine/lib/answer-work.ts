import { parentPort, type Transferable } from "node:worker_threads";
import type { WorkReply, WorkRequest } from "./work-thread.ts";

/** In the module of a WorkThread: answers all its work. What `moved` names of a result is handed over and not copied. */
export function answerWork<Work, Result>(answer: (work: Work) => Result, moved: (result: Result) => readonly Transferable[] = () => []): void {
  const port = parentPort;
  if (port === null) throw new Error("this module runs only in a worker thread");
  port.on("message", ({ id, work }: WorkRequest<Work>) => {
    const result = answer(work);
    port.postMessage({ id, result } satisfies WorkReply<Result>, moved(result));
  });
}
