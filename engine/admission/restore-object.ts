import { managedFieldsProblem } from "../apimachinery/server-side-apply/managed-fields.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { internalError } from "../apimachinery/status-error.ts";
import { conform } from "../apimachinery/structural-schema.ts";
import type { MatchedRequest } from "./expressions/admission-request.ts";

/**
 * What a webhook or policy made of an object, as an object of its kind again: unknown fields dropped, defaults filled in, and the record
 * of who owns which field kept where it was spoilt. Throws a 500 for what is of another kind or shape.
 */
export function restoreObject(
  { attributes, definition }: MatchedRequest,
  before: KubeObject,
  changed: unknown,
  unknownFields: "dropped" | "strict" = "dropped",
): KubeObject {
  const schema = attributes.kind?.schema ?? definition.schema;
  const { value, unknown, errors } = conform(schema, changed, {
    defaults: true,
    prune: true,
    ...(definition.content === undefined ? { zeroesWithin: "status" } : {}),
  });
  if (unknownFields === "strict" && unknown.length > 0)
    throw internalError(`strict decoding error: ${unknown.map((field) => `unknown field "${field}"`).join(", ")}`);
  if (errors.length > 0) throw internalError(errors.map((error) => `${error.field}: ${error.message}`).join(", "));
  const object = value as KubeObject; // it conforms to the kind's schema
  if (object.kind !== before.kind || object.apiVersion !== before.apiVersion)
    throw internalError(`the object became a ${object.apiVersion} ${object.kind} on its way`);
  const complete = attributes.kind === undefined ? (definition.strategy.setDefaults?.(object) ?? object) : object;
  const { managedFields } = complete.metadata ?? {};
  const problem = managedFields === before.metadata?.managedFields ? undefined : managedFieldsProblem(managedFields);
  if (problem === undefined) return complete;
  attributes.notes?.warn(
    `.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: ${problem}`,
  );
  return withMetadata(complete, { managedFields: before.metadata.managedFields });
}
