import { Agent, request } from "node:https";
import type { IncomingMessage } from "node:http";
import type { DeleteOptions, ListOptions, PatchType, WriteOptions } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError, type Status } from "../apimachinery/status-error.ts";
import type { WatchEvent } from "../apimachinery/watch-event.ts";
import { abortError } from "../lib/abort.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Client, ResourceClient } from "./client.ts";
import type { Connection } from "./kubeconfig.ts";
import { ServerList } from "./server-list.ts";

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** A request without an answer for this long has lost its server. */
const REQUEST_TIMEOUT_MS = 60_000;
/** With another server to ask, patience is a loss: a node whose agent is silent for longer than its lease counts as lost. */
const REQUEST_TIMEOUT_OF_SEVERAL_MS = 10_000;
/** A watch with bookmarks hears something every minute; one that is silent for longer than two has a dead connection under it. */
const WATCH_SILENCE_MAX_MS = 150_000;
/** Connections for requests at once; a watch holds its own as long as it lives, and must never keep a request waiting. */
const SOCKETS_MAX = 64;

/**
 * A client over HTTPS, JSON both ways, connections kept. Network failures are StatusErrors with reason ServiceUnavailable. Of several
 * servers it stays with one that answers; reads, and what was never sent, are tried at the next before they fail.
 */
export function createHttpClient(connection: Connection, userAgent: string, servers = new ServerList([connection.server])): Client {
  const tls = {
    keepAlive: true,
    ...(connection.ca === undefined ? {} : { ca: connection.ca }),
    ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
    ...(connection.certificate === undefined ? {} : { cert: connection.certificate }),
    ...(connection.key === undefined ? {} : { key: connection.key }),
    rejectUnauthorized: connection.insecureSkipVerify !== true,
  };
  return clientOn(new Transport(connection, servers, new Agent({ ...tls, maxSockets: SOCKETS_MAX }), new Agent(tls)), userAgent);
}

function clientOn(transport: Transport, userAgent: string): Client {
  return { as: (other) => clientOn(transport, other), for: <T extends KubeObject>(resource: ResourceReference<T>) => httpResourceClient(resource, transport, userAgent) };
}

interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly userAgent: string;
  readonly signal?: AbortSignal;
  readonly isWatch?: boolean;
}

class Transport {
  readonly #connection: Connection;
  readonly #servers: ServerList;
  readonly #agent: Agent;
  readonly #watchAgent: Agent;

  constructor(connection: Connection, servers: ServerList, agent: Agent, watchAgent: Agent) {
    this.#connection = connection;
    this.#servers = servers;
    this.#agent = agent;
    this.#watchAgent = watchAgent;
  }

  /** The decoded answer; rejects with a StatusError for every failure. */
  async send(options: HttpRequest): Promise<unknown> {
    const response = await this.open(options, this.#servers.size > 1 ? REQUEST_TIMEOUT_OF_SEVERAL_MS : REQUEST_TIMEOUT_MS);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer); // no encoding is set, so chunks are buffers
    } catch (error) {
      throw unreachable(this.#servers.pick().url, error);
    }
    return decode(response, Buffer.concat(chunks).toString("utf8"));
  }

  /** The answer as soon as its headers are there. */
  async open(options: HttpRequest, timeoutMs: number): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      const { url, left } = this.#servers.pick();
      try {
        const response = await this.#attempt(url, left, options, timeoutMs);
        // A server without its store says so; another may have it.
        if (response.statusCode === 503) this.#servers.leave(url);
        return response;
      } catch (error) {
        if (!(error instanceof UnreachableError) || options.signal?.aborted === true) throw error;
        // The server may close a kept connection just as we use it again, which says nothing about the server.
        const isGone = error.failure !== "stale" && this.#servers.leave(url);
        const mayRepeat = options.method === "GET" || error.failure === "not sent";
        if (!mayRepeat || !(error.failure === "stale" || isGone) || tries > this.#servers.size) throw error;
      }
    }
  }

  #attempt(server: string, left: AbortSignal, { method, path, body, contentType, userAgent, signal, isWatch }: HttpRequest, timeoutMs: number): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    // What was asked for once has its own time limit; only a watch would wait for ever for a server that is gone.
    const ends = isWatch === true ? AbortSignal.any([left, ...(signal === undefined ? [] : [signal])]) : signal;
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${server}${path}`,
        {
          method,
          agent: isWatch === true ? this.#watchAgent : this.#agent,
          headers: {
            accept: "application/json",
            "user-agent": userAgent,
            ...(payload === undefined ? {} : { "content-type": contentType ?? "application/json", "content-length": payload.length }),
            ...(this.#connection.token === undefined ? {} : { authorization: `Bearer ${this.#connection.token}` }),
          },
          ...(ends === undefined ? {} : { signal: ends }),
        },
        resolve,
      );
      if (timeoutMs > 0) outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`nothing received for ${timeoutMs / 1000} s`)));
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        const isStale = outgoing.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        const failure = isStale ? "stale" : NEVER_SENT.has(error.code ?? "") ? "not sent" : "unknown";
        reject(signal?.aborted ? abortError(signal) : unreachable(server, error, failure));
      });
      outgoing.end(payload);
    });
  }
}

/** Failures before there was a connection: nothing can have reached the server. */
const NEVER_SENT = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENOTFOUND"]);

function httpResourceClient<T extends KubeObject>(resource: ResourceReference<T>, transport: Transport, userAgent: string): ResourceClient<T> {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const collection = (namespace: string) => `${root}${resource.namespaced && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : ""}/${resource.resource}`;
  const item = (namespace: string, name: string, subresource?: string) => `${collection(namespace)}/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`;
  const of = (object: T): [string, string] => [object.metadata.namespace ?? "", object.metadata.name ?? ""];
  const send = async (options: Omit<HttpRequest, "userAgent">) => (await transport.send({ ...options, userAgent })) as T; // the resource decides the kind of its objects
  return {
    get: (namespace, name) => send({ method: "GET", path: item(namespace, name) }),
    async list(namespace, options = {}) {
      const list = (await transport.send({ method: "GET", path: `${collection(namespace)}${listQuery(options)}`, userAgent })) as { metadata: { resourceVersion?: string; continue?: string }; items?: T[] };
      // Items of a list come without their type, which everybody downstream expects.
      const apiVersion = root.replace(/^\/apis?\//, "");
      const items = (list.items ?? []).map((object) => ({ ...object, kind: resource.kind, apiVersion }));
      return { items, resourceVersion: list.metadata.resourceVersion ?? "", ...(list.metadata.continue ? { continue: list.metadata.continue } : {}) };
    },
    async *watch(namespace, options, signal) {
      const path = `${collection(namespace)}${listQuery(options, true)}`;
      const response = await transport.open({ method: "GET", path, userAgent, signal, isWatch: true }, options.allowWatchBookmarks === true ? WATCH_SILENCE_MAX_MS : 0);
      if (response.statusCode !== 200) decode(response, await readAll(response));
      for await (const line of lines(response, signal)) {
        const event = JSON.parse(line) as WatchEvent<T>; // one frame per line, by protocol
        if (event.type === "ERROR") throw StatusError.from(event.object);
        yield event;
      }
    },
    create: (object, options) => send({ method: "POST", path: `${collection(of(object)[0])}${writeQuery(options)}`, body: object }),
    update: (object, options) => send({ method: "PUT", path: `${item(...of(object))}${writeQuery(options)}`, body: object }),
    updateStatus: (object, options) => send({ method: "PUT", path: `${item(...of(object), "status")}${writeQuery(options)}`, body: object }),
    updateSubresource: (object, subresource, options) => send({ method: "PUT", path: `${item(...of(object), subresource)}${writeQuery(options)}`, body: object }),
    patch: (namespace, name, type, body, options = {}) =>
      send({ method: "PATCH", path: `${item(namespace, name, options.subresource)}${writeQuery(options)}`, body, contentType: PATCH_TYPES[type] }),
    apply: (object, options) => send({ method: "PATCH", path: `${item(...of(object), options.subresource)}${writeQuery(options)}`, body: object, contentType: PATCH_TYPES.apply }),
    delete: (namespace, name, options = {}) => send({ method: "DELETE", path: item(namespace, name), body: deleteBody(options) }),
    async deleteCollection(namespace, selection, options = {}) {
      await send({ method: "DELETE", path: `${collection(namespace)}${listQuery(selection)}`, body: deleteBody(options) });
    },
    createSubresource: (namespace, name, subresource, body) => send({ method: "POST", path: item(namespace, name, subresource), body }),
  };
}

function listQuery(options: ListOptions, isWatch = false): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) if (value !== undefined) query.set(name, String(value));
  if (isWatch) query.set("watch", "true");
  return query.size === 0 ? "" : `?${query}`;
}

function writeQuery(options: WriteOptions = {}): string {
  const query = new URLSearchParams();
  if (options.dryRun === true) query.set("dryRun", "All");
  if (options.fieldManager !== undefined) query.set("fieldManager", options.fieldManager);
  if (options.fieldValidation !== undefined) query.set("fieldValidation", options.fieldValidation);
  if (options.force !== undefined) query.set("force", String(options.force));
  return query.size === 0 ? "" : `?${query}`;
}

function deleteBody({ dryRun, ...options }: DeleteOptions): unknown {
  return { kind: "DeleteOptions", apiVersion: "v1", ...options, ...(dryRun === true ? { dryRun: ["All"] } : {}) };
}

function decode(response: IncomingMessage, text: string): unknown {
  const code = response.statusCode ?? 0;
  let body: unknown;
  try {
    body = text === "" ? {} : JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (code >= 200 && code < 300 && body !== undefined) return body;
  if (typeof body === "object" && body !== null && (body as { kind?: unknown }).kind === "Status") throw StatusError.from(body as Status);
  throw new StatusError(code === 401 ? "Unauthorized" : code === 403 ? "Forbidden" : code === 404 ? "NotFound" : "InternalError", `the server answered ${code}: ${text.slice(0, 200)}`);
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string; // the encoding makes them strings
  return text;
}

/** The lines of a stream that never ends by itself; a broken connection ends it like the server's own end. */
async function* lines(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      rest += chunk as string; // as above
      const parts = rest.split("\n");
      rest = parts.pop() ?? "";
      yield* parts.filter((part) => part !== "");
    }
  } catch {
    // The reader resumes from the last event it has seen, whatever ended the stream.
    if (!signal.aborted) return;
  } finally {
    response.destroy();
  }
}

/** No answer: a kept connection that turned out to be closed, a server that was never reached, or one of which nobody knows what it did. */
class UnreachableError extends StatusError {
  readonly failure: "stale" | "not sent" | "unknown";

  constructor(message: string, failure: UnreachableError["failure"]) {
    super("ServiceUnavailable", message);
    this.failure = failure;
  }
}

function unreachable(server: string, error: unknown, failure: UnreachableError["failure"] = "unknown"): StatusError {
  const unreachable = new UnreachableError(`cannot reach ${server}: ${error instanceof Error ? error.message || String((error as { code?: unknown }).code ?? error.name) : String(error)}`, failure);
  unreachable.cause = error;
  return unreachable;
}
