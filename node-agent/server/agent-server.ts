import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Writable } from "node:stream";
import { hasReason } from "../../engine/apimachinery/status-error.ts";
import { aborted } from "../../engine/lib/abort.ts";
import type { Following } from "../../engine/lib/changing-value.ts";
import { hostAndPort } from "../../engine/lib/net/ip-address.ts";
import { keepClientsAlive } from "../../engine/lib/net/keep-alive.ts";
import { outliveAcceptErrors } from "../../engine/lib/net/lasting-server.ts";
import { nodeJs } from "../../engine/lib/late-modules.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { answerPlainHttp } from "../../engine/lib/net/other-protocol.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { decodePathPart, parseRequestUrl } from "../../engine/lib/net/request-url.ts";
import { UnknownConnections } from "../../engine/lib/net/unknown-connections.ts";
import { parsePodLogOptions, type PodLogOptions } from "../../engine/resources/core/pod-log-options.ts";
import type { ContainerState } from "../cri/runtime.ts";
import type { StreamingRuntime } from "../cri/streaming-runtime.ts";
import { connectStream } from "../streaming/stream-endpoint.ts";
import { planStreamTarget, StreamRefusal } from "../streaming/plan-stream.ts";
import type { AgentAccess } from "./agent-access.ts";
import { answerPage, type AgentPageParts } from "./agent-pages.ts";
import { sendMachineLog } from "../logs/machine-logs.ts";
import { missingLogs } from "../logs/missing-logs.ts";
import { POLL_MS, readLogs, type LogQuery } from "../logs/read-logs.ts";
import { SharedLooks } from "../logs/shared-looks.ts";

/** A certificate and its key, both PEM. */
export interface ServingPair {
  readonly certificate: string;
  readonly key: string;
}

/** How TLS is spoken, in Node's words. */
export interface TlsSettings {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly ciphers?: string;
  readonly ecdhCurve?: string;
}

export interface AgentServerOptions extends AgentPageParts {
  readonly address: string;
  readonly port: number;
  /** The endpoint's own certificate; a newer one is shown to whoever connects from then on. */
  readonly certificate: Following<ServingPair>;
  /** PEM of the authority of those who may ask. */
  readonly clientCa: string;
  readonly streaming: StreamingRuntime;
  readonly access: AgentAccess;
  readonly logger: Logger;
  /** How TLS is spoken; Node's usual where not said. */
  readonly tls?: TlsSettings;
  /** Whether logs and streams of containers are to be had, and the machine's own logs; all where not said. */
  readonly serves?: { readonly containers: boolean; readonly machineLogs: boolean };
}

/** As of the API server: an exec has its whole command in its address. */
const HEADER_BYTES_MAX = 1 << 20;
const CONTAINERS_CLOSED = "Debug endpoints are disabled.";

/**
 * The agent's HTTPS endpoint, with the addresses of upstream's: `/containerLogs/<namespace>/<pod>/<container>`, the machine's logs below
 * `/logs/`, the streams of stream-endpoint.ts and the pages of agent-pages.ts.
 */
export function createAgentServer(options: AgentServerOptions): Service {
  // However many follow the logs of a pod, it is asked for as often as one of them would ask.
  const followed = new SharedLooks((podUid) => options.runtime.listContainers(podUid), options.clock, POLL_MS);
  const connections = new UnknownConnections();
  const endpoint: Endpoint = { ...options, followed, connections };
  return service("agent-endpoint", async (signal) => {
    const context = () => ({ cert: options.certificate.current.certificate, key: options.certificate.current.key, ca: options.clientCa });
    const server = nodeJs.https.createServer(
      { ...context(), ...options.tls, requestCert: true, rejectUnauthorized: false, maxHeaderSize: HEADER_BYTES_MAX },
      (request, response) => {
        answer(endpoint, request, response, signal).catch((error: unknown) => {
          options.logger.warn("agent request failed", { path: request.url, error: describeError(error) });
          if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
          response.end();
        });
      },
    );
    options.certificate.onChange(() => server.setSecureContext({ ...context(), ...options.tls }), signal);
    const streams = new Set<Duplex>();
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      streams.add(socket);
      socket.once("close", () => streams.delete(socket));
      socket.on("error", () => socket.destroy());
      upgrade(endpoint, { request, socket, head }).catch((error: unknown) => {
        if (!(error instanceof StreamRefusal)) options.logger.warn("agent stream failed", { path: request.url, error: describeError(error) });
        refuse(socket, error instanceof StreamRefusal ? error.code : 500, describeError(error));
      });
    });
    connections.follow(server);
    keepClientsAlive(server);
    answerPlainHttp(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(new Error(`listen on ${hostAndPort(options.address, options.port)} for the API server`, { cause: error })));
      server.listen(options.port, options.address, resolve);
    });
    outliveAcceptErrors(server, options.logger);
    await aborted(signal);
    server.closeAllConnections();
    for (const socket of streams) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
}

/** exec, attach and port-forward. Rejects while nothing has been answered. */
async function upgrade(options: Endpoint, client: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }): Promise<void> {
  const judgement = await judge(options, client.request);
  if (judgement !== 200) throw new StreamRefusal(judgement, nodeJs.http.STATUS_CODES[judgement] ?? "");
  const url = parseRequestUrl(client.request.url ?? "/");
  if (options.serves?.containers === false) throw new StreamRefusal(405, CONTAINERS_CLOSED);
  if (url === undefined) throw new StreamRefusal(400, "the request line holds no address");
  const target = await planStreamTarget(options, url, client.request.headers);
  await connectStream(options, target, client);
}

function refuse(socket: Duplex, code: number, text: string): void {
  socket.end(
    `HTTP/1.1 ${code} ${nodeJs.http.STATUS_CODES[code] ?? ""}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}

interface Endpoint extends AgentServerOptions {
  readonly followed: SharedLooks<readonly ContainerState[]>;
  readonly connections: UnknownConnections;
}

/** As AgentAccess says. */
async function judge({ access, connections }: Endpoint, request: IncomingMessage): Promise<200 | 401 | 403> {
  const judgement = await access.judge(request);
  if (judgement !== 401) connections.know(request.socket);
  return judgement;
}

async function answer(options: Endpoint, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const url = parseRequestUrl(request.url ?? "/");
  const judgement = await judge(options, request);
  if (url === undefined) return plain(response, 400, "the request line holds no address");
  if (judgement !== 200) return plain(response, judgement, nodeJs.http.STATUS_CODES[judgement] ?? "");
  if (request.method !== "GET" && request.method !== "HEAD") return plain(response, 405, "405 method not allowed");
  const closed = closedPath(options, url.pathname);
  if (closed !== undefined) return plain(response, 405, closed);
  const page = await answerPage(options, url.pathname.replace(/(.)\/$/, "$1"));
  if (page !== undefined) {
    response.writeHead(200, { "content-type": page.contentType });
    return void response.end(page.text);
  }
  if (url.pathname === "/logs" || url.pathname.startsWith("/logs/")) return sendMachineLog(url.pathname.slice("/logs".length), response);
  const match = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(url.pathname);
  if (match === null) return plain(response, 404, `there is nothing at ${url.pathname}`);
  const [namespace = "", name = "", container = ""] = match.slice(1).map((part) => decodePathPart(part) ?? "");
  return sendLogs(options, response, signal, namespace, name, container, url.searchParams);
}

/** Why there is nothing to be had at a path that is switched off; undefined where it is not. Pure. */
export function closedPath({ serves }: Pick<AgentServerOptions, "serves">, path: string): string | undefined {
  const isMachineLog = path === "/logs" || path.startsWith("/logs/");
  if (serves?.containers === false && (isMachineLog || path.startsWith("/containerLogs/") || path === "/runningpods")) return CONTAINERS_CLOSED;
  return serves?.machineLogs === false && isMachineLog ? "logs endpoint is disabled." : undefined;
}

async function sendLogs(
  { runtime, pods, clock, followed }: Endpoint,
  response: ServerResponse,
  signal: AbortSignal,
  namespace: string,
  name: string,
  container: string,
  params: URLSearchParams,
): Promise<void> {
  const asked = readQuery(params, name);
  if ("refusal" in asked) return plain(response, asked.code, asked.refusal);
  const closed = new AbortController();
  response.on("close", () => closed.abort());
  const pod = pods().find((candidate) => candidate.metadata.namespace === namespace && candidate.metadata.name === name);
  const containers = pod === undefined ? [] : await runtime.listContainers(pod.metadata.uid ?? "");
  const own = containers.filter((candidate) => candidate.name === container).sort((a, b) => b.attempt - a.attempt);
  const current = own[0];
  const chosen = asked.previous ? own.find((candidate) => current !== undefined && candidate.attempt < current.attempt) : current;
  if (pod === undefined) return plain(response, 404, `pod "${namespace}/${name}" is not on this node`);
  if (chosen === undefined) return plain(response, 400, missingLogs(pod, container, asked.previous));
  response.writeHead(200, { "content-type": "text/plain", "transfer-encoding": "chunked" });
  response.flushHeaders();
  const isRunning = async () => (await followed.get(pod.metadata.uid ?? "")).some(({ id, state }) => id === chosen.id && state === "running");
  await writeParts(response, readLogs(chosen.logPath, logQuery(asked, clock.now()), clock, isRunning, AbortSignal.any([signal, closed.signal])), closed.signal);
  response.end();
}

/** Resolves when all has been written, or the signal has said that nobody reads it any more: then the parts are given up. */
export async function writeParts(response: Writable, parts: AsyncIterable<string>, closed: AbortSignal): Promise<void> {
  for await (const text of parts) {
    if (closed.aborted) return;
    // Who is gone takes nothing any more.
    if (!response.write(text)) await once(response, "drain", { signal: closed }).catch(() => {});
  }
}

function logQuery({ previous: _previous, sinceSeconds, sinceTimeMs, ...options }: PodLogOptions, nowMs: number): LogQuery {
  return { ...options, sinceMs: sinceSeconds === undefined ? sinceTimeMs : nowMs - sinceSeconds * 1000 };
}

/** In upstream's few words; who asks through the API server has been told more by that. */
function readQuery(params: URLSearchParams, pod: string): PodLogOptions | { readonly code: 400 | 422; readonly refusal: string } {
  try {
    return parsePodLogOptions(params, pod);
  } catch (error) {
    if (hasReason(error, "BadRequest")) return { code: 400, refusal: '{"message": "Unable to decode query."}' };
    if (hasReason(error, "Invalid")) return { code: 422, refusal: '{"message": "Invalid request."}' };
    throw error;
  }
}

function plain(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}
