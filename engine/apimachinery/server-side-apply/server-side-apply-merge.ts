import { jsonEqual } from "../../lib/freeze.ts";
import { below, hasMember, type FieldSet } from "./field-set.ts";
import { fieldElement } from "./field-set-element.ts";
import type { Schema } from "../schema.ts";
import { isMap, itemElement, schemaOfKey, shapeOf, type MapShape, type Shape } from "./server-side-apply-shape.ts";
import { conform } from "../structural-schema.ts";

type JsonMap = Readonly<Record<string, unknown>>;
type ListShape = Extract<Shape, { is: "set" | "keyed" }>;

/**
 * What a merge makes of values of which the object keeps another form than the intent has: atomic ones that the live object has with
 * defaults filled in, as the apiVersion of a fieldRef, and nulls where something was. They are `kept`, as the defaults would come back and
 * a null is not stored, or become what the intent `says`, which is what other managers see of it.
 */
export interface UnstoredForms {
  readonly are: "kept" | "said";
  /** Whether there were any. */
  met: boolean;
}

/**
 * The intent laid over a live value: what the intent states wins, everything else stays. Returns the live value itself when
 * nothing changes. Null takes a leaf away, unless the schema allows null; over a map or list with content it says nothing.
 */
export function mergeIntent(schema: Schema | undefined, live: unknown, intent: unknown, unstored: UnstoredForms): unknown {
  if (intent === undefined || live === intent) return live;
  const shape = shapeOf(schema, intent);
  switch (shape.is) {
    case "leaf":
      if (jsonEqual(live, intent)) return live;
      if (unstored.are === "said" || !isDefaulted(schema, live, intent)) return intent;
      unstored.met = true;
      return live;
    case "map":
      if (isMap(intent)) return mergeMaps(shape, isMap(live) ? live : undefined, intent, unstored);
      return intent === null && isMap(live) && Object.keys(live).length > 0 ? live : intent;
    default:
      if (Array.isArray(intent)) return mergeItems(shape, Array.isArray(live) ? live : undefined, intent, unstored);
      return intent === null && Array.isArray(live) && live.length > 0 ? live : intent;
  }
}

/** Whether the live value is the intent with defaults filled in. */
function isDefaulted(schema: Schema | undefined, live: unknown, intent: unknown): boolean {
  if (schema === undefined || live === undefined || intent === null || typeof intent !== "object") return false;
  return jsonEqual(live, conform(schema, intent, { defaults: true, prune: false }).value);
}

function mergeMaps(shape: MapShape, live: JsonMap | undefined, intent: JsonMap, unstored: UnstoredForms): JsonMap {
  let result: Record<string, unknown> | undefined;
  for (const key in intent) {
    const schema = schemaOfKey(shape, key);
    const before = live !== undefined && Object.hasOwn(live, key) ? live[key] : undefined;
    let value = mergeIntent(schema, before, intent[key], unstored);
    // Of a text in a map of texts a null makes an empty one, as Go reads it.
    const isTextOfMap = !shape.properties.has(key) && schema?.type === "string" && schema.format === undefined;
    if (value === null && schema !== undefined && schema.nullable === undefined && !isTextOfMap) {
      if (before !== undefined) unstored.met = true;
      if (before === undefined || unstored.are === "kept") value = undefined;
    }
    if (live === undefined) {
      // A new map: shared with the intent as long as nothing in it had to go.
      if (value === intent[key]) continue;
      result ??= { ...intent };
    } else {
      if (value === before) continue;
      result ??= { ...live };
    }
    if (value === undefined) delete result[key];
    else define(result, key, value);
  }
  return result ?? live ?? intent;
}

/** An own property, also for the one key for which assignment would change the prototype instead. */
function define(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}

interface IndexedItems {
  readonly elements: readonly (string | undefined)[];
  /** Items by element; undefined for an element that several items share. */
  readonly byElement: ReadonlyMap<string, unknown>;
}

function indexItems(shape: ListShape, items: readonly unknown[]): IndexedItems {
  const byElement = new Map<string, unknown>();
  const elements = items.map((item) => {
    const element = itemElement(shape, item);
    if (element !== undefined) byElement.set(element, byElement.has(element) ? undefined : item);
    return element;
  });
  return { elements, byElement };
}

/**
 * Items are joined by their element. The intent's order holds among its own items; items that only the live list has keep
 * their place before the intent's item that follows them, as upstream places them.
 */
function mergeItems(shape: ListShape, live: readonly unknown[] | undefined, intent: readonly unknown[], unstored: UnstoredForms): readonly unknown[] {
  const itemSchema = shape.is === "keyed" ? shape.item : undefined;
  if (live === undefined || live.length === 0) {
    const items = intent.map((item) => mergeIntent(itemSchema, undefined, item, unstored));
    if (live !== undefined && intent.length === 0) return live;
    return items.every((item, i) => item === intent[i]) ? intent : items;
  }
  const left = indexItems(shape, live);
  const right = indexItems(shape, intent);
  const shared = right.elements.filter((element) => element !== undefined && left.byElement.has(element));
  const out: unknown[] = [];
  let l = 0;
  /** Moves on to this live item. Of those on the way, the ones that both have are placed where the intent has them. */
  const passUntil = (element: string | undefined): void => {
    for (; l < live.length && (element === undefined || left.elements[l] !== element); l++) {
      const passed = left.elements[l];
      if (passed === undefined || !right.byElement.has(passed)) out.push(live[l]);
    }
  };
  let nextShared = 0;
  for (let r = 0; r < intent.length; r++) {
    const element = right.elements[r];
    passUntil(shared[nextShared]); // all of them, once nothing shared is left
    out.push(element === undefined ? intent[r] : mergeIntent(itemSchema, left.byElement.get(element), intent[r], unstored));
    if (nextShared < shared.length && element === shared[nextShared]) {
      nextShared += 1;
      l += 1;
    }
  }
  passUntil(undefined);
  return out.length === live.length && out.every((item, i) => item === live[i]) ? live : out;
}

/**
 * The value without the fields and items of the set. Maps and lists that become empty by it go too, except maps whose own
 * path is in `owned`: their owner may have wanted them empty, as in `emptyDir: {}`.
 */
export function removeFields(schema: Schema | undefined, value: unknown, set: FieldSet, owned?: FieldSet): unknown {
  const shape = shapeOf(schema, value);
  if (shape.is === "map" && isMap(value)) return removeFromMap(shape, value, set, owned);
  if ((shape.is === "set" || shape.is === "keyed") && Array.isArray(value)) return removeFromList(shape, value, set, owned);
  return value;
}

function removeFromMap(shape: MapShape, map: JsonMap, set: FieldSet, owned: FieldSet | undefined): JsonMap | undefined {
  let result: Record<string, unknown> | undefined;
  for (const key of Object.keys(map)) {
    const element = fieldElement(key);
    const inner = below(set, element);
    let rest: unknown;
    if (!hasMember(set, element)) {
      if (inner === undefined) continue;
      rest = removeFields(schemaOfKey(shape, key), map[key], inner, owned && below(owned, element));
      if (rest === map[key]) continue;
      if (rest === undefined && isMap(map[key]) && owned !== undefined && hasMember(owned, element)) rest = {};
    }
    result ??= { ...map };
    if (rest === undefined) delete result[key];
    else define(result, key, rest);
  }
  if (result === undefined) return map;
  return Object.keys(result).length === 0 ? undefined : result;
}

function removeFromList(shape: ListShape, list: readonly unknown[], set: FieldSet, owned: FieldSet | undefined): readonly unknown[] | undefined {
  const rest: unknown[] = [];
  let isChanged = false;
  for (const item of list) {
    const element = itemElement(shape, item);
    if (element !== undefined && hasMember(set, element)) {
      isChanged = true;
      continue;
    }
    const inner = element === undefined ? undefined : below(set, element);
    if (inner === undefined || element === undefined || shape.is === "set") {
      rest.push(item);
      continue;
    }
    const kept = removeFields(shape.item, item, inner, owned && below(owned, element)) ?? {};
    isChanged ||= kept !== item;
    rest.push(kept);
  }
  if (!isChanged) return list;
  return rest.length === 0 ? undefined : rest;
}
