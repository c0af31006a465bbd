import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { goNumber, isInt64 } from "../../apimachinery/go-text.ts";
import type { JsonSchema } from "./json-schema.ts";
import { isKnownFormat } from "./value-formats.ts";

const FLOAT32_MAX = 3.4028235677973366e38;
/** How far from a whole number a quotient may be, in relation to it. */
const EPSILON = 1e-9;

/**
 * What a schema has against a number, in upstream's order: whether its type can hold it, factor, least, most. Bounds of whole numbers are
 * cut to whole numbers, and so a factor of 0.5 is one that no whole number has.
 */
export function numberErrors(schema: JsonSchema, value: number | bigint, path: string): FieldError[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const number = Number(value);
  const shown = goNumber(value);
  const bound = (limit: number) => (isInt64(value) && outOfRange(schema, limit) === undefined ? Math.trunc(limit) : limit);
  const errors = typeErrors(schema, value, "Checked", path);
  const complain = (detail: string, blamed = shown) => errors.push({ type: "FieldValueInvalid", field: path, message: `Invalid value: ${blamed}: ${detail}` });
  if (multipleOf !== undefined) {
    errors.push(...typeErrors(schema, multipleOf, "MultipleOf", path));
    const factor = bound(multipleOf);
    if (factor <= 0) complain(`factor MultipleOf declared for ${path} must be positive: ${goNumber(factor)}`, goNumber(factor));
    else if (isInt64(value) && Number.isInteger(factor) ? BigInt(value) % BigInt(factor) !== 0n : !isNearlyWhole(number / factor))
      complain(`${path} in body should be a multiple of ${goNumber(factor)}`);
  }
  if (minimum !== undefined) {
    errors.push(...typeErrors(schema, minimum, "Minimum boundary", path));
    const least = bound(minimum);
    if (exclusiveMinimum === true ? number <= least : number < least)
      complain(`${path} in body should be greater than ${exclusiveMinimum === true ? "" : "or equal to "}${goNumber(least)}`);
  }
  if (maximum !== undefined) {
    errors.push(...typeErrors(schema, maximum, "Maximum boundary", path));
    const most = bound(maximum);
    if (exclusiveMaximum === true ? number >= most : number > most)
      complain(`${path} in body should be less than ${exclusiveMaximum === true ? "" : "or equal to "}${goNumber(most)}`);
  }
  return errors;
}

/** Upstream tells of this without saying of which field. */
function typeErrors(schema: JsonSchema, value: number | bigint, what: string, path: string): FieldError[] {
  const type = outOfRange(schema, value);
  return type === undefined ? [] : [invalidField("<nil>", "", `${what} value must be of type ${type} in ${path}`)];
}

/** The type that cannot hold a number; of several, none is asked. */
function outOfRange(schema: JsonSchema, value: number | bigint): string | undefined {
  const format = schema.format !== undefined && isKnownFormat(schema.format, schema.type) ? schema.format : undefined;
  const type = schema["x-kubernetes-int-or-string"] === true ? undefined : schema.type;
  const number = Number(value);
  const fits =
    type === "integer"
      ? isInt64(value) && (format !== "int32" || number === (number | 0))
      : (format !== "float" && format !== "float32") || Math.abs(number) < FLOAT32_MAX;
  return fits ? undefined : `${type ?? ""} ${format === undefined ? "(default format)" : `with format ${format}`}`;
}

function isNearlyWhole(number: number): boolean {
  const whole = Math.round(number);
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER && (number === whole || (whole !== 0 && Math.abs(number - whole) < EPSILON * Math.abs(whole)));
}
