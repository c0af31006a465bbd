import type { Agent, AgentOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { secureConnectionsBy } from "../lib/net/dial.ts";
import { nodeJs } from "../lib/late-modules.ts";
import { refuseUpgrade } from "../lib/net/refuse-upgrade.ts";
import { formatApiVersion } from "../apimachinery/group-version.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import type { WatchEvent } from "../apimachinery/watch-event.ts";
import { abortError } from "../lib/abort.ts";
import { ChangingValue, type Following } from "../lib/changing-value.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Client, ResourceClient } from "./client.ts";
import { answerLines, collectionPath, decodeAnswer, deleteBody, itemPath, listQuery, PATCH_TYPES, writeQuery } from "./http-form.ts";
import type { Connection } from "./kubeconfig.ts";
import { ServerList } from "./server-list.ts";
import { parseJson } from "../lib/json.ts";

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
 * servers it stays with one that answers; reads, and what was never sent, are tried at the next before they fail. Credentials may change:
 * new requests go with the new ones, what is under way ends with the old.
 */
export function createHttpClient(connection: Connection | Following<Connection>, userAgent: string, servers?: ServerList): Client {
  const source = "current" in connection ? connection : new ChangingValue(connection);
  return clientOn(new Transport(source, servers ?? new ServerList([source.current.server])), userAgent);
}

/** Kept connections to servers, made with the same credentials. */
interface Pools {
  readonly connection: Connection;
  readonly requests: Agent;
  readonly watches: Agent;
}

function openPools(connection: Connection): Pools {
  const tls = {
    keepAlive: true,
    ...(connection.ca === undefined ? {} : { ca: connection.ca }),
    ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
    ...(connection.certificate === undefined ? {} : { cert: connection.certificate }),
    ...(connection.key === undefined ? {} : { key: connection.key }),
    rejectUnauthorized: connection.insecureSkipVerify !== true,
  };
  const agent = (options: AgentOptions) => Object.assign(new nodeJs.https.Agent(options), { createConnection: secureConnectionsBy(undefined) });
  return { connection, requests: agent({ ...tls, maxSockets: SOCKETS_MAX }), watches: agent(tls) };
}

function clientOn(transport: Transport, userAgent: string): Client {
  return {
    as: (other) => clientOn(transport, other),
    read: (path) => transport.send({ method: "GET", path, userAgent }),
    for: <T extends KubeObject>(resource: ResourceReference<T>) => httpResourceClient(resource, transport, userAgent),
  };
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
  readonly #source: Pick<Following<Connection>, "current">;
  readonly #servers: ServerList;
  #pools: Pools;

  constructor(source: Pick<Following<Connection>, "current">, servers: ServerList) {
    this.#source = source;
    this.#servers = servers;
    this.#pools = openPools(source.current);
  }

  /** Old pools are let go: servers close their idle connections. */
  #currentPools(): Pools {
    if (this.#pools.connection !== this.#source.current) this.#pools = openPools(this.#source.current);
    return this.#pools;
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
    return decodeAnswer(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"));
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

  #attempt(
    server: string,
    left: AbortSignal,
    { method, path, body, contentType, userAgent, signal, isWatch }: HttpRequest,
    timeoutMs: number,
  ): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const { connection, requests, watches } = this.#currentPools();
    // What was asked for once has its own time limit; only a watch would wait for ever for a server that is gone.
    const ends = isWatch === true ? AbortSignal.any([left, ...(signal === undefined ? [] : [signal])]) : signal;
    return new Promise((resolve, reject) => {
      const outgoing = nodeJs.https.request(
        `${server}${path}`,
        {
          method,
          agent: isWatch === true ? watches : requests,
          headers: {
            accept: "application/json",
            "user-agent": userAgent,
            ...(payload === undefined ? {} : { "content-type": contentType ?? "application/json", "content-length": payload.length }),
            ...(connection.token === undefined ? {} : { authorization: `Bearer ${connection.token}` }),
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
      refuseUpgrade(outgoing);
      outgoing.end(payload);
    });
  }
}

/** Failures before there was a connection: nothing can have reached the server. */
const NEVER_SENT = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENOTFOUND"]);

function httpResourceClient<T extends KubeObject>(resource: ResourceReference<T>, transport: Transport, userAgent: string): ResourceClient<T> {
  const collection = (namespace: string) => collectionPath(resource, resource.namespaced ? namespace : "");
  const item = (namespace: string, name: string, subresource?: string) => itemPath(resource, resource.namespaced ? namespace : "", name, subresource);
  const of = (object: T): [string, string] => [object.metadata.namespace ?? "", object.metadata.name ?? ""];
  const send = async (options: Omit<HttpRequest, "userAgent">) => (await transport.send({ ...options, userAgent })) as T; // the resource decides the kind of its objects
  return {
    get: (namespace, name) => send({ method: "GET", path: item(namespace, name) }),
    async list(namespace, options = {}) {
      const list = (await transport.send({ method: "GET", path: `${collection(namespace)}${listQuery(options)}`, userAgent })) as {
        metadata: { resourceVersion?: string; continue?: string };
        items?: T[];
      };
      // Items of a list come without their type, which everybody downstream expects.
      const apiVersion = formatApiVersion(resource.group, resource.version);
      const items = (list.items ?? []).map((object) => ({ ...object, kind: resource.kind, apiVersion }));
      return { items, resourceVersion: list.metadata.resourceVersion ?? "", ...(list.metadata.continue ? { continue: list.metadata.continue } : {}) };
    },
    async *watch(namespace, options, signal) {
      const path = `${collection(namespace)}${listQuery(options, true)}`;
      const response = await transport.open(
        { method: "GET", path, userAgent, signal, isWatch: true },
        options.allowWatchBookmarks === true ? WATCH_SILENCE_MAX_MS : 0,
      );
      if (response.statusCode !== 200) decodeAnswer(response.statusCode ?? 0, await readAll(response));
      for await (const line of answerLines(response)) {
        const event = parseJson(line) as WatchEvent<T>; // one frame per line, by protocol
        if (event.type === "ERROR") throw StatusError.from(event.object);
        yield event;
      }
    },
    create: (object, options) => send({ method: "POST", path: `${collection(of(object)[0])}${writeQuery(options)}`, body: object }),
    update: (object, options) => send({ method: "PUT", path: `${item(...of(object))}${writeQuery(options)}`, body: object }),
    updateStatus: (object, options) => send({ method: "PUT", path: `${item(...of(object), "status")}${writeQuery(options)}`, body: object }),
    updateSubresource: (object, subresource, options) =>
      send({ method: "PUT", path: `${item(...of(object), subresource)}${writeQuery(options)}`, body: object }),
    patch: (namespace, name, type, body, options = {}) =>
      send({ method: "PATCH", path: `${item(namespace, name, options.subresource)}${writeQuery(options)}`, body, contentType: PATCH_TYPES[type] }),
    apply: (object, options) =>
      send({
        method: "PATCH",
        path: `${item(...of(object), options.subresource)}${writeQuery(options, object.metadata.namespace)}`,
        body: object,
        contentType: PATCH_TYPES.apply,
      }),
    delete: (namespace, name, options = {}) => send({ method: "DELETE", path: item(namespace, name), body: deleteBody(options) }),
    async deleteCollection(namespace, selection, options = {}) {
      await send({ method: "DELETE", path: `${collection(namespace)}${listQuery(selection)}`, body: deleteBody(options) });
    },
    createSubresource: (namespace, name, subresource, body) => send({ method: "POST", path: item(namespace, name, subresource), body }),
  };
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string; // the encoding makes them strings
  return text;
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
  const unreachable = new UnreachableError(
    `cannot reach ${server}: ${error instanceof Error ? error.message || String((error as { code?: unknown }).code ?? error.name) : String(error)}`,
    failure,
  );
  unreachable.cause = error;
  return unreachable;
}
