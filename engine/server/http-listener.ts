import type { AddressInfo } from "node:net";
import type { Http2SecureServer } from "node:http2";
import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import Fastify, { type FastifyReply, type FastifyRequest, type RouteGenericInterface } from "fastify";
import { badRequest, StatusError } from "../apimachinery/status-error.ts";
import { impersonate } from "../auth/authentication/impersonate.ts";
import type { KeyPair } from "../auth/certificates.ts";
import { sleep } from "../lib/clock.ts";
import { parseRequestUrl } from "../lib/request-url.ts";
import { explainListenError } from "../lib/listen-error.ts";
import type { ApiServer } from "./api-server.ts";
import type { UserInfo } from "../apimachinery/api-request.ts";
import type { AuditRecord } from "./audit/auditor.ts";
import { beginRecord, observeAnswer } from "./http/audit-request.ts";
import { credentialsOf, type RawRequest } from "./http/peer.ts";
import { writeAnswer, type RawResponse } from "./http/response.ts";
import { ServingCertificates, type CertificateSources } from "./http/serving-certificates.ts";
import { failureAnswer, serve, type ServeParts } from "./http/serve.ts";
import { refuseUpgrade, serveProxy, serveUpgrade } from "./http/serve-stream.ts";
import { takeProtocolToken } from "./http/protocol-token.ts";
import { KindSchemas } from "./kind-schemas.ts";
import type { CertificateSigner } from "./node-join.ts";
import type { NodeTransport } from "./node-proxy.ts";
import { Paths } from "./paths.ts";
import { proxiedPath } from "./proxy/proxy-target.ts";

export interface HttpListenerOptions extends CertificateSources {
  readonly server: ApiServer;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly signer?: CertificateSigner;
  /** Lets a server into the control plane; absent where there is none to be in. */
  readonly admitServer?: (body: unknown) => Promise<unknown>;
  /** Where others find the keys of service account tokens, when not at the issuer itself. */
  readonly jwksUri?: string;
  readonly nodes?: NodeTransport;
  /** How long a request may take; upstream's minute when absent, for ever when 0. */
  readonly requestTimeoutMs?: number;
  /** What /readyz waits for; true when absent. */
  readonly isStarted?: () => boolean;
}

export interface HttpListener {
  readonly host: string;
  readonly port: number;
  /** Ends all watches and connections. */
  close(): Promise<void>;
}

type SecureRequest = FastifyRequest<RouteGenericInterface, Http2SecureServer>;
type SecureReply = FastifyReply<RouteGenericInterface, Http2SecureServer>;

/** Upstream's bound for a request's body. */
const BODY_BYTES_MAX = 3 * 1024 * 1024;
const STREAMS_MAX = 1000;
/** What may wait to be sent on one connection: node's own 10 MB are a few large lists, and beyond it streams are broken off. */
const SESSION_MEGABYTES_MAX = 64;
const PROXY_PATHS = ["/api/v1/namespaces/:namespace/pods/:name/proxy", "/api/v1/namespaces/:namespace/services/:name/proxy", "/api/v1/nodes/:name/proxy"];
/** Every answer ends with a close: making a reason with a stack for each of them cost a fortieth of the server's time. */
const CLIENT_GONE = new DOMException("the client went away", "AbortError");
/** How long requests may go on after a close. */
const CLOSE_GRACE_MS = 1_000;

/** Puts HTTP/2 and HTTP/1.1 over TLS before an API server. It translates; it decides nothing. */
export async function openHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const { server, host } = options;
  const { clock, logger } = server.parts;
  const parts: ServeParts = {
    server,
    schemas: new KindSchemas(server.parts.resources),
    paths: new Paths({ server, isStarted: options.isStarted ?? (() => true), ...(options.signer === undefined ? {} : { signer: options.signer }), ...(options.admitServer === undefined ? {} : { admitServer: options.admitServer }), ...(options.jwksUri === undefined ? {} : { jwksUri: options.jwksUri }) }),
    ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
  };
  const closing = new AbortController();
  const certificates = await ServingCertificates.open(options);
  const app = createApp(certificates, parts);
  const connections = new Connections(app.server);
  const active = new Set<Promise<void>>();
  app.setErrorHandler((error, request, reply) => void refuse(parts, error, request, reply).catch(() => reply.raw.destroy()));
  const track = (path: string, answering: Promise<void>) => {
    // A client that goes away while it is answered makes writing fail; there is nobody left to tell.
    const work = answering.catch((error: unknown) => logger.debug("an answer could not be written", { path, error }));
    active.add(work);
    void work.finally(() => active.delete(work));
  };
  const handle = (request: SecureRequest, reply: SecureReply) => {
    reply.hijack();
    track(request.url, respond(options, parts, request, reply, closing.signal));
  };
  app.all("/*", handle);
  await app.register(async (scope) => {
    // What is passed on to pods, services and nodes is neither read nor bounded here.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    for (const path of PROXY_PATHS) for (const tail of ["", "/*"]) (scope as unknown as typeof app).all(`${path}${tail}`, handle); // the same server: only its parsers differ
  });
  app.server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    track(request.url ?? "", respondUpgrade(options, parts, request, { socket, head }, closing.signal));
  });
  await app.listen({ host, port: options.port }).catch((error: unknown) => {
    throw explainListenError(error, { address: host, port: options.port, option: "--api-port", addressOption: "--bind-address" });
  });
  const renewing = certificates.renewForever(app.server, clock, logger, closing.signal);
  const { port } = app.server.address() as AddressInfo; // it listens on TCP
  logger.info("the API is served", { host, port });
  return {
    host,
    port,
    async close() {
      closing.abort();
      const patience = new AbortController();
      await Promise.race([Promise.all(active), sleep(clock, CLOSE_GRACE_MS, patience.signal).catch(() => {})]);
      patience.abort();
      connections.destroy();
      await Promise.all([app.close(), renewing]);
    },
  };
}

function createApp(certificates: ServingCertificates, parts: ServeParts) {
  const app = Fastify({
    http2: true,
    // Node's default ends idle connections after 72 s, and with them the streams of quiet watches.
    http2SessionTimeout: 0,
    https: { maxSessionMemory: SESSION_MEGABYTES_MAX, allowHTTP1: true, ...certificates.options(), requestCert: true, rejectUnauthorized: false, settings: { maxConcurrentStreams: STREAMS_MAX } },
    bodyLimit: BODY_BYTES_MAX,
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 4096 },
    // Addresses that the router cannot read are ours to answer: the router's own words are no Status.
    frameworkErrors: (error, request, reply) => void refuse(parts, error, request, reply),
  });
  app.removeAllContentTypeParsers();
  // Which types are understood depends on the address; unknown ones are refused there, as Status objects.
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  return app;
}

async function respond(options: HttpListenerOptions, parts: ServeParts, request: SecureRequest, reply: SecureReply, closing: AbortSignal): Promise<void> {
  const raw = reply.raw as unknown as RawResponse; // node's response of either protocol version
  const gone = new AbortController();
  raw.on("close", () => gone.abort(CLIENT_GONE));
  raw.on("error", () => gone.abort());
  const { headers, method } = request;
  const auditId = auditIdOf(request, options);
  const address = request.raw.url ?? "/";
  const { auditor } = options.server.parts;
  const arrival = { method, url: address, headers, remoteAddress: request.socket.remoteAddress, auditId };
  let audit: AuditRecord | undefined;
  let caller: UserInfo | undefined;
  try {
    const url = requestUrl(address);
    caller = await options.server.parts.authenticator.authenticate({ ...credentialsOf(request.raw as unknown as RawRequest, headers), path: url.pathname }); // read as declared there
    const user = await impersonate(caller, headers, options.server.parts.authorizer);
    audit = beginRecord(auditor, { ...arrival, caller, user });
    observeAnswer(raw, audit);
    const body = Buffer.isBuffer(request.body) ? request.body : undefined;
    if (proxiedPath(address) !== undefined) {
      const stream = request.body === undefined || request.body === null ? {} : { body: request.body as Readable }; // what the parser of those paths left it as
      return await serveProxy(parts, { method, url: address, headers, user, audit, ...stream }, raw, { auditId, signal: AbortSignal.any([gone.signal, closing]) });
    }
    await serve(parts, { method, path: url.pathname, query: url.searchParams, headers, body, user, signal: AbortSignal.any([gone.signal, closing]), remoteAddress: request.socket.remoteAddress, audit }, raw, auditId);
  } catch (error) {
    if (audit === undefined) observeAnswer(raw, (audit = beginRecord(auditor, { ...arrival, caller, user: caller })));
    await writeAnswer(raw, failureAnswer(parts, { headers, path: address }, error, audit), { auditId, acceptEncoding: "", isHead: method === "HEAD" });
  } finally {
    audit?.complete();
  }
}

/** Throws a 400 for what is no address. */
function requestUrl(text: string): URL {
  const url = parseRequestUrl(text);
  if (url === undefined) throw badRequest(`the request line holds no address: ${JSON.stringify(text.slice(0, 200))}`);
  return url;
}

/** WebSockets and SPDY, both over HTTP/1.1. Never rejects. */
async function respondUpgrade(options: HttpListenerOptions, parts: ServeParts, raw: IncomingMessage, caller: { readonly socket: Duplex; readonly head: Buffer }, closing: AbortSignal): Promise<void> {
  const headers = takeProtocolToken(raw.headers);
  const url = raw.url ?? "/";
  const { authenticator, authorizer, random, auditor } = options.server.parts;
  const arrival = { method: raw.method ?? "GET", url, headers, remoteAddress: raw.socket.remoteAddress, auditId: random.uuid() };
  let audit: AuditRecord | undefined;
  try {
    const proven = await authenticator.authenticate({ ...credentialsOf(raw, headers), path: requestUrl(url).pathname });
    const user = await impersonate(proven, headers, authorizer);
    audit = beginRecord(auditor, { ...arrival, caller: proven, user });
    await serveUpgrade(parts, { method: raw.method ?? "GET", url, headers, user, audit }, caller, { auditId: arrival.auditId, signal: closing });
  } catch (error) {
    audit ??= beginRecord(auditor, { ...arrival, caller: undefined, user: undefined });
    refuseUpgrade(parts, { url, headers, audit }, caller.socket, error);
  } finally {
    audit?.complete();
  }
}

/** Requests that fail before they reach us: bodies that are too long, broken ones. */
async function refuse(parts: ServeParts, error: unknown, request: SecureRequest, reply: SecureReply): Promise<void> {
  reply.hijack();
  const { code, statusCode } = error as { readonly code?: string; readonly statusCode?: number }; // Fastify's errors carry them
  const status =
    code === "FST_ERR_CTP_BODY_TOO_LARGE"
      ? new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${BODY_BYTES_MAX}`, {})
      : statusCode !== undefined && statusCode < 500
        ? new StatusError("BadRequest", error instanceof Error ? error.message : "bad request")
        : error;
  const answer = failureAnswer(parts, { headers: request.headers, path: request.url }, status);
  await writeAnswer(reply.raw as unknown as RawResponse, answer, { auditId: "", acceptEncoding: "", isHead: false });
}

function auditIdOf(request: SecureRequest, { server }: HttpListenerOptions): string {
  const given = request.headers["audit-id"];
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
