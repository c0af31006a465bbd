import { NEVER } from "../lib/abort.ts";
import { backoffMs } from "../lib/backoff.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { connectionBy, type Dial } from "../lib/net/dial.ts";
import { nodeJs } from "../lib/late-modules.ts";
import { readAnswer } from "../lib/net/read-answer.ts";
import { refuseUpgrade } from "../lib/net/refuse-upgrade.ts";
import type { Random } from "../lib/random.ts";

/** Where a JSON document is, and how to be let in. */
export interface RemoteJson {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly body?: unknown;
  /** The body where it is JSON already. */
  readonly text?: string;
  /** PEM; the system's authorities when absent. */
  readonly ca?: string;
  /** The name that its certificate is held against, when not the one in the address. */
  readonly serverName?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  readonly insecureSkipVerify?: boolean;
  /** How the other server is connected to; directly when absent. */
  readonly dial?: Dial | undefined;
  readonly timeoutMs: number;
  /** Nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
  /** That it was taken is all that is asked: the answer's text is not read. */
  readonly ignoresAnswer?: boolean;
}

/** The other server answered, and not with success. */
export class RemoteAnswerError extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`the answer was ${code}`);
    this.code = code;
  }
}

/** Nothing that is asked for here is near as long. */
const BYTES_MAX = 4 << 20;

/** Asks another server, over TLS only. Throws with the address and what went wrong, answers that are no success among it. */
export function fetchRemoteJson(remote: RemoteJson): Promise<unknown> {
  return fetchRemote(remote, "application/json", (text) => (remote.ignoresAnswer === true ? undefined : JSON.parse(text)));
}

/** The same, where the answer is a text of whatever kind. */
export function fetchRemoteText(remote: RemoteJson): Promise<string> {
  return fetchRemote(remote, "*/*", (text) => text);
}

function fetchRemote<T>(
  { url, method = "GET", body, text: given, ca, serverName, certificate, key, token, insecureSkipVerify, dial, timeoutMs, signal }: RemoteJson,
  accept: string,
  read: (text: string) => T,
): Promise<T> {
  const text = given ?? (body === undefined ? undefined : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(new Error(`${method} ${url}`, { cause }));
    const timeout = AbortSignal.timeout(timeoutMs);
    const ending = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    // A request tells of its end only once it has a connection, for which a proxy may let it wait.
    const onEnding = (): void => fail(ending.reason);
    ending.addEventListener("abort", onEnding, { once: true });
    const headers = {
      accept,
      ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    let outgoing;
    try {
      outgoing = nodeJs.https.request(url, {
        method,
        headers,
        ca,
        servername: serverName,
        cert: certificate,
        key,
        rejectUnauthorized: insecureSkipVerify !== true,
        signal: ending,
        ...connectionBy(dial, "https"),
      });
    } catch (error) {
      return fail(error);
    }
    outgoing.on("error", fail);
    refuseUpgrade(outgoing);
    outgoing.on("close", () => ending.removeEventListener("abort", onEnding));
    outgoing.on("response", (answer) => {
      readAnswer(answer, BYTES_MAX)
        .then((content) => {
          const { statusCode: status = 0 } = answer;
          if (status < 200 || status > 299) throw new RemoteAnswerError(status);
          resolve(read(content.toString("utf8")));
        })
        .catch(fail);
    });
    outgoing.end(text);
  });
}

/** How often a question is repeated, and after which pauses: each is half as long again as the one before. */
export interface Retries {
  readonly firstMs: number;
  readonly triesMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

/** Upstream's for servers that say who somebody is, or what he may. */
export const REVIEW_RETRIES = { firstMs: 500, triesMax: 5 } as const;

/** Asks again while what went wrong may pass by itself: a broken connection, or a server that is too busy or failed. */
export function fetchRemoteJsonRetried(remote: RemoteJson, retries: Retries): Promise<unknown> {
  return retried(() => fetchRemoteJson(remote), retries);
}

/** The same, where each question is asked in a way of the caller's own. */
export async function retried<T>(ask: () => Promise<T>, { firstMs, triesMax, clock, random, signal = NEVER }: Retries): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === triesMax || !mayPass(error)) throw error;
      await sleep(clock, backoffMs({ initialMs: firstMs, maxMs: Infinity, factor: 1.5, jitter: 0.2 }, tries, random), signal);
    }
  }
}

function mayPass(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof RemoteAnswerError) return [429, 500, 504].includes(cause.code);
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === "ECONNRESET"; // Node's errors of connections have codes
}
