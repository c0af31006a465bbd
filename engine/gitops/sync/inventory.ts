import { parseApiVersion } from "../../apimachinery/group-version.ts";
import type { Application, InventoryEntry } from "../../resources/types.ts";
import type { DesiredObject } from "../manifests/desired-state.ts";
import { objectsByUnit, perUnit, type UnitObjects } from "../manifests/objects-by-unit.ts";
import { identityOf } from "../manifests/served-kinds.ts";

/** An inventory entry with the unit that holds it. Only what is in an inventory is ever deleted. */
export interface OwnedEntry {
  readonly unit: string;
  readonly identity: string;
  readonly entry: InventoryEntry;
}

/** `before`: what the inventory has of it. What was confidential once stays so: its values are in the cluster, or in what was copied from there. */
export function entryOf(desired: DesiredObject, before?: InventoryEntry): InventoryEntry {
  const { group, version } = parseApiVersion(desired.object.apiVersion);
  const { namespace, name } = desired.object.metadata;
  const isConfidential = desired.isConfidential === true || before?.confidential === true;
  return {
    group,
    version,
    kind: desired.object.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name: name ?? "",
    ...(isConfidential ? { confidential: true } : {}),
  };
}

export function entryIdentity(entry: InventoryEntry): string {
  return identityOf(entry.group ?? "", entry.kind, entry.namespace, entry.name);
}

/** Everything that applications hold. An object that moved between units while the system was down may appear twice. */
export function ownedEntries(applications: readonly Application[]): readonly OwnedEntry[] {
  return applications.flatMap(entriesOf);
}

/**
 * What applications hold and no unit wants any more. An object that moved between units while the system was down may appear twice.
 * Costs the inventories and units that changed since the last time.
 */
export function staleEntries(applications: readonly Application[], objects: ReadonlyMap<string, DesiredObject>): readonly OwnedEntry[] {
  const lists = objectsByUnit(objects);
  return applications.flatMap((application) =>
    foreignEntries(application, lists.get(application.metadata.name ?? "") ?? NOTHING).filter(({ identity }) => !objects.has(identity)),
  );
}

/** What an application holds and its own unit does not want: it left the repository, or belongs to another unit now. */
export function foreignEntries(application: Application, own: UnitObjects): readonly OwnedEntry[] {
  const held = application.status?.inventory;
  if (held === undefined || held.length === 0) return [];
  const before = known.get(held);
  if (before?.own === own) return before.foreign;
  const identities = identitiesOf(own);
  const foreign = entriesOf(application).filter(({ identity }) => !identities.has(identity));
  known.set(held, { own, foreign });
  return foreign;
}

function entriesOf({ metadata, status }: Application): readonly OwnedEntry[] {
  return (status?.inventory ?? []).map((entry) => ({ unit: metadata.name ?? "", identity: entryIdentity(entry), entry }));
}

const NOTHING: UnitObjects = [];
const known = new WeakMap<readonly InventoryEntry[], { readonly own: UnitObjects; readonly foreign: readonly OwnedEntry[] }>();
const identitiesOf = perUnit((objects) => new Set(objects.map(({ identity }) => identity)));
const kindsHeld = new WeakMap<readonly InventoryEntry[], readonly Pick<InventoryEntry, "group" | "kind">[]>();

/** The kinds of everything that applications hold, each at least once. */
export function heldKinds(applications: readonly Application[]): readonly Pick<InventoryEntry, "group" | "kind">[] {
  return applications.flatMap(({ status }) => {
    const held = status?.inventory ?? [];
    const kinds = kindsHeld.get(held) ?? [...new Map(held.map((entry) => [`${entry.group ?? ""}/${entry.kind}`, entry])).values()];
    kindsHeld.set(held, kinds);
    return kinds;
  });
}

/**
 * A unit's inventory before or after an apply: what it wants now, and what it held and has not been seen to be gone.
 * Written before objects are created, so that a crash in between cannot leave objects that nobody would prune.
 */
export function nextInventory(
  unit: string,
  desired: Iterable<DesiredObject>,
  held: readonly InventoryEntry[],
  isReleased: (identity: string) => boolean,
): readonly InventoryEntry[] {
  const entries = new Map<string, InventoryEntry>();
  for (const entry of held) if (!isReleased(entryIdentity(entry))) entries.set(entryIdentity(entry), entry);
  for (const object of desired) if (object.unit === unit) entries.set(object.identity, entryOf(object, entries.get(object.identity)));
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/**
 * The same inventory with a mark at what was allowed to go: whoever pushes next is not asked about it again, however long it has to wait.
 * An object that has come back loses its mark with its new entry.
 */
export function withLeaving(inventory: readonly InventoryEntry[], isLeaving: (identity: string) => boolean): readonly InventoryEntry[] {
  if (inventory.every((entry) => (entry.leaving === true) === isLeaving(entryIdentity(entry)))) return inventory;
  return inventory.map(({ leaving: _before, ...entry }) => (isLeaving(entryIdentity(entry)) ? { ...entry, leaving: true } : entry));
}

/** What of an inventory was written in an encrypted file, now or before. */
export function confidentialEntries(inventory: readonly InventoryEntry[]): ReadonlySet<string> {
  const found = confidentialOf.get(inventory) ?? new Set(inventory.filter(({ confidential }) => confidential === true).map(entryIdentity));
  confidentialOf.set(inventory, found);
  return found;
}

const confidentialOf = new WeakMap<readonly InventoryEntry[], ReadonlySet<string>>();

/** Whether an inventory has anything that was allowed to go. */
export function hasLeaving(inventory: readonly InventoryEntry[]): boolean {
  const known = leavingIn.get(inventory) ?? inventory.some(({ leaving }) => leaving === true);
  leavingIn.set(inventory, known);
  return known;
}

const leavingIn = new WeakMap<readonly InventoryEntry[], boolean>();

/** `Service web/old`, as messages name it. */
export function describeEntry(entry: InventoryEntry): string {
  return `${entry.kind} ${entry.namespace === undefined || entry.namespace === "" ? "" : `${entry.namespace}/`}${entry.name}`;
}
