import { conform } from "../../apimachinery/structural-schema.ts";
import { plainMessage, unknownFieldMessage } from "../manifests/explain-error.ts";
import { structuralPathOf } from "../../apimachinery/field-path.ts";
import type { Target } from "./build.ts";
import { withKnownNames, type Kustomization } from "./kustomization.ts";
import { REPLACEMENT_SCHEMA } from "./kustomization-schema.ts";
import { fail, KustomizeError, type Place } from "./kustomize-error.ts";
import type { PatchReader } from "./patch-reader.ts";
import type { Replacement } from "./replacements.ts";
import type { SourceDocument } from "./resource.ts";

/** Replacements with the lines they stand in; those in files of their own are read. */
export async function readReplacements(
  reader: PatchReader,
  target: Target,
  rows: Kustomization["replacements"],
): Promise<readonly { readonly replacement: Replacement; readonly place: Place }[]> {
  const result: { replacement: Replacement; place: Place }[] = [];
  for (const [index, row] of rows.entries()) {
    const place = target.file.placeOf(["replacements", index]);
    if (row.path === undefined || row.path === "") {
      result.push({ replacement: row, place });
      continue;
    }
    if (row.source !== undefined || row.targets !== undefined) fail(place, "a replacement has either path or source and targets");
    for (const document of (await reader.documents(target, row.path, place)).documents) {
      const items: readonly unknown[] = Array.isArray(document.value) ? document.value : [document.value];
      for (const [item, value] of items.entries()) {
        const steps = Array.isArray(document.value) ? [item] : [];
        result.push({ replacement: checked(value, document, steps), place: { file: document.file, line: document.lineOf(steps) } });
      }
    }
  }
  return result;
}

function checked(value: unknown, document: SourceDocument, steps: readonly number[]): Replacement {
  const result = conform(REPLACEMENT_SCHEMA, withKnownNames(REPLACEMENT_SCHEMA, value), { defaults: false, prune: false });
  const problem = (field: string, message: string) => ({ file: document.file, line: document.lineOf([...steps, ...structuralPathOf(field)]), field, message });
  const problems = [
    ...result.unknown.map((field) => problem(field, unknownFieldMessage(field, REPLACEMENT_SCHEMA))),
    ...result.errors.map((error) => problem(error.field, plainMessage(error.message, error.field))),
  ];
  if (problems.length > 0) throw new KustomizeError(problems);
  return result.value as Replacement; // the schema was just found to hold
}
