import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connectionBy } from "../../lib/net/dial.ts";
import { hostAndPort } from "../../lib/net/ip-address.ts";
import { keepAlive, SERVER_SILENCE_MS } from "../../lib/net/keep-alive.ts";
import { nodeJs } from "../../lib/late-modules.ts";
import type { RequestNotes } from "../../apimachinery/request-notes.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import { sinkOf } from "../http/http2-response.ts";
import { warningHeaders, type RawResponse } from "../http/response.ts";
import type { ProxyTarget } from "./proxy-target.ts";
import { hasLinks, linkStages } from "./rewrite-links.ts";

/** The server's own certificate towards agents, and the authority of theirs. PEM. */
export interface ServerIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Forwarded {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: Readable;
}

/** How the other end's answer is shown. */
export interface ForwardOptions {
  readonly identity: (() => Promise<ServerIdentity>) | undefined;
  /** The proxy's own path, put before the paths that the other end redirects to. */
  readonly prefix: string;
  readonly auditId: string;
  /** What the caller is told beside the other end's own remarks. */
  readonly notes?: RequestNotes | undefined;
  readonly signal: AbortSignal;
}

/** Two pipelines and the server's own bookkeeping listen to each connection. */
const LISTENERS_MAX = 32;
const CONNECT_TIMEOUT_MS = 30_000;
/** Of one connection only (RFC 9110, 7.6.1), or meant for this server alone: what the caller proved itself with stays here. */
const OWN_HEADERS = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|authorization|impersonate-.*|x-remote-.*|:.*)$/i;

/** Passes a request on and its answer back, both as they flow; resolves with the answer's status. Rejects with a 503 while nothing has been answered. */
export async function forwardRequest(target: ProxyTarget, request: Forwarded, raw: RawResponse, options: ForwardOptions): Promise<number> {
  const outgoing = await connect(
    target,
    request.method,
    { ...passedOn(request.headers), ...(target.headers as OutgoingHttpHeaders | undefined), host: hostHeader(target) },
    options.identity,
    options.signal,
  ); // lists of values are copied
  const answered = answerOf(outgoing, target);
  const sending = request.body === undefined ? void outgoing.end() : pipeline(request.body, outgoing);
  // A body that broke off shows as a failed answer too.
  await Promise.race([sending?.then(() => answered), answered]).catch(() => {});
  const answer = await answered;
  if (answer.is === "upgrade") throw new StatusError("InternalError", `${target.description} switched protocols without being asked`);
  const { response } = answer;
  const code = response.statusCode ?? 502;
  if (isRefusedRedirect(response, target)) {
    refuseRedirect(response, raw, options.auditId);
    return code;
  }
  const { "content-length": length, warning: theirs = [], ...headers } = passedOn(response.headers) as Record<string, string | string[]>;
  const warning = [...[theirs].flat(), ...(warningHeaders(options.notes?.warnings ?? []).warning ?? [])];
  const isRewritten = options.prefix !== "" && request.method !== "HEAD" && hasLinks(response);
  const stages = isRewritten ? linkStages(response, (link) => within(link, target, options.prefix) ?? link) : ([response] as const);
  raw.writeHead(code, {
    ...headers,
    ...(warning.length === 0 ? {} : { warning }),
    ...(isRewritten || length === undefined ? {} : { "content-length": length }),
    ...relocated(response, target, options.prefix),
    "audit-id": options.auditId,
  });
  raw.flushHeaders?.();
  await pipeline([...stages, sinkOf(raw)]).catch(() => raw.destroy()); // one side went away
  return code;
}

/**
 * Passes on a request to switch protocols (WebSocket, SPDY), then copies bytes both ways until either side ends, whatever they mean.
 * A refusal is shown to the caller as it came. Rejects with a 503 while nothing has been answered.
 */
export async function forwardUpgrade(
  target: ProxyTarget,
  request: Forwarded,
  caller: { readonly socket: Duplex; readonly head: Buffer },
  options: ForwardOptions,
): Promise<void> {
  const { socket, head } = caller;
  const headers = {
    ...passedOn(request.headers),
    ...(target.headers as OutgoingHttpHeaders | undefined),
    host: hostHeader(target),
    connection: "Upgrade",
    upgrade: request.headers.upgrade,
  };
  const outgoing = await connect(target, request.method, headers, options.identity, options.signal);
  outgoing.end();
  const answer = await answerOf(outgoing, target);
  if (isRefusedRedirect(answer.response, target)) {
    answer.response.destroy();
    return void socket.end(
      `HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${REDIRECT_REFUSAL.length}\r\nconnection: close\r\n\r\n${REDIRECT_REFUSAL}`,
    );
  }
  socket.write(headText(answer.response, answer.is === "upgrade" ? {} : { connection: "close" }));
  if (answer.is === "response") return pipeline(answer.response, socket).catch(() => void socket.destroy());
  if (answer.head.length > 0) socket.write(answer.head);
  if (head.length > 0) answer.socket.write(head);
  await copyBoth(socket, answer.socket);
}

/** Copies both ways with backpressure: each side is read only as fast as the other takes it. Resolves when both have ended, however. */
async function copyBoth(left: Duplex, right: Duplex): Promise<void> {
  for (const stream of [left, right]) stream.setMaxListeners(LISTENERS_MAX);
  const stop = (): void => {
    left.destroy();
    right.destroy();
  };
  // An end that was said is passed on and the other way goes on; a connection that broke takes the other with it.
  await Promise.all([pipeline(left, right, { end: true }), pipeline(right, left, { end: true })].map((way) => way.catch(stop)));
  stop();
}

type Answered =
  | { readonly is: "response"; readonly response: IncomingMessage }
  | { readonly is: "upgrade"; readonly response: IncomingMessage; readonly socket: Duplex; readonly head: Buffer };

async function connect(
  target: ProxyTarget,
  method: string,
  headers: OutgoingHttpHeaders,
  identity: ForwardOptions["identity"],
  signal: AbortSignal,
): Promise<ClientRequest> {
  if (target.isAgent && identity === undefined) throw new StatusError("ServiceUnavailable", "this server was started without credentials for nodes");
  const tls = target.tls !== undefined ? target.tls : target.isAgent ? { ...(await identity?.()), rejectUnauthorized: true } : { rejectUnauthorized: false };
  const common = {
    host: target.host,
    port: target.port,
    path: target.path,
    method,
    headers,
    signal,
    timeout: CONNECT_TIMEOUT_MS,
    ...connectionBy(target.dial, target.scheme),
  };
  return target.scheme === "https" ? nodeJs.https.request({ ...common, ...tls }) : nodeJs.http.request(common);
}

function answerOf(outgoing: ClientRequest, target: ProxyTarget): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new StatusError("ServiceUnavailable", `error trying to reach ${target.description} at ${hostHeader(target)}: ${why}`));
    const onTimeout = (): void => void outgoing.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000} seconds`));
    // Only connecting is bounded: how long an answer takes is the other end's matter.
    outgoing.on("timeout", onTimeout);
    const onConnected = () => void outgoing.off("timeout", onTimeout).setTimeout(0);
    outgoing.on("socket", (socket) => {
      keepAlive(socket, SERVER_SILENCE_MS);
      if (target.scheme === "http" && !socket.connecting)
        onConnected(); // a proxy has connected it before
      else socket.once(target.scheme === "https" ? "secureConnect" : "connect", onConnected);
    });
    outgoing.on("response", (response) => resolve({ is: "response", response }));
    outgoing.on("upgrade", (response, socket, head) => resolve({ is: "upgrade", response, socket, head }));
    outgoing.on("error", (error) => fail(error.message));
  });
}

function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.test(name)));
}

function hostHeader({ host, port }: ProxyTarget): string {
  return hostAndPort(host, port);
}

/** Upstream's words. */
const REDIRECT_REFUSAL = "the backend attempted to redirect this request, which is not permitted";

/** A server behind the API could send clients, with what they prove themselves by, to where they would never go. */
function isRefusedRedirect({ statusCode = 0, headers }: IncomingMessage, target: ProxyTarget): boolean {
  return target.isRedirectRefused === true && statusCode >= 300 && statusCode <= 399 && (headers.location ?? "") !== "";
}

function refuseRedirect(response: IncomingMessage, raw: RawResponse, auditId: string): void {
  response.destroy();
  raw.writeHead(502, { "content-type": "text/plain; charset=utf-8", "content-length": String(REDIRECT_REFUSAL.length), "audit-id": auditId });
  raw.end(Buffer.from(REDIRECT_REFUSAL));
}

/** A redirect within the other end stays within the proxy. */
function relocated({ headers: { location } }: IncomingMessage, target: ProxyTarget, prefix: string): { location?: string } {
  const moved = location === undefined ? undefined : within(URL.parse(location, `${originOf(target)}${target.path}`)?.href ?? location, target, prefix);
  return moved === undefined ? {} : { location: moved };
}

/** An address of the other end as one within the proxy; undefined for what is relative or elsewhere. */
function within(link: string, target: ProxyTarget, prefix: string): string | undefined {
  const url = /^(?:https?:)?\//i.test(link) ? URL.parse(link, originOf(target)) : null;
  if (url === null || url.origin !== originOf(target)) return undefined;
  return `${url.pathname.startsWith(`${prefix}/`) ? "" : prefix}${url.pathname}${url.search}${url.hash}`;
}

function originOf(target: ProxyTarget): string {
  return new URL(`${target.scheme}://${hostHeader(target)}`).origin;
}

/** A response's first line and headers as text, exactly as they came where nothing is added. */
function headText(response: IncomingMessage, changed: Readonly<Record<string, string>>): string {
  const lines = [`HTTP/1.1 ${response.statusCode ?? 502} ${response.statusMessage ?? ""}`];
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const name = response.rawHeaders[index] ?? "";
    const isReplaced = name.toLowerCase() in changed || (Object.keys(changed).length > 0 && name.toLowerCase() === "transfer-encoding");
    if (!isReplaced) lines.push(`${name}: ${response.rawHeaders[index + 1] ?? ""}`);
  }
  return `${[...lines, ...Object.entries(changed).map(([name, value]) => `${name}: ${value}`)].join("\r\n")}\r\n\r\n`;
}
