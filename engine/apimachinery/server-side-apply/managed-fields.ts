import { decodeFieldSet, difference, EMPTY_SET, isEmptySet, setOfFields, union, type FieldSet } from "./field-set.ts";
import type { KubeObject, ManagedFieldsEntry, ObjectMeta } from "../object-meta.ts";

/** More updaters than this, and the oldest are merged into one entry, so that the list stays bounded. */
const UPDATE_MANAGERS_MAX = 10;
const OLD_UPDATES_MANAGER = "ancient-changes";

/** One decoded entry of metadata.managedFields. */
export interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
  /** The entry this was read from, while it still says the same. */
  readonly entry?: ManagedFieldsEntry;
}

/** Managers by their identity, which is not their name alone: see `managerKey`. Never changed in place. */
export type Managers = ReadonlyMap<string, Manager>;

/** An applier keeps its identity when it applies through another version; an updater does not. */
export function managerKey(manager: Pick<Manager, "manager" | "operation" | "apiVersion" | "subresource">): string {
  return JSON.stringify([manager.manager, manager.operation, manager.operation === "Apply" ? "" : manager.apiVersion, manager.subresource]);
}

/** Reads the entries; undefined when one of them is not well formed. */
export function decodeManagedFields(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers = new Map<string, Manager>();
  for (const entry of entries ?? []) {
    const manager = decodeEntry(entry);
    if (manager === undefined) return undefined;
    managers.set(managerKey(manager), manager);
  }
  return managers;
}

/** What is wrong with the first entry that is not well formed, in upstream's words; undefined when all are. */
export function managedFieldsProblem(entries: readonly ManagedFieldsEntry[] | undefined): string | undefined {
  for (const [index, entry] of (entries ?? []).entries()) {
    if (decodeEntry(entry) !== undefined) continue;
    if (entry.operation !== "Apply" && entry.operation !== "Update") return "operation must be `Apply` or `Update`";
    if (!entry.apiVersion) return "apiVersion must not be empty";
    if (!entry.fieldsType) return `missing fieldsType in managed fields entry ${index}`;
    if (entry.fieldsType !== "FieldsV1") return `invalid fieldsType ${JSON.stringify(entry.fieldsType)} in managed fields entry ${index}`;
    return "error decoding set";
  }
  return undefined;
}

function decodeEntry(entry: ManagedFieldsEntry): Manager | undefined {
  const { operation, apiVersion } = entry;
  if ((operation !== "Apply" && operation !== "Update") || apiVersion === undefined || apiVersion === "" || entry.fieldsType !== "FieldsV1") return undefined;
  const fields = entry.fieldsV1 === undefined ? EMPTY_SET : decodeFieldSet(entry.fieldsV1);
  if (fields === undefined) return undefined;
  return { manager: entry.manager ?? "", operation, apiVersion, subresource: entry.subresource ?? "", time: entry.time, fields, entry };
}

/** The managers as entries in upstream's order: appliers first, then by time, then by name. Undefined when there are none. */
function encodeManagedFields(managers: Managers): readonly ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()].sort(compareManagers).map(encodeEntry);
}

function encodeEntry(manager: Manager): ManagedFieldsEntry {
  if (manager.entry !== undefined) return manager.entry;
  return {
    ...(manager.manager === "" ? {} : { manager: manager.manager }),
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: "FieldsV1",
    fieldsV1: manager.fields,
    ...(manager.subresource === "" ? {} : { subresource: manager.subresource }),
  };
}

function compareManagers(left: Manager, right: Manager): number {
  return (
    compareText(left.operation, right.operation) ||
    seconds(left) - seconds(right) ||
    compareText(left.manager, right.manager) ||
    compareText(left.apiVersion, right.apiVersion) ||
    compareText(left.subresource, right.subresource)
  );
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whole seconds since the epoch; 0 for entries without a time, or with one that is not readable. */
function seconds(manager: Manager): number {
  const milliseconds = manager.time === undefined ? Number.NaN : Date.parse(manager.time);
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}

/** The manager with other fields, and perhaps another time; the very same when nothing differs. */
export function withFieldsOf(manager: Manager, fields: FieldSet, time = manager.time): Manager {
  if (fields === manager.fields && time === manager.time) return manager;
  const { entry: _, ...rest } = manager;
  return { ...rest, fields, time };
}

/** Identity and server-kept fields, which nobody owns. A container is named without what it holds. */
const NEVER_OWNED = setOfFields([
  ["apiVersion"],
  ["kind"],
  ["metadata"],
  ...["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion"].map((name) => [
    "metadata",
    name,
  ]),
]);

export function withoutUnownable(fields: FieldSet): FieldSet {
  return difference(fields, NEVER_OWNED);
}

/** What has no fields left is dropped. */
export function withoutEmptyManagers(managers: Managers): Managers {
  let result: Map<string, Manager> | undefined;
  for (const [key, manager] of managers) if (isEmptySet(manager.fields)) (result ??= new Map(managers)).delete(key);
  return result ?? managers;
}

/**
 * Keeps the number of updaters bounded: the oldest are merged, per version, into one that is called `ancient-changes`.
 * As upstream, the first of a version is only renamed once a second one joins it.
 */
export function capUpdateManagers(managers: Managers): Managers {
  const updaters = [...managers].filter(([, manager]) => manager.operation === "Update");
  let count = updaters.length;
  if (count <= UPDATE_MANAGERS_MAX) return managers;
  updaters.sort(([leftKey, left], [rightKey, right]) => seconds(left) - seconds(right) || compareText(leftKey, rightKey));
  const result = new Map(managers);
  const firstOfVersion = new Map<string, string>();
  for (const [key, manager] of updaters) {
    if (count <= UPDATE_MANAGERS_MAX) break;
    const first = firstOfVersion.get(manager.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(manager.apiVersion, key);
      continue;
    }
    const identity = { manager: OLD_UPDATES_MANAGER, operation: "Update", apiVersion: manager.apiVersion, subresource: "" } as const;
    const bucketKey = managerKey(identity);
    const bucket = result.get(bucketKey) ?? result.get(first);
    if (first !== bucketKey) result.delete(first);
    result.delete(key);
    result.set(bucketKey, { ...identity, time: manager.time, fields: union(bucket?.fields ?? EMPTY_SET, manager.fields) });
    firstOfVersion.set(manager.apiVersion, bucketKey);
    count -= 1;
  }
  return result;
}

/** The object with these managers; the very same object when they are the ones it has, in the same words. */
export function withManagers<T extends KubeObject>(object: T, managers: Managers): T {
  const entries = encodeManagedFields(managers);
  const current = object.metadata.managedFields;
  if (entries === undefined) return withoutManagedFields(object);
  if (current?.length === entries.length && entries.every((entry, i) => entry === current[i])) return object;
  return { ...object, metadata: { ...object.metadata, managedFields: entries } };
}

/** The object without metadata.managedFields. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: metadata as ObjectMeta }; // every field but one of an ObjectMeta, all of them optional
}
