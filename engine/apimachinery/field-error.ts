import { repeatsOf } from "../lib/repeats.ts";
import type { FeatureGate, FeatureGates } from "./feature-gates.ts";
import { joinProblems, StatusError } from "./status-error.ts";

/** Upstream's field.ErrorType values, as they appear in a Status cause. */
export type FieldErrorType =
  | "FieldValueNotFound"
  | "FieldValueRequired"
  | "FieldValueDuplicate"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid"
  | "InternalError";

/** One problem of one field: `spec.containers[0].name: Required value`. */
export interface FieldError {
  readonly type: FieldErrorType;
  /** Upstream's notation: `spec.template.spec.containers[0].image`, `metadata.labels[app]`. */
  readonly field: string;
  /** Without the field: `Invalid value: "x": must be …`. */
  readonly message: string;
  /** It is wrong only where this feature of upstream's is on; where it is off, `otherwise` is. */
  readonly gated?: { readonly feature: FeatureGate; readonly otherwise: readonly FieldError[] };
}

/** What is wrong where these features are off. */
export function withoutFeatures(errors: readonly FieldError[], disabled: FeatureGates): readonly FieldError[] {
  return errors.flatMap((error) =>
    error.gated === undefined || !disabled.has(error.gated.feature) ? [error] : withoutFeatures(error.gated.otherwise, disabled),
  );
}

/** What is to be looked at only where nothing is wrong so far: at once, or where what is wrong is not because a feature is off. */
export function thenErrors(errors: readonly FieldError[], further: () => readonly FieldError[]): FieldError[] {
  const [first, ...others] = errors;
  if (first === undefined) return [...further()];
  if (first.gated === undefined || others.some(({ gated }) => gated === undefined)) return [...errors];
  return [{ ...first, gated: { ...first.gated, otherwise: [...first.gated.otherwise, ...further()] } }, ...others];
}

export const requiredField = (field: string, detail = ""): FieldError => ({
  type: "FieldValueRequired",
  field,
  message: `Required value${detail === "" ? "" : `: ${detail}`}`,
});

export const invalidField = (field: string, value: unknown, detail: string): FieldError => ({
  type: "FieldValueInvalid",
  field,
  message: `Invalid value: ${show(value)}${detail === "" ? "" : `: ${detail}`}`,
});

/** One value that breaks several rules, each of which is told by itself. */
export const invalidFields = (field: string, value: unknown, details: readonly string[]): FieldError[] =>
  details.map((detail) => invalidField(field, value, detail));

export const unsupportedValue = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: "FieldValueNotSupported",
  field,
  message: `Unsupported value: ${show(value)}: supported values: ${supported.map((v) => JSON.stringify(v)).join(", ")}`,
});

/** A name that has to be there and to keep to its rules, each of which is told by itself. */
export const requiredName = (field: string, name: string, problemsOf: (name: string) => readonly string[], detail = ""): FieldError[] =>
  name === "" ? [requiredField(field, detail)] : invalidFields(field, name, problemsOf(name));

/** A text that has to be there and to be one of these. */
export const choiceErrors = (field: string, value: string, supported: readonly string[], detail = ""): FieldError[] =>
  value === "" ? [requiredField(field, detail)] : supported.includes(value) ? [] : [unsupportedValue(field, value, supported)];

export const forbiddenField = (field: string, detail: string): FieldError => ({ type: "FieldValueForbidden", field, message: `Forbidden: ${detail}` });

export const duplicateField = (field: string, value: unknown): FieldError => ({
  type: "FieldValueDuplicate",
  field,
  message: `Duplicate value: ${show(value)}`,
});

/** Each item of a list that is the same as one before it, as `keyOf` says, told of by what `shownOf` gives of it: the whole item when absent. */
export function repeatErrors<T>(
  list: readonly T[],
  at: string,
  keyOf: (item: T) => unknown = (item) => item,
  shownOf: (item: T) => unknown = (item) => item,
): FieldError[] {
  const repeats = repeatsOf(list, keyOf);
  return list.flatMap((item, index) => (repeats[index] === true ? [duplicateField(`${at}[${index}]`, shownOf(item))] : []));
}

export const tooLong = (field: string, maxLength: number): FieldError => ({
  type: "FieldValueTooLong",
  field,
  message: `Too long: may not be more than ${maxLength} bytes`,
});

export const tooMany = (field: string, count: number, countMax: number): FieldError => ({
  type: "FieldValueTooMany",
  field,
  message: `Too many: ${count}: must have at most ${countMax} items`,
});

export const fieldNotFound = (field: string, value: unknown): FieldError => ({ type: "FieldValueNotFound", field, message: `Not found: ${show(value)}` });

export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: "FieldValueTypeInvalid",
  field,
  message: `Invalid value: ${show(value)}: ${detail}`,
});

/** How much a failure tells of what is wrong, in characters; at least one problem. */
const TOLD_LENGTH_MAX = 1 << 20;

/** A 422 that lists the problems, in upstream's wording: every one, where they are not without number. */
export function invalid(group: string, kind: string, name: string, all: readonly FieldError[]): StatusError {
  let left = TOLD_LENGTH_MAX;
  const errors = all.filter(({ field, message }, index) => index === 0 || (left -= field.length + message.length) > 0);
  const more = all.length - errors.length;
  const text = joinProblems([...errors.map(({ field, message }) => `${field}: ${message}`), ...(more === 0 ? [] : [`and ${more} more problems`])]);
  const qualified = group === "" ? kind : `${kind}.${group}`;
  return new StatusError("Invalid", `${qualified} ${JSON.stringify(name)} is invalid: ${text}`, {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    ...(kind === "" ? {} : { kind }),
    causes: errors.map((error) => ({ reason: error.type, message: error.message, field: error.field })),
  });
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || value === undefined) return "null";
  if (typeof value !== "object") return String(value);
  const text = shownObjects.get(value) ?? JSON.stringify(value);
  shownObjects.set(value, text);
  return text;
}

/** A list is shown as a whole with each of its items that does not fit into it. */
const shownObjects = new WeakMap<object, string>();
