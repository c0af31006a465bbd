import { invalid } from "../../apimachinery/field-error.ts";
import type { KubeObject, ManagedFieldsEntry } from "../../apimachinery/object-meta.ts";
import { hasReason, isServerFailure, StatusError } from "../../apimachinery/status-error.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import type { Client } from "../../client/client.ts";
import { FIELD_MANAGER, type DesiredObject } from "../manifests/desired-state.ts";
import { describeError } from "../../lib/log.ts";
import { complaintsOf } from "../manifests/explain-error.ts";
import { findTooLarge } from "./check-size.ts";
import { readEach } from "./live-objects.ts";
import { isSameIntent } from "./field-diff.ts";
import { isApplied } from "./field-ownership.ts";
import { structuralPathOf, valueAt, withExistingField, withoutField } from "../../apimachinery/field-path.ts";
import { isAppliedOnce } from "../manifests/object-policies.ts";
import { mapConcurrently } from "../../lib/map-concurrently.ts";
import type { Outcome } from "./plan-sync.ts";

/** Dry runs under way at once. They are in-process calls; more would only grow the queue. */
const CONCURRENCY = 16;

/** In whose name an object is written. Reading is the system's own right: it must know what is there to plan. */
export type ActAs = (desired: Pick<DesiredObject, "unit">) => Client;

/** Fields of an object that keep the value they have in the cluster. */
export type LiveFields = (desired: DesiredObject) => readonly (readonly (string | number)[])[];

/** Stating the live value keeps the field ours without changing it; leaving it out would remove it. */
function withLiveFields(object: KubeObject, live: KubeObject, fields: readonly (readonly (string | number)[])[]): KubeObject {
  return fields.reduce((intent, steps) => {
    const value = valueAt(live, steps);
    return value === undefined ? withoutField(intent, steps) : withExistingField(intent, steps, value);
  }, object);
}

/** What the same commit brings, so that the rest of it may count on it. */
export interface Assumed {
  readonly namespaces: ReadonlySet<string>;
  /** As `group/Kind`. */
  readonly kinds: ReadonlySet<string>;
}

/**
 * Asks the API server what each object would become, except those that are plainly as they should be. Rejects when the server cannot
 * answer; what it refuses is an outcome, and so is one object at which it fails.
 */
export async function dryRunObjects(
  client: Client,
  actAs: ActAs,
  objects: readonly DesiredObject[],
  assumed: Assumed,
  liveFieldsOf: LiveFields = () => [],
  readLive = readEach(client),
): Promise<ReadonlyMap<string, Outcome>> {
  const ask = async (desired: DesiredObject): Promise<Outcome> => {
    try {
      return await dryRunObject(await readLive(desired), actAs(desired), desired, assumed, liveFieldsOf);
    } catch (error) {
      if (!isServerFailure(error)) throw error;
      return unknownOutcome(error);
    }
  };
  return new Map(await mapConcurrently(objects, CONCURRENCY, async (desired) => [desired.identity, await ask(desired)] as const));
}

/** Of an object at which the API itself fails. */
export function unknownOutcome(error: unknown): Outcome {
  return { is: "unknown", complaints: [{ message: `cannot be tried now: ${describeError(error)}`, isImmutable: false }] };
}

async function dryRunObject(
  live: KubeObject | undefined,
  acting: Client,
  desired: DesiredObject,
  { namespaces: assumedNamespaces, kinds }: Assumed,
  liveFieldsOf: LiveFields,
): Promise<Outcome> {
  if (live !== undefined && isAppliedOnce(desired.object, live)) return { is: "unchanged", live, isOwned: false };
  const resource = acting.for(desired.resource);
  const stated = live === undefined ? desired.object : withLiveFields(desired.object, live, liveFieldsOf(desired));
  const isRedefined = kinds.has(`${desired.resource.group}/${desired.resource.kind}`);
  if (live !== undefined && !isRedefined && isApplied(desired.resource, stated, live)) return { is: "unchanged", live, isOwned: true };
  const run = (intent: KubeObject, force: boolean, takesItemsOf?: readonly string[]) =>
    resource.apply(intent, {
      dryRun: true,
      fieldManager: FIELD_MANAGER,
      fieldValidation: "Strict",
      assumedNamespaces,
      force,
      ...(takesItemsOf === undefined ? {} : { takesItemsOf }),
    });
  try {
    const result = await run(stated, false);
    const tooLarge = findTooLarge(result);
    if (tooLarge !== undefined) return { is: "refused", complaints: [tooLarge] };
    if (live === undefined) return { is: "create", result };
    return isSameIntent(live, result)
      ? { is: "unchanged", live, isOwned: false }
      : { is: "update", live, result, intent: stated, force: false, leftToOthers: [] };
  } catch (error) {
    if (live !== undefined && hasReason(error, "Conflict")) return resolveConflict(stated, live, error, run);
    if (isRedefined && (isNotServed(error) || hasReason(error, "Invalid", "BadRequest"))) return judgeByDefinition(desired, live, stated);
    return live === undefined ? refusal(error, live) : withoutItemsByHand(stated, live, error, run);
  }
}

/** Whose changes are somebody's at a terminal. */
const BY_HAND = ["kubectl"];

/**
 * A port that was changed by hand is two in our list: the one that we state and the other one beside it. Where both cannot be, the one by
 * hand goes; where they can, what the repository does not state is left alone.
 */
async function withoutItemsByHand(stated: KubeObject, live: KubeObject, error: unknown, run: DryRun): Promise<Outcome> {
  if (!hasReason(error, "Invalid")) return refusal(error, live);
  try {
    const result = await run(stated, true, BY_HAND);
    return isSameIntent(live, result)
      ? { is: "unchanged", live, isOwned: false }
      : { is: "update", live, result, intent: stated, force: true, leftToOthers: [], takesItemsOf: BY_HAND };
  } catch {
    return refusal(error, live);
  }
}

type DryRun = (intent: KubeObject, force: boolean, takesItemsOf?: readonly string[]) => Promise<KubeObject>;

/** The whole kind is missing, not an object of it. */
function isNotServed(error: unknown): boolean {
  return hasReason(error, "NotFound") && error.status.details?.name === undefined;
}

/** The API cannot be asked about a kind that the same commit defines, or defines anew; the definition says what the API will say. */
function judgeByDefinition({ resource, object }: DesiredObject, live: KubeObject | undefined, stated: KubeObject): Outcome {
  const { value } = conform(resource.schema, object, { defaults: true, prune: true });
  const complete = value as KubeObject; // pruning and defaulting leave an object what it is
  const errors = (resource.content?.validate(complete, live, false) ?? []).filter(({ field }) => field !== "<nil>");
  if (errors.length > 0) return refusal(invalid(resource.group, resource.kind, object.metadata.name ?? "", errors), live);
  if (live === undefined) return { is: "create", result: complete };
  return {
    is: "update",
    live,
    result: { ...live, ...complete, metadata: { ...live.metadata, ...complete.metadata } },
    intent: stated,
    force: true,
    leftToOthers: [],
  };
}

/**
 * Someone else wrote fields that the repository also states. The repository wins, except over another program that applies the field
 * itself (server-side apply) or an autoscaler that sets the scale: those are owners by design, and fighting them would never end.
 */
async function resolveConflict(stated: KubeObject, live: KubeObject, error: StatusError, run: DryRun): Promise<Outcome> {
  const left: string[] = [];
  let intent = stated;
  for (const cause of error.status.details?.causes ?? []) {
    const field = cause.field ?? "";
    const manager = /conflict with "([^"]*)"/.exec(cause.message ?? "")?.[1] ?? "";
    if (!isOwnerByDesign(live.metadata.managedFields ?? [], manager)) continue;
    intent = withoutField(intent, structuralPathOf(field));
    left.push(`${field.replace(/^\./, "")} (${manager})`);
  }
  try {
    const result = await run(intent, true);
    const tooLarge = findTooLarge(result);
    if (tooLarge !== undefined) return { is: "refused", complaints: [tooLarge] };
    return isSameIntent(live, result) ? { is: "unchanged", live, isOwned: false } : { is: "update", live, result, intent, force: true, leftToOthers: left };
  } catch (again) {
    return left.length > 0 ? refusal(again, live) : withoutItemsByHand(stated, live, again, run);
  }
}

function isOwnerByDesign(entries: readonly ManagedFieldsEntry[], manager: string): boolean {
  return entries.some(
    (entry) =>
      entry.manager === manager &&
      ((entry.operation === "Apply" && entry.subresource === undefined) || (entry.subresource === "scale" && /autoscaler|keda/i.test(manager))),
  );
}

/** What does not fit its kind's schema is told without a reason, as if the server had failed. */
function isOfNoType(error: unknown): boolean {
  return error instanceof StatusError && error.reason === undefined && /^failed to (create typed patch object|convert new object) /.test(error.message);
}

/** Failures that the manifest caused. All others (the server is down, a write raced ours) are thrown, to be tried again. */
function refusal(error: unknown, live: KubeObject | undefined): Outcome {
  if (
    !hasReason(error, "Invalid", "BadRequest", "Forbidden", "NotFound", "MethodNotAllowed", "RequestEntityTooLarge", "UnsupportedMediaType") &&
    !isOfNoType(error)
  )
    throw error;
  const complaints = complaintsOf(error);
  if (live !== undefined && complaints.length > 0 && complaints.every((complaint) => complaint.isImmutable)) return { is: "immutable", live, complaints };
  return { is: "refused", complaints };
}
