import type { RepeatedFields } from "../apimachinery/api-request.ts";
import type { Schema } from "../apimachinery/schema.ts";

/**
 * What strict decoding finds wrong, in upstream's order: that of the text, but for YAML and for kinds that users define, whose unknown
 * fields are found later than repeated ones. What is below an unknown field nobody has looked at.
 */
export function strictProblems(unknown: readonly string[], repeated: RepeatedFields | undefined, isCustom: boolean): string[] {
  const unknownTexts = unknown.map((field) => `unknown field "${field}"`);
  if (repeated === undefined) return unknownTexts;
  if (repeated.is === "yaml") return [...repeated.problems, ...unknownTexts];
  const say = (field: string) => `duplicate field "${field}"`;
  if (isCustom) return [...repeated.fields.map(({ field }) => say(field)), ...unknownTexts];
  const places = repeated.places();
  const isBelowUnknown = (field: string) => unknown.some((above) => field === above || field.startsWith(`${above}.`) || field.startsWith(`${above}[`));
  const problems = [
    ...unknown.map((field, index) => ({ at: places.get(field) ?? 0, text: unknownTexts[index] ?? "" })),
    ...repeated.fields.filter(({ field }) => !isBelowUnknown(field)).map(({ field, at }) => ({ at, text: say(field) })),
  ];
  return problems.sort((a, b) => a.at - b.at).map(({ text }) => text);
}

/** The same as one text. What a YAML reader finds is one problem of several lines there, while warnings are one for each. */
export function describeStrictProblems(unknown: readonly string[], repeated: RepeatedFields | undefined, isCustom: boolean): string {
  if (repeated?.is !== "yaml") return strictProblems(unknown, repeated, isCustom).join(", ");
  return [`yaml: unmarshal errors:\n${repeated.problems.map((problem) => `  ${problem}`).join("\n")}`, ...strictProblems(unknown, undefined, isCustom)].join(
    ", ",
  );
}

/**
 * Unknown fields of a kind that users define, as upstream tells them: those of its metadata, of what its schema says, and of the metadata of
 * objects within it, each by name.
 */
export function orderOfCustom(schema: Schema, unknown: readonly string[]): readonly string[] {
  const rank = (field: string) => (field.startsWith("metadata.") ? 0 : isOfEmbedded(schema, field) ? 2 : 1);
  return unknown.length < 2 ? unknown : [...unknown].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Whether the field is in the metadata of an object within an object. */
function isOfEmbedded(root: Schema, field: string): boolean {
  let schema: Schema | undefined = root;
  for (const step of field.split(/\.|(?=\[)/)) {
    if (step === "metadata" && schema?.["x-kubernetes-embedded-resource"] === true) return true;
    if (step.startsWith("[")) schema = schema?.items;
    else schema = schema?.properties?.[step] ?? additionalOf(schema);
  }
  return false;
}

function additionalOf(schema: Schema | undefined): Schema | undefined {
  const additional = schema?.additionalProperties;
  return typeof additional === "object" ? additional : undefined;
}
