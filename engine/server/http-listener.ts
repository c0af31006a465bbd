import { once } from "node:events";
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { keepClientsAlive } from "../lib/net/keep-alive.ts";
import { outliveAcceptErrors } from "../lib/net/lasting-server.ts";
import { nodeJs } from "../lib/late-modules.ts";
import { answerPlainHttp } from "../lib/net/other-protocol.ts";
import { RequestNotes } from "../apimachinery/request-notes.ts";
import { badRequest } from "../apimachinery/status-error.ts";
import { sleep } from "../lib/clock.ts";
import { parseRequestTarget } from "../lib/net/request-url.ts";
import { explainListenError } from "../lib/net/listen-error.ts";
import type { Span } from "../lib/tracing/span.ts";
import { hasContext } from "../lib/tracing/trace-context.ts";
import type { ApiServer } from "./api-server.ts";
import type { UserInfo } from "../apimachinery/api-request.ts";
import type { AuditRecord } from "./audit/auditor.ts";
import { beginRecord, observeAnswer, type Arrival } from "./http/audit-request.ts";
import { fromHttp1, fromHttp2, RequestBody, type Incoming } from "./http/incoming.ts";
import { within } from "./http/deadline.ts";
import { endWhenIdle } from "./http/idle-sessions.ts";
import { OpenRequests } from "./http/open-requests.ts";
import { crossOriginHeaders } from "./http/cross-origin.ts";
import { connectionOf, credentialsOf, distinctHeaders } from "./http/peer.ts";
import { writeAnswer } from "./http/response.ts";
import { ServingCertificates, type CertificateSources } from "./http/serving-certificates.ts";
import { failureAnswer, REQUEST_TIMEOUT_MS, serve, type ServeParts } from "./http/serve.ts";
import { refuseUpgrade, serveProxy, serveUpgrade } from "./http/serve-stream.ts";
import { takeProtocolToken } from "./http/protocol-token.ts";
import { beginHttpSpan } from "./tracing/http-span.ts";
import { answerTraced, type RequestTrace } from "./tracing/request-trace.ts";
import { WatchTurns } from "./http/watch-turns.ts";
import { YamlThread } from "./http/yaml-thread.ts";
import { KindSchemas } from "./kind-schemas.ts";
import type { ClusterNetwork } from "../auth/join-call.ts";
import type { CertificateSigner } from "./nodes/node-join.ts";
import type { NodeTransport } from "./nodes/node-proxy.ts";
import { Paths } from "./paths.ts";
import { attributesOfAddress } from "./request-attributes.ts";
import { proxiedPath } from "./proxy/proxy-target.ts";

export interface HttpListenerOptions extends CertificateSources {
  readonly server: ApiServer;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly signer?: CertificateSigner;
  /** See PathOptions. */
  readonly network?: ClusterNetwork;
  /** Lets a server into the control plane; absent where there is none to be in. */
  readonly admitServer?: (body: unknown) => Promise<unknown>;
  /** Where others find the keys of service account tokens, when not at the issuer itself. */
  readonly jwksUri?: string;
  readonly nodes?: NodeTransport;
  /** How long a request may take; upstream's minute when absent, for ever when 0. */
  readonly requestTimeoutMs?: number;
  /** See ServeParts. */
  readonly minRequestTimeoutSeconds?: number;
  /** What browsers are told about coming back without TLS; nothing when absent or empty. */
  readonly transportSecurity?: readonly string[];
  /** What the server was started with, by option, without secrets; nothing when absent. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Origins whose pages browsers let call the API. */
  readonly allowedOrigins?: readonly RegExp[];
  /** Requests at once on one connection of HTTP/2; a thousand when absent. */
  readonly streamsMax?: number;
  /** Whether HTTP/1.1 is all that is spoken. */
  readonly isHttp1Only?: boolean;
  /** The share of requests of HTTP/2 that are the last of their connection. */
  readonly goawayChance?: number;
  /** How long a connection may be open without a request; upstream's minute and a half when absent. */
  readonly idleMs?: number;
  /** Whether others may listen at the same address and port. */
  readonly sharesPort?: boolean;
  /** Whether the server has been told to end; /readyz says so. */
  readonly isEnding?: () => boolean;
  /** What /readyz waits for; true when absent. */
  readonly isStarted?: () => boolean;
}

export interface HttpListener {
  readonly host: string;
  readonly port: number;
  /** Ends all watches and connections. */
  close(): Promise<void>;
}

const STREAMS_MAX = 1000;
/** Upstream's bound for addresses and headers: an exec has its whole command in its address. */
const HEADER_BYTES_MAX = 1 << 20;
/** How long a client may take to shake hands, and to say what it wants; upstream's. */
const HEADERS_MS = 32_000;
/** Spread, for the types of the HTTP/2 listener leave out what it hands on to that of HTTP/1.1. */
const http1Bounds = (idleMs: number) => ({
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_MS,
  keepAliveTimeout: idleMs,
  connectionsCheckingInterval: 5_000,
});
/** How long a connection may be open without a request; upstream's. */
const IDLE_MS = 90_000;
/** How long a client may say nothing before it is asked whether it is still there; upstream's. */
const SILENCE_MS = 180_000;
/** What may wait to be sent on one connection: node's own 10 MB are a few large lists, and beyond it streams are broken off. */
const SESSION_MEGABYTES_MAX = 64;
/** How long requests may go on after a close. */
const CLOSE_GRACE_MS = 1_000;

/** What every request on the listener is answered with. */
interface Listening {
  readonly options: HttpListenerOptions;
  readonly parts: ServeParts;
  readonly open: OpenRequests;
  /** Headers of every answer. */
  readonly always: Readonly<Record<string, string>>;
}

/** Puts HTTP/2 and HTTP/1.1 over TLS before an API server. It translates; it decides nothing. */
export async function openHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const { server, host } = options;
  const { clock, logger } = server.parts;
  const parts: ServeParts = {
    server,
    schemas: new KindSchemas(server.parts.resources),
    watchTurns: new WatchTurns(clock),
    yamlThread: new YamlThread(),
    paths: new Paths({
      server,
      isStarted: options.isStarted ?? (() => true),
      ...(options.isEnding === undefined ? {} : { isEnding: options.isEnding }),
      ...(options.signer === undefined ? {} : { signer: options.signer }),
      ...(options.network === undefined ? {} : { network: options.network }),
      ...(options.admitServer === undefined ? {} : { admitServer: options.admitServer }),
      ...(options.jwksUri === undefined ? {} : { jwksUri: options.jwksUri }),
      ...(options.flags === undefined ? {} : { flags: options.flags }),
    }),
    ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
    ...(options.minRequestTimeoutSeconds === undefined ? {} : { minRequestTimeoutSeconds: options.minRequestTimeoutSeconds }),
  };
  const open = new OpenRequests();
  const certificates = new ServingCertificates(options);
  const front = createFront(certificates, { options, parts, open, always: alwaysSent(options) });
  const connections = new Connections(front);
  keepClientsAlive(front, SILENCE_MS);
  front.listen({ host, port: options.port, reusePort: options.sharesPort === true });
  await once(front, "listening").catch((error: unknown) => {
    throw explainListenError(error, { address: host, port: options.port, option: "--api-port", addressOption: "--bind-address" });
  });
  outliveAcceptErrors(front, logger);
  answerPlainHttp(front);
  const closing = new AbortController();
  certificates.follow(front, closing.signal);
  const { port } = front.address() as AddressInfo; // it listens on TCP
  logger.info("the API is served", { host, port });
  return {
    host,
    port,
    async close() {
      closing.abort();
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      const patience = new AbortController();
      await Promise.race([open.close(), sleep(clock, CLOSE_GRACE_MS, patience.signal).catch(() => {})]);
      patience.abort();
      connections.destroy();
      await closed;
    },
  };
}

function createFront(certificates: ServingCertificates, listening: Listening): Http2SecureServer {
  const { isHttp1Only = false, streamsMax = STREAMS_MAX, goawayChance = 0, idleMs = IDLE_MS, server } = listening.options;
  const front = nodeJs.http2.createSecureServer({
    noDelay: true,
    maxSessionMemory: SESSION_MEGABYTES_MAX,
    handshakeTimeout: HEADERS_MS,
    allowHTTP1: true,
    ...(isHttp1Only
      ? { ALPNCallback: ({ protocols }: { readonly protocols: readonly string[] }) => protocols.find((protocol) => protocol === "http/1.1") }
      : {}),
    ...certificates.options(),
    requestCert: true,
    rejectUnauthorized: false,
    ...http1Bounds(idleMs),
    settings: { maxConcurrentStreams: streamsMax || STREAMS_MAX, maxHeaderListSize: HEADER_BYTES_MAX },
  });
  front.on("request", (request, response) =>
    answer(listening, fromHttp1(request as unknown as IncomingMessage, response as unknown as ServerResponse, alwaysFor(listening, request.headers))),
  ); // only HTTP/1.1 comes here, see below
  // For that listener Node imitates HTTP/1.1 on the streams of HTTP/2 as well, which would take a tenth of a read's time.
  front.removeAllListeners("stream");
  front.on("session", (session) => endWhenIdle(session, idleMs));
  front.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: readonly string[]) => {
    stream.on("error", () => {}); // its close is what counts
    // What goes on there goes on; the next request finds another connection, and perhaps another server.
    if (goawayChance > 0 && server.parts.random.next() < goawayChance) stream.session?.close();
    answer(listening, fromHttp2(stream, headers, rawHeaders, alwaysFor(listening, headers)));
  });
  front.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const work = listening.open.begin();
    void respondUpgrade(listening, request, { socket, head }, work.signal)
      .catch((error: unknown) => logUnwritten(listening, request.url ?? "", error))
      .finally(() => listening.open.end(work));
  });
  return front;
}

function alwaysSent({ transportSecurity = [] }: HttpListenerOptions): Readonly<Record<string, string>> {
  return transportSecurity.length === 0 ? {} : { "strict-transport-security": transportSecurity.join("; ") };
}

/** With what browsers have to know where a page calls. */
function alwaysFor({ options: { allowedOrigins = [] }, always }: Listening, headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const crossOrigin = allowedOrigins.length === 0 ? undefined : crossOriginHeaders(allowedOrigins, headers);
  return crossOrigin === undefined ? always : { ...always, ...crossOrigin };
}

/** Begins to answer a request. Whatever fails is told to the client, or logged when there is nobody left to tell. */
function answer(listening: Listening, incoming: Incoming): void {
  const { open } = listening;
  const work = open.begin();
  const onGone = () => open.clientGone(work);
  incoming.raw.on("close", onGone);
  incoming.raw.on("error", onGone);
  respond(listening, incoming, work).then(
    () => open.end(work),
    (error: unknown) => {
      open.end(work);
      logUnwritten(listening, incoming.url, error);
    },
  );
}

function logUnwritten({ options }: Listening, path: string, error: unknown): void {
  options.server.parts.logger.debug("an answer could not be written", { path, error });
}

async function respond(listening: Listening, incoming: Incoming, work: AbortController): Promise<void> {
  const { options, parts } = listening;
  const { method, url: address, headers, connection, raw } = incoming;
  const { auditor, authenticator, tracer, clock } = options.server.parts;
  const beganMs = clock.monotonic();
  // A browser asks beforehand whether a page may call, without any credentials.
  if (method === "OPTIONS" && crossOriginHeaders(options.allowedOrigins ?? [], headers) !== undefined) return (void raw.writeHead(204, {}), void raw.end());
  // What is passed on to pods, services and nodes is neither read nor bounded here.
  const isProxied = proxiedPath(address) !== undefined;
  const body = new RequestBody(incoming);
  const auditId = auditIdOf(incoming, options);
  const { remoteAddress } = connection;
  const notes = new RequestNotes();
  const arrival = { method, url: address, headers, remoteAddress, auditId, notes };
  let caller: UserInfo | undefined;
  let proven: ProvenRequest;
  try {
    const target = requestTarget(address);
    const shown = distinctHeaders(incoming);
    caller = await authenticator.authenticate({ ...credentialsOf(connection, shown, notes), path: target.pathname, notes });
    proven = { incoming, arrival, beganMs, target, shown, caller, isProxied, body, work };
  } catch (error) {
    const audit = beginRecord(auditor, { ...arrival, caller });
    observeAnswer(raw, audit);
    body.drop();
    return await writeFailure(parts, incoming, arrival, error, audit).finally(() => audit?.complete());
  }
  try {
    if (tracer.isPassive && !hasContext(headers)) return await respondTo(listening, proven);
    const { target } = proven;
    await answerTraced(tracer, { method, url: address, target, headers, connection, caller, auditId, beganMs }, { raw, body }, (trace) =>
      respondTo(listening, proven, trace),
    );
  } finally {
    if (!isProxied) body.drop();
  }
}

/** A request whose sender is known. */
interface ProvenRequest {
  readonly incoming: Incoming;
  readonly arrival: Omit<Arrival, "caller">;
  /** By the clock's `monotonic`. */
  readonly beganMs: number;
  readonly target: ReturnType<typeof requestTarget>;
  /** Its headers, each value by itself. */
  readonly shown: ReturnType<typeof distinctHeaders>;
  readonly caller: UserInfo;
  readonly isProxied: boolean;
  readonly body: RequestBody;
  readonly work: AbortController;
}

async function respondTo(
  { options, parts }: Listening,
  { incoming, arrival, beganMs, target, shown, caller, isProxied, body, work }: ProvenRequest,
  trace?: RequestTrace,
): Promise<void> {
  const { auditor, impersonator } = options.server.parts;
  const { method, url: address, headers, remoteAddress, auditId, notes } = arrival;
  const { raw } = incoming;
  const audit = beginRecord(auditor, { ...arrival, caller });
  observeAnswer(raw, audit);
  try {
    await auditor?.requireStored(audit);
    const { user, constraint } = await impersonator.userOf(caller, shown, () => attributesOfAddress(method, target, caller));
    if (user !== caller) audit?.actsAs(user, constraint);
    if (isProxied)
      return await serveProxy(
        parts,
        { method, url: address, headers: incoming.headers, user, audit, notes, ...(incoming.hasBody ? { body: incoming.body } : {}) },
        raw,
        { auditId, signal: work.signal },
      );
    await serve(
      parts,
      {
        method,
        path: target.pathname,
        query: target.searchParams,
        headers,
        body: () => within(options.server.parts.clock, bodyLimitMs(options), body.read(), () => work.abort()),
        user,
        signal: work.signal,
        giveUp: () => work.abort(),
        beganMs,
        remoteAddress,
        notes,
        audit,
        trace,
      },
      raw,
      auditId,
    );
  } catch (error) {
    await writeFailure(parts, incoming, arrival, error, audit);
  } finally {
    audit?.complete();
  }
}

/** A client that sends its body drop by drop is not waited for any longer than for anything else. */
function bodyLimitMs({ requestTimeoutMs = REQUEST_TIMEOUT_MS }: HttpListenerOptions): number | undefined {
  return requestTimeoutMs === 0 ? undefined : requestTimeoutMs;
}

function writeFailure(
  parts: ServeParts,
  { method, headers, raw }: Incoming,
  { url, auditId, notes }: Pick<Arrival, "url" | "auditId" | "notes">,
  error: unknown,
  audit: AuditRecord | undefined,
): Promise<void> {
  return writeAnswer(
    raw,
    { ...failureAnswer(parts, { headers, path: url }, error, audit), warnings: notes.warnings },
    { auditId, acceptEncoding: "", isHead: method === "HEAD" },
  );
}

/** Throws a 400 for what is no address. */
function requestTarget(text: string): { readonly pathname: string; readonly searchParams: URLSearchParams } {
  const target = parseRequestTarget(text);
  if (target === undefined) throw badRequest(`the request line holds no address: ${JSON.stringify(text.slice(0, 200))}`);
  return target;
}

/** WebSockets and SPDY, both over HTTP/1.1. Never rejects. */
async function respondUpgrade(
  { options, parts }: Listening,
  raw: IncomingMessage,
  caller: { readonly socket: Duplex; readonly head: Buffer },
  signal: AbortSignal,
): Promise<void> {
  const { headers, token: protocolToken } = takeProtocolToken(raw.headers);
  const url = raw.url ?? "/";
  const { authenticator, impersonator, random, auditor, tracer, clock } = options.server.parts;
  const beganMs = clock.monotonic();
  const connection = connectionOf(raw.socket, () => raw.socket);
  const notes = new RequestNotes();
  const arrival = { method: raw.method ?? "GET", url, headers, remoteAddress: connection.remoteAddress, auditId: random.uuid(), notes };
  let audit: AuditRecord | undefined;
  let span: Span | undefined;
  try {
    const shown = distinctHeaders({ headers, rawHeaders: raw.rawHeaders });
    const target = requestTarget(url);
    const proven = await authenticator.authenticate({
      ...credentialsOf(connection, shown, notes),
      ...(protocolToken === undefined ? {} : { protocolToken }),
      path: target.pathname,
      notes,
    });
    span = beginHttpSpan(tracer, { ...arrival, target, connection, caller: proven, beganMs });
    audit = beginRecord(auditor, { ...arrival, caller: proven });
    await auditor?.requireStored(audit);
    const { user, constraint } = await impersonator.userOf(proven, shown, () => attributesOfAddress(arrival.method, target, proven));
    if (user !== proven) audit?.actsAs(user, constraint);
    await serveUpgrade(parts, { method: raw.method ?? "GET", url, headers, user, audit, span, notes }, caller, { auditId: arrival.auditId, signal });
  } catch (error) {
    audit ??= beginRecord(auditor, { ...arrival, caller: undefined });
    refuseUpgrade(parts, { url, headers, audit, span, notes }, caller.socket, error);
  } finally {
    span?.end();
    audit?.complete();
  }
}

function auditIdOf({ headers }: Incoming, { server }: HttpListenerOptions): string {
  const given = headers["audit-id"];
  return typeof given === "string" && /^[\w-]{1,64}$/.test(given) ? given : server.parts.random.uuid();
}

/** Open connections, to be cut when the listener closes: an idle HTTP/2 session would keep it open for ever. */
class Connections {
  readonly #sockets = new Set<TLSSocket>();

  constructor(server: Http2SecureServer) {
    server.on("secureConnection", (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
