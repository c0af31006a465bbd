import { nodeJs } from "../lib/late-modules.ts";

/** Where a JSON document is, and how to be let in. */
export interface RemoteJson {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly body?: unknown;
  /** PEM; the system's authorities when absent. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  readonly insecureSkipVerify?: boolean;
  readonly timeoutMs: number;
  /** That it was taken is all that is asked: the answer's text is not read. */
  readonly ignoresAnswer?: boolean;
}

/** Nothing that is asked for here is near as long. */
const BYTES_MAX = 4 << 20;

/** Asks another server, over TLS only. Throws with the address and what went wrong, answers that are no success among it. */
export function fetchRemoteJson({ url, method = "GET", body, ca, certificate, key, token, insecureSkipVerify, timeoutMs, ignoresAnswer = false }: RemoteJson): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(new Error(`${method} ${url}`, { cause }));
    const headers = { accept: "application/json", ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }), ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    let outgoing;
    try {
      outgoing = nodeJs.https.request(url, { method, headers, ca, cert: certificate, key, rejectUnauthorized: insecureSkipVerify !== true, signal: AbortSignal.timeout(timeoutMs), agent: false });
    } catch (error) {
      return fail(error);
    }
    outgoing.on("error", fail);
    outgoing.on("response", (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on("error", fail);
      answer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > BYTES_MAX) answer.destroy(new Error(`the answer is longer than ${BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      answer.on("end", () => {
        const status = answer.statusCode ?? 0;
        if (status < 200 || status > 299) return fail(new Error(`the answer was ${status}`));
        try {
          resolve(ignoresAnswer ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8")));
        } catch (error) {
          fail(error);
        }
      });
    });
    outgoing.end(text);
  });
}
