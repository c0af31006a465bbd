import type { ApiRequest } from "../../apimachinery/api-request.ts";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import { decodeObject, withParts } from "../../registry/decode-object.ts";
import { scaleKind } from "../../registry/scale.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { requireStorable } from "../../storage/encoded-object.ts";

/**
 * What a request asks for, as a record shows it: of an object all that it was read as, with its kind and defaults, whatever the writer left
 * out; a patch and the options of a deletion as they came. Undefined for what cannot be read, or has more parts than any store takes.
 */
export function sentObject(request: ApiRequest, definition: ResourceDefinition | undefined): unknown {
  const body = "body" in request ? request.body : undefined;
  if (definition === undefined || (request.verb !== "create" && request.verb !== "update")) return body;
  const { subresource, options } = request;
  const part = subresource === undefined ? undefined : definition.subresources.find(({ name }) => name === subresource);
  // Another kind, as a Binding is.
  if (part !== undefined && "kind" in part && typeof part.kind === "string") {
    const { group = definition.group, version = definition.version } = part;
    return typeof body === "object" && body !== null ? { kind: part.kind, apiVersion: formatApiVersion(group, version), ...body } : undefined;
  }
  try {
    requireStorable(definition, undefined, body);
    if (subresource === "scale") return decodeObject(scaleKind, body, options).object;
    return withParts(definition, decodeObject(definition, body, { ...options, subresource }).object);
  } catch (error) {
    if (error instanceof StatusError) return undefined;
    throw error;
  }
}
