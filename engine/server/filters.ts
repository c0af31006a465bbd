import type { ApiRequest, ApiResult } from "../apimachinery/api-request.ts";
import { validateListOptions } from "../apimachinery/list-options.ts";
import { invalid, invalidField, requiredField, tooLong } from "../apimachinery/field-error.ts";
import { RequestNotes } from "../apimachinery/request-notes.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { requireAllowed } from "../auth/authorize.ts";
import { callRemote } from "./aggregation/remote-call.ts";
import { runStored } from "./custom-resources/stored-objects.ts";
import { nameInBody } from "../registry/decode-object.ts";
import { kindIsEnding, unsupportedMethod, type Exchange, type ServerParts } from "./exchange.ts";
import { attributesOf } from "./request-attributes.ts";
import { runNotedVerb } from "./verbs/noted-verb.ts";
import { runVerb } from "./verbs/run-verb.ts";

/** One step of a request. It refuses by throwing, or lets the next one go on. */
export type Filter = (request: ApiRequest, parts: ServerParts) => Promise<void> | void;

/** The way of every request, from the wire or from inside. The user has been authenticated before. */
const filters: readonly Filter[] = [
  authorize, // before anything is said about what exists
  validateOptions,
];

/** Runs a request through all filters, and then its verb. */
export async function runFilters(request: ApiRequest, parts: ServerParts): Promise<ApiResult> {
  for (const filter of filters) await filter(request, parts);
  return dispatch(request, parts);
}

async function authorize(request: ApiRequest, parts: ServerParts): Promise<void> {
  if (request.isAuthorized !== true) await requireAllowed(parts.authorizer, attributesOf(request), request.notes);
}

/** Upstream's rules for query options, in upstream's words. */
function validateOptions(request: ApiRequest): void {
  if (request.verb === "list" || request.verb === "watch") validateListOptions(request.options, request.verb);
  if (request.verb === "deletecollection") validateListOptions(request.selection, "list");
  if (request.verb === "create" || request.verb === "update" || request.verb === "patch") validateFieldManager(request);
}

async function dispatch(request: ApiRequest, parts: ServerParts): Promise<ApiResult> {
  if (request.resource.isStored === true) return runStored(request, parts);
  // Requests over the wire were passed on before they got here.
  const remote = parts.aggregator.find(request.resource.group, request.resource.version);
  if (remote !== undefined) return callRemote(request, remote, parts);
  let definition = parts.resources.find(request.resource);
  if (definition === undefined) {
    await parts.resources.settled();
    definition = parts.resources.find(request.resource);
  }
  if (definition === undefined) throw new StatusError("NotFound", "the server could not find the requested resource", {});
  const notes = request.notes ?? new RequestNotes();
  const exchange: Exchange = { request, definition, parts, notes };
  if (request.subresource === undefined && !definition.verbs.includes(request.verb)) throw unsupportedMethod();
  if (!hasScope(request, definition)) {
    // Addresses over all namespaces are for reading only. Of custom kinds upstream does not even know the others.
    const isKnown =
      definition.content === undefined &&
      definition.namespaced &&
      request.subresource === undefined &&
      (request.verb === "deletecollection" || request.verb === "create");
    throw isKnown ? unsupportedMethod() : new StatusError("NotFound", "the server could not find the requested resource", {});
  }
  if (definition.deprecationWarning !== undefined) {
    notes.warn(definition.deprecationWarning);
    notes.annotate("k8s.io/deprecated", "true");
    parts.requests.askedForDeprecated(request);
  }
  if (definition.isEnding === true && request.verb === "create" && request.subresource === undefined) throw kindIsEnding(definition, nameInBody(request.body));
  const result = await (request.span === undefined ? runVerb(exchange) : runNotedVerb(exchange, request.span));
  return notes.warnings.length === 0 || result.is === "watch" ? result : { ...result, warnings: [...new Set([...notes.warnings, ...result.warnings])] };
}

/** Whether the address has a namespace exactly when the kind has. */
function hasScope(request: ApiRequest, { namespaced }: ResourceDefinition): boolean {
  const isAll = request.subresource === undefined && (request.verb === "list" || request.verb === "watch");
  return namespaced ? Boolean(request.namespace) || isAll : !request.namespace;
}

function validateFieldManager(request: Extract<ApiRequest, { readonly verb: "create" | "update" | "patch" }>): void {
  const { fieldManager, force } = request.options;
  const isApply = request.verb === "patch" && request.patchType === "apply";
  const errors = [];
  if (isApply && !fieldManager) errors.push(requiredField("fieldManager", "is required for apply patch"));
  if (!isApply && force !== undefined && request.verb === "patch")
    errors.push({ type: "FieldValueForbidden" as const, field: "force", message: "Forbidden: may not be specified for non-apply patch" });
  if (fieldManager !== undefined && fieldManager.length > 128) errors.push(tooLong("fieldManager", 128));
  if (fieldManager !== undefined && /[^\P{C}\t]/u.test(fieldManager))
    errors.push(invalidField("fieldManager", fieldManager, "should only contain printable characters"));
  if (errors.length > 0) throw invalid("meta.k8s.io", `${{ create: "Create", update: "Update", patch: "Patch" }[request.verb]}Options`, "", errors);
}
