import { parentPort } from "node:worker_threads";
import type { WorkReply, WorkRequest } from "../../lib/work-thread.ts";
import { readYamlBody } from "./yaml-body.ts";
import type { YamlReply } from "./yaml-thread.ts";

/** The thread that reads long texts. */

const port = parentPort;
if (port === null) throw new Error("yaml-worker runs only as a worker thread");

port.on("message", ({ id, work }: WorkRequest<string>) => port.postMessage({ id, result: answer(work) } satisfies WorkReply<YamlReply>));

function answer(text: string): YamlReply {
  try {
    const { value, repeated } = readYamlBody(text);
    // A copy by way of JSON is the fastest to take over, and keeps whole numbers whole.
    return { is: "read", json: JSON.stringify(value), ...(repeated === undefined ? {} : { repeated }) };
  } catch (error) {
    return { is: "refused", message: error instanceof Error ? error.message : String(error) };
  }
}
