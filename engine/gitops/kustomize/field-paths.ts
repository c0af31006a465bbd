import { isMap, isScalar, textOf, type JsonMap, type Steps } from "./json-value.ts";
import { splitPath } from "./field-spec.ts";
import { BuildFault } from "./kustomize-error.ts";
import { compilePattern } from "./pattern.ts";

/** A field found by a path: where it stands, and how to set it. */
export interface FoundField {
  readonly holder: JsonMap | unknown[];
  readonly key: string | number;
  readonly steps: Steps;
  /** Made by the search, so it has no type of its own yet. */
  readonly isNew: boolean;
}

/** What to put at the end of a path that has to be made. */
export type NewField = "scalar" | "map" | "list";

/** Splits `spec.containers.[name=web.x].image` at dots that are neither escaped nor inside brackets. */
export function splitFieldPath(path: string): readonly string[] {
  const parts = splitPath(path, ".");
  const result: string[] = [];
  for (let index = 0; index < parts.length; index++) {
    let part = parts[index] ?? "";
    if (part.startsWith("[") && !part.endsWith("]")) {
      while (index < parts.length - 1 && !part.endsWith("]")) part += `.${parts[++index] ?? ""}`;
      result.push(part.includes("=") ? part : part.replace(/^[[\]]+|[[\]]+$/g, ""));
    } else result.push(part);
  }
  return result;
}

/** The one value at a path; items by index, `-` for the last, or `[key=value]`. Undefined when it is not there. */
export function lookUp(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const raw of path) {
    const part = raw.trim();
    if (part === "") continue;
    if (current === null || current === undefined) return undefined;
    if (part === "*") throw new BuildFault("a wildcard is not possible in the path of a source");
    if (/^\d+$/.test(part) || part === "-") {
      if (!Array.isArray(current)) throw new BuildFault(`${part} is an index, but there is no list`);
      current = part === "-" ? current.at(-1) : current[Number(part)];
    } else if (isCondition(part)) {
      const { key, value: wanted } = splitCondition(part);
      if (!Array.isArray(current)) throw new BuildFault(`${part} looks into a list, but there is none`);
      current = current.find((item) =>
        key === "" ? !isMap(item) && textOf(item) === wanted : isMap(item) && item[key] !== undefined && textOf(item[key]) === wanted,
      );
    } else if (isMap(current)) current = Object.hasOwn(current, part) ? current[part] : undefined;
    else throw new BuildFault(`${part} looks into a map, but there is none`);
  }
  return current;
}

/** All fields that a path means; `*` is every item of a list. With `create`, what is missing is made on the way. */
export function findFields(root: JsonMap, path: readonly string[], create: NewField | undefined): readonly FoundField[] {
  const found: FoundField[] = [];
  const walk = (field: FoundField | undefined, value: unknown, depth: number, steps: Steps): void => {
    const part = path[depth];
    if (part === "__proto__") throw new BuildFault("no field is called __proto__");
    if (part === undefined) {
      if (field !== undefined) found.push(field);
      return;
    }
    const descend = (holder: JsonMap | unknown[], key: string | number, isNew: boolean) => {
      const inner = [...steps, key];
      walk({ holder, key, steps: inner, isNew }, (holder as Record<string | number, unknown>)[key], depth + 1, inner); // lists and maps are both read by key
    };
    if (/^\d+$/.test(part)) {
      const list = listOrFault(value, part);
      const isNew = create !== undefined && list.length === Number(part);
      if (isNew) list.push(blank(path[depth + 1], create));
      if (list.length <= Number(part)) throw new BuildFault(`index ${part} is asked for, but there are only ${list.length} items`);
      descend(list, Number(part), isNew);
    } else if (isCondition(part)) walkCondition(listOrFault(value, part), part, create, descend);
    else if (part === "*") {
      for (const index of listOrFault(value, part).keys()) descend(listOrFault(value, part), index, false);
    } else if (value !== null && value !== undefined) {
      if (!isMap(value)) throw new BuildFault(`${part} looks into a map, but there is none`);
      const isNew = !Object.hasOwn(value, part);
      if (isNew && create === undefined) return;
      if (isNew) value[part] = blank(path[depth + 1], create ?? "scalar");
      descend(value, part, isNew);
    }
  };
  const walkCondition = (
    list: unknown[],
    part: string,
    make: NewField | undefined,
    descend: (holder: unknown[], key: number, isNew: boolean) => void,
  ): void => {
    const { key, value: pattern } = splitCondition(part);
    const fits = compilePattern(pattern);
    const before = found.length;
    const visit = () =>
      list.forEach((item, index) => {
        const text = key === "" ? item : isMap(item) ? item[key] : undefined;
        if (isScalar(text) && fits(textOf(text))) descend(list, index, false);
      });
    visit();
    if (found.length > before || make === undefined) return;
    list.push(key === "" ? pattern : { [key]: pattern });
    visit();
  };
  walk(undefined, root, 0, []);
  return found;
}

function blank(next: string | undefined, last: NewField): unknown {
  if (next === undefined || next === "") return last === "scalar" ? "" : last === "map" ? {} : [];
  return isCondition(next) || /^\d+$/.test(next) ? [] : {};
}

function listOrFault(value: unknown, part: string): unknown[] {
  if (!Array.isArray(value)) throw new BuildFault(`${part} looks into a list, but there is none`);
  return value;
}

function isCondition(part: string): boolean {
  return part.startsWith("[") && part.endsWith("]");
}

function splitCondition(part: string): { readonly key: string; readonly value: string } {
  const inner = part.slice(1, -1);
  const equals = inner.indexOf("=");
  if (equals < 0) throw new BuildFault(`${part} must have the form [key=value]`);
  return { key: inner.slice(0, equals), value: inner.slice(equals + 1) };
}
