import type { Schema } from "../../apimachinery/schema.ts";
import { isMap, textOf, type JsonMap } from "./json-value.ts";
import { BuildFault } from "./kustomize-error.ts";
import type { SchemaLookup } from "./patches.ts";
import { apiVersionOf } from "./resource-id.ts";

const REFERENCE = "#/definitions/";
/** The parts of a schema that merging goes by. */
const MERGE_FIELDS = ["type", "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key", "x-kubernetes-list-map-keys"] as const;

/** Reads the OpenAPI document that a kustomization names (`openapi.path`): merge keys for kinds of its own. */
export function readCustomSchemas(value: unknown): SchemaLookup {
  const definitions = isMap(value) ? value["definitions"] : undefined;
  if (!isMap(definitions)) throw new BuildFault("the OpenAPI document has no definitions");
  const schemas = new Map<string, JsonMap>();
  const byKind = new Map<string, JsonMap>();
  for (const [name, definition] of Object.entries(definitions)) {
    // Registered before it is filled, so that a type may contain itself.
    const schema: JsonMap = {};
    schemas.set(name, schema);
    const kinds = isMap(definition) ? definition["x-kubernetes-group-version-kind"] : undefined;
    for (const gvk of Array.isArray(kinds) ? kinds.filter(isMap) : [])
      byKind.set(`${apiVersionOf({ group: textOf(gvk["group"]), version: textOf(gvk["version"]), kind: "" })} ${textOf(gvk["kind"])}`, schema);
  }
  for (const [name, definition] of Object.entries(definitions)) Object.assign(schemas.get(name) ?? {}, convert(definition, schemas));
  // Built from the known fields of Schema only.
  return (apiVersion, kind) => byKind.get(`${apiVersion} ${kind}`) as Schema | undefined;
}

function convert(source: unknown, schemas: ReadonlyMap<string, JsonMap>): JsonMap {
  if (!isMap(source)) return {};
  const reference = textOf(source["$ref"]);
  if (reference.startsWith(REFERENCE)) {
    const target = schemas.get(reference.slice(REFERENCE.length));
    if (target !== undefined) return target;
  }
  const schema: JsonMap = Object.fromEntries(MERGE_FIELDS.filter((field) => source[field] !== undefined).map((field) => [field, source[field]]));
  if (isMap(source["properties"]))
    schema["properties"] = Object.fromEntries(Object.entries(source["properties"]).map(([name, property]) => [name, convert(property, schemas)]));
  if (isMap(source["items"])) schema["items"] = convert(source["items"], schemas);
  if (isMap(source["additionalProperties"])) schema["additionalProperties"] = convert(source["additionalProperties"], schemas);
  return schema;
}
