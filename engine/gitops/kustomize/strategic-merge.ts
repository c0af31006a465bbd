import type { Schema } from "../../apimachinery/schema.ts";
import { isMap, textOf, type JsonMap } from "./json-value.ts";
import { BuildFault } from "./kustomize-error.ts";

/**
 * Strategic merge as kustomize does it, which differs from the API server's in small ways that repositories rely on: items of the
 * patch come first, several keys may tell items apart, and kinds without a schema merge maps and replace lists. Both arguments are changed;
 * the result shares their parts.
 *
 * Returns undefined when the patch deletes the whole value.
 */
export function mergePatch(target: unknown, patch: unknown, schema: Schema | undefined, isBlank: IsBlank = () => false): unknown {
  return walk([target, patch], schema, isBlank);
}

/** Whether a field of a map that is null was written as nothing behind its key, and not as a word for it. */
export type IsBlank = (holder: JsonMap, key: string) => boolean;

/** Target and patch; a target that is missing becomes the patch while its parts are gone through. */
type Pair = [unknown, unknown];

const DIRECTIVE = "$patch";

function walk(pair: Pair, schema: Schema | undefined, isBlank: IsBlank): unknown {
  const lead = pair.find((value) => value !== null && value !== undefined);
  if (Array.isArray(lead)) {
    if (!pair.every((value) => value === null || value === undefined || Array.isArray(value)))
      throw new BuildFault("the patch and its target disagree: one has a list where the other has something else");
    return isMergingList(schema) ? walkList(pair, schema, isBlank) : pair[1] !== undefined ? pair[1] : pair[0];
  }
  if (lead === undefined || isMap(lead)) {
    if (!pair.every((value) => value === null || value === undefined || isMap(value)))
      throw new BuildFault("the patch and its target disagree: one has a map where the other has something else");
    return walkMap(pair, schema, isBlank);
  }
  if (pair.some((value) => typeof value === "object" && value !== null))
    throw new BuildFault("the patch and its target disagree: one has a single value where the other has a map or list");
  return pair[1] !== undefined ? pair[1] : pair[0];
}

function walkMap(pair: Pair, schema: Schema | undefined, isBlank: IsBlank): unknown {
  const merged = chooseMap(pair);
  pair[0] = merged;
  if (!isMap(merged)) return merged;
  const source = isMap(pair[1]) ? pair[1] : {};
  for (const key of [...new Set([...Object.keys(merged), ...Object.keys(source)])].sort()) {
    if (key === "__proto__") throw new BuildFault('a patch may not set "__proto__"');
    const had = Object.hasOwn(merged, key) ? merged[key] : undefined;
    const value = walk([had, Object.hasOwn(source, key) ? source[key] : undefined], fieldSchema(schema, key), isBlank);
    // A null that was there before and that nobody speaks of stays if it was written out; one of the patch removes the field.
    if (value === undefined || (value === null && (Object.hasOwn(source, key) || isBlank(merged, key)))) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

function chooseMap([target, patch]: Pair): unknown {
  if (target === null || target === undefined) {
    if (isMap(patch) && takeDirective(patch) === "delete") return undefined;
    return patch === undefined ? target : patch;
  }
  if (patch === null) return undefined;
  const directive = isMap(patch) ? takeDirective(patch) : "merge";
  return directive === "delete" ? undefined : directive === "replace" ? patch : target;
}

type Directive = "merge" | "replace" | "delete";

/** Reads what a map says about itself, and takes the mark off. */
function takeDirective(patch: JsonMap): Directive {
  const directive = patch[DIRECTIVE];
  if (directive === undefined || directive === null) return "merge";
  if (directive !== "merge" && directive !== "replace" && directive !== "delete")
    throw new BuildFault(`$patch: ${textOf(directive)} is none of merge, replace and delete`);
  delete patch[DIRECTIVE];
  return directive;
}

function walkList(pair: Pair, schema: Schema | undefined, isBlank: IsBlank): unknown {
  const merged = chooseList(pair);
  if (!Array.isArray(merged)) return merged;
  pair[0] = merged;
  const keys = mergeKeys(schema);
  // The patch's items come first.
  const lists = [pair[1], pair[0]].filter(Array.isArray);
  const isKeyed = keys.length > 0;
  const values = isKeyed
    ? distinct(lists.flatMap((list) => list.map((item: unknown) => keys.map((key) => (isMap(item) ? textOf(item[key]) : "")))))
    : distinct(lists.flatMap((list) => list.map((item: unknown) => [textOf(item)])));
  return mergeItems(pair, merged, isKeyed ? keys : [""], values, schema?.items, isBlank);
}

function chooseList([target, patch]: Pair): unknown {
  if (target === null || target === undefined) return patch ?? undefined;
  if (patch === null) return undefined;
  const marker = Array.isArray(patch) ? patch.findIndex((item) => isMap(item) && DIRECTIVE in item && Object.keys(item).length === 1) : -1;
  if (!Array.isArray(patch) || marker < 0) return target;
  const directive = takeDirective({ ...(patch[marker] as JsonMap) }); // found as a map
  patch.splice(marker, 1);
  return directive === "delete" ? undefined : directive === "replace" ? patch : target;
}

function mergeItems(
  pair: Pair,
  target: readonly unknown[],
  keys: readonly string[],
  found: readonly (readonly string[])[],
  itemSchema: Schema | undefined,
  isBlank: IsBlank,
): unknown {
  const values = keys.length > 1 ? completed(found) : found;
  const items: unknown[] = [];
  let rest = [...target];
  let lastKeys = keys;
  for (const tuple of values) {
    const valid = validKeys(values, tuple, keys);
    lastKeys = valid.keys;
    const lookFor = validKeys([valid.values], valid.values, valid.keys);
    const value = walk([findItem(pair[0], lookFor), findItem(pair[1], lookFor)], itemSchema, isBlank);
    const isNothing = value === undefined || value === null || (isMap(value) && Object.keys(value).length === 0);
    if (isNothing) {
      rest = setItem(rest, undefined, valid.keys, valid.values);
      continue;
    }
    if (isMap(value))
      for (const [index, key] of valid.keys.entries())
        if (key !== "" && value[key] === undefined && valid.values[index] !== "") value[key] = valid.values[index];
    replaceItems(items, setItem(items, value, valid.keys, valid.values));
  }
  if (values.length === 0) return [...rest];
  return appendRest(items, rest, lastKeys);
}

/** Items of the target go over the merged ones of the same key, which are the same objects, and then behind them. */
function appendRest(items: unknown[], rest: readonly unknown[], keys: readonly string[]): unknown[] {
  let result = items;
  for (const item of rest) {
    if (keys[0] === "") {
      result = setItem(result, item, [""], [textOf(item)]);
      continue;
    }
    const values: string[] = [];
    let lacks = false;
    for (const key of keys) {
      const value = isMap(item) ? item[key] : undefined;
      if (value === undefined || value === null) {
        result = [...result, item];
        lacks = true;
      } else values.push(textOf(value));
    }
    if (lacks && values.length === 0) {
      // Upstream then sets the item again, by no key at all, where it finds itself.
      continue;
    }
    if (keys.length > 1) result = setItem(result, undefined, keys, values);
    result = setItem(result, item, keys, values);
  }
  return result;
}

/** Puts an item in place of those with the same keys, or at the end; undefined takes them away. Empty items are dropped on the way. */
function setItem(list: readonly unknown[], item: unknown, keys: readonly string[], values: readonly string[]): unknown[] {
  const result: unknown[] = [];
  let isPlaced = false;
  for (const element of list) {
    if (element === null || element === undefined || (isMap(element) && Object.keys(element).length === 0)) continue;
    if (!matches(element, keys, values)) result.push(element);
    else {
      isPlaced = true;
      if (item !== undefined) result.push(item);
    }
  }
  if (!isPlaced && item !== undefined) result.push(item);
  return result;
}

function matches(element: unknown, keys: readonly string[], values: readonly string[]): boolean {
  if (keys[0] === "") return !isMap(element) && textOf(element) === values[0];
  if (!isMap(element)) return false;
  return keys.every((key, index) => {
    const value = element[key];
    if (index >= values.length) return true;
    // No wanted value: the key only has to be there.
    return value !== undefined && value !== null && (values[index] === "" || textOf(value) === values[index]);
  });
}

function findItem(list: unknown, { keys, values }: { readonly keys: readonly string[]; readonly values: readonly string[] }): unknown {
  if (!Array.isArray(list)) return undefined;
  if (keys[0] === "") return list.find((item) => !isMap(item) && textOf(item) === values[0]);
  return list.find(
    (item) => isMap(item) && keys.every((key, index) => item[key] !== undefined && item[key] !== null && textOf(item[key]) === (values[index] ?? "")),
  );
}

/** Of several keys, those that any item states; all of them when none is stated. */
function validKeys(
  all: readonly (readonly string[])[],
  tuple: readonly string[],
  keys: readonly string[],
): { readonly keys: readonly string[]; readonly values: readonly string[] } {
  const stated = new Set(all.flatMap((values) => values.flatMap((value, index) => (value === "" ? [] : [keys[index] ?? ""]))));
  if (stated.size === 0) return { keys, values: tuple };
  return { keys: keys.filter((key) => stated.has(key)), values: tuple.filter((value, index) => value !== "" || stated.has(keys[index] ?? "")) };
}

/** Items that agree in one key and leave another open are the same item: each gets what the other states. */
function completed(found: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const list = [...found];
  for (let i = 0; i < list.length; i++) {
    for (let j = 0; j < list.length; j++) {
      const joined = join(list[i] ?? [], list[j] ?? []);
      if (joined !== undefined) list[i] = list[j] = joined;
    }
  }
  return list;
}

function join(a: readonly string[], b: readonly string[]): readonly string[] | undefined {
  const isSame = a.some((value, index) => value === b[index]);
  const collides = a.some((value, index) => value !== b[index] && value !== "" && b[index] !== "");
  return isSame && !collides ? a.map((value, index) => (value === "" ? (b[index] ?? "") : value)) : undefined;
}

function replaceItems(list: unknown[], items: readonly unknown[]): void {
  list.splice(0, list.length, ...items);
}

function distinct(tuples: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [...new Map(tuples.map((tuple) => [JSON.stringify(tuple), tuple])).values()];
}

function isMergingList(schema: Schema | undefined): boolean {
  return schema?.["x-kubernetes-patch-strategy"]?.split(",").includes("merge") === true;
}

function mergeKeys(schema: Schema | undefined): readonly string[] {
  if (schema?.["x-kubernetes-patch-strategy"] === undefined) return [];
  const key = schema["x-kubernetes-patch-merge-key"];
  return schema["x-kubernetes-list-map-keys"] ?? (key === undefined ? [] : [key]);
}

function fieldSchema(schema: Schema | undefined, key: string): Schema | undefined {
  const own = schema?.properties?.[key];
  if (own !== undefined) return own;
  return typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
}
