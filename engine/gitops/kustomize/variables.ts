import { updateField, type FieldSpec } from "./field-spec.ts";
import { lookUp, splitFieldPath } from "./field-paths.ts";
import { isMap, isScalar, textOf } from "./json-value.ts";
import { BuildFault, fail, type Place } from "./kustomize-error.ts";
import type { ResourceMap } from "./resource-map.ts";
import { equalGvk, equalIds, gvkOf, isClusterScoped, type ResourceId } from "./resource-id.ts";

/** A row of `vars`: a name for a field of an object. */
export interface Variable {
  readonly name: string;
  readonly objref: {
    readonly apiVersion?: string;
    readonly group?: string;
    readonly version?: string;
    readonly kind?: string;
    readonly name: string;
    readonly namespace?: string;
  };
  readonly fieldref?: { readonly fieldPath?: string };
}

/** A variable, and the line that declares it. */
export type DeclaredVariable = Variable & { readonly place: Place };

/** Marks the objects that variables read, by the ids they have now; later renames do not matter. */
export function bindVariables(map: ResourceMap, variables: readonly DeclaredVariable[]): void {
  for (const variable of variables) {
    const { objref } = variable;
    const gvk =
      objref.apiVersion === undefined
        ? { group: objref.group ?? "", version: objref.version ?? "", kind: objref.kind ?? "" }
        : gvkOf(objref.apiVersion, objref.kind ?? "");
    const id: ResourceId = { ...gvk, name: objref.name, namespace: objref.namespace ?? "" };
    const fits =
      id.namespace !== "" || isClusterScoped(id)
        ? (other: ResourceId) => equalIds(id, other)
        : (other: ResourceId) => id.name === other.name && equalGvk(id, other);
    const matches = map.matchingAny(fits);
    if (matches.length > 1) fail(variable.place, `var ${variable.name} could mean several objects`);
    const [resource] = matches;
    if (resource !== undefined) resource.varNames = [...resource.varNames, variable.name];
  }
}

/** Puts the values of variables where `$(NAME)` stands, in the fields that may hold them. */
export function resolveVariables(map: ResourceMap, variables: readonly DeclaredVariable[], fieldSpecs: readonly FieldSpec[]): void {
  if (variables.length === 0) return;
  const values = new Map(variables.map((variable) => [variable.name, valueOf(map, variable)]));
  for (const resource of map.resources) for (const spec of fieldSpecs) updateField(resource, spec, undefined, (current) => substitute(current, values));
}

function valueOf(map: ResourceMap, variable: DeclaredVariable): unknown {
  const resource = map.resources.find((candidate) => candidate.varNames.includes(variable.name));
  if (resource === undefined) return fail(variable.place, `var ${variable.name}: no object is ${variable.objref.kind ?? ""} ${variable.objref.name}`);
  const path = variable.fieldref?.fieldPath ?? "metadata.name";
  const value = lookUp(resource.value, splitFieldPath(path).flatMap(splitIndex));
  return value === undefined ? fail(variable.place, `var ${variable.name}: ${variable.objref.kind ?? ""} ${variable.objref.name} has no ${path}`) : value;
}

/** `ports[0]` is two steps. */
function splitIndex(part: string): readonly string[] {
  const match = /^(.*)\[(\d+)\]$/.exec(part);
  return match === null ? [part] : [match[1] ?? "", match[2] ?? ""].filter((step) => step !== "");
}

function substitute(current: unknown, values: ReadonlyMap<string, unknown>): unknown {
  if (typeof current === "string") return expand(current, values);
  if (isMap(current))
    return Object.fromEntries(Object.entries(current).map(([key, value]) => [key, typeof value === "string" ? expand(value, values) : value]));
  if (!Array.isArray(current)) return current;
  return current.map((item: unknown) => {
    if (typeof item !== "string") throw new BuildFault("a list that may hold variables must hold text only");
    return expand(item, values);
  });
}

/** `$(NAME)` becomes its value, `$$` a dollar sign; a text that is nothing but one variable takes over the value's type. */
function expand(text: string, values: ReadonlyMap<string, unknown>): unknown {
  const whole = /^\$\(([^)]*)\)$/.exec(text)?.[1];
  if (whole !== undefined) return replacement(whole, values);
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (_match: string, name: string | undefined) => (name === undefined ? "$" : textOf(replacement(name, values))));
}

function replacement(name: string, values: ReadonlyMap<string, unknown>): unknown {
  const value = values.get(name);
  return isScalar(value) ? value : `$(${name})`;
}
