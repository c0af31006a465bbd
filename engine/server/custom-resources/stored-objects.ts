import type { ApiRequest, ApiResult } from "../../apimachinery/api-request.ts";
import { formatGroupResource } from "../../apimachinery/group-version.ts";
import { RequestNotes } from "../../apimachinery/request-notes.ts";
import { internalError } from "../../apimachinery/status-error.ts";
import { unsupportedMethod, type ServerParts } from "../exchange.ts";
import { runVerb } from "../verbs/run-verb.ts";

/**
 * Answers for the objects of a custom kind as they lie in the store: what empties a kind before it goes must reach them where another server
 * has taken their group and version, where their version is not served, and whatever webhooks think of it. A kind that is not known here, and
 * so may well have objects, is an error.
 */
export async function runStored(request: ApiRequest, parts: ServerParts): Promise<ApiResult> {
  if (request.verb !== "list" && request.verb !== "deletecollection") throw unsupportedMethod();
  await parts.resources.settled();
  const definition = parts.resources.findStored(request.resource);
  if (definition === undefined) throw internalError(`the objects of ${formatGroupResource(request.resource)} are not known`);
  return runVerb({ request, definition, parts: { ...parts, admission: parts.admission.withoutPlugins() }, notes: request.notes ?? new RequestNotes() });
}
