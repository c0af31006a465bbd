import { forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import type { ValidationRule } from "../types.ts";
import { findFieldPath } from "./field-path.ts";
import type { JsonSchema } from "./json-schema.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
/** Parts of the language that upstream does not take. */
export const UNSUPPORTED = ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] as const;

/** Why a default may not stand where it stands; undefined where it may. */
export interface SchemaPlace {
  readonly path: string;
  readonly isRoot: boolean;
  readonly noDefaults?: string;
  readonly isInMetadata?: boolean;
}

/** What a schema of a custom kind may not say, apart from whether it is structural and whether its expressions compile. */
export function schemaErrors(schema: JsonSchema, place: SchemaPlace): FieldError[] {
  const { path, isRoot } = place;
  const own = [...languageErrors(schema, place), ...mapTypeErrors(schema, path), ...listTypeErrors(schema, path), ...ruleErrors(schema, path)];
  const inner = (child: JsonSchema | boolean | undefined, step: string, change: Partial<SchemaPlace> = {}) =>
    typeof child === "object" ? schemaErrors(child, { ...place, isRoot: false, ...change, path: `${path}${step}` }) : [];
  const isWhole = isRoot || schema["x-kubernetes-embedded-resource"] === true;
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const isMeta = isWhole && ["metadata", "kind", "apiVersion"].includes(name);
    return inner(property, `.properties[${name}]`, {
      ...(isMeta ? { isInMetadata: true } : {}),
      ...(isMeta && isRoot ? { noDefaults: `in top-level ${name}` } : {}),
    });
  });
  return [
    ...own,
    ...inner(
      schema.additionalProperties,
      ".additionalProperties",
      place.isInMetadata === true ? { noDefaults: "inside additionalProperties applying to object metadata" } : {},
    ),
    ...properties,
    ...inner(schema.not, ".not"),
    ...(["allOf", "oneOf", "anyOf"] as const).flatMap((junctor) => (schema[junctor] ?? []).flatMap((branch, index) => inner(branch, `.${junctor}[${index}]`))),
    ...(Array.isArray(schema.items) ? [] : inner(schema.items, ".items")),
  ];
}

function languageErrors(schema: JsonSchema, { path, noDefaults, isInMetadata }: SchemaPlace): FieldError[] {
  const errors: FieldError[] = [];
  const { type, additionalProperties, properties = {} } = schema;
  if (type !== undefined && !TYPES.includes(type)) errors.push(unsupportedValue(`${path}.type`, type, TYPES));
  if (schema.default !== undefined && noDefaults !== undefined) errors.push(forbiddenField(`${path}.default`, `must not be set ${noDefaults}`));
  for (const name of UNSUPPORTED)
    if ((schema as Readonly<Record<string, unknown>>)[name] !== undefined) errors.push(forbiddenField(`${path}.${name}`, `${name} is not supported`)); // fields that only this asks for
  if (type === "null") errors.push(forbiddenField(`${path}.type`, "type cannot be set to null, use nullable as an alternative"));
  if (Array.isArray(schema.items)) errors.push(forbiddenField(`${path}.items`, "items must be a schema object and not an array"));
  if (isInMetadata === true && schema["x-kubernetes-embedded-resource"] === true)
    errors.push(forbiddenField(`${path}.x-kubernetes-embedded-resource`, "must not be used inside of resource meta"));
  if (schema.uniqueItems === true)
    errors.push(forbiddenField(`${path}.uniqueItems`, "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"));
  if (additionalProperties !== undefined && additionalProperties !== true && Object.keys(properties).length > 0)
    errors.push(forbiddenField(`${path}.additionalProperties`, "additionalProperties and properties are mutual exclusive"));
  if (schema["x-kubernetes-preserve-unknown-fields"] === false)
    errors.push(invalidField(`${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined"));
  return errors;
}

function mapTypeErrors(schema: JsonSchema, path: string): FieldError[] {
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType === undefined) return [];
  return [
    ...wrongType(schema, path, "object", "x-kubernetes-map-type"),
    ...(["atomic", "granular"].includes(mapType) ? [] : [unsupportedValue(`${path}.x-kubernetes-map-type`, mapType, ["atomic", "granular"])]),
  ];
}

function wrongType({ type }: JsonSchema, path: string, wanted: string, extension: string): FieldError[] {
  if (type === wanted) return [];
  const detail = `must be ${wanted} if ${extension} is specified`;
  return [type === undefined ? requiredField(`${path}.type`, detail) : invalidField(`${path}.type`, type, detail)];
}

function listTypeErrors(schema: JsonSchema, path: string): FieldError[] {
  const { items } = schema;
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const errors: FieldError[] = [];
  if (listType !== undefined) errors.push(...wrongType(schema, path, "array", "x-kubernetes-list-type"));
  if (listType === "set" && errors.length === 0 && items !== undefined) {
    const itemType = items["x-kubernetes-list-type"];
    if (items.type === "array" && itemType !== undefined && itemType !== "atomic")
      errors.push(invalidField(`${path}.items.x-kubernetes-list-type`, itemType, "must be atomic as item of a list with x-kubernetes-list-type=set"));
    if (items.type === "object" && items["x-kubernetes-map-type"] !== "atomic")
      errors.push(invalidField(`${path}.items.x-kubernetes-map-type`, null, "must be atomic as item of a list with x-kubernetes-list-type=set"));
  }
  if (listType !== undefined && !["atomic", "set", "map"].includes(listType))
    errors.push(unsupportedValue(`${path}.x-kubernetes-list-type`, listType, ["atomic", "set", "map"]));
  if (keys.length > 0 && listType !== "map") {
    const detail = "must be map if x-kubernetes-list-map-keys is non-empty";
    errors.push(
      listType === undefined ? requiredField(`${path}.x-kubernetes-list-type`, detail) : invalidField(`${path}.x-kubernetes-list-type`, listType, detail),
    );
  }
  if (listType === "map") errors.push(...mapListErrors(schema, keys, path));
  if ((listType === "set" || listType === "map") && items?.nullable === true)
    errors.push(forbiddenField(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`));
  return errors;
}

function mapListErrors({ items }: JsonSchema, keys: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (keys.length === 0) errors.push(requiredField(`${path}.x-kubernetes-list-map-keys`, "must not be empty if x-kubernetes-list-type is map"));
  if (items === undefined) return [...errors, requiredField(`${path}.items`, "must have a schema if x-kubernetes-list-type is map")];
  if (items.type !== "object")
    return [...errors, invalidField(`${path}.items.type`, items.type ?? "", "must be object if parent array's x-kubernetes-list-type is map")];
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key];
    const at = `${path}.items.properties[${key}]`;
    if (property === undefined) errors.push(invalidField(`${path}.x-kubernetes-list-map-keys`, keys, "entries must all be names of item properties"));
    else if (property.type === "array" || property.type === "object")
      errors.push(invalidField(`${at}.type`, items.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"));
    if (keys.indexOf(key) < index) errors.push(invalidField(`${path}.x-kubernetes-list-map-keys`, keys, "must not contain duplicate entries"));
    if (property === undefined) continue;
    if (items.required?.includes(key) !== true && property.default === undefined)
      errors.push(requiredField(`${at}.default`, "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"));
    if (property.nullable === true) errors.push(forbiddenField(`${at}.nullable`, "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"));
  }
  return errors;
}

function ruleErrors(schema: JsonSchema, path: string): FieldError[] {
  return (schema["x-kubernetes-validations"] ?? []).flatMap((rule, index) => oneRuleErrors(schema, rule, `${path}.x-kubernetes-validations[${index}]`));
}

function oneRuleErrors(schema: JsonSchema, { rule, message = "", messageExpression = "", reason, fieldPath = "" }: ValidationRule, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const hasBreak = (text: string) => /[\n\r]/.test(text);
  if (rule.trim() === "") errors.push(requiredField(`${at}.rule`, "rule is not specified"));
  else if (message !== "" && message.trim() === "") errors.push(invalidField(`${at}.message`, message, "must be non-empty if specified"));
  else if (hasBreak(message.trim())) errors.push(invalidField(`${at}.message`, message, "must not contain line breaks"));
  else if (hasBreak(rule.trim()) && message.trim() === "")
    errors.push(requiredField(`${at}.message`, "message must be specified if rule contains line breaks"));
  if (messageExpression !== "" && messageExpression.trim() === "")
    errors.push(requiredField(`${at}.messageExpression`, "messageExpression must be non-empty if specified"));
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(unsupportedValue(`${at}.reason`, reason, REASONS));
  if (fieldPath !== "" && fieldPath.trim() === "") errors.push(invalidField(`${at}.fieldPath`, fieldPath, "must be non-empty if specified"));
  if (hasBreak(fieldPath)) errors.push(invalidField(`${at}.fieldPath`, fieldPath, "must not contain line breaks"));
  if (fieldPath !== "" && findFieldPath(fieldPath, schema).is === "wrong") errors.push(invalidField(`${at}.fieldPath`, fieldPath, "must be a valid path"));
  return errors;
}
