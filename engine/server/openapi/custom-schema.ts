import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { loadSchema } from "../../resources/load-schema.ts";
import type { SchemaWriter } from "./part.ts";
import type { OpenApiSchema } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** `com.example.stable.v1.CronTab`. */
export function customTypeName({ group, version, kind }: ResourceDefinition): string {
  return `${group.split(".").reverse().join(".")}.${version}.${kind}`;
}

/** What version 2 has no words for, or what its readers take for more than it says. */
const NOT_IN_V2: ReadonlySet<string> = new Set(["anyOf", "oneOf", "allOf", "not", "nullable", "default", "x-kubernetes-validations"]);

/** A custom kind's schema as its author wrote it, with what every object has. */
export function customSchema(definition: ResourceDefinition, writer: SchemaWriter, openApi: 2 | 3): OpenApiSchema {
  const { group, version, kind, published } = definition;
  // kubectl takes properties for all there are: where the author names none, or keeps others, none may be named here.
  const isOpen = published === undefined || (openApi === 2 && published["x-kubernetes-preserve-unknown-fields"] === true);
  const root = isOpen ? { type: "object" } : converted(published, writer, openApi, true);
  return { ...root, "x-kubernetes-group-version-kind": [{ group, version, kind }], ...selectableFields(definition) };
}

/** Said of a custom kind and of its lists alike. */
export function selectableFields(definition: ResourceDefinition): Json {
  const selectable = Object.keys(definition.selectableFields).map((fieldPath) => ({ fieldPath }));
  return selectable.length === 0 ? {} : { "x-kubernetes-selectable-fields": selectable };
}

function converted(schema: Json, writer: SchemaWriter, openApi: 2 | 3, isWhole: boolean): OpenApiSchema {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(schema)) if (openApi === 3 || !NOT_IN_V2.has(name)) out[name] = value;
  if (openApi === 2 && schema["x-kubernetes-preserve-unknown-fields"] === true) {
    // Whoever checks objects on the client's side would refuse what the server keeps.
    for (const name of ["type", "items", "properties", "additionalProperties", "required"]) delete out[name];
    return out;
  }
  if (openApi === 2 && schema["x-kubernetes-int-or-string"] === true) delete out["type"];
  const inner = (value: unknown) => converted(value as Json, writer, openApi, false); // parts of a schema that was validated
  if (isJson(schema["items"])) out["items"] = inner(schema["items"]);
  if (isJson(schema["additionalProperties"])) out["additionalProperties"] = inner(schema["additionalProperties"]);
  const properties = isJson(schema["properties"])
    ? Object.fromEntries(Object.entries(schema["properties"]).map(([name, property]) => [name, inner(property)]))
    : undefined;
  if (properties !== undefined) out["properties"] = properties;
  if (isWhole || schema["x-kubernetes-embedded-resource"] === true) out["properties"] = { ...properties, ...wholeProperties(writer) };
  return out;
}

function wholeProperties(writer: SchemaWriter): Json {
  return {
    apiVersion: { type: "string", description: "APIVersion defines in which version of the API the object is written." },
    kind: { type: "string", description: "Kind of the object." },
    metadata: {
      allOf: [writer.reference(loadSchema("meta/v1/meta.yaml", "ObjectMeta"))],
      description: "Standard object's metadata: name, labels, owners and history.",
    },
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
