import { EMPTY_SET, difference, isEmptySet, union, type FieldSet } from "./field-set.ts";
import { resetFieldSet } from "./managed-fields-reset.ts";
import {
  capUpdateManagers,
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
import type { KubeObject, ManagedFieldsEntry } from "../object-meta.ts";
import type { Schema } from "../schema.ts";
import { compareObjects, ignoreFields } from "./server-side-apply-compare.ts";

type Path = readonly (string | number)[];

export interface UpdateRequest {
  readonly schema: Schema;
  /** The stored object; undefined when `after` is being created. */
  readonly before: KubeObject | undefined;
  /** The object as the writer wants it, defaulted. Its managedFields, when it has any, replace the stored ones, as upstream allows. */
  readonly after: KubeObject;
  /** Where the writer has put an empty list of which null is kept, step by step. */
  readonly emptied?: readonly Path[] | undefined;
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
  /** RFC 3339, whole seconds; undefined for what is recorded without its time, as scaling is. */
  readonly nowText: string | undefined;
  /** See `ApplyRequest.resetFields`. */
  readonly resetFields?: readonly (readonly string[])[] | undefined;
}

/**
 * Ownership after a create, PUT, or patch that is no apply: the writer becomes the owner of every field it added or changed,
 * and nobody owns what is gone. Returns `after` with its managedFields; the very same object when they are right already.
 *
 * `managedFields: [{}]` resets them. An object without managedFields is not tracked, unless it is being created.
 */
export function trackUpdate(request: UpdateRequest): KubeObject {
  const { before, after, emptied = [] } = request;
  const managers = managersToStartFrom(request);
  if (managers.size === 0 && before !== undefined) return withoutManagedFields(after);
  const ignored = resetFieldSet(request);
  const written = withEmptyLists(withoutManagedFields(after), emptied) as KubeObject; // with other lists in it
  const owners = computeOwnership({ ...request, before: before && withoutManagedFields(before), after: written, ignored }, managers);
  // The list itself is kept when its entries are, so that an unchanged object stays recognisable by identity.
  const current = before?.metadata.managedFields;
  const based =
    current === undefined || after.metadata.managedFields === current ? after : { ...after, metadata: { ...after.metadata, managedFields: current } };
  return withManagers(based, owners);
}

/** The value with an empty list at the end of each path, if that is still where nothing is. They are walked together: there may be many of them. */
function withEmptyLists(value: unknown, paths: readonly Path[], depth = 0): unknown {
  const [first] = paths;
  if (first === undefined) return value;
  if (first.length === depth) return value ?? [];
  if (typeof value !== "object" || value === null) return value;
  const below = Map.groupBy(paths, (path) => path[depth]);
  const visit = (step: string | number | undefined, child: unknown) => withEmptyLists(child, below.get(step) ?? [], depth + 1);
  if (Array.isArray(value)) return value.map((item: unknown, index) => visit(index, item));
  const map = value as Readonly<Record<string, unknown>>; // an object
  return { ...map, ...Object.fromEntries([...below.keys()].map((step = "") => [step, visit(step, map[step])])) };
}

/** Writers that do not know managedFields drop them; only an empty list or a single empty entry means to. Subresources cannot write them. */
function managersToStartFrom({ schema, before, after, subresource }: UpdateRequest): Managers {
  const none: Managers = new Map<string, Manager>();
  if (subresource === undefined || subresource === "") {
    const sent = after.metadata.managedFields ?? undefined;
    // Of what users define an empty list is none at all.
    if (isReset(sent) && (sent?.length !== 0 || isBuiltIn(schema))) return none;
    const managers = sent === before?.metadata.managedFields ? undefined : decodeManagedFields(sent);
    if (managers !== undefined && managers.size > 0) return managers;
  }
  return decodeManagedFields(before?.metadata.managedFields) ?? none;
}

/** Kubernetes' own types have numbers for protobuf, and no others. */
function isBuiltIn({ properties = {} }: Schema): boolean {
  return Object.values(properties).some((property) => property["x-protobuf-tag"] !== undefined && property["x-kubernetes-embedded-resource"] !== true);
}

function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return (
    entries !== undefined &&
    entries.length <= 1 &&
    entries.every((entry) => Object.values(entry).every((value) => value === undefined || value === null || value === ""))
  );
}

/** The managers after a write, where `ignored` are fields that the endpoint does not write. Neither object has managedFields. */
export function computeOwnership(write: Omit<UpdateRequest, "resetFields"> & { readonly ignored: FieldSet }, managers: Managers): Managers {
  const { before, after } = write;
  if (before === after) return managers;
  const change = ignoreFields(compareObjects(write.schema, before ?? { metadata: {} }, after), write.ignored);
  if (change.hasNameless) return new Map<string, Manager>();
  const changed = union(change.modified, change.added);
  const next = new Map<string, Manager>();
  for (const [key, other] of managers) next.set(key, withFieldsOf(other, difference(difference(other.fields, changed), change.removed)));
  const owned = withoutUnownable(changed);
  if (!isEmptySet(owned)) {
    const identity = {
      manager: write.manager === "" ? "unknown" : write.manager,
      operation: "Update",
      apiVersion: write.apiVersion,
      subresource: write.subresource ?? "",
    } as const;
    const key = managerKey(identity);
    const fields = union(next.get(key)?.fields ?? EMPTY_SET, owned);
    next.set(key, withUnchangedFields({ ...identity, time: write.nowText, fields }, managers.get(key)));
  }
  return capUpdateManagers(withoutEmptyManagers(next));
}

/** A write within the same second changes nothing that can be seen: the stored entry can stay. */
function withUnchangedFields(manager: Manager, previous: Manager | undefined): Manager {
  return previous !== undefined && previous.time === manager.time && sameFields(previous.fields, manager.fields) ? previous : manager;
}

function sameFields(left: FieldSet, right: FieldSet): boolean {
  return isEmptySet(difference(left, right)) && isEmptySet(difference(right, left));
}
