import type { ApiResult } from "../../apimachinery/api-request.ts";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import { invalid, invalidField } from "../../apimachinery/field-error.ts";
import { applyJsonPatch } from "../../apimachinery/json-patch.ts";
import { applyMergePatch } from "../../apimachinery/merge-patch.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { applyServerSide } from "../../apimachinery/server-side-apply.ts";
import { badRequest, conflict, hasReason, StatusError } from "../../apimachinery/status-error.ts";
import { applyStrategicMergePatch } from "../../apimachinery/strategic-merge-patch.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { conversionProblem, goText } from "../../apimachinery/unstructured-conversion.ts";
import { requireAllowed } from "../../auth/authorize.ts";
import { admissionAttributes } from "../admission-attributes.ts";
import { attributesOf } from "../request-attributes.ts";
import type { ResourceDefinition, ScaleAccess } from "../../resources/define-resource.ts";
import type { Scale } from "../../resources/types.ts";
import { decodeObject, describeStrictProblems, strictProblems, textField, type DecodeOptions } from "../../registry/decode-object.ts";
import { isPartOfObject, resetFieldsOf } from "../../registry/before-update.ts";
import { scaleAccessOf, scaleKind, scaleOf } from "../../registry/scale.ts";
import { refuseShape } from "../../registry/validate-object.ts";
import { kindIsEnding, madeUp, nowText, objectResult, unsupportedMethod, type Exchange, type RequestOf, type VerbHandler } from "../exchange.ts";
import { changeObject, type Wanted } from "./change-object.ts";
import { createPrepared, placeInNamespace } from "./create.ts";
import { scaleView } from "./update.ts";

export const patch: VerbHandler<"patch"> = async (exchange) => {
  const { request, definition } = exchange;
  if (request.subresource === "scale") return patchScale(exchange);
  if (request.subresource !== undefined && !isPartOfObject(definition, request.subresource)) throw unsupportedMethod();
  if (request.patchType !== "apply") return changeObject(exchange, (current) => patched(exchange, current));
  const intent = checkedIntent(exchange, definition);
  try {
    return await changeObject(exchange, (current) => applied(exchange, intent, current));
  } catch (error) {
    if (!hasReason(error, "NotFound") || error.status.details?.kind !== definition.resource || request.subresource !== undefined) throw error;
    return createApplied(exchange, intent);
  }
};

/** The current object with a JSON, merge or strategic merge patch applied. */
function patched(exchange: Exchange<RequestOf<"patch">>, current: KubeObject): Wanted {
  const { request, definition } = exchange;
  const result = withPatch(exchange, definition.schema, current);
  const { unknown, errors } = conform(definition.schema, result, { defaults: false, prune: false });
  const misfit = errors.find(({ type, field }) => type === "FieldValueTypeInvalid" && (definition.content === undefined || /^metadata\b/.test(field)));
  if (misfit !== undefined) throw unusable(request, result, (request.patchType === "strategic" ? conversionProblem(definition.schema, result) : undefined) ?? `${misfit.field}: ${misfit.message}`);
  // A patch names its fields in an order of its own: what it repeats comes first.
  const problems = strictProblems(unknown, request.options.repeated, true);
  if (request.options.fieldValidation === "Strict" && problems.length > 0) {
    throw unusable(request, result, `strict decoding error: ${describeStrictProblems(unknown, request.options.repeated, true)}`);
  }
  const { object, schemaErrors } = decodeObject(definition, result, { fieldValidation: "Ignore", subresource: request.subresource });
  if (schemaErrors.length > 0) refuseShape(definition, object, schemaErrors);
  return { object: placeInNamespace(exchange, object), warnings: request.options.fieldValidation === "Ignore" ? [] : problems, isTracked: false };
}

/** A patch that leaves no object of the kind. As upstream the failure names no object: it shows the patch, or what came of it. */
function unusable({ patchType, body }: RequestOf<"patch">, result: unknown, why: string): StatusError {
  return invalid("", "", "", [invalidField("patch", patchType === "strategic" ? goText(body) : JSON.stringify(result), why)]);
}

function withPatch({ request }: Exchange<RequestOf<"patch">>, schema: Schema, current: KubeObject): unknown {
  switch (request.patchType) {
    case "json":
      return applyJsonPatch(current, request.body);
    case "merge":
      return applyMergePatch(current, objectPatch(request.body));
    case "strategic":
      return applyStrategicMergePatch(schema, current, objectPatch(request.body));
    default:
      throw new Error(`invariant broken: ${request.patchType} patches have their own way`);
  }
}

function objectPatch(body: unknown): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw badRequest("error decoding patch: json: cannot unmarshal the patch into an object");
  return body as Record<string, unknown>; // checked above
}

/** The intent of an apply: of this kind and name, without managed fields, without fields that nobody knows. */
function checkedIntent(exchange: Exchange<RequestOf<"patch">>, kind: Pick<ResourceDefinition, "group" | "version" | "kind" | "schema">): KubeObject {
  const { request } = exchange;
  const body = objectPatch(request.body);
  const { repeated, fieldValidation } = request.options;
  if (repeated !== undefined && fieldValidation === "Strict") throw badRequest(`error strict decoding YAML: ${describeStrictProblems([], repeated, true)}`);
  const apiVersion = formatApiVersion(kind.group, kind.version);
  const [givenVersion, givenKind] = [textField(body, "apiVersion") ?? "", textField(body, "kind") ?? ""];
  if (givenKind !== kind.kind || givenVersion !== apiVersion) {
    throw badRequest(`failed to create typed patch object: the patch is of ${givenVersion}, Kind=${givenKind}, not of ${apiVersion}, Kind=${kind.kind}`);
  }
  const { value, unknown, errors } = conform(kind.schema, { metadata: {}, ...body }, { defaults: false, prune: false, keepsNulls: true });
  const typeErrors = errors.filter((error) => error.type === "FieldValueTypeInvalid");
  const intent = value as KubeObject; // kind, apiVersion and the schema have been checked
  const problems = [...unknown.map((field) => ({ field, message: "field not declared in schema" })), ...typeErrors];
  if (problems.length > 0) {
    const where = `${request.namespace ? `${request.namespace}/` : ""}${request.name}; ${apiVersion}, Kind=${kind.kind}`;
    const causes = problems.map(({ field, message }) => ({ reason: "FieldValueInvalid", field, message }));
    throw new StatusError("BadRequest", `failed to create typed patch object (${where}): ${problems.map(({ field, message }) => `.${field}: ${message}`).join(", ")}`, { causes });
  }
  if (intent.metadata.managedFields !== undefined && intent.metadata.managedFields.length > 0) throw badRequest("metadata.managedFields must be nil");
  if (intent.metadata.name && intent.metadata.name !== request.name) throw badRequest(`the name of the object (${intent.metadata.name}) does not match the name on the URL (${request.name})`);
  return placeInNamespace(exchange, withMetadata(intent, { name: request.name }));
}

function applied(exchange: Exchange<RequestOf<"patch">>, intent: KubeObject, current: KubeObject): Wanted {
  const { definition } = exchange;
  const merged = applyIntent(exchange, intent, current);
  const { object, warnings, schemaErrors } = decodeObject(definition, merged, repeatedFieldsOf(exchange));
  if (schemaErrors.length > 0) refuseShape(definition, object, schemaErrors);
  return { object, warnings, isTracked: true };
}

/** An apply to a name that does not exist creates it. */
async function createApplied(exchange: Exchange<RequestOf<"patch">>, intent: KubeObject): Promise<ApiResult> {
  const { definition, parts, request } = exchange;
  if (definition.isEnding === true) throw kindIsEnding("create");
  if (intent.metadata.uid) throw conflict(definition, request.name, `uid mismatch: the provided object specified uid ${intent.metadata.uid}, and no existing object was found`);
  // The right to change what is there is not the right to make more.
  await requireAllowed(parts.authorizer, { ...attributesOf(request), verb: "create" });
  const { object, warnings, schemaErrors } = decodeObject(definition, applyIntent(exchange, withMetadata(intent, { resourceVersion: undefined }), undefined), repeatedFieldsOf(exchange));
  if (schemaErrors.length > 0) {
    await parts.admission.admitAddress(admissionAttributes(exchange, { operation: "CREATE", subresource: undefined, name: request.name, object, old: undefined }, request.options));
    refuseShape(definition, object, schemaErrors);
  }
  return createPrepared(exchange, object, warnings);
}

/** What the intent repeats is warned of; unknown fields it has none any more. */
function repeatedFieldsOf({ request: { options, subresource } }: Exchange<RequestOf<"patch">>): DecodeOptions {
  return { fieldValidation: "Warn", keepsNulls: true, subresource, ...(options.repeated === undefined || options.fieldValidation === "Ignore" ? {} : { repeated: options.repeated }) };
}

function applyIntent(exchange: Exchange<RequestOf<"patch">>, intent: KubeObject, live: KubeObject | undefined): KubeObject {
  const { definition, request } = exchange;
  return applyServerSide({
    schema: definition.schema,
    live,
    intent,
    manager: request.options.fieldManager ?? "",
    force: request.options.force === true,
    takesItemsOf: request.options.takesItemsOf,
    apiVersion: formatApiVersion(definition.group, definition.version),
    ...(request.subresource === undefined ? {} : { subresource: request.subresource }),
    resetFields: resetFieldsOf(definition, request.subresource),
    nowText: nowText(exchange),
  });
}

async function patchScale(exchange: Exchange<RequestOf<"patch">>): Promise<ApiResult> {
  const { definition, request } = exchange;
  const access = scaleAccessOf(definition);
  if (access === undefined) throw unsupportedMethod();
  const scaleIntent = request.patchType === "apply" ? intentOfScale(access, checkedIntent(exchange, scaleKind)) : undefined;
  const result = await changeObject(exchange, (current) => {
    if (scaleIntent !== undefined) return { ...applied(exchange, scaleIntent(current), current), view: scaleView(access) };
    const { object: scale, schemaErrors } = decodeObject(scaleKind, withPatch(exchange, scaleKind.schema, scaleOf(access, current)), { fieldValidation: "Ignore" });
    if (schemaErrors.length > 0) refuseShape({ ...definition, group: scaleKind.group, kind: scaleKind.kind }, scale, schemaErrors);
    return { object: withMetadata(access.withReplicas(current, scale.spec?.replicas ?? 0), { resourceVersion: scale.metadata.resourceVersion }), warnings: [], isTracked: false, view: scaleView(access) };
  });
  return result.is === "object" ? objectResult(200, madeUp(scaleOf(access, result.encoded.object)), result.warnings) : result;
}

/** An applied Scale as an intent for the object behind it, which the same manager's applies to the object itself are kept apart from. */
function intentOfScale(access: ScaleAccess<KubeObject>, scale: Scale & KubeObject): (current: KubeObject) => KubeObject {
  const { replicas } = scale.spec ?? {};
  return ({ apiVersion, kind }) => {
    const bare = { apiVersion, kind, metadata: scale.metadata };
    return replicas === undefined ? bare : access.withReplicas(bare, replicas);
  };
}
