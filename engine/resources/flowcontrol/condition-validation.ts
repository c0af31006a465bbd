import { duplicateField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";

/** Conditions of a schema or a level: each of another type. */
export function conditionErrors(conditions: readonly { readonly type?: string }[]): FieldError[] {
  const seen = new Set<string>();
  return conditions.flatMap(({ type = "" }, index) => {
    const at = `status.conditions[${index}].type`;
    const errors = seen.has(type) ? [duplicateField(at, type)] : [];
    seen.add(type);
    return type === "" ? [...errors, requiredField(at, "must not be empty")] : errors;
  });
}
