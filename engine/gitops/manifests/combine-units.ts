import { findDuplicates, type UnitContent } from "./assemble-unit.ts";
import type { DesiredObject } from "./desired-state.ts";
import type { Problem } from "./problem.ts";

/** All objects of a commit by identity, and what speaks against having them together. */
export interface CombinedUnits {
  readonly contents: readonly UnitContent[];
  readonly objects: ReadonlyMap<string, DesiredObject>;
  readonly duplicates: readonly Problem[];
  /** Whether any object names others that must be ready first. */
  readonly hasDependencies: boolean;
}

/**
 * Puts the units of a commit together. Where most of them are the ones of the commit before, only the others are looked at: a commit
 * that changes one file costs a copy of the table, not another look at every object.
 */
export function combineUnits(contents: readonly UnitContent[], before: CombinedUnits | undefined): CombinedUnits {
  return (before === undefined ? undefined : combineChanged(contents, before)) ?? combineAll(contents);
}

function combineAll(contents: readonly UnitContent[]): CombinedUnits {
  const all = contents.flatMap((content) => content.objects);
  return { contents, objects: new Map(all.map((object) => [object.identity, object])), duplicates: findDuplicates(all), hasDependencies: all.some(namesOthers) };
}

/** Undefined when everything must be looked at: units came or went, or something is described twice. */
function combineChanged(contents: readonly UnitContent[], before: CombinedUnits): CombinedUnits | undefined {
  if (before.duplicates.length > 0 || before.contents.length !== contents.length) return undefined;
  const changed = contents.flatMap((content, index) => (content === before.contents[index] ? [] : [[before.contents[index], content] as const]));
  if (changed.length === 0) return { ...before, contents };
  const objects = new Map(before.objects);
  for (const [old] of changed) for (const { identity } of old?.objects ?? []) objects.delete(identity);
  let hasDependencies = before.hasDependencies;
  for (const [, now] of changed) {
    for (const object of now.objects) {
      if (objects.has(object.identity)) return undefined;
      objects.set(object.identity, object);
      hasDependencies ||= namesOthers(object);
    }
  }
  return { contents, objects, duplicates: [], hasDependencies };
}

function namesOthers({ order }: DesiredObject): boolean {
  return order.dependsOn.length > 0;
}
