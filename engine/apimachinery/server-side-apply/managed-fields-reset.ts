import { EMPTY_SET, setOfFields, type FieldSet } from "./field-set.ts";
import type { Schema } from "../schema.ts";

export interface ResetFields {
  readonly schema: Schema;
  readonly subresource?: string | undefined;
  readonly resetFields?: readonly (readonly string[])[] | undefined;
}

const sets = new WeakMap<Schema, Map<string, FieldSet>>();

/**
 * The fields that an endpoint keeps as they are stored, whatever a writer sends, so that nobody owns them through it.
 * Unless stated: `status` for the main resource, and `spec` for the status subresource.
 */
export function resetFieldSet({ schema, subresource = "", resetFields }: ResetFields): FieldSet {
  if (resetFields !== undefined) return resetFields.length === 0 ? EMPTY_SET : setOfFields(resetFields);
  const perSchema = sets.get(schema) ?? new Map<string, FieldSet>();
  sets.set(schema, perSchema);
  let set = perSchema.get(subresource);
  if (set === undefined) {
    const name = subresource === "status" ? "spec" : "status";
    set = schema.properties?.[name] === undefined ? EMPTY_SET : setOfFields([[name]]);
    perSchema.set(subresource, set);
  }
  return set;
}
