import { readHeaderText } from "../../lib/header-text.ts";
import { unsupportedMethod } from "../exchange.ts";
import { ASSUMED_NAMESPACE, type ApiRequest, type FieldValidation, type UserInfo, type WriteOptions } from "../../apimachinery/api-request.ts";
import { invalid, unsupportedValue } from "../../apimachinery/field-error.ts";
import { parseListOptions, parseOlderWatchOptions, parseWatchOptions } from "../../apimachinery/list-options.ts";
import { pathSegmentNameProblems } from "../../apimachinery/names.ts";
import { queryFlag } from "../../apimachinery/query-values.ts";
import { badRequest } from "../../apimachinery/status-error.ts";
import type { AuditRecord } from "../audit/auditor.ts";
import type { RequestNotes } from "../../apimachinery/request-notes.ts";
import { dryRunErrors, parseDeleteOptions } from "../delete-options.ts";
import { bodyKindOf } from "../subresources/subresources.ts";
import type { Span } from "../../lib/tracing/span.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { RequestTrace } from "../tracing/request-trace.ts";
import { JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from "./negotiation.ts";
import { mediaTypeOf, parseObjectBody, parseOptionsBody, parsePatchBody, unsupportedMedia, type SchemaLookup } from "./request-body.ts";
import type { YamlReader } from "./yaml-body.ts";
import { asksForWatch, saysWatch, type ResourceInfo } from "./request-info.ts";

/** An HTTP request as far as it is the same over any version of the protocol. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Reads what came with it, once and only for who may ask; absent where nothing can come. */
  readonly body: (() => Promise<Buffer | undefined>) | undefined;
  readonly user: UserInfo;
  readonly signal: AbortSignal;
  /** Fires the signal: the answer waits no longer. */
  readonly giveUp?: () => void;
  /** Until when the answer is waited for, by the clock's `monotonic`; absent when for ever. */
  readonly untilMs?: number;
  /** What is remarked on the way, and told with the answer. */
  readonly notes?: RequestNotes;
  /** Absent when the request is not recorded. */
  readonly audit?: AuditRecord | undefined;
  /** Absent when the request is not traced. */
  readonly trace?: RequestTrace | undefined;
  /** When it came, by the clock's `monotonic`. */
  readonly beganMs?: number;
  /** Where the connection comes from; absent when it is gone. */
  readonly remoteAddress?: string | undefined;
}

export function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/**
 * The verb that a method and an address mean together, for those who tell requests apart and do not carry them out. As upstream's, it is
 * empty for methods that no verb stands for, which proxies and servers behind this one may take.
 */
export function requestVerb(method: string, info: ResourceInfo, query: URLSearchParams): ApiRequest["verb"] | "" {
  const isNamed = info.name !== undefined;
  if (info.isWatch) return "watch"; // whatever is done there: the address says it
  switch (method) {
    case "GET":
    case "HEAD":
      if (isNamed && info.subresource !== undefined) return "get";
      if (asksForWatch(info, query)) return "watch";
      return isNamed ? "get" : "list";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return isNamed ? "delete" : "deletecollection";
    default:
      return "";
  }
}

/** The same for who does what is asked. Throws 405 where method and address mean nothing. */
export function verbOf(method: string, info: ResourceInfo, query: URLSearchParams): ApiRequest["verb"] {
  const verb = requestVerb(method, info, query);
  const isMethodOfOther = info.isWatch && method !== "GET" && method !== "HEAD";
  if (verb === "" || isMethodOfOther || (info.name === undefined && (verb === "update" || verb === "patch"))) throw unsupportedMethod();
  return verb;
}

/** Throws 405 for what nobody does there, before anything else of the request is looked at. */
export function requireMethod({ method, query }: HttpRequest, info: ResourceInfo, definition: ResourceDefinition): void {
  const verb = verbOf(method, info, query);
  // Upstream answers HEAD for pages and for custom objects, but not for its own.
  if (method === "HEAD" && (definition.content === undefined || verb === "watch")) throw unsupportedMethod();
  if (verb === "create" && info.name !== undefined && info.subresource === undefined) throw unsupportedMethod();
  const own = definition.subresources.find((subresource) => subresource.name === info.subresource);
  if (verb === "patch" && own !== undefined && "verbs" in own && !own.verbs.includes("patch")) throw unsupportedMethod();
}

/** What came with a request, and who has read its YAML already, if somebody has. */
export interface RequestContent {
  readonly body: Buffer | undefined;
  readonly readYaml?: YamlReader | undefined;
}

/** The transport-independent request that an HTTP request with this content stands for, and whose sender is allowed to ask. Throws for what is none. */
export function toApiRequest(
  http: HttpRequest,
  { body, readYaml }: RequestContent,
  info: ResourceInfo,
  definition: ResourceDefinition,
  schemas: SchemaLookup,
  span?: Span,
): ApiRequest {
  const { query } = http;
  const verb = verbOf(http.method, info, query);
  const contentType = header(http, "content-type");
  const base = {
    user: http.user,
    userAgent: readHeaderText(header(http, "user-agent") ?? ""),
    resource: { group: info.group, version: info.version, resource: info.resource },
    ...(info.subresource === undefined ? {} : { subresource: info.subresource }),
    namespace: info.namespace,
    signal: http.signal,
    ...(http.untilMs === undefined ? {} : { untilMs: http.untilMs }),
    ...(http.notes === undefined ? {} : { notes: http.notes }),
    isRecorded: true,
    isAuthorized: true,
    ...(span === undefined ? {} : { span }),
  };
  const name = info.name ?? "";
  const problems = pathSegmentNameProblems(name);
  if (problems.length > 0) throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${problems.join(";")}`);
  switch (verb) {
    case "get":
      refuseExport(query);
      return { ...base, verb, name, ...(query.get("resourceVersion") ? { resourceVersion: query.get("resourceVersion") ?? "" } : {}) };
    case "list":
      return { ...base, verb, options: parseListOptions(query) };
    case "watch": {
      const watched = saysWatch(query) ? parseWatchOptions(query) : parseOlderWatchOptions(query);
      return { ...base, verb, ...(info.name === undefined ? {} : { name }), options: { ...watched, repeatsRevision: true } };
    }
    case "delete": {
      const sent = parseOptionsBody(contentType, body, schemas, readYaml);
      const options = parseDeleteOptions(sent, query);
      if (body !== undefined) span?.event("Decoded delete options");
      return { ...base, verb, name, options, ...recordedOptions(sent) };
    }
    case "deletecollection": {
      const sent = parseOptionsBody(contentType, body, schemas, readYaml);
      return { ...base, verb, selection: parseListOptions(query), options: parseDeleteOptions(sent, query), ...recordedOptions(sent) };
    }
    case "patch": {
      const options = parseWriteOptions(query, "PatchOptions");
      const { patchType, value, repeated } = parsePatchBody(contentType, body ?? Buffer.alloc(0), definition.content !== undefined, readYaml);
      return { ...base, verb, name, patchType, body: value, options: { ...options, ...(repeated && { repeated }) } };
    }
    case "create":
    case "update": {
      const options = parseWriteOptions(query, verb === "create" ? "CreateOptions" : "UpdateOptions");
      const kind = bodyKindOf(info.group, info.resource, info.subresource)?.kind ?? (info.subresource === "scale" ? "Scale" : definition.kind);
      if (definition.content !== undefined && kind !== "Scale" && mediaTypeOf(contentType) === PROTOBUF_TYPE) throw unsupportedMedia([JSON_TYPE, YAML_TYPE]);
      span?.event("About to convert to expected version");
      const { value, repeated } = parseObjectBody(contentType, body ?? Buffer.alloc(0), kind, schemas, readYaml);
      span?.event("Conversion done");
      const write = { body: value, options: { ...options, ...(repeated && { repeated }) } };
      return verb === "update" ? { ...base, verb, name, ...write } : { ...base, verb, ...(info.name === undefined ? {} : { name }), ...write };
    }
  }
}

/** Options that came as a body are on record as the object that they are; those in the address are part of that. */
function recordedOptions(sent: unknown): { readonly body?: unknown } {
  return typeof sent === "object" ? { body: { kind: "DeleteOptions", apiVersion: "v1", ...sent } } : {};
}

/** A parameter of the past, which changed what is read. */
function refuseExport(query: URLSearchParams): void {
  if (queryFlag(query.get("export"))) throw badRequest("the export parameter, deprecated since v1.14, is no longer supported");
}

/** The query options of a write; `kind` names them in messages. */
function parseWriteOptions(query: URLSearchParams, kind: string): WriteOptions {
  const validation = query.get("fieldValidation") || "Warn";
  const dryRun = query.getAll("dryRun").filter((value) => value !== "");
  const errors = [
    ...dryRunErrors(dryRun),
    ...(["Ignore", "Warn", "Strict"].includes(validation) ? [] : [unsupportedValue("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"])]),
  ];
  if (errors.length > 0) throw invalid("meta.k8s.io", kind, "", errors);
  return {
    fieldValidation: validation as FieldValidation, // checked above
    ...(dryRun.length > 0 ? { dryRun: true } : {}),
    ...(query.get("fieldManager") ? { fieldManager: query.get("fieldManager") ?? "" } : {}),
    // A dry run writes nothing: what it assumes can only be wrong.
    ...(dryRun.length > 0 && query.has(ASSUMED_NAMESPACE) ? { assumedNamespaces: new Set(query.getAll(ASSUMED_NAMESPACE)) } : {}),
    ...(query.has("force") ? { force: queryFlag(query.get("force")) } : {}),
  };
}
