import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { scaledValue } from "../../apimachinery/int-or-string.ts";

const PERCENT_FORM = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A count of pods or a percentage of them: neither negative nor, as a percentage, more than all. Absent amounts are fine. */
export function amountErrors(value: number | string | undefined, path: string): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === "number") return nonNegativeErrors(value, path);
  if (!isPercent(value)) return [invalidField(path, value, PERCENT_FORM)];
  return scaledValue(value, 100, true) > 100 ? [invalidField(path, value, "must not be greater than 100%")] : [];
}

/** A count that may be absent and is not negative. */
export function nonNegativeErrors(value: number | undefined, path: string): FieldError[] {
  return value !== undefined && value < 0 ? [invalidField(path, value, "must be greater than or equal to 0")] : [];
}

/** Whether an amount is nothing: 0 or 0%, and what cannot be read as one. */
export function isNoAmount(value: number | string | undefined): boolean {
  if (typeof value === "string") return !isPercent(value) || scaledValue(value, 100, true) === 0;
  return value === undefined || value === 0;
}

function isPercent(text: string): boolean {
  return /^[0-9]+%$/.test(text);
}
