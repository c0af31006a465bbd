import { decodingProblem } from "../../apimachinery/decoding-problem.ts";
import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dns1035LabelError } from "../../apimachinery/names.ts";
import { validateObjectMeta } from "../../apimachinery/object-meta-validation.ts";
import type { ObjectMeta } from "../../apimachinery/object-meta.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { loadSchema } from "../load-schema.ts";
import { subschemas, type JsonSchema } from "./json-schema.ts";
import { isJsonObject } from "./value-errors.ts";

/** What is wrong with the kind, version and metadata of objects inside of objects. */
export function embeddedErrors(schema: JsonSchema, value: unknown, path = ""): FieldError[] {
  if (!hasEmbedded(schema)) return [];
  if (Array.isArray(value))
    return schema.items === undefined ? [] : value.flatMap((item, index) => embeddedErrors(schema.items ?? {}, item, `${path}[${index}]`));
  if (!isJsonObject(value)) return [];
  const own = schema["x-kubernetes-embedded-resource"] === true ? resourceErrors(value, path) : [];
  const { properties = {}, additionalProperties } = schema;
  const inner = Object.entries(value).flatMap(([name, child]) => {
    if (Object.hasOwn(properties, name)) return embeddedErrors(properties[name] ?? {}, child, at(path, name));
    return typeof additionalProperties === "object" ? embeddedErrors(additionalProperties, child, `${path}[${name}]`) : [];
  });
  return [...own, ...inner];
}

/** Why an object inside of another cannot be read: what it says of its type is no text, or its metadata is none. Undefined where all can be. */
export function unreadableObject(schema: JsonSchema, value: unknown, path = ""): string | undefined {
  if (!hasEmbedded(schema)) return undefined;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? undefined : firstOf(value.entries(), ([index, item]) => unreadableObject(items, item, `${path}[${index}]`));
  }
  if (!isJsonObject(value)) return undefined;
  const { properties = {}, additionalProperties } = schema;
  const isResource = schema["x-kubernetes-embedded-resource"] === true;
  return firstOf(Object.entries(value), ([name, child]) => {
    const problem = isResource ? unreadableField(name, child) : undefined;
    if (problem !== undefined) {
      const { field, message } = invalidField(at(path, name), child, problem);
      return `${field}: ${message}`;
    }
    if (Object.hasOwn(properties, name)) return unreadableObject(properties[name] ?? {}, child, at(path, name));
    return typeof additionalProperties === "object" ? unreadableObject(additionalProperties, child, `${path}[${name}]`) : undefined;
  });
}

/** By schema, whether its values are objects with a kind of their own, or hold such: most do not, and are not gone through. */
const withEmbedded = new WeakMap<JsonSchema, boolean>();

function hasEmbedded(schema: JsonSchema): boolean {
  let known = withEmbedded.get(schema);
  if (known === undefined) {
    known = schema["x-kubernetes-embedded-resource"] === true || subschemas(schema).some((inner) => hasEmbedded(inner.schema));
    withEmbedded.set(schema, known);
  }
  return known;
}

function unreadableField(name: string, value: unknown): string | undefined {
  if (name === "metadata") return decodingProblem(metaSchema(), value, "v1");
  return (name === "apiVersion" || name === "kind") && typeof value !== "string" ? "must be a string" : undefined;
}

function firstOf<T>(values: Iterable<T>, problemOf: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const problem = problemOf(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function resourceErrors(value: Readonly<Record<string, unknown>>, path: string): FieldError[] {
  const { apiVersion, kind, metadata } = value;
  const errors: FieldError[] = [];
  const name = (field: string) => at(path, field);
  if (apiVersion === undefined) errors.push(requiredField(name("apiVersion")));
  else if (typeof apiVersion !== "string") errors.push(invalidField(name("apiVersion"), apiVersion, "must be a string"));
  else if (apiVersion === "") errors.push(invalidField(name("apiVersion"), apiVersion, "must not be empty"));
  else if (apiVersion.split("/").length > 2) errors.push(invalidField(name("apiVersion"), apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  if (kind === undefined) errors.push(requiredField(name("kind")));
  else if (typeof kind !== "string") errors.push(invalidField(name("kind"), kind, "must be a string"));
  else if (kind === "") errors.push(invalidField(name("kind"), kind, "must not be empty"));
  else {
    const problem = dns1035LabelError(kind.toLowerCase());
    if (problem !== undefined) errors.push(invalidField(name("kind"), kind, `may have mixed case, but should otherwise match: ${problem}`));
  }
  const wrong =
    metadata === undefined
      ? undefined
      : conform(metaSchema(), metadata, { defaults: false, prune: false }).errors.find(({ type }) => type === "FieldValueTypeInvalid");
  if (wrong !== undefined) errors.push(invalidField(name("metadata"), metadata, `${wrong.field === "" ? "" : `${wrong.field}: `}${wrong.message}`));
  else if (isJsonObject(metadata)) {
    const meta: ObjectMeta = { ...metadata, name: typeof metadata["name"] === "string" && metadata["name"] !== "" ? metadata["name"] : "fakename" };
    errors.push(
      ...validateObjectMeta(meta, { nameRule: "pathSegment", namespaced: typeof meta.namespace === "string" && meta.namespace !== "" }).map((error) => ({
        ...error,
        field: at(path, error.field),
      })),
    );
  }
  return errors;
}

function metaSchema(): Schema {
  return loadSchema("meta/v1/meta.yaml", "ObjectMeta");
}

function at(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
