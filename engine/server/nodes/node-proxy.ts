import type { RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { hostAndPort } from "../../lib/net/ip-address.ts";
import type { Clock } from "../../lib/clock.ts";
import { connectionBy, type Dial } from "../../lib/net/dial.ts";
import { nodeJs } from "../../lib/late-modules.ts";
import { refuseUpgrade } from "../../lib/net/refuse-upgrade.ts";
import { StatusError, type StatusReason } from "../../apimachinery/status-error.ts";
import type { KeyPair } from "../../auth/certificates.ts";
import type { ServerIdentity } from "../proxy/forward.ts";

/** One thing to be read from a node's agent. */
export interface NodeTarget {
  readonly nodeName: string;
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  /** Stays open for as long as the reader likes. */
  readonly isStreamed: boolean;
}

/** Reads from node agents. */
export interface NodeTransport {
  /** The agent's answer as it comes. Rejects with a StatusError when there is none, or when it is a failure. */
  open(target: NodeTarget, signal: AbortSignal): Promise<IncomingMessage>;
  /** What the server shows of itself to agents. */
  identity(): Promise<ServerIdentity>;
}

/** By then an answer must have begun, whatever the connection does meanwhile. */
const ANSWER_TIMEOUT_MS = 10_000;
/** What an agent says about a failure is shown up to here. */
const MESSAGE_BYTES_MAX = 16 * 1024;

/** Over HTTPS with the server's client certificate; agents must show one of the same authority for their address. */
export function createNodeTransport(ca: string, credentials: () => Promise<KeyPair>, clock: Clock, dial?: Dial): NodeTransport {
  const identity = async (): Promise<ServerIdentity> => {
    const { certificate, key } = await credentials();
    return { ca, cert: certificate, key };
  };
  return {
    identity,
    async open(target, signal) {
      const { host, port, path } = target;
      const response = await connect({ host, port, path, method: "GET", ...(await identity()), signal, ...connectionBy(dial, "https") }, target, clock);
      if ((response.statusCode ?? 500) < 300) return response;
      throw await failureOf(response, target, clock);
    },
  };
}

function connect(options: RequestOptions, { nodeName, host, port }: NodeTarget, clock: Clock): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = nodeJs.https.request(options);
    const fail = (why: string) => {
      cancelTimer();
      reject(new StatusError("ServiceUnavailable", `node ${nodeName} cannot be reached at ${hostAndPort(host, port)}: ${why}`, { retryAfterSeconds: 5 }));
    };
    const cancelTimer = clock.after(ANSWER_TIMEOUT_MS, () => {
      fail(`no answer within ${ANSWER_TIMEOUT_MS / 1000} seconds`);
      outgoing.destroy();
    });
    outgoing.on("response", (response) => {
      cancelTimer(); // from here on the log decides how long it takes
      resolve(response);
    });
    outgoing.on("error", (error) => fail(error.message));
    refuseUpgrade(outgoing);
    outgoing.end();
  });
}

/** The agent's own words, as many as come in time, under the reason that its code stands for. */
async function failureOf(response: IncomingMessage, { nodeName }: NodeTarget, clock: Clock): Promise<StatusError> {
  const chunks: Buffer[] = [];
  let size = 0;
  const cancelTimer = clock.after(ANSWER_TIMEOUT_MS, () => response.destroy());
  try {
    for await (const chunk of response) {
      const bytes = chunk as Buffer; // no encoding is set
      size += bytes.length;
      chunks.push(bytes);
      if (size > MESSAGE_BYTES_MAX) break;
    }
  } catch {
    // The code is the answer; what of the words came is shown.
  } finally {
    cancelTimer();
  }
  const text = Buffer.concat(chunks).toString("utf8").trim();
  const reasons: Readonly<Record<number, StatusReason>> = { 400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound" };
  const reason = reasons[response.statusCode ?? 500] ?? "InternalError";
  return new StatusError(reason, text === "" ? `node ${nodeName} answered ${response.statusCode ?? 500}` : text, {});
}
