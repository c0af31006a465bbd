import type { IncomingMessage } from "node:http";
import type { ApiRequest, ApiResult, EncodedWatchEvent, UserInfo, WatchStream } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { badRequest, StatusError, type Status } from "../../apimachinery/status-error.ts";
import type { WatchEvent } from "../../apimachinery/watch-event.ts";
import { streamOf } from "../../apimachinery/watch-stream.ts";
import { answerLines, collectionPath, decodeAnswer, deleteBody, itemPath, listQuery, PATCH_TYPES, writeQuery } from "../../client/http-form.ts";
import type { Clock } from "../../lib/clock.ts";
import { unstoredObject } from "../../storage/encoded-object.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { Aggregator, RemoteVersion } from "./aggregator.ts";
import { aggregationTarget } from "./front-proxy.ts";
import { openRemote, readRemoteBody, type RemoteRequest } from "./remote-exchange.ts";
import { parseJson } from "../../lib/json.ts";

export interface RemoteCallParts {
  readonly aggregator: Aggregator;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

/** An answer takes no longer than ours may; watches last as long as somebody reads. */
const TIMEOUT_MS = 60_000;
const READS: ReadonlySet<string> = new Set(["get", "list", "watch"]);

/**
 * Asks the server that answers for this part of the API, in the user's name, as the same request over HTTP would be passed on to it.
 * Rejects with StatusErrors.
 */
export async function callRemote(request: ApiRequest, remote: RemoteVersion, parts: RemoteCallParts): Promise<ApiResult> {
  // What another server has written cannot be taken back when the commit around it fails.
  if (parts.store.isInTransaction && !READS.has(request.verb))
    throw badRequest(`${request.resource.resource}.${request.resource.group} is kept by another server: it cannot be written in one commit with others`);
  const { path, ...message } = planRemoteRequest(request);
  if (request.verb === "watch") return { is: "watch", stream: await watchRemote(path, request.user, remote, parts, request.signal) };
  const { code, answer } = await ask(path, message, request.user, remote, parts, request.signal);
  const object = answer as KubeObject; // what an API server answers, if not a Status, is an object or a list
  if (object.kind === "Status") return { is: "status", status: answer as Status, warnings: [] }; // by its kind
  if (request.verb === "deletecollection")
    return { is: "status", status: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 200 }, warnings: [] };
  if (request.verb === "list") return { is: "list", list: listOf(answer), warnings: [] };
  return { is: "object", code: code === 201 || code === 202 ? code : 200, encoded: unstoredObject(object), warnings: [] };
}

/** GET of a path that another server answers for. */
export async function readRemote(path: string, user: UserInfo, remote: RemoteVersion, parts: RemoteCallParts): Promise<unknown> {
  return (await ask(path, { method: "GET", headers: {} }, user, remote, parts, undefined)).answer;
}

/** The request as it goes over the wire. Pure. */
function planRemoteRequest(request: ApiRequest): RemoteRequest & { readonly path: string } {
  const { resource, namespace = "", subresource } = request;
  const collection = collectionPath(resource, namespace);
  const item = (name: string) => itemPath(resource, namespace, name, subresource);
  const withBody = (method: string, path: string, body: unknown, type = "application/json") => ({
    method,
    path,
    headers: { "content-type": type },
    body: Buffer.from(JSON.stringify(body)),
  });
  switch (request.verb) {
    case "get":
      return {
        method: "GET",
        path: `${item(request.name)}${request.resourceVersion === undefined ? "" : `?resourceVersion=${encodeURIComponent(request.resourceVersion)}`}`,
        headers: {},
      };
    case "list":
    case "watch":
      return { method: "GET", path: `${collection}${listQuery(request.options, request.verb === "watch")}`, headers: {} };
    case "create":
      return withBody("POST", `${request.name === undefined ? collection : item(request.name)}${writeQuery(request.options)}`, request.body);
    case "update":
      return withBody("PUT", `${item(request.name)}${writeQuery(request.options)}`, request.body);
    case "patch":
      return withBody("PATCH", `${item(request.name)}${writeQuery(request.options)}`, request.body, PATCH_TYPES[request.patchType]);
    case "delete":
      return withBody("DELETE", item(request.name), deleteBody(request.options));
    case "deletecollection":
      return withBody("DELETE", `${collection}${listQuery(request.selection)}`, deleteBody(request.options));
  }
}

async function ask(
  path: string,
  message: RemoteRequest,
  user: UserInfo,
  remote: RemoteVersion,
  parts: RemoteCallParts,
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number; readonly answer: unknown }> {
  const deadline = new AbortController();
  const cancel = parts.clock.after(TIMEOUT_MS, () => deadline.abort());
  try {
    const ends = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
    const response = await open(path, message, user, remote, parts, ends);
    const body = await readRemoteBody(response).catch((error: unknown) => Promise.reject(unreachable(remote, error)));
    const code = response.statusCode ?? 0;
    return { code, answer: decodeAnswer(code, body.toString("utf8")) };
  } finally {
    cancel();
  }
}

async function open(
  path: string,
  message: RemoteRequest,
  user: UserInfo,
  remote: RemoteVersion,
  { aggregator }: RemoteCallParts,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  if (!remote.isAvailable) throw new StatusError("ServiceUnavailable", `service unavailable: ${remote.service.metadata.name ?? ""}`);
  try {
    const target = await aggregationTarget(remote.service, user, path, aggregator.identity);
    return await openRemote(target, { ...message, headers: { accept: "application/json", ...message.headers } }, signal);
  } catch (error) {
    throw unreachable(remote, error);
  }
}

async function watchRemote(path: string, user: UserInfo, remote: RemoteVersion, parts: RemoteCallParts, signal: AbortSignal | undefined): Promise<WatchStream> {
  const closed = new AbortController();
  const ends = signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]);
  const response = await open(path, { method: "GET", headers: {} }, user, remote, parts, ends);
  const code = response.statusCode ?? 0;
  if (code !== 200) throw watchRefusal(code, (await readRemoteBody(response)).toString("utf8"));
  async function* events(): AsyncGenerator<EncodedWatchEvent> {
    for await (const line of answerLines(response)) {
      const { type, object } = parseJson(line) as WatchEvent<KubeObject>; // one frame per line, by protocol
      if (type === "ERROR")
        yield { type, object: object as Status }; // by its type
      else if (type === "BOOKMARK")
        yield { type, object: object as KubeObject }; // likewise
      else yield { type, object: object as KubeObject, encoded: unstoredObject(object as KubeObject) }; // likewise
    }
  }
  return streamOf(events(), () => closed.abort());
}

function watchRefusal(code: number, text: string): StatusError {
  try {
    decodeAnswer(code, text);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  return new StatusError("InternalError", `a watch was answered with ${code}`);
}

/** Items of a list come without their type, which everybody downstream expects. */
function listOf(answer: unknown): Extract<ApiResult, { readonly is: "list" }>["list"] {
  const {
    kind = "",
    apiVersion,
    metadata = {},
    items,
  } = answer as {
    kind?: string;
    apiVersion: string;
    metadata?: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
    items?: readonly KubeObject[] | null;
  }; // a list, by protocol
  const type = { kind: kind.replace(/List$/, ""), apiVersion };
  return {
    resourceVersion: metadata.resourceVersion ?? "",
    ...(metadata.continue ? { continue: metadata.continue } : {}),
    ...(metadata.remainingItemCount === undefined ? {} : { remainingItemCount: metadata.remainingItemCount }),
    items: (items ?? []).map((item) => unstoredObject({ ...item, ...type })),
  };
}

function unreachable(remote: RemoteVersion, cause: unknown): StatusError {
  const error = new StatusError(
    "ServiceUnavailable",
    `error trying to reach APIService ${remote.service.metadata.name ?? ""}: ${cause instanceof Error ? cause.message : String(cause)}`,
  );
  error.cause = cause;
  return error;
}
