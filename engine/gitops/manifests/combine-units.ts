import { PersistentMap } from "../../lib/persistent-map.ts";
import { findDuplicates } from "./assemble-unit.ts";
import type { DesiredObject } from "./desired-state.ts";
import { changedUnits, keepObjectsByUnit, type ObjectsByUnit } from "./objects-by-unit.ts";
import type { Problem } from "./problem.ts";

/** All objects of a commit by identity, and what speaks against having them together. */
export interface CombinedUnits {
  readonly lists: ObjectsByUnit;
  readonly objects: PersistentMap<DesiredObject>;
  readonly duplicates: readonly Problem[];
}

/**
 * Puts the units of a commit together. Only those are looked at that are other ones than in the commit before: a commit that changes one
 * file costs its unit, however many there are.
 */
export function combineUnits(lists: ObjectsByUnit, before: CombinedUnits | undefined): CombinedUnits {
  const combined = (before === undefined ? undefined : combineChanged(lists, before)) ?? combineAll(lists);
  keepObjectsByUnit(combined.objects, combined.lists);
  return combined;
}

function combineAll(lists: ObjectsByUnit): CombinedUnits {
  const all = [...lists.values()].flat();
  return {
    lists,
    objects: PersistentMap.empty<DesiredObject>().with(all.map((object) => [object.identity, object] as const)),
    duplicates: findDuplicates(all),
  };
}

/** Undefined when everything must be looked at: something is described twice, or was. */
function combineChanged(lists: ObjectsByUnit, before: CombinedUnits): CombinedUnits | undefined {
  if (before.duplicates.length > 0) return undefined;
  const changed = changedUnits(before.lists, lists);
  const changes = new Map<string, DesiredObject | undefined>();
  for (const unit of changed) for (const { identity } of before.lists.get(unit) ?? []) changes.set(identity, undefined);
  for (const unit of changed) {
    for (const object of lists.get(unit) ?? []) {
      if (changes.has(object.identity) ? changes.get(object.identity) !== undefined : before.objects.has(object.identity)) return undefined;
      changes.set(object.identity, object);
    }
  }
  for (const [identity, object] of changes) if (object !== undefined && before.objects.get(identity) === object) changes.delete(identity);
  return { lists, objects: before.objects.with(changes), duplicates: [] };
}
