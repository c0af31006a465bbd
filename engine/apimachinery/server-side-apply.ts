import { jsonEqual } from "../lib/freeze.ts";
import { mergeIntent, removeFields } from "./field-merge.ts";
import { compareFields, decodeFields, describePath, encodeFields, fieldsOf, FieldSet, valueAt } from "./field-set.ts";
import type { KubeObject, ManagedFieldsEntry } from "./object-meta.ts";
import type { Schema } from "./schema.ts";
import { badRequest, StatusError } from "./status-error.ts";

export interface ApplyRequest {
  readonly schema: Schema;
  /** The object as it is; undefined when there is none yet. */
  readonly live: KubeObject | undefined;
  /** Everything that the manager wants to say about the object. */
  readonly intent: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  readonly apiVersion: string;
  readonly subresource?: string;
  readonly nowText: string;
}

export interface UpdateRecord {
  readonly schema: Schema;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject;
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource?: string;
  readonly nowText: string;
}

interface Manager {
  readonly entry: ManagedFieldsEntry;
  readonly fields: FieldSet;
}

/** Beyond this many updating managers the oldest are merged into one. */
const UPDATE_MANAGERS_MAX = 10;
const ANCIENT_MANAGER = "ancient-changes";
const CLIENT_SIDE_MANAGER = "kubectl-client-side-apply";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Nobody owns what identifies an object or what only the system writes. */
const UNOWNED = new Set(["f:apiVersion", "f:kind", "f:metadata", ...["name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"].map((field) => `f:metadata\0f:${field}`)]);

/**
 * Server-side apply: merges a manager's whole intent into the live object, drops what the manager said before and says no more
 * (unless others own it), and records who owns what. Returns the live object itself when nothing changes.
 * Throws a 409 with one cause per field that another manager owns with another value, unless forced; a 400 when the intent carries managedFields.
 */
export function applyServerSide(request: ApplyRequest): KubeObject {
  const { schema, live, intent, manager, force, apiVersion, nowText } = request;
  if ((intent.metadata.managedFields ?? []).length > 0) throw badRequest("metadata.managedFields must be nil");
  const wanted = fieldsOf(schema, intent, { maps: false }).filter(isOwnable);
  const all = adoptClientSideApply(readManagers(live), live, manager);
  const own = all.find((candidate) => isEntryOf(candidate.entry, manager, "Apply", request.subresource));
  const others = all.filter((candidate) => candidate !== own);
  const taken = findConflicts(schema, live, intent, wanted, others);
  if (taken.length > 0 && !force) throw conflictError(taken);
  const lost = new FieldSet(taken.map(({ path }) => path));
  const remaining = others.map((other) => (lost.isEmpty ? other : { ...other, fields: other.fields.minus(lost) })).filter((other) => !other.fields.isEmpty);
  const merged = mergeIntent(schema, live ?? {}, intent) as KubeObject; // an intent is an object, and so is what it makes
  const stillOwned = remaining.reduce((set, other) => set.union(other.fields), wanted);
  const dropped = own === undefined ? new FieldSet() : own.fields.minus(stillOwned);
  const result = dropped.isEmpty ? merged : (removeFields(schema, merged, dropped, stillOwned) as KubeObject); // metadata always remains
  const isSameOwnership = own !== undefined && own.fields.equals(wanted) && lost.isEmpty && own.entry.apiVersion === apiVersion;
  if (live !== undefined && isSameOwnership && jsonEqual(content(result), content(live))) return live;
  const entry: ManagedFieldsEntry = { manager, operation: "Apply", apiVersion, time: isSameOwnership ? own.entry.time : nowText, fieldsType: "FieldsV1", fieldsV1: encodeFields(wanted), ...(request.subresource ? { subresource: request.subresource } : {}) };
  return withManagers(result, [...remaining, { entry, fields: wanted }]);
}

/**
 * Records an ordinary write: what it changed belongs to its manager now, and to nobody else. Returns `after` with managedFields;
 * those of `before` when nothing changed. `managedFields: [{}]` sent by a client forgets all ownership.
 */
export function trackUpdate(record: UpdateRecord): KubeObject {
  const { schema, before, after, manager, apiVersion, nowText } = record;
  const sent = after.metadata.managedFields;
  const isReset = sent !== undefined && sent.length === 1 && Object.keys(sent[0] ?? {}).length === 0;
  if (isReset) return withManagers(after, []);
  const compared = compareFields(schema, before ?? {}, after);
  const written = compared.written.filter(isOwnable);
  const removed = compared.removed.filter(isOwnable);
  const managers = readManagers(before);
  if (written.isEmpty && removed.isEmpty) return withManagers(after, managers);
  const changed = written.union(removed);
  const own = managers.find((candidate) => isEntryOf(candidate.entry, manager, "Update", record.subresource) && candidate.entry.apiVersion === apiVersion);
  const others = managers.filter((candidate) => candidate !== own).map((other) => ({ ...other, fields: other.fields.minus(changed) })).filter((other) => !other.fields.isEmpty);
  const fields = (own?.fields ?? new FieldSet()).union(written).minus(removed);
  const entry: ManagedFieldsEntry = { manager, operation: "Update", apiVersion, time: nowText, fieldsType: "FieldsV1", fieldsV1: encodeFields(fields), ...(record.subresource ? { subresource: record.subresource } : {}) };
  return withManagers(after, boundManagers([...others, ...(fields.isEmpty ? [] : [{ entry, fields }])]));
}

interface Conflict {
  readonly path: readonly string[];
  readonly owner: ManagedFieldsEntry;
}

function findConflicts(schema: Schema, live: KubeObject | undefined, intent: KubeObject, wanted: FieldSet, others: readonly Manager[]): Conflict[] {
  if (live === undefined) return [];
  const conflicts: Conflict[] = [];
  for (const path of wanted.paths()) {
    if (path.at(-1) === "." || jsonEqual(valueAt(schema, live, path), valueAt(schema, intent, path))) continue;
    for (const { entry, fields } of others) if (fields.has(path)) conflicts.push({ path, owner: entry });
  }
  return conflicts;
}

/** Upstream's wording, which kubectl prints and tests compare. */
function conflictError(conflicts: readonly Conflict[]): StatusError {
  const describeOwner = ({ owner }: Conflict) => {
    const using = owner.operation === "Update" || owner.subresource ? ` using ${owner.apiVersion ?? ""}` : "";
    return `"${owner.manager ?? ""}"${owner.subresource ? ` with subresource "${owner.subresource}"` : ""}${owner.operation === "Update" ? using : ""}`;
  };
  const byOwner = Map.groupBy(conflicts, describeOwner);
  const parts = [...byOwner].map(([owner, list]) => (list.length === 1 ? `conflict with ${owner}: ${describePath(list[0]?.path ?? [])}` : `conflicts with ${owner}:\n${list.map(({ path }) => `- ${describePath(path)}`).join("\n")}`));
  return new StatusError("Conflict", `Apply failed with ${conflicts.length} conflict${conflicts.length === 1 ? "" : "s"}: ${parts.join("\n")}`, {
    causes: conflicts.map((conflict) => ({ reason: "FieldManagerConflict", message: `conflict with ${describeOwner(conflict)}`, field: describePath(conflict.path) })),
  });
}

/**
 * Who used `kubectl apply` and now says `--server-side` should not be in conflict with himself: what the client-side apply owned
 * passes to the applying manager, and its last-applied annotation with it.
 */
function adoptClientSideApply(managers: readonly Manager[], live: KubeObject | undefined, manager: string): readonly Manager[] {
  if (manager !== "kubectl" || live?.metadata.annotations?.[LAST_APPLIED] === undefined) return managers;
  const former = managers.find(({ entry }) => entry.manager === CLIENT_SIDE_MANAGER && entry.operation === "Update");
  if (former === undefined || managers.some(({ entry }) => isEntryOf(entry, manager, "Apply", undefined))) return managers;
  return managers.map((candidate) => (candidate === former ? { entry: { ...former.entry, manager, operation: "Apply" }, fields: former.fields.filter((path) => path.at(-1) !== "." || path.at(-2)?.startsWith("k:") === true) } : candidate));
}

function isOwnable(path: readonly string[]): boolean {
  return !UNOWNED.has(path.join("\0"));
}

function isEntryOf(entry: ManagedFieldsEntry, manager: string, operation: string, subresource: string | undefined): boolean {
  return entry.manager === manager && entry.operation === operation && (entry.subresource ?? "") === (subresource ?? "");
}

const decoded = new WeakMap<object, FieldSet>();

function readManagers(object: KubeObject | undefined): Manager[] {
  return (object?.metadata.managedFields ?? []).map((entry) => {
    // Entries live in frozen objects: their decoded form stays true as long as they do.
    let fields = decoded.get(entry);
    if (fields === undefined) decoded.set(entry, (fields = decodeFields(entry.fieldsV1)));
    return { entry, fields };
  });
}

function withManagers<T extends KubeObject>(object: T, managers: readonly Manager[]): T {
  const entries = managers.map(({ entry, fields }) => (decoded.get(entry) === fields ? entry : { ...entry, fieldsV1: encodeFields(fields) }));
  const { managedFields: _old, ...metadata } = object.metadata;
  return { ...object, metadata: entries.length === 0 ? metadata : { ...metadata, managedFields: entries } };
}

function boundManagers(managers: readonly Manager[]): readonly Manager[] {
  const updates = managers.filter(({ entry }) => entry.operation === "Update");
  if (updates.length <= UPDATE_MANAGERS_MAX) return managers;
  const oldest = [...updates].sort((a, b) => ((a.entry.time ?? "") < (b.entry.time ?? "") ? -1 : 1)).slice(0, updates.length - UPDATE_MANAGERS_MAX + 1);
  const fields = oldest.reduce((set, manager) => set.union(manager.fields), new FieldSet());
  const last = oldest.at(-1);
  if (last === undefined) return managers;
  return [{ entry: { ...last.entry, manager: ANCIENT_MANAGER, fieldsV1: encodeFields(fields) }, fields }, ...managers.filter((manager) => !oldest.includes(manager))];
}

function content(object: KubeObject): unknown {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}
