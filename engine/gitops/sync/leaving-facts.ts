import type { Application, InventoryEntry } from "../../resources/types.ts";
import type { KeptEntry } from "../plan/plan-deletions.ts";
import type { ApplicationFacts } from "../status/status-facts.ts";
import { describeEntry, entryIdentity } from "./inventory.ts";

/** Why all that a unit still holds that left the repository is to stay; undefined while any of it is on its way out. Pure. */
export function whyAllStays(inventory: readonly InventoryEntry[], kept: readonly KeptEntry[] = []): string | undefined {
  const staying = new Map(kept.filter(({ live }) => live?.metadata.deletionTimestamp === undefined).map(({ identity, why }) => [identity, why]));
  const reasons = inventory.map((entry) => staying.get(entryIdentity(entry)));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

/** What is told of a unit that left the repository and still holds something. Pure. */
export function leavingFacts(
  name: string,
  inventory: readonly InventoryEntry[],
  kept: readonly KeptEntry[] | undefined,
  status: Application["status"],
): ApplicationFacts {
  const why = whyAllStays(inventory, kept);
  return {
    name,
    path: "",
    health: why === undefined ? "Progressing" : "Suspended",
    ready: "",
    reason: why === undefined ? "left the repository" : `left the repository, and stays: ${why}`,
    since: status?.since ?? "",
    commit: status?.appliedCommit ?? "",
    images: [],
    objects: [],
    kept: inventory.map(describeEntry),
    dependsOn: [],
  };
}
