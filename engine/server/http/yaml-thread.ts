import { Worker } from "node:worker_threads";
import { parseJson } from "../../lib/json.ts";
import { readAsJson, type YamlBody, type YamlReader } from "./yaml-body.ts";

export interface YamlRequest {
  readonly id: number;
  readonly text: string;
}

/** What is said of a text. `json` is absent when it holds nothing. */
export type YamlReply =
  | { readonly id: number; readonly is: "read"; readonly json: string | undefined; readonly repeated?: YamlBody["repeated"] }
  | { readonly id: number; readonly is: "refused"; readonly message: string };

/** Shorter bodies are read in less time than a thread needs to begin. */
const BYTES_MIN = 128 << 10;

/**
 * Reads long bodies of YAML, which takes up to seconds in which everybody would wait, in a thread: one after the other, that who sends
 * many takes no more than a thread. It begins with the first and ends when there is none left.
 */
export class YamlThread {
  #worker: Worker | undefined;
  #lastId = 0;
  readonly #waiting = new Map<number, (reply: YamlReply) => void>();

  /**
   * A reader that has read this body; undefined for one that is short. What is JSON is read here, in a tenth of the time. The reader throws
   * as `readYamlBody`, with the message alone.
   */
  async readAhead(bytes: Buffer): Promise<YamlReader | undefined> {
    if (bytes.length < BYTES_MIN) return undefined;
    const text = bytes.toString("utf8");
    const json = readAsJson(text);
    if (json !== undefined) return () => json;
    const reply = await new Promise<YamlReply>((resolve) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, resolve);
      this.#worker ??= this.#begin();
      this.#worker.postMessage({ id, text } satisfies YamlRequest);
    });
    return () => bodyOf(reply);
  }

  #begin(): Worker {
    const worker = new Worker(new URL("./yaml-worker.ts", import.meta.url), { execArgv: ["--disable-warning=ExperimentalWarning"] });
    const end = (message: string) => {
      worker.removeAllListeners().on("error", () => {}); // nobody waits for it any more
      this.#worker = undefined;
      for (const id of this.#waiting.keys()) this.#settle({ id, is: "refused", message });
    };
    worker.on("message", (reply: YamlReply) => {
      this.#settle(reply);
      if (this.#waiting.size > 0) return;
      worker.removeAllListeners().on("error", () => {}); // as above
      this.#worker = undefined;
      void worker.terminate();
    });
    worker.on("error", (error) => end(`the text cannot be read: ${error instanceof Error ? error.message : String(error)}`));
    worker.on("exit", () => end("the text cannot be read: its thread has ended"));
    return worker;
  }

  #settle(reply: YamlReply): void {
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }
}

function bodyOf(reply: YamlReply): YamlBody {
  if (reply.is === "refused") throw new Error(reply.message);
  return { value: reply.json === undefined ? undefined : parseJson(reply.json), ...(reply.repeated === undefined ? {} : { repeated: reply.repeated }) };
}
