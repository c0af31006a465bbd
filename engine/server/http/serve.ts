import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ApiRequest, ApiResult } from "../../apimachinery/api-request.ts";
import { RequestNotes } from "../../apimachinery/request-notes.ts";
import { badRequest, internalError, notFound, StatusError } from "../../apimachinery/status-error.ts";
import { requireAllowed, type AuthorizationAttributes, type Authorizer } from "../../auth/authorize.ts";
import { isAbort } from "../../lib/abort.ts";
import { randomInteger } from "../../lib/random.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { AuditRecord } from "../audit/auditor.ts";
import type { ApiServer } from "../api-server.ts";
import { unsupportedMethod } from "../exchange.ts";
import { TooManyRequests, type Ticket } from "../fairness/fairness.ts";
import { hasProtobufForm, type KindSchemas } from "../kind-schemas.ts";
import type { NodeTransport } from "../nodes/node-proxy.ts";
import type { Paths } from "../paths.ts";
import { serveRemote } from "../aggregation/serve-remote.ts";
import { planLogs } from "../nodes/pod-logs.ts";
import { attributesOfInfo } from "../request-attributes.ts";
import { admitConnection } from "../proxy/admit-connection.ts";
import { findStreams, isPodStream } from "../proxy/plan-connect.ts";
import { scaleColumns } from "../../registry/scale.ts";
import { bodyKindOf } from "../subresources/subresources.ts";
import { contentTypeOf, encodeList, encodeObject, encodeStatus, type EncodeContext } from "./encode-result.ts";
import { deadlineMs, within } from "./deadline.ts";
import { header, requireMethod, toApiRequest, verbOf, type HttpRequest } from "./http-request.ts";
import { sinkOf } from "./http2-response.ts";
import { isPretty, JSON_TYPE, negotiate, parseIncludeObject, requireStreamType, tryNegotiate, type Available, type Representation } from "./negotiation.ts";
import { isReadAsYaml } from "./request-body.ts";
import { parseRequestPath, type RequestInfo, type ResourceInfo } from "./request-info.ts";
import { plainText, warningHeaders, writeAnswer, type Answer, type RawResponse } from "./response.ts";
import { awaitTurn, tooManyAnswer } from "./request-order.ts";
import { watchFramer, type WatchFramer } from "./watch-frames.ts";
import { writeWatch } from "./watch-response.ts";
import type { WatchTurns } from "./watch-turns.ts";
import type { YamlThread } from "./yaml-thread.ts";

export interface ServeParts {
  readonly server: ApiServer;
  readonly paths: Paths;
  readonly schemas: KindSchemas;
  /** How long a request may take; upstream's minute when absent, for ever when 0. */
  readonly requestTimeoutMs?: number;
  /** After how long watches that ask for no end have one, up to twice as much; upstream's half an hour when absent. */
  readonly minRequestTimeoutSeconds?: number;
  /** Without one there are no logs to be read. */
  readonly nodes?: NodeTransport;
  readonly watchTurns: WatchTurns;
  readonly yamlThread: YamlThread;
}

/** A refusal holds what a stranger wrote, such as his name: browsers are not to take it for a page. */
const NOT_SNIFFED = { "x-content-type-options": "nosniff" };
/** How long a request may take unless the operator says otherwise. */
export const REQUEST_TIMEOUT_MS = 60_000;
const WATCH_SECONDS_MIN = 1_800;

/** Answers one HTTP request of an authenticated user, failures included; never rejects. */
export async function serve(parts: ServeParts, http: HttpRequest, raw: RawResponse, auditId: string): Promise<void> {
  const transport = { auditId, acceptEncoding: header(http, "accept-encoding") ?? "", isHead: http.method === "HEAD", isPretty: isPretty(http) };
  const notes = http.notes ?? http.audit?.notes ?? new RequestNotes();
  let ticket: Ticket | undefined;
  try {
    const parsed = parseRequestPath(http.path);
    await parts.server.parts.resources.settled();
    const info = parsed.is === "resource" && parts.server.parts.resources.hasGroupVersion(parsed.group, parsed.version) ? parsed : undefined;
    // Whoever registers a server for a part of the API means it, also where this one could answer.
    const remote = parts.server.parts.aggregator.owner(http.path);
    // Whose turn it is goes by the address, also of what another server answers for, or nobody.
    const addressed = parsed.is === "resource" ? parsed : undefined;
    ticket = await (http.trace === undefined
      ? awaitTurn(parts.server.parts, http, addressed)
      : http.trace.step("priorityandfairness", () => awaitTurn(parts.server.parts, http, addressed)));
    if (remote !== undefined) {
      // Another server does the work: what it costs here ends now, however long it takes there.
      ticket.leave();
      const passed = await serveRemote(parts, { ...http, notes }, remote, parsed, { raw, auditId });
      if (passed !== undefined) await writeAnswer(raw, withWarnings(passed, notes), transport);
      return;
    }
    // Before the work begins: a limit that cannot be read would leave it without anybody who hears of its failure, which ends the process.
    const limitMs = deadlineMs(http, info ?? { is: "path", path: http.path }, parts.requestTimeoutMs ?? REQUEST_TIMEOUT_MS);
    const { clock } = parts.server.parts;
    const timed = { ...http, notes, ...(limitMs === undefined ? {} : { untilMs: clock.monotonic() + limitMs }) };
    const work = info === undefined ? pathAnswer(parts, timed, parsed) : resourceAnswer(parts, timed, info, { raw, auditId, ticket });
    const answer = await within(clock, limitMs, work, http.giveUp);
    // The work is done: a client that is slow to read keeps nobody from his turn.
    ticket.leave();
    if (answer === undefined) return;
    await writeAnswer(raw, withWarnings(answer, notes), { ...transport, headers: ticket.headers });
    http.trace?.written(answer.body.length);
  } catch (error) {
    if (isAbort(error) || raw.destroyed || raw.writableEnded) return void raw.destroy();
    const answer = error instanceof TooManyRequests ? tooManyAnswer(error) : { ...failureAnswer(parts, http, error, http.audit), warnings: notes.warnings };
    await writeAnswer(raw, answer, { ...transport, headers: ticket?.headers ?? {} });
  } finally {
    ticket?.leave();
    http.trace?.end();
  }
}

/** Whoever called is told what was remarked of the call as a whole, whatever it was about. */
function withWarnings(answer: Answer, { warnings }: RequestNotes): Answer {
  return warnings.length === 0 ? answer : { ...answer, warnings: [...new Set([...(answer.warnings ?? []), ...warnings])] };
}

/** Where an answer goes that is written as it comes. */
interface Transport {
  readonly raw: RawResponse;
  readonly auditId: string;
  readonly ticket: Ticket;
}

/** A failure as a Status, in the encoding that the client prefers. */
export function failureAnswer(
  { schemas, server }: Pick<ServeParts, "schemas" | "server">,
  http: Pick<HttpRequest, "headers" | "path">,
  error: unknown,
  audit?: AuditRecord,
): Answer & { readonly body: Buffer } {
  if (!(error instanceof StatusError))
    server.parts.logger.error("request failed unexpectedly", { path: http.path, error, stack: error instanceof Error ? error.stack : undefined });
  const { status } = error instanceof StatusError ? error : internalError(error instanceof Error ? error.message : String(error));
  audit?.failed(status);
  const representation = tryNegotiate([http.headers["accept"]].flat()[0], { protobuf: true, forms: false });
  const retry = status.details?.retryAfterSeconds;
  return {
    code: status.code,
    contentType: representation === undefined ? JSON_TYPE : contentTypeOf(representation),
    // As upstream, who takes none of the forms gets it indented, and without a line's end.
    body: representation === undefined ? Buffer.from(JSON.stringify(status, null, 2)) : encodeStatus(status, representation, schemas),
    headers: { ...(retry === undefined ? {} : { "retry-after": String(retry) }), ...(status.code === 403 ? NOT_SNIFFED : {}) },
  };
}

/** Pages, and what is addressed as a resource of an API that is not served: who may not ask for such a thing is told no more. */
async function pathAnswer({ server, paths }: ServeParts, http: HttpRequest, parsed: RequestInfo): Promise<Answer> {
  await requireAllowed(server.parts.authorizer, attributesOfInfo(http, parsed), http.notes);
  return (parsed.is === "path" ? await paths.answer(http) : undefined) ?? plainText(404, "404 page not found\n");
}

/** Undefined when the answer has been streamed. */
async function resourceAnswer(parts: ServeParts, http: HttpRequest, info: ResourceInfo, { raw, auditId, ticket }: Transport): Promise<Answer | undefined> {
  const { server } = parts;
  const definition = server.parts.resources.find(info);
  if (isOutsideCustom(server, http, info, definition)) return pathAnswer(parts, http, info);
  // What can only be made has no place below its list.
  if (
    definition === undefined ||
    (info.name === undefined ? info.subresource !== undefined : info.subresource === undefined && definition.verbs.every((verb) => verb === "create"))
  )
    return refuseUnknown(server, http, info);
  if (info.resource === "pods" && info.group === "" && info.subresource === "log") return streamLogs(parts, http, info, raw, auditId);
  if (info.resource === "pods" && info.group === "" && isPodStream(info.subresource)) {
    await requireStream(server.parts.authorizer, attributesOfInfo(http, info), http.notes);
    if (http.method !== "GET" && http.method !== "POST") throw unsupportedMethod();
    // Admission sees the attempt nevertheless, and what is not there is said first.
    const { user, query, signal, notes = new RequestNotes() } = http;
    const { namespace, name = "", subresource: stream } = info;
    const connection = { user, resource: "pods", subresource: stream, namespace, name, query, path: "", signal, notes };
    await findStreams(server.parts, { namespace, name, stream }, await admitConnection(server.parts, connection));
    throw badRequest("Upgrade request required");
  }
  if (
    info.rest.length > 0 ||
    (info.subresource !== undefined && (info.isWatch === true || !definition.subresources.some((subresource) => subresource.name === info.subresource)))
  )
    return refuseUnknown(server, http, info, definition);
  // Before a body is read, and long before it is understood: both take memory and time.
  const authorize = () => requireAllowed(server.parts.authorizer, attributesOfInfo(http, info), http.notes);
  await (http.trace === undefined ? authorize() : http.trace.step("authorization", authorize));
  warnOfDeprecated(definition, http);
  requireMethod(http, info, definition);
  const available = availableFor(http, info, definition);
  const representation = negotiate(header(http, "accept"), available);
  const request = withWatchEnd(parts, await readRequest(parts, http, info, definition));
  http.audit?.asked(request, definition);
  const result = await (http.trace === undefined ? server.handle(request) : http.trace.withinVerb(() => server.handle(request)));
  if (result.is !== "watch") http.audit?.answered(result, definition);
  const context: EncodeContext = {
    definition,
    ...(info.subresource === "scale" ? { columns: scaleColumns(definition.content !== undefined) } : {}),
    schemas: parts.schemas,
    representation,
    includeObject: "Metadata",
    now: () => server.parts.clock.now(),
  };
  if (result.is === "watch") {
    const framer = framerOf(result, context, available, http);
    // It has begun: from here on it costs what happens, not that it lasts.
    ticket.leave();
    const ended = server.requests.watching(request);
    const onListed = asksForList(request) ? () => noteListed(server, http, request) : undefined;
    await writeWatch({
      raw,
      stream: result.stream,
      framer,
      headers: { "audit-id": auditId, ...warningHeaders(http.notes?.warnings ?? []), ...ticket.headers },
      clock: server.parts.clock,
      onListed,
      turns: parts.watchTurns,
    }).finally(ended);
    return undefined;
  }
  http.trace?.beginAnswer(http, contentTypeOf(representation));
  if (result.is !== "status") requireFormOf(result.is, representation, typeInGo(definition, info));
  const answer = await answerOf(result, { ...context, ...includedObjects(representation, http) });
  http.trace?.encoded(answer.body.length);
  server.requests.answered(request, answer.body.length);
  return answer;
}

function asksForList(request: ApiRequest): boolean {
  return request.verb === "watch" && request.options.sendInitialEvents === true && request.options.allowWatchBookmarks === true;
}

function noteListed({ parts, requests }: ApiServer, { beganMs, trace }: HttpRequest, request: ApiRequest): void {
  trace?.end();
  if (beganMs !== undefined) requests.listed(request, (parts.clock.monotonic() - beganMs) / 1000);
}

/** Who may not ask is not told whether there is such a thing. */
async function refuseUnknown({ parts }: ApiServer, http: HttpRequest, info: ResourceInfo, definition?: ResourceDefinition): Promise<never> {
  await requireAllowed(parts.authorizer, attributesOfInfo(http, info), http.notes);
  if (definition !== undefined) warnOfDeprecated(definition, http);
  // Of custom kinds upstream says the same as of an object that is missing.
  if (definition?.content !== undefined) throw notFound(definition, info.name ?? "");
  throw new StatusError("NotFound", "the server could not find the requested resource", {});
}

/** Of a group of custom kinds upstream knows nothing but these, each in its scope: any other address is that of a page, and there is none. */
function isOutsideCustom(
  { parts }: ApiServer,
  { method }: HttpRequest,
  { group, version, namespace, name }: ResourceInfo,
  definition: ResourceDefinition | undefined,
): boolean {
  if (definition === undefined) return parts.resources.ofGroupVersion(group, version).every(({ content }) => content !== undefined);
  if (definition.content === undefined) return false;
  const isOfAll = name === undefined && method === "GET";
  return definition.namespaced ? namespace === "" && !isOfAll : namespace !== "";
}

/** Also who asks for what cannot be read, or for a part that the kind has not, is to know. */
function warnOfDeprecated({ deprecationWarning }: ResourceDefinition, { notes }: HttpRequest): void {
  if (deprecationWarning !== undefined) notes?.warn(deprecationWarning);
}

async function readRequest({ schemas, yamlThread }: ServeParts, http: HttpRequest, info: ResourceInfo, definition: ResourceDefinition): Promise<ApiRequest> {
  const body = await http.body?.();
  const readYaml = body !== undefined && isReadAsYaml(header(http, "content-type")) ? await yamlThread.readAhead(body) : undefined;
  const span = http.trace?.beginVerb(http, info, verbOf(http.method, info, http.query));
  return toApiRequest(http, { body, readYaml }, info, definition, (apiVersion, kind) => schemas.find(apiVersion, kind), span);
}

/** Watches end at times of their own, so that watchers spread anew over servers, and not all at once. */
function withWatchEnd({ server, minRequestTimeoutSeconds = WATCH_SECONDS_MIN }: ServeParts, request: ApiRequest): ApiRequest {
  if (request.verb !== "watch" || request.options.timeoutSeconds !== undefined || minRequestTimeoutSeconds === 0) return request;
  return {
    ...request,
    options: { ...request.options, timeoutSeconds: minRequestTimeoutSeconds + randomInteger(server.parts.random, minRequestTimeoutSeconds) },
  };
}

function availableFor(http: HttpRequest, info: ResourceInfo, definition: ResourceDefinition): Available {
  const schema = bodyKindOf(info.group, info.resource, info.subresource)?.schema ?? definition.schema;
  return {
    // Of what users define, only the metadata has a protobuf form.
    protobuf: hasProtobufForm(schema) ? true : definition.content === undefined ? false : "partial",
    forms: canBeShownInForms(definition, info),
    isList: info.isWatch === true || (info.name === undefined && (http.method === "GET" || http.method === "HEAD")),
  };
}

/** How the events of a watch are written. Throws, and ends the watch, where they cannot be written as the client wants them. */
function framerOf({ stream }: Extract<ApiResult, { readonly is: "watch" }>, context: EncodeContext, available: Available, http: HttpRequest): WatchFramer {
  const { representation } = context;
  try {
    const included = includedObjects(representation, http);
    requireStreamType(representation, available);
    // There is no list that could be reduced: upstream shows the objects whole then.
    return watchFramer({ ...context, ...included, ...(representation.isOfList ? { representation: { ...representation, form: "object" } } : {}) });
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** Only once there is something to show, as upstream. */
function includedObjects({ form }: Representation, { query }: HttpRequest): Partial<EncodeContext> {
  return form === "table" ? { includeObject: parseIncludeObject(query.get("includeObject")) } : {};
}

/** Metadata of a list and of an object are asked for by different names. */
function requireFormOf(is: "object" | "list", { form, isOfList }: Representation, type: string): void {
  if (form !== "partial" || (isOfList === true) === (is === "list")) return;
  throw new StatusError(
    "NotAcceptable",
    is === "list"
      ? `you requested PartialObjectMetadata, but the requested object is a list (${type}List)`
      : `you requested PartialObjectMetadataList, but the requested object is not a list (${type})`,
  );
}

/** The name that messages of upstream show. */
function typeInGo({ group, kind, content }: ResourceDefinition, { subresource }: ResourceInfo): string {
  if (subresource === "scale") return content === undefined ? "*autoscaling.Scale" : "*v1.Scale";
  return content === undefined ? `*${group.split(".", 1)[0] || "core"}.${kind}` : "*unstructured.Unstructured";
}

/** Questions such as access reviews have no rows and no metadata to speak of. */
function canBeShownInForms({ verbs }: ResourceDefinition, { subresource }: ResourceInfo): boolean {
  if (subresource === undefined) return verbs.includes("get") || verbs.includes("list");
  return subresource === "status" || subresource === "scale";
}

async function answerOf(result: Exclude<ApiResult, { readonly is: "watch" }>, context: EncodeContext): Promise<Answer> {
  const contentType = contentTypeOf(context.representation);
  switch (result.is) {
    case "object":
      return { code: result.code, contentType, body: encodeObject(result.encoded, context), warnings: result.warnings };
    case "list":
      return { code: 200, contentType, body: await encodeList(result.list, context), warnings: result.warnings };
    case "status":
      return { code: result.status.code, contentType, body: encodeStatus(result.status, context.representation, context.schemas), warnings: result.warnings };
  }
}

async function streamLogs(parts: ServeParts, http: HttpRequest, info: ResourceInfo, raw: RawResponse, auditId: string): Promise<undefined> {
  const { server, nodes } = parts;
  await requireAllowed(server.parts.authorizer, attributesOfInfo(http, info), http.notes);
  if (http.method !== "GET") throw unsupportedMethod();
  if (nodes === undefined) throw new StatusError("ServiceUnavailable", "this server reads no logs: it was started without credentials for nodes");
  const target = await planLogs(server.parts, info.namespace, info.name ?? "", http.query);
  const log = target === undefined ? Readable.from([]) : await nodes.open(target, http.signal);
  raw.writeHead(target === undefined ? 204 : 200, {
    "audit-id": auditId,
    "cache-control": "no-cache, private",
    ...(target === undefined ? {} : { "content-type": "text/plain" }),
    ...warningHeaders(http.notes?.warnings ?? []),
  });
  raw.flushHeaders?.();
  try {
    await pipeline(log, sinkOf(raw));
  } catch (error) {
    server.parts.logger.debug("a log ended early", { pod: info.name, namespace: info.namespace, error });
  }
  return undefined;
}

/** A WebSocket begins with a GET, but what it does in the pod is no reading: upstream wants the right to create as well. */
export async function requireStream(authorizer: Authorizer, attributes: AuthorizationAttributes, notes: RequestNotes | undefined): Promise<void> {
  await requireAllowed(authorizer, attributes, notes);
  if (attributes.is === "resource" && attributes.verb === "get") await requireAllowed(authorizer, { ...attributes, verb: "create" });
}
