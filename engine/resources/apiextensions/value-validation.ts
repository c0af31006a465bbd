import { duplicateField, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { JsonSchema } from "./json-schema.ts";
import { isJsonObject, valueErrors, type OldValue } from "./value-errors.ts";

/**
 * Everything that a schema has against a value, in upstream's words. With an old value, parts that have not changed are not blamed:
 * a schema may become stricter than what is stored, and that must not keep anybody from changing the rest.
 */
export function validateValue(schema: JsonSchema, value: unknown, path = "", old?: OldValue): FieldError[] {
  if (old !== undefined && isUnchanged(schema, value, old.value)) return [];
  return valueErrors(schema, value, path, junctorErrors(schema, value, path), insideErrors(schema, value, path, old));
}

function insideErrors(schema: JsonSchema, value: unknown, path: string, old: OldValue | undefined): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return [];
    const oldItem = oldItemOf(schema, old?.value);
    return value.flatMap((item, index) => validateValue(items, item, `${path}[${index}]`, oldItem(item)));
  }
  if (!isJsonObject(value)) return [];
  const errors: FieldError[] = [];
  const before = isJsonObject(old?.value) ? old.value : undefined;
  for (const [name, child] of Object.entries(value)) {
    const property = childSchema(schema, name);
    if (property !== undefined)
      errors.push(
        ...validateValue(
          property,
          child,
          path === "" ? name : `${path}.${name}`,
          before !== undefined && Object.hasOwn(before, name) ? { value: before[name] } : undefined,
        ),
      );
  }
  return errors;
}

/** Whether two values are the same; the order of the items counts in no list of type map. */
function isUnchanged(schema: JsonSchema, value: unknown, old: unknown): boolean {
  if (jsonEqual(value, old)) return true;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined || !Array.isArray(old) || value.length !== old.length) return false;
    const oldItem = schema["x-kubernetes-list-type"] === "map" ? oldItemOf(schema, old) : undefined;
    return value.every((item, index) => {
      const before = oldItem === undefined ? { value: old[index] as unknown } : oldItem(item);
      return before !== undefined && isUnchanged(items, item, before.value);
    });
  }
  if (!isJsonObject(value) || !isJsonObject(old) || Object.keys(value).length !== Object.keys(old).length) return false;
  return Object.entries(value).every(([name, child]) => Object.hasOwn(old, name) && isUnchanged(childSchema(schema, name) ?? {}, child, old[name]));
}

function childSchema({ properties = {}, additionalProperties }: JsonSchema, name: string): JsonSchema | undefined {
  return Object.hasOwn(properties, name) ? properties[name] : typeof additionalProperties === "object" ? additionalProperties : undefined;
}

/** Items of lists of type map are the same ones if their keys are; of others nobody can say. */
export function oldItemOf(schema: JsonSchema, old: unknown): (item: unknown) => OldValue | undefined {
  const keys = schema["x-kubernetes-list-type"] === "map" ? schema["x-kubernetes-list-map-keys"] : undefined;
  if (keys === undefined || !Array.isArray(old)) return () => undefined;
  const byKey = new Map(old.map((item: unknown) => [listMapKey(item, keys), { value: item }]));
  return (item) => byKey.get(listMapKey(item, keys));
}

function listMapKey(item: unknown, keys: readonly string[]): string {
  return JSON.stringify(isJsonObject(item) ? keys.map((key) => item[key] ?? null) : item);
}

/** The branches judge the value as a whole; their own complaints help only where it is clear which branch was meant. */
function junctorErrors({ anyOf = [], oneOf = [], allOf = [], not }: JsonSchema, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const complain = (detail: string) => errors.push(invalidField("<nil>", "", `${JSON.stringify(path)} ${detail}`));
  const judge = (branches: readonly JsonSchema[]) => branches.map((branch) => validateValue(branch, value, path));
  if (anyOf.length > 0) {
    const outcomes = judge(anyOf);
    if (outcomes.every((found) => found.length > 0)) {
      complain("must validate at least one schema (anyOf)");
      errors.push(...nearest(outcomes));
    }
  }
  if (oneOf.length > 0) {
    const outcomes = judge(oneOf);
    const valid = outcomes.filter((found) => found.length === 0).length;
    if (valid !== 1) complain(`must validate one and only one schema (oneOf). ${valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`}`);
    if (valid === 0) errors.push(...nearest(outcomes));
  }
  if (allOf.length > 0) {
    const outcomes = judge(allOf);
    const valid = outcomes.filter((found) => found.length === 0).length;
    errors.push(...outcomes.flat());
    if (valid < allOf.length) complain(`must validate all the schemas (allOf)${valid === 0 ? ". None validated" : ""}`);
  }
  if (not !== undefined && validateValue(not, value, path).length === 0) complain("must not validate the schema (not)");
  return errors;
}

function nearest(outcomes: readonly FieldError[][]): readonly FieldError[] {
  return outcomes.reduce((best, found) => (found.length < best.length ? found : best));
}

/** Items of sets, and keys of items of maps, occur once. */
export function listTypeErrors(schema: JsonSchema, value: unknown, path = ""): FieldError[] {
  if (Array.isArray(value)) {
    const type = schema["x-kubernetes-list-type"];
    const own =
      type === "set" ? repeated(value).map((index) => duplicateField(`${path}[${index}]`, value[index])) : type === "map" ? mapErrors(schema, value, path) : [];
    return [...own, ...(schema.items === undefined ? [] : value.flatMap((item, index) => listTypeErrors(schema.items ?? {}, item, `${path}[${index}]`)))];
  }
  if (!isJsonObject(value)) return [];
  const { additionalProperties, properties = {} } = schema;
  return Object.entries(value).flatMap(([name, child]) => {
    if (Object.hasOwn(properties, name)) return listTypeErrors(properties[name] ?? {}, child, path === "" ? name : `${path}.${name}`);
    return typeof additionalProperties === "object" ? listTypeErrors(additionalProperties, child, `${path}[${name}]`) : [];
  });
}

function mapErrors(schema: JsonSchema, items: readonly unknown[], path: string): FieldError[] {
  const wrong = items.findIndex((item) => item !== null && !isJsonObject(item));
  if (wrong >= 0) return [invalidField(`${path}[${wrong}]`, items[wrong], "must be an object for an array of list-type map")];
  const keys = [...(schema["x-kubernetes-list-map-keys"] ?? [])].sort(); // as Go writes a map
  const identities = items.map((item) =>
    Object.fromEntries(keys.filter((key) => isJsonObject(item) && item[key] !== undefined).map((key) => [key, (item as Record<string, unknown>)[key]])),
  );
  return repeated(identities).map((index) => duplicateField(`${path}[${index}]`, identities[index]));
}

/** Where a value occurs for the second time; once per value. */
function repeated(values: readonly unknown[]): number[] {
  const times = new Map<string, number>();
  return values.flatMap((value, index) => {
    const mark = JSON.stringify(value);
    const seen = times.get(mark) ?? 0;
    times.set(mark, seen + 1);
    return seen === 1 ? [index] : [];
  });
}
