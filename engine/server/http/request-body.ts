import type { PatchType, RepeatedFields } from "../../apimachinery/api-request.ts";
import { decodeProtobuf, unwrapUnknown } from "../../apimachinery/protobuf/protobuf.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { badRequest, StatusError } from "../../apimachinery/status-error.ts";
import { textField } from "../../registry/decode-object.ts";
import { withSortedKeys } from "../../lib/sorted-keys.ts";
import { findRepeatedFields } from "../../apimachinery/json-duplicates.ts";
import { JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from "./negotiation.ts";
import { JsonRangeError, parseJson } from "../../lib/json.ts";
import { JsonDepthError, requireDepth } from "../../lib/json-depth.ts";
import { readYamlBody, type YamlReader } from "./yaml-body.ts";

export interface ParsedBody {
  readonly value: unknown;
  readonly repeated?: RepeatedFields | undefined;
}

/** Finds the schema of a kind that may be in a protobuf body. */
export type SchemaLookup = (apiVersion: string, kind: string) => Schema | undefined;

const PATCH_TYPES: ReadonlyMap<string, PatchType> = new Map([
  ["application/json-patch+json", "json"],
  ["application/merge-patch+json", "merge"],
  ["application/strategic-merge-patch+json", "strategic"],
  ["application/apply-patch+yaml", "apply"],
]);

/** Whether a body of this type is read as YAML. */
export function isReadAsYaml(contentType: string | undefined): boolean {
  const type = mediaTypeOf(contentType);
  return type === YAML_TYPE || PATCH_TYPES.get(type) === "apply";
}

/** As much of a body that cannot be read is told as upstream tells, in characters: what cannot be read may be a secret all the same. */
const SHOWN_LENGTH_MAX = 30;

/** `application/json; charset=utf-8` without its parameters. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

/** The object in a request's body. Throws 415 for other types and upstream's 400 for text that cannot be read. */
export function parseObjectBody(
  contentType: string | undefined,
  bytes: Buffer,
  kind: string,
  schemas: SchemaLookup,
  readYaml: YamlReader = readYamlBody,
): ParsedBody {
  switch (mediaTypeOf(contentType)) {
    case "":
    case JSON_TYPE:
      return parseJsonObject(bytes, kind);
    case YAML_TYPE:
      return parseYaml(bytes, kind, readYaml);
    case PROTOBUF_TYPE:
      return { value: parseProtobuf(bytes, schemas) };
    default:
      throw unsupportedMedia([JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE]);
  }
}

/** The 415 that says what would be understood. */
export function unsupportedMedia(accepted: readonly string[]): StatusError {
  return new StatusError("UnsupportedMediaType", `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`);
}

/** A patch and its type. Throws 415 for types that are none. */
export function parsePatchBody(
  contentType: string | undefined,
  bytes: Buffer,
  isCustom = false,
  readYaml: YamlReader = readYamlBody,
): ParsedBody & { readonly patchType: PatchType } {
  const patchType = PATCH_TYPES.get(mediaTypeOf(contentType));
  // Custom kinds do not know keys to merge lists by, and are served behind another door than upstream's own.
  if (isCustom && (patchType === undefined || patchType === "strategic"))
    throw unsupportedMedia([...PATCH_TYPES.keys()].filter((type) => PATCH_TYPES.get(type) !== "strategic"));
  if (patchType === undefined) throw new StatusError("UnsupportedMediaType", "415: Unsupported Media Type", {});
  if (patchType === "apply") {
    try {
      return { patchType, ...readYaml(bytes.toString("utf8")) };
    } catch (error) {
      throw badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const text = bytes.toString("utf8");
  try {
    requireDepth(text);
    return { patchType, value: parseJson(text), repeated: findRepeatedFields(text) };
  } catch (error) {
    throw badRequest(`${patchType === "strategic" ? "" : "error decoding patch: "}${describeJsonError(text, error)}`);
  }
}

/** The options in the body of a delete; undefined when there is none. */
export function parseOptionsBody(contentType: string | undefined, bytes: Buffer | undefined, schemas: SchemaLookup, readYaml?: YamlReader): unknown {
  if (bytes === undefined || bytes.length === 0) return undefined;
  const { value } = parseObjectBody(contentType, bytes, "DeleteOptions", schemas, readYaml);
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${Array.isArray(value) ? "array" : typeof value} into Go value of type DeleteOptions`,
    );
  // Clients send them under many group versions; only the kind says what they are.
  const said = value as Record<string, unknown>; // checked above
  const [kind, version] = [textField(said, "kind") ?? "", textField(said, "apiVersion") || "meta.k8s.io/v1"];
  const { kind: _kind, apiVersion: _apiVersion, ...options } = said;
  if (kind !== "" && kind !== "DeleteOptions")
    throw badRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(version)} in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"`,
    );
  return options;
}

function parseJsonObject(bytes: Buffer, kind: string): ParsedBody {
  const text = bytes.toString("utf8");
  try {
    requireDepth(text);
    return { value: parseJson(text), repeated: findRepeatedFields(text) };
  } catch (error) {
    throw unrecognized(kind, describeJsonError(text, error), text);
  }
}

function parseYaml(bytes: Buffer, kind: string, readYaml: YamlReader): ParsedBody {
  try {
    const { value, repeated } = readYaml(bytes.toString("utf8"));
    // Upstream makes JSON of it first, whose fields come by name: so do its complaints.
    return { value: withSortedKeys(value), repeated };
  } catch (error) {
    throw unrecognized(kind, error instanceof Error ? error.message : String(error), bytes.toString("utf8"));
  }
}

function parseProtobuf(bytes: Buffer, schemas: SchemaLookup): unknown {
  let envelope: ReturnType<typeof unwrapUnknown>;
  try {
    envelope = unwrapUnknown(bytes);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
  const { apiVersion, kind, raw } = envelope;
  const schema = schemas(apiVersion, kind);
  if (schema === undefined) throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  try {
    return { apiVersion, kind, ...decodeProtobuf(schema, raw) };
  } catch (error) {
    throw badRequest(`cannot decode the protobuf ${kind}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function unrecognized(kind: string, why: string, text: string): StatusError {
  const shown = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)} ...` : text;
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${why} (${shown})`);
}

/** V8's message about broken JSON in the words of Go's parser, which clients know. */
function describeJsonError(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  if (error instanceof JsonDepthError || error instanceof JsonRangeError) return message;
  const position = /position (\d+)/.exec(message)?.[1];
  // Short texts are shown whole instead of by position.
  const token = position === undefined ? /^Unexpected token '(.+?)'/su.exec(message)?.[1] : text[Number(position)];
  const isEnd = token === undefined || (position !== undefined && Number(position) >= text.trimEnd().length);
  if (isEnd) return "unexpected end of JSON input";
  const where = PLACES.find(([pattern]) => pattern.test(message))?.[1] ?? "looking for beginning of value";
  return `invalid character '${token}' ${where}`;
}

/** Where a text cannot go on, by what our parser says of it and in the words of Go's. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/^Unexpected non-whitespace character after JSON/, "after top-level value"],
  [/^Expected ':' after property name/, "after object key"],
  [/^Expected ',' or '}' after property value/, "after object key:value pair"],
  [/^Expected ',' or ']' after array element/, "after array element"],
  [/^Expected (?:property name|double-quoted property name)/, "looking for beginning of object key string"],
];
