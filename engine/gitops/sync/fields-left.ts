import type { DesiredObject } from "../manifests/desired-state.ts";

/** Per object of a unit, by identity: fields that the repository states and that are left to others. */
export type FieldsLeft = ReadonlyMap<string, readonly string[]>;

/** What is left to others after a plan, which says it of these objects: of most, that it is nothing. The same value where nothing changes. */
export function nextFieldsLeft(before: FieldsLeft, said: readonly (readonly [desired: DesiredObject, fields: readonly string[]])[]): FieldsLeft {
  const changed = said.filter(([{ identity }, fields]) => fields.length > 0 || before.has(identity));
  if (changed.length === 0) return before;
  const next = new Map(before);
  for (const [{ identity }, fields] of changed) {
    if (fields.length > 0) next.set(identity, fields);
    else next.delete(identity);
  }
  return next;
}
