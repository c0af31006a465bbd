import { isMap, type JsonMap, type Steps } from "./json-value.ts";
import { BuildFault } from "./kustomize-error.ts";
import type { Resource } from "./resource.ts";
import { equalGvk, isSelected, type Gvk } from "./resource-id.ts";

/** A field of some kinds: `spec/containers[]/image`. Empty parts of group, version and kind fit everything. */
export interface FieldSpec extends Gvk {
  readonly path: string;
  readonly create: boolean;
}

/** Fields that hold the name of a referred kind. */
export interface NameReference extends Gvk {
  readonly fieldSpecs: readonly FieldSpec[];
}

/** Given the value a field has (null when it has none yet), the value it shall have. */
export type FieldUpdate = (current: unknown, steps: Steps) => unknown;

/** What to put where a field is missing: the empty text, or an empty map. */
export type MissingField = "text" | "map";

/** Adds a spec to a list unless one for the same field is there already. */
export function mergeFieldSpecs(specs: readonly FieldSpec[], more: readonly FieldSpec[]): readonly FieldSpec[] {
  const result = [...specs];
  for (const spec of more) {
    const known = result.find((other) => isSelected(other, spec) && other.path === spec.path);
    if (known === undefined) result.push(spec);
    else if (known.create !== spec.create) throw new BuildFault(`two field specs for ${spec.path} disagree about create`);
  }
  return result;
}

export function mergeNameReferences(references: readonly NameReference[], more: readonly NameReference[]): readonly NameReference[] {
  let result = [...references];
  for (const reference of more) {
    if (result.some((known) => equalGvk(known, reference)))
      result = result.map((known) => (equalGvk(known, reference) ? { ...known, fieldSpecs: mergeFieldSpecs(known.fieldSpecs, reference.fieldSpecs) } : known));
    else result.push(reference);
  }
  return result;
}

/**
 * Updates every field of an object that a spec means; lists on the way are gone through whether or not the path says so.
 * Without `missing`, fields that are not there stay absent whatever the spec says. Returns the steps of what was changed.
 */
export function updateField(resource: Resource, spec: FieldSpec, missing: MissingField | undefined, update: FieldUpdate): readonly Steps[] {
  if (!isSelected(resource.id, spec)) return [];
  const changed: Steps[] = [];
  const parts = splitPath(spec.path, "/");
  const walk = (value: unknown, depth: number, steps: Steps): unknown => {
    if (depth === parts.length) {
      const next = update(value, steps);
      if (next !== value) changed.push(steps);
      return next;
    }
    if (value === null || value === undefined) return value;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) value[index] = walk(item, depth, [...steps, index]);
      return value;
    }
    if (!isMap(value)) throw new BuildFault(`${spec.path} of ${resource.kind} ${resource.name} does not fit: ${steps.join("/")} is neither a list nor a map`);
    walkMap(value, depth, steps);
    return value;
  };
  const walkMap = (map: JsonMap, depth: number, steps: Steps): void => {
    const part = parts[depth] ?? "";
    const isList = part.endsWith("[]");
    const name = isList ? part.slice(0, -2) : part;
    if (name === "" || name === "__proto__") throw new BuildFault(`${spec.path}: ${name === "" ? "a part of the path is empty" : "no field is called so"}`);
    const mayCreate = spec.create && missing !== undefined && !isList;
    const isLast = depth === parts.length - 1;
    if (!Object.hasOwn(map, name) && !mayCreate) return;
    let value = Object.hasOwn(map, name) ? map[name] : undefined;
    if (value === undefined || value === null) {
      if (mayCreate) value = isLast && missing === "text" ? "" : {};
      else if (isList) value = [];
    }
    map[name] = walk(value, depth + 1, [...steps, name]);
  };
  walk(resource.value, 0, []);
  return changed;
}

/** Splits at a delimiter that is not behind a backslash; a leading delimiter counts for nothing. */
export function splitPath(path: string, delimiter: string): readonly string[] {
  const parts = path.split(delimiter);
  if (parts.length > 1 && parts[0] === "") parts.shift();
  const result: string[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (last?.endsWith("\\") === true) result[result.length - 1] = `${last.slice(0, -1)}${delimiter}${part}`;
    else result.push(part);
  }
  return result;
}
