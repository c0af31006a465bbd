import { orderUnits, type Unit } from "./resolve-units.ts";

/**
 * Units wait for those they depend on, as far as the commit changes them or they are not ready with it yet. Gives the unit that each
 * waits for, by name.
 */
export function computeWaitingUnits(units: readonly Unit[], changing: ReadonlySet<string>, isUnready: (unit: string) => boolean): ReadonlyMap<string, string> {
  const waiting = new Map<string, string>();
  for (const unit of orderUnits(units)) {
    const dependency = unit.dependsOn.find((name) => changing.has(name) || waiting.has(name) || isUnready(name));
    if (dependency !== undefined) waiting.set(unit.name, dependency);
  }
  return waiting;
}
