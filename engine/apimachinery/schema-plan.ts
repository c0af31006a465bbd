import type { Schema } from "./schema.ts";

/** What validating a value needs of its schema, in the form it is looked up. */
export interface SchemaPlan {
  readonly properties: ReadonlyMap<string, Schema>;
  /** The properties that have a default. */
  readonly defaults: readonly (readonly [string, Schema])[];
  readonly required: readonly string[];
  /** The properties that are null where they have nothing in them. */
  readonly nulls: readonly string[];
  /** The schema of keys that are no properties. */
  readonly additional: Schema | undefined;
  /** Lists and maps that Kubernetes' Go types leave out of the JSON when they are empty: there, empty and absent are the same. */
  readonly omittedEmpty: ReadonlySet<string>;
  /** Texts, numbers and flags that they leave out when they are zero, each with its zero: there, zero and absent are the same. */
  readonly omittedZero: ReadonlyMap<string, unknown>;
  /** Whether keys without a schema stay, unreported. */
  readonly keepsUnknown: boolean;
  /** Whether a string has any rule beyond being one. */
  readonly constrainsText: boolean;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly pattern: RegExp | undefined;
  readonly enum: ReadonlySet<unknown> | undefined;
}

/** Schemas live as long as their kind; what is worked out from them lives as long as they do. */
const plans = new WeakMap<Schema, SchemaPlan>();

/** Computed on first use per schema object. Throws an Error for a pattern that is no regular expression. */
export function schemaPlan(schema: Schema): SchemaPlan {
  let plan = plans.get(schema);
  if (plan === undefined) plans.set(schema, (plan = computePlan(schema)));
  return plan;
}

function computePlan(schema: Schema): SchemaPlan {
  const properties = new Map(Object.entries(schema.properties ?? {}));
  const { additionalProperties, format } = schema;
  const { minLength, maxLength, pattern, enum: choices }: Schema = schema["x-mainstay-unchecked"] === true ? {} : schema;
  const isFreeForm = schema.type === "object" && properties.size === 0 && additionalProperties === undefined;
  return {
    properties,
    defaults: [...properties].filter(([, property]) => property.default !== undefined),
    required: schema.required ?? [],
    nulls: [...properties].filter(([, property]) => property["x-mainstay-null"] === true).map(([name]) => name),
    omittedEmpty: new Set([...properties].filter(([name, property]) => isOmittedEmpty(schema, name, property)).map(([name]) => name)),
    omittedZero: new Map(
      [...properties].filter(([name, property]) => isOmittedZero(schema, name, property)).map(([name, property]) => [name, zeroOf(property)]),
    ),
    additional: typeof additionalProperties === "object" ? additionalProperties : undefined,
    keepsUnknown: schema["x-kubernetes-preserve-unknown-fields"] === true || additionalProperties === true || isFreeForm,
    constrainsText:
      [choices, pattern, minLength, maxLength].some((rule) => rule !== undefined) || format === "byte" || format === "date-time" || format === "micro-time",
    minLength,
    maxLength,
    pattern: pattern === undefined ? undefined : compilePattern(pattern),
    enum: choices === undefined ? undefined : new Set(choices),
  };
}

/** Optional lists that are written all the same; of the others, the schema says that they are required. */
const KEPT_EMPTY: ReadonlySet<string> = new Set([
  "HPAScalingRules.policies",
  "CustomResourceDefinitionStatus.conditions",
  "CustomResourceDefinitionStatus.storedVersions",
  "ObjectMeta.managedFields",
]);

/** Types without protobuf tags are custom resources, which upstream keeps as they came. */
function isOmittedEmpty({ title = "", required = [] }: Schema, name: string, property: Schema): boolean {
  // Where only rules ask for a list, it may be null.
  const isKept = required.includes(name) && !(property["x-mainstay-null"] === true && property["x-mainstay-unchecked"] === true);
  if (property["x-protobuf-tag"] === undefined || isKept || KEPT_EMPTY.has(`${title}.${name}`)) return false;
  return property.type === "array" || (property.type === "object" && property.properties === undefined && typeof property.additionalProperties === "object");
}

/** Of a pointer in Go a zero is a value, which the schema says. What is always there has its zero as its default. */
function isOmittedZero({ required = [] }: Schema, name: string, property: Schema): boolean {
  if (
    property["x-protobuf-tag"] === undefined ||
    property["x-protobuf-presence"] === true ||
    property["x-kubernetes-int-or-string"] === true ||
    required.includes(name)
  )
    return false;
  const zero = zeroOf(property);
  return zero !== undefined && zero !== null && property.default !== zero;
}

/** What Go has where a text, number, truth or moment is missing: null, which is to be left out, of moments; undefined where it has nothing. */
export function zeroOf({ type, format }: Schema): unknown {
  if (type === "integer" || type === "number") return 0;
  if (type === "boolean") return false;
  if (type !== "string") return undefined;
  return format === undefined || format === "byte" ? "" : format === "date-time" || format === "micro-time" ? null : undefined;
}

/** With full Unicode where the pattern allows it: that mode refuses needless escapes such as `\-`, which other dialects accept. */
function compilePattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
}
