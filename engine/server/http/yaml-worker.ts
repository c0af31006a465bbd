import { parentPort } from "node:worker_threads";
import { readYamlBody } from "./yaml-body.ts";
import type { YamlReply, YamlRequest } from "./yaml-thread.ts";

/** The thread that reads long texts: each message is one, and answered by one. */

const port = parentPort;
if (port === null) throw new Error("yaml-worker runs only as a worker thread");

port.on("message", ({ id, text }: YamlRequest) => port.postMessage(answer(id, text)));

function answer(id: number, text: string): YamlReply {
  try {
    const { value, repeated } = readYamlBody(text);
    // A copy by way of JSON is the fastest to take over, and keeps whole numbers whole.
    return { id, is: "read", json: JSON.stringify(value), ...(repeated === undefined ? {} : { repeated }) };
  } catch (error) {
    return { id, is: "refused", message: error instanceof Error ? error.message : String(error) };
  }
}
