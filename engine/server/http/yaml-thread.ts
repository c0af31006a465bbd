import { parseJson } from "../../lib/json.ts";
import { WorkThread } from "../../lib/work-thread.ts";
import { readAsJson, type YamlBody, type YamlReader } from "./yaml-body.ts";

/** What is said of a text. */
export type YamlReply =
  { readonly is: "read"; readonly json: string; readonly repeated?: YamlBody["repeated"] } | { readonly is: "refused"; readonly message: string };

/** Shorter bodies are read in less time than a thread needs to begin. */
const BYTES_MIN = 128 << 10;

/** Reads long bodies of YAML, which takes up to seconds, in a thread. */
export class YamlThread {
  readonly #thread = new WorkThread<string, YamlReply>(new URL("./yaml-body-worker.ts", import.meta.url), { holdsProcess: false });

  /**
   * A reader that has read this body; undefined for one that is short. What is JSON is read here, in a tenth of the time. The reader throws
   * as `readYamlBody`, with the message alone.
   */
  async readAhead(bytes: Buffer): Promise<YamlReader | undefined> {
    if (bytes.length < BYTES_MIN) return undefined;
    const text = bytes.toString("utf8");
    const json = readAsJson(text);
    if (json !== undefined) return () => json;
    const reply = await this.#thread.run(text).catch((error: Error): YamlReply => ({ is: "refused", message: `the text cannot be read: ${error.message}` }));
    return () => bodyOf(reply);
  }
}

function bodyOf(reply: YamlReply): YamlBody {
  if (reply.is === "refused") throw new Error(reply.message);
  return { value: parseJson(reply.json), ...(reply.repeated === undefined ? {} : { repeated: reply.repeated }) };
}
