import { invalidField, requiredField, typeInvalid, tooLong, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { hasPattern } from "./value-pattern.ts";
import { hasFormat, isKnownFormat } from "./value-formats.ts";
import type { JsonSchema } from "./json-schema.ts";
import { isInt64 } from "../../apimachinery/go-text.ts";
import { numberErrors } from "./value-numbers.ts";

/** A value before an update; absent where there was none or where it cannot be told which it was. */
export interface OldValue {
  readonly value: unknown;
}

/** Where a value is; `""` is the object itself. */
type Path = string;

const below = (path: Path, name: string | number) => (path === "" ? String(name) : `${path}.${name}`);

/**
 * Everything wrong with one value, in upstream's order: its type, what holds of it as a whole, its bounds with what is inside of it, its
 * fields that are missing.
 */
export function valueErrors(schema: JsonSchema, value: unknown, path: Path, whole: readonly FieldError[], inside: readonly FieldError[]): FieldError[] {
  const wrong = typeError(schema, value, path);
  if (value === null) return [...wrong, ...enumErrors(schema, value, path)];
  return [
    ...wrong,
    ...whole,
    ...(typeof value === "string" ? textErrors(schema, value, path) : []),
    ...(typeof value === "number" || typeof value === "bigint" ? numberErrors(schema, value, path) : []),
    ...(Array.isArray(value) ? [...inside, ...sizeOfListErrors(schema, value, path)] : []),
    ...enumErrors(schema, value, path),
    ...(isJsonObject(value) ? [...sizeOfObjectErrors(schema, value, path), ...inside, ...missingErrors(schema, value, path)] : []),
  ];
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The name of a JSON value's type, as messages give it. */
function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number" || typeof value === "bigint") return isInt64(value) ? "integer" : "number";
  return typeof value === "object" ? "object" : typeof value;
}

function typeError(schema: JsonSchema, value: unknown, path: Path): FieldError[] {
  const wanted = schema["x-kubernetes-int-or-string"] === true ? ["integer", "string"] : schema.type === undefined ? [] : [schema.type];
  const actual = typeOf(value);
  const { format } = schema;
  const isFitting = wanted.includes(actual) || (actual === "integer" && wanted.includes("number"));
  if (!isFitting && format !== undefined && isKnownFormat(format, schema.type) && !["array", "null", "string"].includes(actual)) {
    const given = actual === "integer" ? "int64" : actual === "number" ? "float64" : "";
    return given === format ? [] : [typeInvalid(path, given, `${path} in body must be of type ${format}: ${JSON.stringify(given)}`)];
  }
  if (wanted.length === 0 || isFitting || (actual === "null" && schema.nullable === true)) return [];
  return [typeInvalid(path, actual, `${path} in body must be of type ${wanted.join(",")}: ${JSON.stringify(actual)}`)];
}

/** Of length and pattern upstream tells what it finds first. */
function textErrors(schema: JsonSchema, value: string, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const length = [...value].length;
  const { maxLength, minLength, pattern, format } = schema;
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength));
  else if (minLength !== undefined && length < minLength) errors.push(invalidField(path, value, `${path} in body should be at least ${minLength} chars long`));
  else if (pattern !== undefined && !hasPattern(pattern, value)) errors.push(invalidField(path, value, `${path} in body should match '${pattern}'`));
  if (format !== undefined && isKnownFormat(format, schema.type) && hasFormat(format, value) === false)
    errors.push(typeInvalid(path, value, `${path} in body must be of type ${format}: ${JSON.stringify(value)}`));
  return errors;
}

function sizeOfListErrors({ minItems, maxItems, uniqueItems }: JsonSchema, value: readonly unknown[], path: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (minItems !== undefined && value.length < minItems)
    errors.push(invalidField(path, value.length, `${path} in body should have at least ${minItems} items`));
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems));
  if (uniqueItems === true && new Set(value.map((item) => JSON.stringify(item))).size < value.length)
    errors.push(invalidField(path, "", `${path} in body shouldn't contain duplicates`));
  return errors;
}

function sizeOfObjectErrors(
  { minProperties, maxProperties, properties, additionalProperties }: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  path: Path,
): FieldError[] {
  const names = Object.keys(value);
  const errors: FieldError[] = [];
  if (minProperties !== undefined && names.length < minProperties)
    errors.push(invalidField(path, names.length, `${path} in body should have at least ${minProperties} properties`));
  if (maxProperties !== undefined && names.length > maxProperties) errors.push(tooMany(path, names.length, maxProperties));
  if (additionalProperties === false)
    for (const name of names) if (properties?.[name] === undefined) errors.push(invalidField(path, "", `${below(path, name)} in body is a forbidden property`));
  return errors;
}

function missingErrors({ required = [] }: JsonSchema, value: Readonly<Record<string, unknown>>, path: Path): FieldError[] {
  return required.filter((name) => !Object.hasOwn(value, name)).map((name) => requiredField(below(path, name)));
}

function enumErrors({ enum: allowed }: JsonSchema, value: unknown, path: Path): FieldError[] {
  if (allowed === undefined) return [];
  const shown = JSON.stringify(value);
  return allowed.some((candidate) => JSON.stringify(candidate) === shown)
    ? []
    : [
        unsupportedValue(
          path,
          value,
          allowed.map((candidate) => (typeof candidate === "string" ? candidate : JSON.stringify(candidate))),
        ),
      ];
}

function tooMany(field: Path, count: number, max: number): FieldError {
  return { type: "FieldValueTooMany", field, message: `Too many: ${count}: must have at most ${max} ${max === 1 ? "item" : "items"}` };
}
