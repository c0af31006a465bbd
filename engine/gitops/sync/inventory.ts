import { parseApiVersion } from "../../apimachinery/group-version.ts";
import type { Application, InventoryEntry } from "../../resources/types.ts";
import type { DesiredObject } from "../manifests/desired-state.ts";
import { identityOf } from "../manifests/served-kinds.ts";

/** An inventory entry with the unit that holds it. Only what is in an inventory is ever deleted. */
export interface OwnedEntry {
  readonly unit: string;
  readonly identity: string;
  readonly entry: InventoryEntry;
}

export function entryOf(desired: DesiredObject): InventoryEntry {
  const { group, version } = parseApiVersion(desired.object.apiVersion);
  const { namespace, name } = desired.object.metadata;
  return { group, version, kind: desired.object.kind, ...(namespace === undefined ? {} : { namespace }), name: name ?? "" };
}

export function entryIdentity(entry: InventoryEntry): string {
  return identityOf(entry.group ?? "", entry.kind, entry.namespace, entry.name);
}

/** Everything that all applications hold. An object that moved between units while the system was down may appear twice. */
export function ownedEntries(applications: readonly Application[]): readonly OwnedEntry[] {
  return applications.flatMap((application) => (application.status?.inventory ?? []).map((entry) => ({ unit: application.metadata.name ?? "", identity: entryIdentity(entry), entry })));
}

/**
 * A unit's inventory before or after an apply: what it wants now, and what it held and has not been seen to be gone.
 * Written before objects are created, so that a crash in between cannot leave objects that nobody would prune.
 */
export function nextInventory(unit: string, desired: Iterable<DesiredObject>, held: readonly InventoryEntry[], isReleased: (identity: string) => boolean): readonly InventoryEntry[] {
  const entries = new Map<string, InventoryEntry>();
  for (const entry of held) if (!isReleased(entryIdentity(entry))) entries.set(entryIdentity(entry), entry);
  for (const object of desired) if (object.unit === unit) entries.set(object.identity, entryOf(object));
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** `Service web/old`, as messages name it. */
export function describeEntry(entry: InventoryEntry): string {
  return `${entry.kind} ${entry.namespace === undefined || entry.namespace === "" ? "" : `${entry.namespace}/`}${entry.name}`;
}
