import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { embeddedErrors } from "./embedded-objects.ts";
import type { JsonSchema } from "./json-schema.ts";
import { validateRules } from "./rule-validation.ts";
import { servingSchema } from "./serving-schema.ts";
import { validateValue } from "./value-validation.ts";

const ANY_METADATA: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** Defaults must be values that the schema accepts, and hold no fields that it would prune. Messages name values by their place in the default. */
export function defaultErrors(schema: JsonSchema, path: string, isInMetadata = false, isRoot = true): FieldError[] {
  const isWhole = isRoot || schema["x-kubernetes-embedded-resource"] === true;
  const own =
    schema.default === undefined
      ? []
      : oneDefault(isRoot ? { ...schema, "x-kubernetes-embedded-resource": true } : schema, schema.default, `${path}.default`, isInMetadata);
  return [
    ...own,
    ...(schema.items === undefined ? [] : defaultErrors(schema.items, `${path}.items`, isInMetadata, false)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      defaultErrors(property, `${path}.properties[${name}]`, isWhole ? ["metadata", "apiVersion", "kind"].includes(name) : isInMetadata, false),
    ),
  ];
}

function oneDefault(schema: JsonSchema, value: unknown, path: string, isInMetadata: boolean): FieldError[] {
  // What metadata may hold is not for the author to say: it is judged below.
  const pruned = conform(
    servingSchema(schema, false, () => ANY_METADATA),
    value,
    { defaults: false, prune: true },
  );
  const unknown =
    !isInMetadata && pruned.unknown.length > 0 && !jsonEqual(pruned.value, value) ? [invalidField(path, value, "must not have unknown fields")] : [];
  const embedded = embeddedErrors(schema, value, path);
  if (embedded.length > 0) return [...unknown, ...embedded];
  const shape = validateValue(schema, value);
  if (shape.length > 0)
    return [...unknown, ...shape.map((error) => ({ ...error, field: ["", "<nil>"].includes(error.field) ? path : `${path}.${error.field}` }))];
  // It may come to stand where it stood, and where nothing stood.
  const rules = validateRules(schema, value, { old: value, path, ratchets: false });
  return [...unknown, ...(rules.length > 0 ? rules : validateRules(schema, value, { path }))];
}
