import { FieldSetError, fieldSetOfIntent, fieldSetOfObject, withNamedFields } from "./field-set-of-object.ts";
import { untypedPatch } from "../patches/typed-patch-problem.ts";
import { EMPTY_SET, difference, intersection, isEmptySet, isSubset, sameSet, union, withoutSubtrees, type FieldSet } from "./field-set.ts";
import { parseApiVersion } from "../group-version.ts";
import { resetFieldSet } from "./managed-fields-reset.ts";
import { computeOwnership } from "./managed-fields-update.ts";
import {
  decodeManagedFields,
  managerKey,
  withFieldsOf,
  withManagers,
  withoutEmptyManagers,
  withoutManagedFields,
  withoutUnownable,
  type Manager,
  type Managers,
} from "./managed-fields.ts";
import type { KubeObject } from "../object-meta.ts";
import type { Schema } from "../schema.ts";
import { applyConflict, type FieldConflict } from "./server-side-apply-conflict.ts";
import { compareObjects, ignoreFields } from "./server-side-apply-compare.ts";
import { lastAppliedFields, withLastApplied } from "./server-side-apply-last-applied.ts";
import { mergeIntent, removeFields, type UnstoredForms } from "./server-side-apply-merge.ts";
import { badRequest } from "../status-error.ts";

/** The manager that is made owner of everything when an object without managedFields is applied to. */
const BEFORE_FIRST_APPLY = "before-first-apply";
/** The manager whose client-side applies are taken over without a conflict. */
const KUBECTL = "kubectl";

export interface ApplyRequest {
  readonly schema: Schema;
  /** The stored object; undefined when the apply creates it. */
  readonly live: KubeObject | undefined;
  /** What the manager wants, not defaulted: every field in it becomes the manager's. */
  readonly intent: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  /** The version of the request, such as `apps/v1`. */
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
  /** RFC 3339, whole seconds; undefined for what is recorded without its time, as scaling is. */
  readonly nowText: string | undefined;
  /**
   * Fields that this endpoint does not write and nobody can own through it. When left out: `status` for the main resource,
   * `spec` for the status subresource.
   */
  readonly resetFields?: readonly (readonly string[])[] | undefined;
  /** The version under which conflicts name the others; their own when absent. */
  readonly ownersShownIn?: string | undefined;
  /** See WriteOptions. */
  readonly takesItemsOf?: readonly string[] | undefined;
}

/**
 * Server-side apply. Returns the object to validate and store, or the very `live` object when nothing changes, its
 * managedFields included. The result is neither defaulted nor validated.
 *
 * Throws a Conflict when other managers own fields that would change, BadRequest when the intent carries managedFields
 * or is of another version, and a failure without reason, as upstream, when it has fields that the schema does not know.
 */
export function applyServerSide(request: ApplyRequest): KubeObject {
  const { intent, live } = request;
  if (intent.metadata.managedFields !== undefined && intent.metadata.managedFields !== null) throw badRequest("metadata.managedFields must be nil");
  if (intent.apiVersion !== request.apiVersion) {
    throw badRequest(`Incorrect version specified in apply patch. Specified patch version: ${intent.apiVersion}, expected: ${request.apiVersion}`);
  }
  const base = live === undefined ? emptyLike(intent) : withoutManagedFields(live);
  const set = readIntent(request);
  const attempt: Attempt = { request, base, managers: withItemsTaken(request, managersBefore(request, base), set), ignored: resetFieldSet(request), set };
  let outcome = computeApply(attempt, request.force);
  if (outcome.do === "conflict" && request.manager === KUBECTL) outcome = takeOverClientSideApply(attempt, outcome.conflicts);
  if (outcome.do === "conflict") throw applyConflict(outcome.conflicts, request.ownersShownIn);
  const merged = request.manager === KUBECTL ? withLastApplied(outcome.object, intent) : outcome.object;
  if (live !== undefined && merged === base) return withManagers(live, outcome.managers);
  return withManagers(merged, outcome.managers);
}

interface Attempt {
  readonly request: ApplyRequest;
  /** The live object without managedFields. */
  readonly base: KubeObject;
  readonly managers: Managers;
  readonly ignored: FieldSet;
  readonly set: FieldSet;
}

type Outcome =
  | { readonly do: "store"; readonly object: KubeObject; readonly managers: Managers }
  | { readonly do: "conflict"; readonly conflicts: readonly FieldConflict[] };

function computeApply({ request, base, managers, ignored, set }: Attempt, force: boolean): Outcome {
  const { schema, nowText } = request;
  const identity = identityOf(request);
  const key = managerKey(identity);
  const last = managers.get(key);
  const unstored: UnstoredForms = { are: "kept", met: false };
  const merged = mergeIntent(schema, base, request.intent, unstored) as KubeObject; // a map laid over a map, with at least the intent's three fields
  const pruned = prune(schema, merged, last?.fields ?? EMPTY_SET, set, managers, key);
  // A map or list that the intent wants empty went with its last item.
  const object = pruned === merged ? merged : (mergeIntent(schema, pruned, emptiedNulls(request.intent, merged), unstored) as KubeObject); // as above
  // Whoever owns what a null or an atomic value without its defaults stands for is at odds with it as it was said.
  const said = unstored.met ? mergeIntent(schema, base, request.intent, { are: "said", met: false }) : base;

  let others: Managers = managers;
  if (object !== base || said !== base) {
    const change = ignoreFields(compareObjects(schema, base, object), ignored);
    const disputed = ignoreFields(compareObjects(schema, base, said), ignored).modified;
    const changed = union(union(change.modified, change.added), disputed);
    const conflicts: FieldConflict[] = [];
    const next = new Map<string, Manager>();
    for (const [otherKey, other] of managers) {
      const clash = otherKey === key ? EMPTY_SET : intersection(other.fields, changed);
      if (!isEmptySet(clash)) conflicts.push({ manager: other, fields: clash });
      next.set(otherKey, otherKey === key ? other : withFieldsOf(other, difference(difference(other.fields, clash), change.removed)));
    }
    if (!force && conflicts.length > 0) return { do: "conflict", conflicts };
    others = next;
  }

  const owned = withoutUnownable(set);
  const isSame = last !== undefined && last.apiVersion === request.apiVersion && sameSet(last.fields, owned);
  const self: Manager = isSame
    ? withFieldsOf(last, last.fields, object === base ? last.time : nowText)
    : { ...identity, time: object === base && said === base ? last?.time : nowText, fields: owned };
  return { do: "store", object, managers: withoutEmptyManagers(last === self ? others : new Map(others).set(key, self)) };
}

/**
 * What the intent says of what is left. A null over a map with content says nothing of it: what it held may go, but it stays. A list goes with
 * its last item, whether it is null or empty in the intent, and what holds nothing else with it: nobody owns an empty list.
 */
function emptiedNulls(intent: unknown, merged: unknown): unknown {
  if (typeof intent !== "object" || typeof merged !== "object" || merged === null) return intent;
  if (intent === null) return Array.isArray(merged) ? undefined : {};
  if (Array.isArray(intent)) return intent.length === 0 && Array.isArray(merged) ? undefined : intent;
  if (Array.isArray(merged)) return intent;
  let copy: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(intent)) {
    const next = emptiedNulls(value, (merged as Readonly<Record<string, unknown>>)[name]); // a map
    if (next === undefined) delete (copy ??= { ...intent })[name];
    else if (next !== value) (copy ??= { ...intent })[name] = next;
  }
  return copy !== undefined && Object.keys(copy).length === 0 ? undefined : (copy ?? intent);
}

/**
 * Takes away what this manager applied last time and no longer wants, unless somebody else owns it. A struct or list item
 * goes as a whole when it was the manager's, with what nobody owns inside it.
 */
function prune(schema: Schema, merged: KubeObject, last: FieldSet, set: FieldSet, managers: Managers, key: string): KubeObject {
  if (isEmptySet(last) || isSubset(last, set)) return merged;
  let owned = set;
  for (const [otherKey, other] of managers) if (otherKey !== key) owned = union(owned, other.fields);
  const lastNamed = withNamedFields(schema, last);
  const everything = withNamedFields(schema, fieldSetOfObject(schema, merged));
  const without = withNamedFields(schema, fieldSetOfObject(schema, removeFields(schema, merged, lastNamed) ?? {}));
  // Own what is left after removing all of it, and what anybody claims: the rest is what may go.
  const kept = removeFields(schema, merged, difference(everything, union(without, withNamedFields(schema, owned))), owned) ?? {};
  const keptNamed = withNamedFields(schema, fieldSetOfObject(schema, kept));
  return removeFields(schema, merged, intersection(difference(everything, keptNamed), lastNamed), owned) as KubeObject; // names and kind are never in a stored set
}

/** Fields that kubectl's own client-side apply set, and that nobody changed since, are no conflict for kubectl. */
function takeOverClientSideApply(attempt: Attempt, conflicts: readonly FieldConflict[]): Outcome {
  const { request, base } = attempt;
  const allowed = lastAppliedFields(request.schema, base, request.apiVersion);
  if (allowed === undefined) return { do: "conflict", conflicts };
  const left = conflicts
    .map((conflict) => ({ manager: conflict.manager, fields: difference(conflict.fields, allowed) }))
    .filter((conflict) => !isEmptySet(conflict.fields));
  return left.length > 0 ? { do: "conflict", conflicts: left } : computeApply(attempt, true);
}

function managersBefore(request: ApplyRequest, base: KubeObject): Managers {
  const { live } = request;
  if (live === undefined) return new Map();
  const managers = decodeManagedFields(live.metadata.managedFields) ?? new Map<string, Manager>();
  if (managers.size > 0) return managers;
  return computeOwnership({ ...request, before: undefined, after: base, manager: BEFORE_FIRST_APPLY, ignored: resetFieldSet(request) }, managers);
}

function identityOf({ manager, apiVersion, subresource = "" }: ApplyRequest) {
  return { manager, operation: "Apply", apiVersion, subresource } as const;
}

/** What others put beside the intent's own list items becomes this manager's, as if it had applied it and wanted it no longer. */
function withItemsTaken(request: ApplyRequest, managers: Managers, set: FieldSet): Managers {
  const takes = (name: string) => request.takesItemsOf?.some((other) => name === other || name.startsWith(`${other}-`)) === true;
  let taken = EMPTY_SET;
  const rest = new Map(managers);
  for (const [key, other] of managers) {
    if (other.operation !== "Update" || other.subresource !== "" || !takes(other.manager)) continue;
    const items = itemsBeside(other.fields, set);
    if (isEmptySet(items)) continue;
    taken = union(taken, items);
    rest.set(key, withFieldsOf(other, difference(other.fields, items)));
  }
  if (isEmptySet(taken)) return managers;
  const key = managerKey(identityOf(request));
  const own = rest.get(key) ?? { ...identityOf(request), time: request.nowText, fields: EMPTY_SET };
  return rest.set(key, withFieldsOf(own, union(own.fields, taken)));
}

/** Of a set, the list items that another one does not have though it has some of the same list. */
function itemsBeside(fields: FieldSet, set: FieldSet): FieldSet {
  const beside: Record<string, FieldSet> = {};
  for (const element in fields) {
    const theirs = fields[element] as FieldSet; // own key
    const ours = set[element];
    const found = ours !== undefined ? itemsBeside(theirs, ours) : /^[kv]:/.test(element) ? theirs : EMPTY_SET;
    if (!isEmptySet(found) || (ours === undefined && /^[kv]:/.test(element))) beside[element] = found;
  }
  return beside;
}

/** The set of an intent; intents of a Git sync are applied again and again, so it is kept with the (frozen) object. */
const intentSets = new WeakMap<KubeObject, { readonly schema: Schema; readonly set: FieldSet }>();

function readIntent(request: ApplyRequest): FieldSet {
  const { intent, schema } = request;
  const known = intentSets.get(intent);
  if (known?.schema === schema) return withoutSubtrees(known.set, resetFieldSet(request));
  try {
    const set = fieldSetOfIntent(schema, intent);
    if (Object.isFrozen(intent)) intentSets.set(intent, { schema, set });
    return withoutSubtrees(set, resetFieldSet(request));
  } catch (error) {
    if (!(error instanceof FieldSetError)) throw error;
    const { group, version } = parseApiVersion(intent.apiVersion);
    const { namespace = "", name = "" } = intent.metadata;
    throw untypedPatch(`${namespace}/${name}; ${group}/${version}, Kind=${intent.kind}`, error.message);
  }
}

function emptyLike(intent: KubeObject): KubeObject {
  return { apiVersion: intent.apiVersion, kind: intent.kind, metadata: {} };
}

/** The other half of ownership: writes that are no apply. */
export { trackUpdate, type UpdateRequest } from "./managed-fields-update.ts";
