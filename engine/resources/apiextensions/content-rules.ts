import { type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { ContentRules } from "../define-resource.ts";
import type { CustomResourceSubresourceScale } from "../types.ts";
import { hasRules } from "./compiled-rules.ts";
import { scaleErrors } from "./custom-scale.ts";
import { embeddedErrors, unreadableObject } from "./embedded-objects.ts";
import type { JsonSchema } from "./json-schema.ts";
import { validateRules } from "./rule-validation.ts";
import { listTypeErrors, validateValue } from "./value-validation.ts";

const BLOCKING: ReadonlySet<string> = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(["orphan", "foregroundDeletion", "kubernetes"]);

/** How objects of a custom kind are judged: by their schema, then by its rules, which are asked only about objects of a right shape. */
export function customContent(schema: JsonSchema, scale: CustomResourceSubresourceScale | undefined): ContentRules<KubeObject> {
  return {
    unreadable: (object) => unreadableObject(schema, object),
    validate(object, old, isStatus, warn) {
      const errors = [
        ...shapeErrors(schema, object, old, isStatus),
        ...(scale === undefined ? [] : scaleErrors(object, scale, isStatus)),
        ...embeddedErrors(schema, object),
      ];
      if (old === undefined || listTypeErrors(schema, old).length === 0) errors.push(...listTypeErrors(schema, object));
      if (!hasRules(schema)) return errors;
      if (errors.some(({ type }) => BLOCKING.has(type))) {
        return [
          ...errors,
          {
            type: "FieldValueInvalid",
            field: "<nil>",
            message:
              "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
          },
        ];
      }
      return [...errors, ...validateRules(schema, object, { old, warn })];
    },
  };
}

/** A write of the status is judged by what the schema says about the status. */
function shapeErrors(schema: JsonSchema, object: KubeObject, old: KubeObject | undefined, isStatus: boolean): FieldError[] {
  if (!isStatus) return validateValue(schema, object, "", old === undefined ? undefined : { value: old });
  const [status, before] = [object, old].map((source) => (source as (KubeObject & { readonly status?: unknown }) | undefined)?.status);
  const property = schema.properties?.["status"];
  if (property === undefined || status === undefined) return [];
  // Upstream's words are those of the status as a whole, its field names those of the object.
  const errors = validateValue(property, status, "", before === undefined ? undefined : { value: before });
  return errors.map((error) => (error.field === "<nil>" ? error : { ...error, field: error.field === "" ? "status" : `status.${error.field}` }));
}

/** What is said about finalizers whose names may clash with others', of those that are new. */
export function finalizerWarnings({ metadata }: KubeObject, old?: KubeObject): readonly string[] {
  const known = new Set(old?.metadata.finalizers);
  return [...new Set(metadata.finalizers)]
    .filter((name) => !known.has(name))
    .sort()
    .flatMap((name) => {
      const problem = qualifiedNameError(name);
      const shown = `metadata.finalizers: ${JSON.stringify(name)}: `;
      const clash =
        name.includes("/") || STANDARD_FINALIZERS.has(name)
          ? []
          : [
              `${shown}prefer a domain-qualified finalizer name ${name.includes(".") ? "including a path (/) " : ""}to avoid accidental conflicts with other finalizer writers`,
            ];
      return [...(problem === undefined ? [] : [`${shown}${problem}`]), ...clash];
    });
}
