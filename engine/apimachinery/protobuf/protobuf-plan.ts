import type { Schema } from "../schema.ts";

/** How one value is written, once its field is known. */
export type ValueCodec =
  | { readonly is: "string" | "bytes" | "bool" | "integer" | "double" | "quantity" | "intOrString" | "time" | "microTime" | "json" | "stringList" }
  | { readonly is: "message"; readonly schema: Schema }
  | { readonly is: AlternativeForm; readonly schema: Schema };

/** A schema of a custom kind, or what may stand in its place: a list of them, a boolean, a list of names. */
export type AlternativeForm = "schemaOrArray" | "schemaOrBoolean" | "schemaOrStrings";

/** One field number of a message. An `inline` field holds properties of the enclosing object in a message of their own. */
export type FieldPlan =
  | {
      readonly is: "field";
      readonly tag: number;
      readonly name: string;
      readonly shape: "single" | "repeated" | "map";
      readonly value: ValueCodec;
      readonly keepsZero: boolean;
    }
  | { readonly is: "inline"; readonly tag: number; readonly plan: MessagePlan };

export interface MessagePlan {
  /** In descending order of their tags, as the writer needs them. */
  readonly fields: readonly FieldPlan[];
  readonly byTag: ReadonlyMap<number, FieldPlan>;
}

const plans = new WeakMap<Schema, MessagePlan>();

/** The protobuf message that an object schema describes; worked out once per schema. */
export function messagePlan(schema: Schema): MessagePlan {
  let plan = plans.get(schema);
  if (plan === undefined) plans.set(schema, (plan = buildPlan(Object.entries(schema.properties ?? {}), new Set(schema.required))));
  return plan;
}

/** Required properties keep their zeros: `restartCount: 0` has been said, not left out. */
function buildPlan(properties: readonly (readonly [string, Schema])[], required: ReadonlySet<string>): MessagePlan {
  const fields: FieldPlan[] = [];
  const embedded = new Map<number, (readonly [string, Schema])[]>();
  for (const [name, schema] of properties) {
    const tag = schema["x-protobuf-tag"];
    const [inline, ...deeper] = [schema["x-protobuf-inline"] ?? []].flat();
    if (tag === undefined) continue; // apiVersion and kind travel in the envelope
    const shape = fieldShape(schema);
    if (inline === undefined)
      fields.push({ is: "field", tag, name, ...shape, keepsZero: schema["x-protobuf-presence"] === true || required.has(name) || saysZero(shape.value) });
    else embedded.set(inline, [...(embedded.get(inline) ?? []), [name, withInline(schema, deeper)]]);
  }
  for (const [tag, members] of embedded) fields.push({ is: "inline", tag, plan: buildPlan(members, required) });
  fields.sort((a, b) => b.tag - a.tag);
  const byTag = new Map(fields.map((field) => [field.tag, field]));
  if (byTag.size !== fields.length) throw new Error(`protobuf: two of the properties ${properties.map(([name]) => name).join(", ")} have one tag`);
  return { fields, byTag };
}

/** A message of its own around the value: `default: false` has been said. */
function saysZero({ is }: ValueCodec): boolean {
  return is === "json" || is === "schemaOrBoolean";
}

/** A view of the property as the embedded message sees it. */
function withInline(schema: Schema, inline: readonly number[]): Schema {
  return Object.create(schema, { "x-protobuf-inline": { value: inline.length === 0 ? undefined : inline } }) as Schema; // inherits everything else
}

function fieldShape(schema: Schema): { shape: "single" | "repeated" | "map"; value: ValueCodec } {
  const special = specialCodec(schema);
  if (special !== undefined) return { shape: "single", value: special };
  if (schema.type === "array" && schema.items !== undefined) return { shape: "repeated", value: valueCodec(schema.items) };
  if (schema.type === "object" && typeof schema.additionalProperties === "object") return { shape: "map", value: valueCodec(schema.additionalProperties) };
  return { shape: "single", value: valueCodec(schema) };
}

const ALTERNATIVES: Readonly<Record<string, AlternativeForm>> = {
  SchemaOrArray: "schemaOrArray",
  SchemaOrBoolean: "schemaOrBoolean",
  SchemaOrStrings: "schemaOrStrings",
};

const SPECIAL: Readonly<Record<string, Exclude<ValueCodec["is"], "message" | AlternativeForm>>> = {
  Quantity: "quantity",
  IntOrString: "intOrString",
  Time: "time",
  MicroTime: "microTime",
  RawExtension: "json",
  FieldsV1: "json",
  StringList: "stringList",
  bytes: "bytes",
};

function specialCodec(schema: Schema): ValueCodec | undefined {
  const named = schema["x-protobuf-type"];
  const alternative = ALTERNATIVES[named ?? ""];
  if (alternative !== undefined) return { is: alternative, schema };
  const is = SPECIAL[named ?? ""];
  return is === undefined ? undefined : { is };
}

function valueCodec(schema: Schema): ValueCodec {
  const special = specialCodec(schema);
  if (special !== undefined) return special;
  if (schema["x-kubernetes-int-or-string"] === true) return { is: "intOrString" };
  switch (schema.type) {
    case "string":
      if (schema.format === "byte") return { is: "bytes" };
      if (schema.format === "quantity") return { is: "quantity" };
      if (schema.format === "date-time") return { is: "time" };
      return { is: schema.format === "micro-time" ? "microTime" : "string" };
    case "integer":
      return { is: "integer" };
    case "number":
      return { is: "double" };
    case "boolean":
      return { is: "bool" };
    case "array":
      return { is: "stringList" };
    default:
      return schema.properties === undefined ? { is: "json" } : { is: "message", schema };
  }
}
