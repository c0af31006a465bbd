import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { badRequest, StatusError } from "../../apimachinery/status-error.ts";
import type { AuditRecord } from "../audit/auditor.ts";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import { parseRequestTarget } from "../../lib/net/request-url.ts";
import { RequestNotes } from "../../apimachinery/request-notes.ts";
import { requireAllowed } from "../../auth/authorize.ts";
import type { Span } from "../../lib/tracing/span.ts";
import { aggregationTarget } from "../aggregation/front-proxy.ts";
import { forwardRequest, forwardUpgrade, type ForwardOptions } from "../proxy/forward.ts";
import { admitConnection } from "../proxy/admit-connection.ts";
import { isPodStream, planConnect } from "../proxy/plan-connect.ts";
import { isProxied, planProxy } from "../proxy/plan-proxy.ts";
import { proxiedPath, type ProxyTarget } from "../proxy/proxy-target.ts";
import { attributesOfInfo } from "../request-attributes.ts";
import { verbOf, type HttpRequest } from "./http-request.ts";
import { serveLogSocket, type LogPlace } from "./log-socket.ts";
import { parseRequestPath } from "./request-info.ts";
import { warningHeaders, type RawResponse } from "./response.ts";
import { failureAnswer, requireStream, serve, type ServeParts } from "./serve.ts";
import { WatchSocket } from "./watch-socket.ts";

/** A request of an authenticated user that is passed on to where its address says. */
export interface StreamRequest {
  readonly method: string;
  /** As it came, with its query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly user: UserInfo;
  /** Absent when the request is not recorded. */
  readonly audit?: AuditRecord | undefined;
  /** Absent when the request is not traced. */
  readonly span?: Span | undefined;
  /** Where remarks are kept; the record's own when absent. */
  readonly notes?: RequestNotes;
}

type Transport = Pick<ForwardOptions, "auditId" | "signal">;

/** Answers a request of `pods/proxy`, `services/proxy` or `nodes/proxy`, by any method. Rejects with what cannot be passed on. */
export async function serveProxy(
  parts: ServeParts,
  request: StreamRequest & { readonly body?: Readable },
  raw: RawResponse,
  transport: Transport,
): Promise<void> {
  const { target, prefix } = await planStream(parts, request, "request", transport.signal);
  const proxied = proxiedPath(request.url);
  if (proxied?.path === "" && (request.method === "GET" || request.method === "HEAD")) {
    // Pages at the root link to their neighbours, which works only below a slash.
    raw.writeHead(301, { location: `${proxied.prefix}/${proxied.query}`, "audit-id": transport.auditId });
    return void raw.end();
  }
  await forwardRequest(target, request, raw, { ...transport, prefix, notes: request.notes, identity: parts.nodes?.identity });
}

/** Answers a request to switch protocols: exec, attach, port-forward, proxies, logs and watches. Never rejects. */
export async function serveUpgrade(
  parts: ServeParts,
  request: StreamRequest,
  caller: { readonly socket: Duplex; readonly head: Buffer },
  transport: Transport,
): Promise<void> {
  try {
    const log = await logPlace(parts, request);
    if (log !== undefined) return await serveLogSocket(parts, log, request, caller, transport.signal);
    const watch = watchOf(parts, request, transport.signal);
    if (watch !== undefined) return await serve(parts, watch, new WatchSocket(request, caller), transport.auditId);
    const { target, prefix } = await planStream(parts, request, "upgrade", transport.signal);
    request.audit?.started(101);
    request.span?.set({ "http.response.status_code": 101 });
    await forwardUpgrade(target, request, caller, { ...transport, prefix, identity: parts.nodes?.identity });
  } catch (error) {
    refuseUpgrade(parts, request, caller.socket, error);
  }
}

/** Answers a request to switch protocols with a failure, as a Status, and ends its connection. */
export function refuseUpgrade(
  parts: ServeParts,
  { url, headers, audit, span, notes }: Pick<StreamRequest, "url" | "headers" | "audit" | "span" | "notes">,
  socket: Duplex,
  error: unknown,
): void {
  const { code, contentType, body } = failureAnswer(parts, { headers, path: url }, error, audit);
  span?.set({ "http.response.status_code": code });
  if (code >= 500) span?.fail();
  const warnings = (warningHeaders(notes?.warnings ?? []).warning ?? []).map((warning) => `warning: ${warning}\r\n`).join("");
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${code} ${(error instanceof StatusError && error.reason) || "InternalError"}\r\ncontent-type: ${contentType}\r\ncontent-length: ${body.length}\r\n${warnings}connection: close\r\n\r\n`,
      ),
      body,
    ]),
  );
}

/** The request as one to watch what this server keeps; undefined when it is another. */
function watchOf({ server }: ServeParts, { method, url: text, headers, user, audit }: StreamRequest, signal: AbortSignal): HttpRequest | undefined {
  const url = parseRequestTarget(text);
  if (url === undefined || method !== "GET" || server.parts.aggregator.owner(url.pathname) !== undefined) return undefined;
  const { pathname: path, searchParams: query } = url;
  const info = parseRequestPath(path);
  if (info.is !== "resource" || verbOf(method, info, query) !== "watch") return undefined;
  return { method, path, query, headers, body: undefined, user, signal, audit };
}

/** Which log the request is about, for those who may read it; undefined when it is about something else. */
async function logPlace({ server }: ServeParts, { url: text, user, method, audit }: StreamRequest): Promise<LogPlace | undefined> {
  const url = parseRequestTarget(text);
  const info = parseRequestPath(url?.pathname ?? "");
  if (url === undefined || info.is !== "resource" || info.group !== "" || info.resource !== "pods" || info.subresource !== "log" || info.name === undefined)
    return undefined;
  await requireAllowed(server.parts.authorizer, attributesOfInfo({ user, method, query: url.searchParams }, info), audit?.notes);
  return { namespace: info.namespace, pod: info.name, query: url.searchParams };
}

async function planStream(
  { server }: ServeParts,
  request: StreamRequest,
  form: "request" | "upgrade",
  signal: AbortSignal,
): Promise<{ readonly target: ProxyTarget; readonly prefix: string }> {
  const url = parseRequestTarget(request.url);
  if (url === undefined) throw badRequest("this address cannot be upgraded");
  const { pathname, searchParams: query } = url;
  const info = parseRequestPath(pathname);
  const remote = server.parts.aggregator.owner(pathname);
  if (remote !== undefined && info.is === "resource") {
    await requireAllowed(server.parts.authorizer, attributesOfInfo({ user: request.user, method: request.method, query }, info), request.audit?.notes);
    if (!remote.isAvailable) throw new StatusError("ServiceUnavailable", "service unavailable");
    return { target: await aggregationTarget(remote.service, request.user, request.url, server.parts.aggregator.identity), prefix: "" };
  }
  if (info.is !== "resource" || info.group !== "" || info.name === undefined) throw badRequest("this address cannot be upgraded");
  const { namespace, name, resource, subresource } = info;
  const attributes = attributesOfInfo({ user: request.user, method: request.method, query }, info);
  const stream = form === "upgrade" && resource === "pods" && isPodStream(subresource) ? subresource : undefined;
  await (stream === undefined ? requireAllowed : requireStream)(server.parts.authorizer, attributes, request.audit?.notes);
  const dial = server.parts.egress?.get("cluster");
  const proxied = proxiedPath(request.url);
  const connection = { user: request.user, resource, namespace, name, query, signal, notes: request.notes ?? request.audit?.notes ?? new RequestNotes() };
  if (subresource === "proxy" && isProxied(resource) && proxied !== undefined) {
    await admitConnection(server.parts, { ...connection, subresource, path: proxied.path });
    return { target: { ...(await planProxy(server.parts, { resource, namespace, name }, `${proxied.path}${proxied.query}`)), dial }, prefix: proxied.prefix };
  }
  if (stream !== undefined) {
    const admitted = await admitConnection(server.parts, { ...connection, subresource: stream, path: "" });
    return { target: { ...(await planConnect(server.parts, { namespace, name, stream }, admitted)), dial }, prefix: "" };
  }
  throw badRequest("this address cannot be upgraded");
}
