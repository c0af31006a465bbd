import { disabledFeatures, type FeatureGates } from "../apimachinery/feature-gates.ts";
import { invalid, invalidField } from "../apimachinery/field-error.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { badRequest, conflict, withoutReason, type StatusError } from "../apimachinery/status-error.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { ALL_METADATA, type ObjectPart, type ResourceDefinition, type StatusKept } from "../resources/define-resource.ts";
import { withoutDisabledFields } from "../resources/disabled-fields.ts";
import { VERSION_MAX } from "./before-create.ts";
import { withParts, withStrategyDefaults } from "./decode-object.ts";
import { validateUpdate, withServerMetadata } from "./validate-object.ts";

/**
 * Whether the writer's object may replace the current one at all: the same name, the same uid and, when it names one, the
 * resourceVersion it was made from. A patch that changes the uid is a wrong patch: it was not made for another object. Throws 400, 409 or 422.
 */
export function checkUpdatePreconditions<T extends KubeObject>(definition: ResourceDefinition<T>, name: string, object: T, old: T, isPatch = false): void {
  const { metadata } = object;
  if (metadata.name && metadata.name !== name) throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  if (metadata.uid && metadata.uid !== old.metadata.uid && !(isPatch && isStale(metadata.resourceVersion, old))) {
    const immutable = invalidField("metadata.uid", metadata.uid, "field is immutable");
    if (isPatch) throw invalid(definition.group, definition.kind, name, definition.strategy.metadataOnUpdate === "none" ? [immutable] : [immutable, immutable]);
    throw failedPrecondition(definition, old, "UID", metadata.uid);
  }
  // Revisions begin at one: "0" says as little as nothing does.
  if (!metadata.resourceVersion || /^0+$/.test(metadata.resourceVersion)) {
    if (definition.strategy.unconditionalUpdate !== false) return;
    throw invalid(definition.group, definition.resource, name, [invalidField("metadata.resourceVersion", 0, "must be specified for an update")]); // named as upstream's store names it
  }
  if (isStale(metadata.resourceVersion, old)) throw conflict(definition, name);
}

/** Whether a writer names another version than is stored. Throws what upstream does with one that is no number. */
function isStale(resourceVersion: string | undefined, old: KubeObject): boolean {
  if (!resourceVersion || /^0+$/.test(resourceVersion)) return false;
  return resourceVersion !== old.metadata.resourceVersion && versionOf(resourceVersion) !== BigInt(old.metadata.resourceVersion ?? "0");
}

/** Throws, in the words of Go's parser, what upstream's store does with a version that is no number. */
function versionOf(text: string): bigint {
  if (!/^\d+$/.test(text)) throw withoutReason(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  const version = BigInt(text);
  if (version > VERSION_MAX) throw withoutReason(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  return version;
}

/** Upstream's text names its own key; clients show it, so it is the same here. */
export function failedPrecondition(
  { group, resource }: Pick<ResourceDefinition, "group" | "resource">,
  { metadata }: KubeObject,
  what: "UID" | "ResourceVersion",
  wanted: string,
): StatusError {
  const { name = "", namespace } = metadata;
  const key = ["/registry", resource, ...(namespace ? [namespace] : []), name].join("/");
  const actual = (what === "UID" ? metadata.uid : metadata.resourceVersion) ?? "";
  return conflict(
    { group, resource },
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${actual}`,
  );
}

/**
 * The part of a written object that the address covers: a write to the main resource keeps the old status; one to `status` keeps
 * everything but status and as much of the metadata as the kind lets through. Runs before fields are attributed to the writer.
 */
export function scopeToSubresource<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, old: T, subresource: string | undefined): T {
  const part = partOf(definition, subresource);
  if (part !== undefined) {
    const { managedFields, uid, resourceVersion } = object.metadata;
    return withMetadata(part.scope(object, old), { managedFields, uid, resourceVersion });
  }
  if (subresource !== "status") return hasStatus(definition) ? withStatusOf(object, old) : object;
  const { managedFields, uid, resourceVersion } = object.metadata;
  const kept = statusKeeps(definition);
  const carried = Object.fromEntries(ALL_METADATA.filter((field) => !kept.includes(field)).map((field) => [field, object.metadata[field]]));
  return withMetadata(withStatusOf(old, object), { ...carried, managedFields, uid, resourceVersion });
}

/**
 * The object as it will be stored in place of the old one: what belongs to the server is kept, the kind's own preparation done, the
 * generation follows what is wanted, all rules checked; `warn` is told of what was wrong before and may stay. Throws a 422.
 */
export function beforeUpdate<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  object: T,
  stored: T,
  subresource: string | undefined,
  disabled: FeatureGates = disabledFeatures(),
  nowText = "",
  warn?: (text: string) => void,
): T {
  const { strategy } = definition;
  // What defaults that are newer than it make of it, this update has not changed.
  const old = withStrategyDefaults(definition, stored);
  const isStatus = subresource === "status";
  const part = partOf(definition, subresource);
  const kept = withServerMetadata(scopeToSubresource(definition, object, old, subresource), old);
  const defaulted = withStrategyDefaults(definition, withParts(definition, withoutDisabledFields(definition, kept, old, disabled)));
  const prepare = part !== undefined ? undefined : isStatus ? strategy.prepareForStatusUpdate : strategy.prepareForUpdate;
  const unstamped = prepare?.(defaulted, old) ?? defaulted;
  const prepared = strategy.withTimes?.(unstamped, old, nowText) ?? unstamped;
  const next =
    !isStatus && strategy.hasGeneration === true && (isWantChanged(definition, prepared, old) || isCountedChanged(strategy.generationCounts, prepared, old))
      ? withMetadata(prepared, { generation: (old.metadata.generation ?? 0) + 1 })
      : prepared;
  validateUpdate(definition, next, old, part ?? (isStatus ? "status" : "object"), disabled, warn);
  return next;
}

/**
 * The fields that nobody can own through this address, because writes there leave them as they are. What is left undefined follows
 * from the schema: the status in the object itself, and in its parts.
 */
export function resetFieldsOf(definition: ResourceDefinition, subresource: string | undefined): readonly (readonly string[])[] | undefined {
  const stated = definition.strategy.unownable?.[subresource ?? ""];
  if (stated !== undefined) return stated;
  if (hasPart(definition, subresource)) return [];
  if (subresource !== "status") return definition.content === undefined ? undefined : hasStatus(definition) ? [["status"]] : [];
  const kept = statusKeeps(definition);
  return [["spec"], ...(kept.length === ALL_METADATA.length ? [["metadata"]] : kept.map((field) => ["metadata", field]))];
}

function statusKeeps({
  content,
  subresources,
}: {
  readonly content?: unknown;
  readonly subresources: readonly { readonly name: string; readonly keeps?: readonly StatusKept[] }[];
}): readonly StatusKept[] {
  if (content !== undefined) return ALL_METADATA;
  return subresources.find(({ keeps }) => keeps !== undefined)?.keeps ?? [];
}

/** What is written at `subresource`, for kinds that have such a part. */
function partOf<T extends KubeObject>(definition: ResourceDefinition<T>, subresource: string | undefined): ObjectPart<T> | undefined {
  for (const candidate of definition.subresources) if (candidate.name === subresource && "part" in candidate) return candidate.part;
  return undefined;
}

/** Whether what is written at `subresource` is a part of the object besides its status. */
export function hasPart(definition: ResourceDefinition, subresource: string | undefined): boolean {
  return partOf(definition, subresource) !== undefined;
}

/** Whether two states differ in more than the times of their managed fields: such a write would tell nobody anything. */
export function isSameState(left: KubeObject, right: KubeObject): boolean {
  return jsonEqual(withoutTimes(left), withoutTimes(right));
}

/** Whether a PUT or PATCH at `subresource` carries the object itself. */
export function isPartOfObject(definition: ResourceDefinition, subresource: string): boolean {
  return (subresource === "status" && hasStatus(definition)) || partOf(definition, subresource) !== undefined;
}

function hasStatus(definition: { readonly subresources: readonly { readonly name: string }[] }): boolean {
  return definition.subresources.some((subresource) => subresource.name === "status");
}

function withStatusOf<T extends KubeObject>(object: T, source: T): T {
  const { status: _dropped, ...rest } = object as T & { readonly status?: unknown };
  const { status } = source as T & { readonly status?: unknown };
  return (status === undefined ? rest : { ...rest, status }) as T; // the same object with another part of the same kind
}

function isCountedChanged(counted: "labels" | "annotations" | undefined, object: KubeObject, old: KubeObject): boolean {
  return counted !== undefined && !jsonEqual(object.metadata[counted] ?? {}, old.metadata[counted] ?? {});
}

/** A status that is written with the rest, as custom kinds may have it, is as wanted as the rest. */
function isWantChanged(
  definition: { readonly content?: unknown; readonly subresources: readonly { readonly name: string }[] },
  object: KubeObject,
  old: KubeObject,
): boolean {
  const keepsStatus = definition.content !== undefined && !hasStatus(definition);
  const wanted = ({ metadata: _metadata, status, ...rest }: KubeObject & { readonly status?: unknown }) => (keepsStatus ? { ...rest, status } : rest);
  return !jsonEqual(wanted(object), wanted(old));
}

function withoutTimes(object: KubeObject): unknown {
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, resourceVersion: "", managedFields: metadata.managedFields?.map((entry) => ({ ...entry, time: "" })) } };
}
