import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { JsonSchema } from "./json-schema.ts";
import { patternProblem } from "./value-pattern.ts";

type Level = "root" | "items" | "field";

const NUMBER_OR_TEXT = [{ type: "integer" }, { type: "string" }];

/**
 * Whether a schema is structural: every field it speaks about is described outside of allOf, anyOf, oneOf and not, so that pruning and
 * defaulting need to look nowhere else. Rules and sentences are upstream's.
 */
export function structuralErrors(schema: JsonSchema, path: string): FieldError[] {
  return [...invariantErrors(schema, "root", path), ...completenessErrors(schema, schema, path, path)].sort((a, b) =>
    `${a.field}: ${a.message}` < `${b.field}: ${b.message}` ? -1 : 1,
  );
}

function invariantErrors(schema: JsonSchema, level: Level, path: string): FieldError[] {
  const { type, items, properties = {}, additionalProperties } = schema;
  const errors: FieldError[] = [];
  if (type === "array" && items === undefined) errors.push(requiredField(`${path}.items`, "must be specified"));
  if (items !== undefined) errors.push(...invariantErrors(items, "items", `${path}.items`));
  for (const [name, property] of Object.entries(properties)) errors.push(...invariantErrors(property, "field", `${path}.properties[${name}]`));
  if (additionalProperties !== undefined && level === "root") errors.push(forbiddenField(`${path}.additionalProperties`, "must not be used at the root"));
  if (typeof additionalProperties === "object") errors.push(...invariantErrors(additionalProperties, "field", `${path}.additionalProperties`));
  const isNumberOrText = schema["x-kubernetes-int-or-string"] === true;
  const keepsUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (isNumberOrText && keepsUnknown)
    errors.push(invalidField(`${path}.x-kubernetes-preserve-unknown-fields`, true, "must be false if x-kubernetes-int-or-string is true"));
  if (isNumberOrText && schema["x-kubernetes-embedded-resource"] === true)
    errors.push(invalidField(`${path}.x-kubernetes-embedded-resource`, true, "must be false if x-kubernetes-int-or-string is true"));
  errors.push(
    ...junctorErrors(schema, level, path, {
      skipsAnyOf: jsonEqual(schema.anyOf, NUMBER_OR_TEXT),
      skipsFirstAllOf: jsonEqual(schema.allOf?.[0]?.anyOf, NUMBER_OR_TEXT),
    }),
  );
  errors.push(...typeErrors(schema, level, path), ...metadataErrors(schema, level, path));
  return errors;
}

const PLACES: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  items: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

function typeErrors(schema: JsonSchema, level: Level, path: string): FieldError[] {
  const { type } = schema;
  const errors: FieldError[] = [];
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  if (isEmbedded && type !== "object") {
    const detail = "must be object if x-kubernetes-embedded-resource is true";
    errors.push(type === undefined ? requiredField(`${path}.type`, detail) : invalidField(`${path}.type`, type, detail));
  } else if (type === undefined && schema["x-kubernetes-int-or-string"] !== true && schema["x-kubernetes-preserve-unknown-fields"] !== true)
    errors.push(requiredField(`${path}.type`, PLACES[level]));
  if (isEmbedded && schema.additionalProperties !== undefined)
    errors.push(forbiddenField(`${path}.additionalProperties`, "must not be used if x-kubernetes-embedded-resource is set"));
  if (level === "root" && type !== undefined && type !== "object") errors.push(invalidField(`${path}.type`, type, "must be object at the root"));
  return errors;
}

function metadataErrors(schema: JsonSchema, level: Level, path: string): FieldError[] {
  const { properties = {} } = schema;
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const errors: FieldError[] = [];
  if (level === "root" || isEmbedded) {
    for (const name of ["kind", "apiVersion"] as const) {
      const property = properties[name];
      if (property !== undefined && property.type !== "string")
        errors.push(invalidField(`${path}.properties[${name}].type`, property.type ?? "", "must be string"));
    }
    const { metadata } = properties;
    if (metadata !== undefined && metadata.type !== "object")
      errors.push(invalidField(`${path}.properties[metadata].type`, metadata.type ?? "", "must be object"));
    if (metadata !== undefined && level === "root" && !onlyNames(metadata))
      errors.push(
        forbiddenField(`${path}.properties[metadata]`, "must not specify anything other than name and generateName, but metadata is implicitly specified"),
      );
  }
  if (isEmbedded && schema["x-kubernetes-preserve-unknown-fields"] !== true && Object.keys(properties).length === 0) {
    errors.push(
      requiredField(`${path}.properties`, "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"),
    );
  }
  return errors;
}

/** Of the metadata of whole objects, a schema may bound the names and say nothing else. */
function onlyNames({ type: _type, default: _default, properties = {}, ...rest }: JsonSchema): boolean {
  return Object.keys(properties).every((name) => name === "name" || name === "generateName") && Object.keys(rest).length === 0;
}

interface Exceptions {
  readonly skipsAnyOf: boolean;
  readonly skipsFirstAllOf: boolean;
}

const NO_EXCEPTIONS: Exceptions = { skipsAnyOf: false, skipsFirstAllOf: false };

function junctorErrors(schema: JsonSchema, level: Level, path: string, { skipsAnyOf, skipsFirstAllOf }: Exceptions): FieldError[] {
  const errors: FieldError[] = [];
  if (!skipsAnyOf)
    for (const [index, branch] of (schema.anyOf ?? []).entries()) errors.push(...nestedErrors(branch, level, `${path}.anyOf[${index}]`, NO_EXCEPTIONS));
  for (const [index, branch] of (schema.allOf ?? []).entries())
    errors.push(...nestedErrors(branch, level, `${path}.allOf[${index}]`, { ...NO_EXCEPTIONS, skipsAnyOf: skipsFirstAllOf && index === 0 }));
  for (const [index, branch] of (schema.oneOf ?? []).entries()) errors.push(...nestedErrors(branch, level, `${path}.oneOf[${index}]`, NO_EXCEPTIONS));
  if (schema.not !== undefined) errors.push(...nestedErrors(schema.not, level, `${path}.not`, NO_EXCEPTIONS));
  const problem = schema.pattern === undefined ? undefined : patternProblem(schema.pattern);
  if (problem !== undefined) errors.push(invalidField(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: ${problem}`));
  return errors;
}

/** A branch judges values and describes none. */
function nestedErrors(schema: JsonSchema, level: Level, path: string, exceptions: Exceptions): FieldError[] {
  const errors = junctorErrors(schema, level, path, exceptions);
  if (schema.items !== undefined) errors.push(...nestedErrors(schema.items, level, `${path}.items`, NO_EXCEPTIONS));
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    errors.push(...nestedErrors(property, "field", `${path}.properties[${name}]`, NO_EXCEPTIONS));
  for (const [name, isSet, detail] of [
    ["type", schema.type !== undefined, "must be empty to be structural"],
    ["additionalProperties", schema.additionalProperties !== undefined, "must be undefined to be structural"],
    ["default", schema.default !== undefined, "must be undefined to be structural"],
    ["title", Boolean(schema.title), "must be empty to be structural"],
    ["description", Boolean(schema.description), "must be empty to be structural"],
    ["nullable", schema.nullable === true, "must be false to be structural"],
    ["x-kubernetes-preserve-unknown-fields", schema["x-kubernetes-preserve-unknown-fields"] === true, "must be false to be structural"],
    ["x-kubernetes-embedded-resource", schema["x-kubernetes-embedded-resource"] === true, "must be false to be structural"],
    ["x-kubernetes-int-or-string", schema["x-kubernetes-int-or-string"] === true, "must be false to be structural"],
    ["x-kubernetes-list-map-keys", (schema["x-kubernetes-list-map-keys"] ?? []).length > 0, "must be empty to be structural"],
    ["x-kubernetes-list-type", schema["x-kubernetes-list-type"] !== undefined, "must be undefined to be structural"],
    ["x-kubernetes-map-type", schema["x-kubernetes-map-type"] !== undefined, "must be undefined to be structural"],
    ["x-kubernetes-validations", (schema["x-kubernetes-validations"] ?? []).length > 0, "must be empty to be structural"],
  ] as const)
    if (isSet) errors.push(forbiddenField(`${path}.${name}`, detail));
  if (schema.properties?.["metadata"] !== undefined) errors.push(forbiddenField(`${path}.properties[metadata]`, "must not be specified in a nested context"));
  return errors;
}

/** What the branches at the root judge must be described; upstream asks no more. */
function completenessErrors(judge: JsonSchema, described: JsonSchema, path: string, judgePath: string): FieldError[] {
  const errors: FieldError[] = [];
  if (judge.not !== undefined) errors.push(...nestedCompleteness(judge.not, described, path, `${judgePath}.not`));
  for (const junctor of ["allOf", "anyOf", "oneOf"] as const) {
    for (const [index, branch] of (judge[junctor] ?? []).entries())
      errors.push(...nestedCompleteness(branch, described, path, `${judgePath}.${junctor}[${index}]`));
  }
  return errors;
}

function nestedCompleteness(judge: JsonSchema, described: JsonSchema | undefined, path: string, judgePath: string): FieldError[] {
  if (described === undefined) return [requiredField(path, `because it is defined in ${judgePath}`)];
  return [
    ...completenessErrors(judge, described, path, judgePath),
    ...(judge.items === undefined ? [] : nestedCompleteness(judge.items, described.items, `${path}.items`, `${judgePath}.items`)),
    ...Object.entries(judge.properties ?? {}).flatMap(([name, property]) =>
      nestedCompleteness(property, described.properties?.[name], `${path}.properties[${name}]`, `${judgePath}.properties[${name}]`),
    ),
  ];
}
