import type { Turns } from "../../lib/turns.ts";
import type { DesiredObject } from "./desired-state.ts";

export type UnitObjects = readonly DesiredObject[];
export type ObjectsByUnit = ReadonlyMap<string, UnitObjects>;

const known = new WeakMap<ReadonlyMap<string, DesiredObject>, ObjectsByUnit>();

/**
 * The objects of a commit by unit. As long as a unit stays as it is, its list is the same value in one commit after another: whoever keeps
 * something for a list has to look again only at those that are other ones.
 */
export function objectsByUnit(objects: ReadonlyMap<string, DesiredObject>): ObjectsByUnit {
  let lists = known.get(objects);
  if (lists === undefined) known.set(objects, (lists = Map.groupBy(objects.values(), ({ unit }) => unit)));
  return lists;
}

/** Says so for objects whose lists are there already. */
export function keepObjectsByUnit(objects: ReadonlyMap<string, DesiredObject>, lists: ObjectsByUnit): void {
  known.set(objects, lists);
}

/** Units whose objects are not the same in two commits, those that came or went among them. */
export function changedUnits(before: ObjectsByUnit, now: ObjectsByUnit): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const [unit, list] of now) if (before.get(unit) !== list) changed.add(unit);
  for (const unit of before.keys()) if (!now.has(unit)) changed.add(unit);
  return changed;
}

/** What is to be known of each unit's objects, worked out once for each list. */
export function perUnit<T extends object>(compute: (objects: UnitObjects) => T): (objects: UnitObjects) => T {
  const results = new WeakMap<UnitObjects, T>();
  return (objects) => {
    let result = results.get(objects);
    if (result === undefined) results.set(objects, (result = compute(objects)));
    return result;
  };
}

/** The same where it takes long: everything else has its turn meanwhile. What begins while it is being worked out works it out as well. */
export function perUnitInTurns<T extends object>(
  compute: (objects: UnitObjects, turns: Turns) => Promise<T>,
): (objects: UnitObjects, turns: Turns) => Promise<T> {
  const results = new WeakMap<UnitObjects, T>();
  return async (objects, turns) => {
    let result = results.get(objects);
    if (result === undefined) results.set(objects, (result = await compute(objects, turns)));
    return result;
  };
}

/** The same of all units together, in their order. */
export function ofAllUnits<T>(objects: ReadonlyMap<string, DesiredObject>, of: (objects: UnitObjects) => Iterable<T>): readonly T[] {
  const all: T[] = [];
  for (const list of objectsByUnit(objects).values()) for (const one of of(list)) all.push(one);
  return all;
}
