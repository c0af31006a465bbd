import type { KubeObject } from "./object-meta.ts";
import type { Schema } from "./schema.ts";
import { zeroOf } from "./schema-plan.ts";

const known = new WeakMap<Schema, Readonly<Record<string, unknown>>>();

/** The object with all that its kind cannot be without, empty where nobody has said anything: bookmarks hold no more than metadata. */
export function withBareContent<T extends KubeObject>(object: T, schema: Schema): T {
  let bare = known.get(schema);
  if (bare === undefined) known.set(schema, (bare = bareContent(schema)));
  return { ...bare, ...object };
}

function bareContent({ required = [], properties = {} }: Schema): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    required.flatMap((name) => {
      const property = properties[name];
      return property === undefined ? [] : [[name, bareValue(property)]];
    }),
  );
}

function bareValue(schema: Schema): unknown {
  if (schema.type === "array") return [];
  if (schema.type === "object") return bareContent(schema);
  if (schema["x-kubernetes-int-or-string"] === true) return 0;
  return schema.format === "quantity" ? "0" : zeroOf(schema);
}
