import type { FieldValidation, RepeatedFields } from "../apimachinery/api-request.ts";
import { decodingProblem } from "../apimachinery/decoding-problem.ts";
import { invalid, invalidField, type FieldError } from "../apimachinery/field-error.ts";
import { goJsonType } from "../apimachinery/go-text.ts";
import { formatApiVersion, parseApiVersion } from "../apimachinery/group-version.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Schema } from "../apimachinery/schema.ts";
import { badRequest, StatusError } from "../apimachinery/status-error.ts";
import { conform, type Conformed } from "../apimachinery/structural-schema.ts";
import { catalog } from "../resources/catalog.ts";
import type { ContentRules, Strategy } from "../resources/define-resource.ts";
import { loadSchema } from "../resources/load-schema.ts";
import { describeStrictProblems, orderOfCustom, strictProblems } from "./strict-problems.ts";

interface KindName {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Group versions under which bodies of the very same form may come as well. */
  readonly alsoAs?: readonly string[];
}

/** Far more than any kind has. */
const FIELDS_MAX = 1_000;
/** Upstream's bound of what it says of unknown and repeated fields. */
const STRICT_PROBLEMS_MAX = 100;
/** How much of a body upstream shows that it cannot tell the kind of. */
const SHOWN_MAX = 30;

/** What decoding needs to know of a kind; subresource bodies such as Binding have no more than this. */
export interface Decodable<T extends KubeObject = KubeObject> extends KindName {
  readonly schema: Schema;
  readonly strategy?: Strategy<T>;
  readonly content?: ContentRules<T>;
}

/** A kind that only bodies of subresources have, by its schema's file, which is read when the first one comes. */
export function bodyKind<T extends KubeObject>(group: string, version: string, kind: string, file: string): Decodable<T> {
  return {
    group,
    version,
    kind,
    get schema() {
      return loadSchema(file);
    },
  };
}

export interface DecodeOptions {
  readonly fieldValidation?: FieldValidation;
  /** What the body's text named twice, as the transport found it. */
  readonly repeated?: RepeatedFields;
  /** See ConformOptions: of an apply's outcome. */
  readonly keepsNulls?: boolean;
  /** The part of the object that the body is about: of a write to its status, nothing else is kept, and so nothing else has to be there. */
  readonly subresource?: string | undefined;
}

export interface Decoded<T extends KubeObject> {
  /** Pruned and with defaults; of the right shape only when `schemaErrors` is empty. */
  readonly object: T;
  readonly warnings: readonly string[];
  /** Problems to be reported once it is known that the request may be made at all. */
  readonly schemaErrors: readonly FieldError[];
  /** See Conformed. */
  readonly emptied: Conformed["emptied"];
}

/**
 * A request's body as an object of the kind: unknown fields are dropped and reported as `fieldValidation` says, defaults are filled in.
 * Throws upstream's 400 for another kind, for values of a wrong type and, when strict, for unknown and duplicate fields.
 */
export function decodeObject<T extends KubeObject>(kind: Decodable<T>, body: unknown, options: DecodeOptions = {}): Decoded<T> {
  const source = checkKind(kind, body);
  const conformed = conform(kind.schema, source, {
    defaults: true,
    prune: true,
    ...(options.keepsNulls === true ? { keepsNulls: "refused" } : {}),
    ...(kind.content === undefined ? { zeroesWithin: "status" } : {}),
  });
  const { value } = conformed;
  const unknown = kind.content === undefined ? conformed.unknown : orderOfCustom(kind.schema, conformed.unknown);
  // What users define is judged by rules of its own; here only whether it has metadata that can be worked with.
  const errors =
    kind.content === undefined ? conformed.errors : conformed.errors.filter(({ type, field }) => type === "FieldValueTypeInvalid" && /^metadata\b/.test(field));
  const typeErrors = errors.filter((error) => error.type === "FieldValueTypeInvalid");
  if (typeErrors.length > 0)
    throw malformed(
      kind,
      (kind.content === undefined
        ? decodingProblem(kind.schema, source, kind.version)
        : decodingProblem(loadSchema("meta/v1/meta.yaml", "ObjectMeta"), source["metadata"], "v1")) ??
        typeErrors.map((error) => `${error.field}: ${error.message}`).join(", "),
      typeErrors,
    );
  const unreadable = kind.content?.unreadable(source);
  if (unreadable !== undefined) throw malformed(kind, unreadable, []);
  const schemaErrors = options.subresource === "status" ? errors.filter(({ field }) => /^(metadata|status)\b/.test(field)) : errors;
  const warnings = strictProblems(unknown, options.repeated, kind.content !== undefined).slice(0, STRICT_PROBLEMS_MAX);
  if (options.fieldValidation === "Strict" && warnings.length > 0)
    throw malformed(
      kind,
      `strict decoding error: ${describeStrictProblems(unknown, options.repeated, kind.content !== undefined)}`,
      unknown.map((field) => ({ type: "FieldValueInvalid", field, message: `unknown field "${field}"` })),
    );
  const object = value as T; // conforms, or schemaErrors say where it does not
  return {
    object: errors.length === 0 ? withStrategyDefaults(kind, object) : object,
    warnings: options.fieldValidation === "Ignore" ? [] : warnings,
    schemaErrors,
    emptied: conformed.emptied,
  };
}

/** Defaults that a schema cannot state; only for objects of the right shape. */
export function withStrategyDefaults<T extends KubeObject>(kind: Pick<Decodable<T>, "strategy">, object: T): T {
  return kind.strategy?.setDefaults?.(object) ?? object;
}

/** What is wanted and how it is are parts of every object of Kubernetes' own kinds that have them, with their defaults where nobody has written them. */
export function withParts<T extends KubeObject>({ content, schema }: Pick<Decodable<T>, "content" | "schema">, object: T): T {
  if (content !== undefined) return object;
  let whole: T = object;
  for (const name of ["spec", "status"] as const) {
    const part = schema.properties?.[name];
    if (part?.properties === undefined || part["x-protobuf-tag"] === undefined || (object as Readonly<Record<string, unknown>>)[name] !== undefined) continue; // any JSON object has names
    whole = { ...whole, [name]: conform(part, {}, { defaults: true, prune: false }).value };
  }
  return whole;
}

/** No kind of ours has nearly as many fields at the top. To copy a hundred thousand takes seconds; that they are unknown, the first ones say. */
function withFewFields(schema: Schema, source: Record<string, unknown>): Record<string, unknown> {
  let count = 0;
  for (const _name in source) if (++count > FIELDS_MAX) break;
  if (count <= FIELDS_MAX) return source;
  const few: Record<string, unknown> = {};
  count = 0;
  for (const name in source) if (++count <= FIELDS_MAX || schema.properties?.[name] !== undefined) few[name] = source[name];
  return few;
}

/** A body may leave kind and apiVersion out: the address says them. */
function checkKind(kind: KindName & { readonly content?: object; readonly schema: Schema }, given: unknown): Record<string, unknown> {
  const body = given === null && kind.content === undefined ? {} : given; // as Go reads a null
  const apiVersion = formatApiVersion(kind.group, kind.version);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; json parse error: the body is not an object`,
    );
  }
  const source = body as Record<string, unknown>; // any JSON object is one
  const givenKind = typeText(kind, source, "kind") || kind.kind;
  const givenVersion = (typeText(kind, source, "apiVersion") || apiVersion).replace(/^\//, ""); // the empty group may be said
  if (givenKind !== kind.kind && kind.content !== undefined && givenVersion === apiVersion)
    throw invalid(kind.group, givenKind, nameIn(source), [invalidField("kind", givenKind, `must be ${kind.kind}`)]);
  if (givenKind !== kind.kind && kind.content === undefined) {
    const { version, group } = parseApiVersion(givenVersion);
    if (!catalog.some((known) => known.kind === givenKind && known.group === group && known.version === version))
      throw unregistered(kind, givenKind, givenVersion);
    const from = `${version}.${givenKind}`;
    throw badRequest(
      `${givenKind} in version ${JSON.stringify(version)} cannot be handled as a ${kind.kind}: converting (${from}) to (${internalGroup(kind.group)}.${kind.kind}): unknown conversion${group === kind.group ? "" : ` from group ${JSON.stringify(group)}`}`,
    );
  }
  if (givenVersion !== apiVersion && kind.alsoAs?.includes(givenVersion) !== true)
    throw badRequest(`the API version in the data (${givenVersion}) does not match the expected API version (${apiVersion})`);
  const metadata = source["metadata"];
  return {
    ...(kind.content === undefined ? withFewFields(kind.schema, source) : source),
    kind: kind.kind,
    apiVersion,
    metadata: metadata === undefined || metadata === null ? {} : metadata,
  };
}

/** Upstream names the place in its programs where kinds are registered. */
function unregistered(kind: KindName, givenKind: string, givenVersion: string): StatusError {
  const { version } = parseApiVersion(givenVersion);
  return badRequest(
    `${givenKind} in version ${JSON.stringify(version)} cannot be handled as a ${kind.kind}: no kind ${JSON.stringify(givenKind)} is registered for version ${JSON.stringify(givenVersion)} in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"`,
  );
}

/** Of a body, which is shown by its beginning. */
function typeText(kind: KindName, source: Readonly<Record<string, unknown>>, field: "kind" | "apiVersion"): string | undefined {
  try {
    return textField(source, field);
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): ${(error as Error).message} (${JSON.stringify(source).slice(0, SHOWN_MAX)} ...)`,
    ); // textField throws nothing else
  }
}

/** What says of which kind an object is must be text. */
export function textField(source: Readonly<Record<string, unknown>>, field: "kind" | "apiVersion"): string | undefined {
  const value = source[field];
  if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
  throw badRequest(`couldn't get version/kind; json parse error: json: cannot unmarshal ${goJsonType(value)} into Go struct field .${field} of type string`);
}

/** The name that a body gives its object; empty where it gives none. */
export function nameInBody(body: unknown): string {
  return typeof body === "object" && body !== null ? nameIn(body as Readonly<Record<string, unknown>>) : ""; // any JSON object or list is one
}

function nameIn({ metadata }: Readonly<Record<string, unknown>>): string {
  const name = typeof metadata === "object" && metadata !== null ? (metadata as { readonly name?: unknown }).name : undefined;
  return typeof name === "string" ? name : "";
}

function internalGroup(group: string): string {
  return group === "" ? "core" : (group.split(".")[0] ?? group);
}

function malformed(kind: KindName, why: string, errors: readonly FieldError[]): StatusError {
  const message = `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${why}`;
  // Upstream sends no causes here; they let the Git sync point at the line.
  const causes = errors.map(({ type, message: text, field }) => ({ reason: type, message: text, field }));
  return causes.length === 0 ? badRequest(message) : new StatusError("BadRequest", message, { causes });
}
