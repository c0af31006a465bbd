import type { DesiredObject } from "../manifests/desired-state.ts";
import { goesWhenDone, isRun } from "../manifests/hook-policies.ts";
import { perUnit } from "../manifests/objects-by-unit.ts";

/** What does its work once for each content: it is remembered as done, and is not made again when it is gone. */
export function runsToItsEnd(desired: DesiredObject): boolean {
  return desired.object.kind === "Job" || isRun(desired);
}

/** Hooks of a unit that go once they are done. */
export const goingWhenDone = perUnit((objects) => objects.filter(goesWhenDone));
