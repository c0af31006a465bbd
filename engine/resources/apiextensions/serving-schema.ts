import type { Schema } from "../../apimachinery/schema.ts";
import { loadSchema } from "../load-schema.ts";
import type { JsonSchema } from "./json-schema.ts";

const META_FILE = "meta/v1/meta.yaml";
const KEPT = [
  "default",
  "x-kubernetes-int-or-string",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
] as const;

/** Values of which a schema says no more than whether they may be there: it describes no fields of theirs, so that all are pruned. */
const UNDESCRIBED: Schema = { nullable: true, "x-mainstay-bare": true };

/**
 * What pruning, defaulting and merging need of a schema: its structure without the bounds, which are judged by `validateValue`. Whole
 * objects have kind, version and metadata whether the schema says so or not.
 */
export function servingSchema(schema: JsonSchema | undefined, isRoot = true, metadata: (own: Schema | undefined) => Schema = objectMetadata): Schema {
  const { properties, items, additionalProperties, type } = schema ?? {};
  const out: Record<string, unknown> = {};
  const isInteger = schema?.["x-kubernetes-int-or-string"] === true;
  if (type !== undefined && !isInteger) out["type"] = type;
  for (const name of KEPT) if (schema?.[name] !== undefined) out[name] = schema[name];
  // Said of every value, as an applied null is refused where our own kinds take it for nothing.
  if (!isRoot) out["nullable"] = schema?.nullable === true;
  if (items !== undefined) out["items"] = servingSchema(items, false, metadata);
  const isResource = isRoot || schema?.["x-kubernetes-embedded-resource"] === true;
  if (isResource) out["type"] = "object";
  const inner =
    properties === undefined
      ? undefined
      : Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, servingSchema(property, false, metadata)]));
  if (inner !== undefined || isResource)
    out["properties"] = isResource
      ? { ...inner, apiVersion: typeText(inner?.["apiVersion"]), kind: typeText(inner?.["kind"]), metadata: metadata(inner?.["metadata"]) }
      : inner;
  if (typeof additionalProperties === "object") out["additionalProperties"] = servingSchema(additionalProperties, false, metadata);
  else if (additionalProperties !== undefined) out["additionalProperties"] = UNDESCRIBED;
  // An object about which nothing is said is empty, whereas our own schemas mean any object by that.
  else if (type === "object" && inner === undefined && !isResource && schema?.["x-kubernetes-preserve-unknown-fields"] !== true)
    out["additionalProperties"] = false;
  return out as Schema; // made of the parts of one
}

/** Of what an object says of its type only a default is the author's. */
function typeText(own: Schema | undefined): Schema {
  return own?.default === undefined ? { type: "string" } : { type: "string", default: own.default };
}

/** Defaults that the author gave for names inside of embedded metadata stay; everything else is Kubernetes' own. */
function objectMetadata(own: Schema | undefined): Schema {
  const meta = loadSchema(META_FILE, "ObjectMeta");
  const defaulted = Object.entries(own?.properties ?? {}).filter(
    ([name, property]) => property.default !== undefined && Object.hasOwn(meta.properties ?? {}, name),
  );
  const properties =
    defaulted.length === 0
      ? undefined
      : { ...meta.properties, ...Object.fromEntries(defaulted.map(([name, property]) => [name, { ...meta.properties?.[name], default: property.default }])) };
  const metadata: Schema = properties === undefined ? meta : { ...meta, properties };
  return own?.default === undefined ? metadata : { ...metadata, default: own.default };
}
