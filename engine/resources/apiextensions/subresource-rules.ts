import { duplicateField, invalidField, requiredField, tooMany, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { CustomResourceSubresources, CustomResourceSubresourceScale, SelectableField } from "../types.ts";
import { findFieldPath } from "./field-path.ts";
import type { JsonSchema } from "./json-schema.ts";

const SELECTABLE_FIELDS_MAX = 8;

/** What is wrong with where a scale finds its numbers. */
export function subresourceErrors(subresources: CustomResourceSubresources | undefined, at: string): FieldError[] {
  return subresources?.scale === undefined ? [] : scaleErrors(subresources.scale, `${at}.scale`);
}

function scaleErrors({ specReplicasPath, statusReplicasPath, labelSelectorPath = "" }: CustomResourceSubresourceScale, at: string): FieldError[] {
  return [
    ...pathErrors(specReplicasPath, [".spec."], "should be a json path under .spec", `${at}.specReplicasPath`),
    ...pathErrors(statusReplicasPath, [".status."], "should be a json path under .status", `${at}.statusReplicasPath`),
    ...(labelSelectorPath === ""
      ? []
      : pathErrors(labelSelectorPath, [".spec.", ".status."], "should be a json path under either .spec or .status", `${at}.labelSelectorPath`)),
  ];
}

function pathErrors(path: string, parents: readonly string[], detail: string, at: string): FieldError[] {
  if (path === "") return [requiredField(at)];
  if (!path.startsWith(".")) return [invalidField(at, path, "must be a simple json path starting with .")];
  return parents.some((parent) => path.startsWith(parent)) ? [] : [invalidField(at, path, detail)];
}

/** What is wrong with the fields that lists are narrowed by. */
export function selectableErrors(
  fields: readonly SelectableField[],
  old: readonly SelectableField[] | undefined,
  schema: JsonSchema,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of fields.entries()) {
    const where = `${at}[${index}].jsonPath`;
    if (jsonPath === "") {
      errors.push(requiredField(where));
      continue;
    }
    const found = findFieldPath(jsonPath, schema, { allowsBrackets: false });
    if (found.is === "wrong") {
      errors.push(invalidField(where, jsonPath, `is an invalid path: ${found.why}`));
      continue;
    }
    if (found.root === "metadata") errors.push(invalidField(where, jsonPath, "must not point to fields in metadata"));
    if (!["string", "boolean", "integer"].includes(found.schema.type ?? ""))
      errors.push(
        invalidField(where, jsonPath, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."),
      );
    if (seen.has(found.path)) errors.push(duplicateField(where, jsonPath));
    seen.add(found.path);
  }
  if (seen.size > SELECTABLE_FIELDS_MAX && !((old ?? []).length > SELECTABLE_FIELDS_MAX && jsonEqual(old, fields))) {
    errors.push(tooMany(at, seen.size, SELECTABLE_FIELDS_MAX));
  }
  return errors;
}
