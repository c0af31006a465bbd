import type { IncomingMessage } from "node:http";
import { addAbortSignal } from "node:stream";
import { describeCallError } from "../../../engine/lib/call-error.ts";
import { TIMER_MAX_MS } from "../../../engine/lib/clock.ts";
import { bareHost, hostAndPort } from "../../../engine/lib/net/ip-address.ts";
import { nodeJs } from "../../../engine/lib/late-modules.ts";
import { refuseUpgrade } from "../../../engine/lib/net/refuse-upgrade.ts";
import type { Container, HTTPGetAction } from "../../../engine/resources/types.ts";

/** Where and as whom to ask a container. */
export interface HttpCall {
  readonly action: HTTPGetAction;
  readonly container: Container;
  readonly podIp: string;
  /** For the whole answer: a server that sends a byte now and then is not well. */
  readonly timeoutMs: number;
  /** What probes and hooks call themselves; servers tell them apart by it. */
  readonly agent: "kube-probe" | "kube-lifecycle";
  /** Nobody waits for the answer any longer: the connection is given up. */
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly code: number;
  /** The beginning of what a redirect that was not followed says; empty otherwise. */
  readonly body: string;
}

const REDIRECTS_MAX = 10;
const BODY_BYTES_MAX = 10 * 1024;

/**
 * A GET as probes and hooks make it, and the answer. Redirects to the same host are followed; one that leads elsewhere is the answer.
 * Certificates are not checked: pods have them from anybody. Rejects without an answer.
 */
export async function callContainer({ action, container, podIp, timeoutMs, agent, signal }: HttpCall): Promise<HttpAnswer> {
  const host = action.host || podIp;
  const headers = {
    "user-agent": `${agent}/1.36`,
    accept: "*/*",
    connection: "close",
    ...Object.fromEntries((action.httpHeaders ?? []).map((header) => [header.name, header.value])),
  };
  const late = AbortSignal.timeout(Math.min(Math.ceil(timeoutMs), TIMER_MAX_MS));
  const place = `${action.scheme === "HTTPS" ? "https" : "http"}://${hostAndPort(host, portNumber(action.port, container))}`;
  // What a pod asks for is sent as it stands: a path that is no valid address is the server's to judge.
  let target = { url: new URL(place), path: action.path || "/" };
  try {
    for (let redirects = 0; ; redirects++) {
      const response = await ask(target, headers, signal === undefined ? [late] : [late, signal]);
      const next = redirectOf(response, target);
      if (next !== undefined && next.url.hostname !== target.url.hostname) return { code: response.statusCode ?? 0, body: await readBody(response) };
      void readBody(response);
      if (next === undefined) return { code: response.statusCode ?? 0, body: "" };
      if (redirects === REDIRECTS_MAX - 1) throw new Error(`stopped after ${REDIRECTS_MAX} redirects`);
      target = next;
    }
  } catch (error) {
    const fault = late.aborted ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)" : describeCallError(error);
    throw new Error(`Get "${place}${action.path ?? "/"}": ${fault}`);
  }
}

interface Target {
  readonly url: URL;
  readonly path: string;
}

/** Any of the signals ends it. What AbortSignal.any makes of a timeout is held in memory until that fires, of a hook's for a day. */
function ask({ url, path }: Target, headers: Readonly<Record<string, string>>, signals: readonly AbortSignal[]): Promise<IncomingMessage> {
  const isTls = url.protocol === "https:";
  return new Promise((resolve, reject) => {
    const outgoing = (isTls ? nodeJs.https.request : nodeJs.http.request)(
      {
        host: bareHost(url),
        port: url.port || (isTls ? 443 : 80),
        path,
        headers,
        // Small servers end their lines without a carriage return, and upstream's client does not mind.
        insecureHTTPParser: true,
        ...(isTls ? { rejectUnauthorized: false } : {}),
      },
      resolve,
    );
    for (const signal of signals) addAbortSignal(signal, outgoing);
    outgoing.on("error", reject);
    refuseUpgrade(outgoing);
    outgoing.end();
  });
}

/** Where an answer leads; undefined when it is one. */
function redirectOf({ statusCode = 0, headers }: IncomingMessage, { url, path }: Target): Target | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return undefined;
  const next = URL.parse(headers.location, URL.parse(path, url.href)?.href ?? url.href);
  return next === null || !/^https?:$/.test(next.protocol) ? undefined : { url: next, path: next.pathname + next.search };
}

/**
 * As much of it as a warning may show; the rest is of no use to anybody, and neither is an end that never comes: there the
 * connection is given up. Never rejects.
 */
async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      chunks.push(chunk as Buffer); // without an encoding, a response is of Buffers
      bytes += (chunk as Buffer).length;
      if (bytes >= BODY_BYTES_MAX) break;
    }
  } catch {
    // The head is the answer; what of the body came is shown.
  }
  return Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX).toString("utf8");
}

/** The number of a port that may be given by its name in the container. Throws for a name that it has not. */
export function portNumber(port: number | string, container: Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find((candidate) => candidate.name === port)?.containerPort;
  if (named === undefined) throw new Error(`the container has no port named "${port}"`);
  return named;
}
