import type { ApiResult } from "../../apimachinery/api-request.ts";
import { formatApiVersion, parseApiVersion } from "../../apimachinery/group-version.ts";
import { invalid, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { decodingProblem } from "../../apimachinery/decoding-problem.ts";
import { patchJson, unknownOperationFields, type PatchedJson } from "../../apimachinery/patches/json-patch.ts";
import { applyMergePatch } from "../../apimachinery/patches/merge-patch.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { quantityProblem } from "../../apimachinery/quantity-problem.ts";
import { applyServerSide } from "../../apimachinery/server-side-apply/server-side-apply.ts";
import { badRequest, conflict, hasReason, withoutReason, type StatusError } from "../../apimachinery/status-error.ts";
import { applyStrategicMergePatch } from "../../apimachinery/patches/strategic-merge-patch.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { typedPatchProblem, untypedPatch } from "../../apimachinery/patches/typed-patch-problem.ts";
import { goJsonType, goText } from "../../apimachinery/go-text.ts";
import { conversionProblem } from "../../apimachinery/patches/unstructured-conversion.ts";
import { requireAllowed } from "../../auth/authorize.ts";
import { withSortedKeys } from "../../lib/sorted-keys.ts";
import { admissionAttributes } from "../admission/admission-attributes.ts";
import { attributesOf } from "../request-attributes.ts";
import { catalog } from "../../resources/catalog.ts";
import type { ResourceDefinition, ScaleAccess } from "../../resources/define-resource.ts";
import type { Scale } from "../../resources/types.ts";
import { decodeObject, textField, type Decodable, type Decoded, type DecodeOptions } from "../../registry/decode-object.ts";
import { isPartOfObject, resetFieldsOf } from "../../registry/before-update.ts";
import { describeStrictProblems, orderOfCustom, strictProblems } from "../../registry/strict-problems.ts";
import { scaleAccessOf, scaleKind, scaleOf } from "../../registry/scale.ts";
import { refuseMisshapen, refuseShape } from "../../registry/validate-object.ts";
import {
  kindIsEnding,
  madeUp,
  objectResult,
  ownersTime,
  placeInNamespace,
  unsupportedMethod,
  type Exchange,
  type RequestOf,
  type VerbHandler,
} from "../exchange.ts";
import { requireStorable } from "../../storage/encoded-object.ts";
import { changeObject, refuseWanted, type Wanted } from "./change-object.ts";
import { createPrepared } from "./create.ts";
import { scaleView } from "./update.ts";

export const patch: VerbHandler<"patch"> = async (exchange) => {
  const { request, definition } = exchange;
  if (request.subresource === "scale") return patchScale(exchange);
  if (request.subresource !== undefined && !isPartOfObject(definition, request.subresource)) throw unsupportedMethod();
  if (request.patchType !== "apply") return changeObject(exchange, (current) => patched(exchange, current));
  // What is wrong with it is told once there is something to apply it to.
  let intent: Intent | undefined;
  const readIntent = () => (intent ??= checkedIntent(exchange, definition));
  try {
    return await changeObject(exchange, (current) => applied(exchange, readIntent(), current));
  } catch (error) {
    if (!hasReason(error, "NotFound") || error.status.details?.kind !== definition.resource) throw error;
    if (request.subresource !== undefined && definition.strategy.createOnUpdate !== true) throw error;
    return createApplied(exchange, readIntent());
  }
};

/** The current object with a JSON, merge or strategic merge patch applied. */
function patched(exchange: Exchange<RequestOf<"patch">>, current: KubeObject): Wanted {
  const { definition } = exchange;
  const { object, emptied } = patchedAs(
    exchange,
    definition,
    current,
    (misshapen, errors) => refuseWanted(exchange, misshapen, errors, current),
    exchange.request.subresource,
  );
  return { object: placeInNamespace(exchange, object), emptied, isTracked: false };
}

/**
 * What the patch makes of an object of the kind; `refuse` throws what is wrong with its shape. Throws upstream's 422 for what is none any
 * more and, when strict, for fields that nobody knows or that are there twice.
 */
function patchedAs<T extends KubeObject>(
  exchange: Exchange<RequestOf<"patch">>,
  kind: Decodable<T>,
  current: T,
  refuse: (object: T, errors: readonly FieldError[]) => void,
  subresource?: string,
): Pick<Decoded<T>, "object" | "emptied"> {
  const { request } = exchange;
  const { fieldValidation } = request.options;
  const ofPatch = fieldValidation === "Ignore" ? [] : problemsOfPatch(request);
  const { value, inOrder } = withPatch(exchange, kind.schema, current);
  requireStorable(exchange.definition, request.name, value);
  const result = withKindOf(kind, request, value);
  const { unknown, errors } = conform(kind.schema, result, { defaults: false, prune: false });
  const misfit = errors.find(({ type, field }) => type === "FieldValueTypeInvalid" && (kind.content === undefined || /^metadata\b/.test(field)));
  if (misfit !== undefined)
    throw unusable(
      request,
      result,
      (request.patchType === "strategic" ? conversionProblem(kind.schema, result) : undefined) ??
        (kind.content === undefined && request.patchType !== "strategic" ? decodingProblem(kind.schema, result, kind.version) : undefined) ??
        `${misfit.field}: ${misfit.message}`,
    );
  // A patch names its fields in an order of its own: what it repeats comes first.
  const problems = [...ofPatch, ...ordered(unknown, request, kind, inOrder).map((field) => `unknown field "${field}"`)];
  if (fieldValidation === "Strict" && problems.length > 0) throw unusable(request, result, `strict decoding error: ${problems.join(", ")}`);
  if (fieldValidation !== "Ignore") exchange.notes.warn(...problems);
  const { object, schemaErrors, emptied } = decodeObject(kind, result, { fieldValidation: "Ignore", subresource });
  if (!object.metadata.name) throw badRequest(`the name of the object (${request.name} based on URL) was undeterminable: name must be provided`);
  if (schemaErrors.length > 0) refuse(object, schemaErrors);
  return { object, emptied };
}

/**
 * A strategic patch is put into a value of Go's type, which has its kind whatever the patch says; what other patches make is read anew, as
 * what it says that it is.
 */
function withKindOf<T extends KubeObject>(kind: Decodable<T>, request: RequestOf<"patch">, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const apiVersion = formatApiVersion(kind.group, kind.version);
  const said = value as { readonly kind?: unknown; readonly apiVersion?: unknown }; // checked above
  if (kind.content !== undefined) {
    if (typeof said.apiVersion !== "string" || said.apiVersion === "" || said.apiVersion === apiVersion) return value;
    const errors = [invalidField("apiVersion", said.apiVersion, `must be ${apiVersion}`)];
    throw invalid(parseApiVersion(said.apiVersion).group, String(said.kind), request.name, errors);
  }
  if (said.kind === kind.kind && said.apiVersion === apiVersion) return value;
  if (typeof said.kind !== "string" || typeof said.apiVersion !== "string") return value;
  if (request.patchType === "strategic") return { ...value, kind: kind.kind, apiVersion };
  if (said.kind === "" || said.apiVersion === "") return value;
  const isKnown = catalog.some((known) => known.kind === said.kind && formatApiVersion(known.group, known.version) === said.apiVersion);
  if (isKnown) return value;
  throw unusable(
    request,
    value,
    `no kind ${JSON.stringify(said.kind)} is registered for version ${JSON.stringify(said.apiVersion)} in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"`,
  );
}

/** What is wrong with the patch whatever it is applied to: fields that it names twice, and of a JSON patch those that no operation has. */
function problemsOfPatch({ patchType, body, options: { repeated } }: RequestOf<"patch">): readonly string[] {
  if (patchType !== "json") return strictProblems([], repeated, true);
  return strictProblems(unknownOperationFields(body ?? []), repeated, false).map((problem) => `json patch ${problem}`);
}

/** As upstream's ways to apply a patch come upon them: kinds that users define apart, of strategic patches by name, of others as the result is written. */
function ordered<T extends KubeObject>(
  unknown: readonly string[],
  { patchType }: RequestOf<"patch">,
  kind: Decodable<T>,
  inOrder: PatchedJson["inOrder"],
): readonly string[] {
  if (unknown.length < 2) return unknown;
  if (kind.content !== undefined) return orderOfCustom(kind.schema, unknown);
  return patchType === "strategic" ? [...unknown].sort() : conform(kind.schema, inOrder(), { defaults: false, prune: false }).unknown;
}

/** A patch that leaves no object of the kind. As upstream the failure names no object: it shows the patch, or what came of it. */
function unusable({ patchType, body }: RequestOf<"patch">, result: unknown, why: string): StatusError {
  return invalid("", "", "", [invalidField("patch", patchType === "strategic" ? goText(body) : JSON.stringify(result), why)]);
}

function withPatch({ request }: Exchange<RequestOf<"patch">>, schema: Schema, current: KubeObject): PatchedJson {
  // A merge patch is read into maps as a whole, and so is all that it touches.
  const sorted = (value: unknown): PatchedJson => ({ value, inOrder: () => withSortedKeys(value) });
  switch (request.patchType) {
    case "json":
      return patchJson(current, request.body ?? []);
    case "merge":
      if (request.body === null) throw badRequest("Invalid JSON Patch");
      return sorted(applyMergePatch(current, objectPatch(request.body)));
    case "strategic":
      return sorted(applyStrategicMergePatch(schema, current, objectPatch(request.body ?? {}, "")));
    default:
      throw new Error(`invariant broken: ${request.patchType} patches have their own way`);
  }
}

function objectPatch(body: unknown, step = "error decoding patch: "): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw badRequest(`${step}json: cannot unmarshal ${goJsonType(body)} into Go value of type map[string]interface {}`);
  }
  return body as Record<string, unknown>; // checked above
}

/** What is applied, and what is wrong with its values: upstream reads them once it is clear that nobody else owns the fields. */
interface Intent {
  readonly object: KubeObject;
  readonly misfit: StatusError | undefined;
}

/**
 * The intent of an apply: of this kind and name, without managed fields, of the types that the kind has. Throws upstream's failures: what
 * does not fit its schema is a 500 without a reason.
 */
function checkedIntent(exchange: Exchange<RequestOf<"patch">>, kind: Pick<ResourceDefinition, "group" | "version" | "kind" | "schema" | "content">): Intent {
  const { request } = exchange;
  const body = objectPatch(request.body ?? {}, "error decoding YAML: error unmarshaling JSON: while decoding JSON: ");
  const apiVersion = formatApiVersion(kind.group, kind.version);
  const [givenVersion, givenKind] = [textField(body, "apiVersion") ?? "", textField(body, "kind") ?? ""];
  if (givenKind !== kind.kind || givenVersion !== apiVersion) throw badRequest(`invalid object type: ${kindText(givenVersion, givenKind)}`);
  requireStorable(exchange.definition, request.name, body);
  const { metadata } = body;
  const told =
    typeof metadata === "object" && metadata !== null
      ? (metadata as { readonly name?: unknown; readonly namespace?: unknown; readonly managedFields?: unknown })
      : {};
  if (Array.isArray(told.managedFields) && told.managedFields.length > 0) throw badRequest("metadata.managedFields must be nil");
  const where = `${typeof told.namespace === "string" ? told.namespace : ""}/${typeof told.name === "string" ? told.name : ""}; ${kindText(apiVersion, kind.kind)}`;
  const problem = typedPatchProblem(kind.schema, body);
  if (problem !== undefined) throw untypedPatch(where, problem);
  // A field that is applied as null is the manager's, though it has no value.
  const { value, errors } = conform(kind.schema, { ...body, metadata: withoutNulls(metadata) }, { defaults: false, prune: false, keepsNulls: "all" });
  const misfit = kind.content === undefined ? errors.find(({ type }) => type === "FieldValueTypeInvalid") : undefined;
  const failure =
    misfit &&
    withoutReason(
      `failed to convert new object (${where}) to proper version: unable to convert unstructured object to ${kindText(apiVersion, kind.kind)}: ${conversionProblem(kind.schema, value) ?? textProblem(misfit)}`,
    );
  const intent = value as KubeObject; // kind, apiVersion and the schema have been checked
  if (intent.metadata.name && intent.metadata.name !== request.name)
    throw badRequest(`the name of the object (${intent.metadata.name}) does not match the name on the URL (${request.name})`);
  return { object: placeInNamespace(exchange, withMetadata(intent, { name: request.name })), misfit: failure };
}

/** A kind as Go shows it: `apps/v1, Kind=Deployment`, with a slash also where the group has no name. */
function kindText(apiVersion: string, kind: string): string {
  return `${apiVersion.includes("/") ? "" : "/"}${apiVersion}, Kind=${kind}`;
}

/** What Go's readers say of a text that is no value of its type. */
function textProblem({ message }: FieldError): string {
  const [, given = ""] = /^Invalid value: (.*): must be /s.exec(message) ?? [];
  if (message.includes("must be a quantity")) return quantityProblem(given.replace(/^"|"$/g, "")) ?? message;
  if (message.includes("must be a time")) return `parsing time ${given} as "2006-01-02T15:04:05Z07:00": cannot parse ${given} as "2006"`;
  if (message.includes("must be an integer or string"))
    return `json: cannot unmarshal ${given === "true" || given === "false" ? "bool" : "number"} into Go value of type int32`;
  return message;
}

/** What identifies an object is nobody's: there a null says nothing. */
function withoutNulls(metadata: unknown): unknown {
  if (metadata === undefined || metadata === null) return {};
  if (typeof metadata !== "object") return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([field, value]) => value !== null || OWNABLE.has(field)));
}

const OWNABLE: ReadonlySet<string> = new Set(["labels", "annotations", "finalizers", "ownerReferences"]);

function applied(
  exchange: Exchange<RequestOf<"patch">>,
  { object: intent, misfit }: Intent,
  current: KubeObject,
  complete: (merged: KubeObject) => KubeObject = (merged) => merged,
): Wanted {
  const { definition } = exchange;
  const merged = complete(applyIntent(exchange, intent, current));
  if (misfit !== undefined) throw misfit;
  refuseRepeated(exchange);
  const { object, warnings, schemaErrors } = decodeObject(definition, merged, repeatedFieldsOf(exchange));
  exchange.notes.warn(...warnings);
  if (schemaErrors.length > 0) refuseWanted(exchange, object, schemaErrors, current);
  return { object, isTracked: true };
}

/** An apply to a name that does not exist creates it. */
async function createApplied(exchange: Exchange<RequestOf<"patch">>, { object: intent, misfit }: Intent): Promise<ApiResult> {
  const { definition, parts, request } = exchange;
  if (misfit !== undefined) throw misfit;
  if (definition.isEnding === true) throw kindIsEnding(definition, request.name);
  if (intent.metadata.uid)
    throw conflict(definition, request.name, `uid mismatch: the provided object specified uid ${intent.metadata.uid}, and no existing object was found`);
  // The right to change what is there is not the right to make more.
  await requireAllowed(parts.authorizer, { ...attributesOf(request), verb: "create" });
  const made = applyIntent(exchange, withMetadata(intent, { resourceVersion: undefined }), undefined);
  refuseRepeated(exchange);
  const { object, warnings, schemaErrors } = decodeObject(definition, made, repeatedFieldsOf(exchange));
  exchange.notes.warn(...warnings);
  if (schemaErrors.length > 0) {
    await parts.admission.admitAddress(
      admissionAttributes(exchange, { operation: "CREATE", subresource: undefined, name: request.name, object, old: undefined }, request.options),
    );
    refuseMisshapen(definition, object, schemaErrors, parts.disabled);
  }
  return createPrepared(exchange, object);
}

/** As upstream once the intent has been applied: that others own a field is said before that the text names one twice. */
function refuseRepeated({
  request: {
    options: { repeated, fieldValidation },
  },
}: Exchange<RequestOf<"patch">>): void {
  if (repeated !== undefined && fieldValidation === "Strict")
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${describeStrictProblems([], repeated, true)}`);
}

/** What the intent repeats is warned of; unknown fields it has none any more. */
function repeatedFieldsOf({ request: { options, subresource } }: Exchange<RequestOf<"patch">>): DecodeOptions {
  return {
    fieldValidation: "Warn",
    keepsNulls: true,
    subresource,
    ...(options.repeated === undefined || options.fieldValidation === "Ignore" ? {} : { repeated: options.repeated }),
  };
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
    nowText: ownersTime(exchange),
    ...(request.subresource === "scale" ? { ownersShownIn: formatApiVersion(scaleKind.group, scaleKind.version) } : {}),
  });
}

async function patchScale(exchange: Exchange<RequestOf<"patch">>): Promise<ApiResult> {
  const { definition, request } = exchange;
  const access = scaleAccessOf(definition);
  if (access === undefined) throw unsupportedMethod();
  const intent = request.patchType === "apply" ? checkedIntent(exchange, scaleKind) : undefined;
  const result = await changeObject(exchange, (current) => {
    if (intent !== undefined)
      return {
        ...applied(exchange, { ...intent, object: intentOfScale(access, intent.object, current) }, current, withSomeReplicas(access)),
        view: scaleView(access),
      };
    const { object: scale } = patchedAs(exchange, scaleKind, scaleOf(access, current, true), (misshapen, errors) => refuseShape(scaleKind, misshapen, errors));
    return {
      object: withMetadata(access.withReplicas(current, scale.spec?.replicas ?? 0), { resourceVersion: scale.metadata.resourceVersion }),
      isTracked: false,
      view: scaleView(access),
    };
  });
  return result.is === "object" ? objectResult(200, madeUp(scaleOf(access, result.encoded.object)), result.warnings) : result;
}

/** A Scale whose replicas nobody wants any more has none, and the object behind it does not get its kind's default. */
function withSomeReplicas(access: ScaleAccess<KubeObject>): (object: KubeObject) => KubeObject {
  return (object) => {
    const lacksReplicas = access.lacksReplicas?.(object) ?? (object as { readonly spec?: Scale["spec"] }).spec?.replicas === undefined; // of built-in kinds it is there
    return lacksReplicas ? access.withReplicas(object, 0) : object;
  };
}

/** An applied Scale as an intent for the object behind it, which the same manager's applies to the object itself are kept apart from. */
function intentOfScale(access: ScaleAccess<KubeObject>, scale: Scale & KubeObject, { apiVersion, kind }: KubeObject): KubeObject {
  const { replicas } = scale.spec ?? {};
  const bare = { apiVersion, kind, metadata: scale.metadata };
  return typeof replicas === "number" ? access.withReplicas(bare, replicas) : bare;
}
