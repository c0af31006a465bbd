import type { GitObjects } from "../git/git-source.ts";
import type { DesiredObject } from "./desired-state.ts";
import { resolveNames } from "./edit-manifest.ts";
import { fieldLocator } from "./parse-manifests.ts";

/**
 * Where a field of an object is written; of the nearest field around it that is, where it is not. Items of lists may be named by their
 * keys, as changes name them. Of objects that were rendered, the place that the rendering recorded.
 */
export async function fieldPlace(
  objects: GitObjects,
  desired: DesiredObject,
  steps: readonly (string | number)[],
): Promise<{ readonly file: string; readonly line: number }> {
  const path = resolveNames(desired.object, steps);
  return desired.locate?.(path) ?? { file: desired.file, line: await fieldLocator(objects)(desired, path) };
}

/** The same as `file:line`; without steps, of the object itself. */
export async function describeFieldPlace(objects: GitObjects, desired: DesiredObject, steps: readonly (string | number)[]): Promise<string> {
  const { file, line } = steps.length === 0 ? desired : await fieldPlace(objects, desired, steps);
  return `${file}:${line}`;
}
