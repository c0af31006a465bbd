import type { IncomingHttpHeaders } from "node:http";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import { MASTERS_GROUP, MONITORING_GROUP } from "../../apimachinery/known-users.ts";
import { bareHost } from "../../lib/net/ip-address.ts";
import { readContext } from "../../lib/tracing/trace-context.ts";
import type { Attributes, Span } from "../../lib/tracing/span.ts";
import type { Tracer } from "../../lib/tracing/tracer.ts";
import type { Connection } from "../http/peer.ts";
import { parseRequestPath, type RequestInfo } from "../http/request-info.ts";
import type { RawResponse } from "../http/response.ts";
import { attributesOfInfo } from "../request-attributes.ts";

/** A request whose sender is known. */
export interface TracedRequest {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly target: { readonly pathname: string; readonly searchParams: URLSearchParams };
  readonly headers: IncomingHttpHeaders;
  readonly connection: Connection;
  /** Who sent it, whomever he acts as. */
  readonly caller: UserInfo;
  readonly auditId: string;
  /** When it came, by the clock's `monotonic`. */
  readonly beganMs: number;
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]);
const HTTPS_PORT = 443;

/**
 * Begins the span of an HTTP request. As upstream, only administrators and those who monitor say by their headers which trace it belongs to
 * and whether it is recorded; a request of anybody else begins a trace of its own, which links to his.
 */
export function beginHttpSpan(tracer: Tracer, request: TracedRequest): Span {
  const { parent, baggage } = readContext(request.headers);
  const isTrusted = request.caller.groups.some((group) => group === MASTERS_GROUP || group === MONITORING_GROUP);
  return tracer.begin({
    kind: "server",
    ...(isTrusted ? { parent } : { link: parent }),
    baggage,
    beganMs: request.beganMs,
    describe: () => ({ name: spanName(request), attributes: attributesOf(request), inherited: { "audit-id": request.auditId } }),
  });
}

/** What an answer came to, as far as it has been written. */
export interface WrittenAnswer {
  code: number | undefined;
  /** Of its body. */
  bytes: number;
}

/** Follows what is written from here on. */
export function followAnswer(raw: RawResponse): WrittenAnswer {
  const written: WrittenAnswer = { code: undefined, bytes: 0 };
  const [writeHead, write, end] = [raw.writeHead.bind(raw), raw.write.bind(raw), raw.end.bind(raw)];
  let isChunked = false;
  raw.writeHead = (code, headers) => {
    written.code = code;
    const answer = writeHead(code, headers);
    isChunked = raw.chunkedEncoding === true;
    return answer;
  };
  raw.write = (chunk) => {
    // Watches of HTTP/1.1 write whole chunks themselves: a length and its line before what counts, and a line behind it.
    written.bytes += isChunked && raw.chunkedEncoding === false ? chunk.length - chunk.indexOf("\r\n") - 4 : chunk.length;
    return write(chunk);
  };
  raw.end = (chunk) => {
    written.bytes += chunk?.length ?? 0;
    return end(chunk);
  };
  return written;
}

/** Says how the request was answered, in upstream's attributes. */
export function describeAnswer(span: Span, { code, bytes }: WrittenAnswer, bodyBytes: number): void {
  span.set({
    ...(bodyBytes > 0 ? { "http.request.body.size": bodyBytes } : {}),
    ...(bytes > 0 ? { "http.response.body.size": bytes } : {}),
    ...(code === undefined ? {} : { "http.response.status_code": code }),
  });
  if (code !== undefined && code >= 500) span.fail();
}

/** The protocol as upstream's attributes have it. */
export function protocolOf(headers: Readonly<Record<string, unknown>>): string {
  return `HTTP/${versionOf(headers)}`;
}

function versionOf(headers: Readonly<Record<string, unknown>>): string {
  return ":method" in headers ? "2.0" : "1.1";
}

/** The method, and of resources their place without the names in it. */
function spanName({ method, target: { pathname, searchParams }, caller }: TracedRequest): string {
  const info = parseRequestPath(pathname);
  if (info.is === "path") return method;
  const { namespace, name } = placeOf({ method, query: searchParams, user: caller }, info);
  const { group, version, resource, subresource } = info;
  const place = [
    group === "" ? "/api" : `/apis/${group}`,
    version,
    ...(namespace === "" ? [] : ["namespaces/{:namespace}"]),
    resource,
    ...(name === "" ? [] : ["{:name}"]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return `${method} ${place.join("/")}`;
}

/** As upstream reads addresses: a namespace lies in itself, and a selection by name is named. */
export function placeOf(request: Parameters<typeof attributesOfInfo>[0], info: RequestInfo): { readonly namespace: string; readonly name: string } {
  const attributes = attributesOfInfo(request, info);
  return attributes.is === "resource" ? { namespace: attributes.namespace, name: attributes.name } : { namespace: "", name: "" };
}

function attributesOf({ method, url, target, headers, connection, auditId }: TracedRequest): Attributes {
  const asked = URL.parse(`https://${headers[":authority"] ?? headers.host ?? ""}`) ?? { hostname: "", port: "" };
  const known = KNOWN_METHODS.has(method) ? method : KNOWN_METHODS.has(method.toUpperCase()) ? method.toUpperCase() : "GET";
  const { remoteAddress: peer = "", remotePort } = connection;
  const client = clientAddress(headers, connection);
  return {
    "server.address": bareHost(asked),
    "http.request.method": known,
    "url.scheme": "https",
    ...(asked.port === "" || Number(asked.port) === HTTPS_PORT ? {} : { "server.port": Number(asked.port) }),
    ...(known === method ? {} : { "http.request.method_original": method }),
    ...(peer === "" ? {} : { "network.peer.address": peer }),
    ...(remotePort === undefined ? {} : { "network.peer.port": remotePort }),
    ...(headers["user-agent"] ? { "user_agent.original": headers["user-agent"] } : {}),
    ...(client === "" ? {} : { "client.address": client }),
    "url.path": target.pathname,
    "network.protocol.version": versionOf(headers),
    "http.target": url,
    "audit-id": auditId,
  };
}

/** Whoever the first of the proxies says that it is. */
export function clientAddress(headers: Readonly<Record<string, string | readonly string[] | undefined>>, connection: Connection): string {
  const [forwarded = ""] = [headers["x-forwarded-for"] ?? []].flat();
  return forwarded.split(",")[0]?.trim() || (connection.remoteAddress ?? "");
}
