import { mergeIntent } from "../../apimachinery/server-side-apply/server-side-apply-merge.ts";
import { isMap, schemaOfKey, shapeOf } from "../../apimachinery/server-side-apply/server-side-apply-shape.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { toJson } from "../../cel/json-value.ts";
import { isCelMap, type CelMap } from "../../cel/values.ts";

/** The object with what an expression's `Object{...}` says laid over it. Throws an Error in upstream's words. */
export function applyConfiguration(schema: Schema, object: KubeObject, value: unknown): unknown {
  checkTypeNames(value);
  const intent = { ...(toJson(value) as Readonly<Record<string, unknown>>), apiVersion: object.apiVersion, kind: object.kind }; // the compiler has checked that it is an Object
  const { unknown, errors } = conform(schema, { metadata: {}, ...intent }, { defaults: false, prune: false });
  const problems = [
    ...unknown.map((field) => `.${field}: field not declared in schema`),
    ...errors.filter(({ type }) => type === "FieldValueTypeInvalid").map(({ field, message }) => `.${field}: ${message}`),
  ];
  if (problems.length > 0) throw new Error(`error applying patch: failed to convert patch object to typed object: ${problems.join(", ")}`);
  const atomics = findAtomics(schema, intent, "");
  if (atomics.length > 0)
    throw new Error(`error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(", ")}`);
  return mergeIntent(schema, object, intent, { are: "kept", met: false });
}

/** Whether each part that was made with a type name has the name of its own place. Throws when one has not. */
export function checkTypeNames(value: unknown): void {
  if (isCelMap(value) && value.typeName !== undefined) return checkParts(value, value.typeName);
  if (Array.isArray(value)) return value.forEach(checkTypeNames);
}

function checkParts(map: CelMap, path: string): void {
  if (map.typeName !== undefined && map.typeName !== path)
    throw new Error(
      `type mismatch: unexpected type name ${JSON.stringify(map.typeName)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`,
    );
  for (const key of map.keys()) checkPart(map.get(key), map.typeName === undefined ? path : `${path}.${String(key)}`);
}

function checkPart(value: unknown, path: string): void {
  if (Array.isArray(value)) value.forEach((item) => checkPart(item, path));
  else if (isCelMap(value)) checkParts(value, path);
}

/** Places of lists and maps that can only be replaced as a whole: what a patch leaves out of them would be lost. */
function findAtomics(schema: Schema | undefined, value: unknown, path: string): string[] {
  const shape = shapeOf(schema, value);
  if (shape.is === "leaf") return typeof value === "object" && value !== null ? [path] : [];
  if (shape.is === "map") return isMap(value) ? Object.keys(value).flatMap((key) => findAtomics(schemaOfKey(shape, key), value[key], `${path}.${key}`)) : [];
  return Array.isArray(value)
    ? value.flatMap((item, index) => (isMap(item) ? findAtomics(shape.is === "keyed" ? shape.item : undefined, item, `${path}[${index}]`) : []))
    : [];
}
