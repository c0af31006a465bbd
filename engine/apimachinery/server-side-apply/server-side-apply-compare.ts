import { jsonEqual } from "../../lib/freeze.ts";
import { FieldSetBuilder, withoutSubtrees, type FieldSet } from "./field-set.ts";
import { fieldElement } from "./field-set-element.ts";
import type { Schema } from "../schema.ts";
import { isMap, itemElement, schemaOfKey, shapeOf, type MapShape, type Shape } from "./server-side-apply-shape.ts";

type JsonMap = Readonly<Record<string, unknown>>;
type ListShape = Extract<Shape, { is: "set" | "keyed" }>;

/** What became different between two objects. Added and removed sets hold containers too, modified only leaves. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
  /** Whether a list holds an item that nothing tells from the others: of such an object, as upstream, no field is anybody's. */
  readonly hasNameless: boolean;
}

/** Compares by the schema: atomic values as a whole, list items by their keys. A null is a value, and one with nothing in it, as upstream has it. */
export function compareObjects(schema: Schema | undefined, before: unknown, after: unknown): Comparison {
  const walk = new Walk();
  walk.visit(schema, before, after);
  return { added: walk.added.build(), modified: walk.modified.build(), removed: walk.removed.build(), hasNameless: walk.hasNameless };
}

/** The comparison without these fields and everything below them. */
export function ignoreFields(comparison: Comparison, ignored: FieldSet): Comparison {
  return {
    ...comparison,
    added: withoutSubtrees(comparison.added, ignored),
    modified: withoutSubtrees(comparison.modified, ignored),
    removed: withoutSubtrees(comparison.removed, ignored),
  };
}

class Walk {
  readonly added = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();
  hasNameless = false;
  readonly #path: string[] = [];

  visit(schema: Schema | undefined, before: unknown, after: unknown): void {
    if (before === after) return;
    const shape = shapeOf(schema, after ?? before);
    if (shape.is === "leaf" || !this.#fits(shape, before) || !this.#fits(shape, after)) {
      this.#leaf(before, after);
      // Where one side has another type than the schema's, what it holds comes or goes as well.
      if (before !== undefined && after !== undefined && (isMap(before) || isMap(after)) && schema === undefined) this.#replaced(before, after);
      return;
    }
    if (isEmpty(before) && isEmpty(after)) {
      this.#leaf(before, after);
      return;
    }
    // `#fits` has checked both.
    if (shape.is === "map") this.#maps(shape, (before ?? undefined) as JsonMap | undefined, (after ?? undefined) as JsonMap | undefined);
    else this.#items(shape, (before ?? undefined) as readonly unknown[] | undefined, (after ?? undefined) as readonly unknown[] | undefined);
    if (before === undefined) this.added.add(this.#path);
    else if (after === undefined) this.removed.add(this.#path);
  }

  #fits(shape: Shape, value: unknown): boolean {
    return value === undefined || value === null || (shape.is === "map" ? isMap(value) : Array.isArray(value));
  }

  #leaf(before: unknown, after: unknown): void {
    if (before === undefined) this.added.add(this.#path);
    else if (after === undefined) this.removed.add(this.#path);
    else if (!jsonEqual(before, after)) this.modified.add(this.#path);
  }

  #replaced(before: unknown, after: unknown): void {
    if (isMap(before)) for (const key in before) this.#child(fieldElement(key), undefined, before[key], undefined);
    if (isMap(after)) for (const key in after) this.#child(fieldElement(key), undefined, undefined, after[key]);
  }

  #child(element: string, schema: Schema | undefined, before: unknown, after: unknown): void {
    this.#path.push(element);
    this.visit(schema, before, after);
    this.#path.pop();
  }

  #maps(shape: MapShape, before: JsonMap | undefined, after: JsonMap | undefined): void {
    const at = (map: JsonMap | undefined, key: string): unknown =>
      map === undefined ? undefined : Object.hasOwn(map, key) ? (map[key] ?? shape.alwaysWritten.get(key) ?? null) : shape.alwaysWritten.get(key);
    for (const key in before) this.#child(fieldElement(key), schemaOfKey(shape, key), at(before, key), at(after, key));
    for (const key in after) {
      if (before === undefined || !Object.hasOwn(before, key)) this.#child(fieldElement(key), schemaOfKey(shape, key), at(before, key), at(after, key));
    }
  }

  #items(shape: ListShape, before: readonly unknown[] | undefined, after: readonly unknown[] | undefined): void {
    const left = this.#group(shape, before);
    const right = this.#group(shape, after);
    const schema = shape.is === "keyed" ? shape.item : undefined;
    for (const element of new Set([...left.keys(), ...right.keys()])) {
      const a = left.get(element) ?? [];
      const b = right.get(element) ?? [];
      if (a.length <= 1 && b.length <= 1) this.#child(element, schema, a[0], b[0]);
      else this.#duplicates(element, schema, a, b);
    }
  }

  #group(shape: ListShape, items: readonly unknown[] | undefined): Map<string, unknown[]> {
    const groups = new Map<string, unknown[]>();
    for (const item of items ?? []) {
      const element = itemElement(shape, item);
      if (element === undefined) {
        this.hasNameless = true;
        continue;
      }
      const known = groups.get(element);
      if (known === undefined) groups.set(element, [item]);
      else known.push(item);
    }
    return groups;
  }

  /** Items that share their key are compared as one; only their number or any difference matters. */
  #duplicates(element: string, schema: Schema | undefined, before: readonly unknown[], after: readonly unknown[]): void {
    this.#path.push(element);
    if (before.length === 0) this.added.add(this.#path);
    else if (after.length === 0) this.removed.add(this.#path);
    else if (!jsonEqual(before, after)) this.modified.add(this.#path);
    this.#path.pop();
    // Fields are owned only while the item is alone.
    if (before.length === 1) this.#within(element, schema, before[0], undefined);
    if (after.length === 1) this.#within(element, schema, undefined, after[0]);
  }

  #within(element: string, schema: Schema | undefined, before: unknown, after: unknown): void {
    const shape = shapeOf(schema, before ?? after);
    if (shape.is !== "map") return;
    this.#path.push(element);
    this.#maps(shape, isMap(before) ? before : undefined, isMap(after) ? after : undefined);
    this.#path.pop();
  }
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value as object) return false; // a map: `#fits` has checked it
  return true;
}
