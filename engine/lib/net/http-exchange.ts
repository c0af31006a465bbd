import { nodeJs } from "../late-modules.ts";
import { readAnswer } from "./read-answer.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";

export interface HttpQuestion {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** More than this of an answer is not taken. */
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/**
 * One request to an address of HTTP or HTTPS, and its answer as it comes: no redirect is followed, and nothing is unpacked, which is asked not to be
 * packed. (`fetch` unpacks whatever comes, with a decoder that whoever answers may choose.) Rejects when nobody answers, with Node's own error, and when
 * the answer is too long.
 */
export function exchangeHttp(url: string, { method, headers, body, bytesMax, signal }: HttpQuestion): Promise<HttpAnswer> {
  const { request } = new URL(url).protocol === "http:" ? nodeJs.http : nodeJs.https;
  const length: Readonly<Record<string, string>> = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: { "accept-encoding": "identity", ...headers, ...length }, signal });
    outgoing.on("error", reject);
    refuseUpgrade(outgoing);
    outgoing.on("response", (incoming) => {
      const said = Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")] as const);
      readAnswer(incoming, bytesMax)
        .then((body) => resolve({ status: incoming.statusCode ?? 0, headers: new Map(said), text: body.toString("utf8") }))
        .catch(reject);
    });
    outgoing.end(body);
  });
}
