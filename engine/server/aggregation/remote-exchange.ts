import type { IncomingMessage } from "node:http";
import { connectionBy } from "../../lib/net/dial.ts";
import { nodeJs } from "../../lib/late-modules.ts";
import { readAnswer } from "../../lib/net/read-answer.ts";
import { refuseUpgrade } from "../../lib/net/refuse-upgrade.ts";
import type { ProxyTarget } from "../proxy/proxy-target.ts";

/** Longer than any list of an API. */
const ANSWER_BYTES_MAX = 32 << 20;

export interface RemoteRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** Asks another server; resolves with its answer's beginning. Rejects with node's own error when there is none. */
export function openRemote(
  { host, port, path, tls, headers, dial }: ProxyTarget,
  request: RemoteRequest,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, body } = request;
    const own = headers as Record<string, string | string[]>; // lists of names are copied
    const length = body === undefined ? {} : { "content-length": body.length };
    const outgoing = nodeJs.https.request(
      {
        host,
        port,
        path,
        method,
        ...connectionBy(dial, "https"),
        ...(signal === undefined ? {} : { signal }),
        ...tls,
        headers: { ...request.headers, ...length, ...own },
      },
      resolve,
    );
    outgoing.on("error", reject);
    refuseUpgrade(outgoing);
    outgoing.end(body);
  });
}

/** The whole of an answer; rejects when it is longer than is allowed. */
export function readRemoteBody(response: IncomingMessage, bytesMax = ANSWER_BYTES_MAX): Promise<Buffer> {
  return readAnswer(response, bytesMax);
}
