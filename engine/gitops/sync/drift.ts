import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { FIELD_MANAGER, type DesiredObject } from "../manifests/desired-state.ts";
import type { FieldChange } from "../plan/field-diff.ts";
import { ownershipOf } from "../plan/field-ownership.ts";

/**
 * What of an object matters for whether it still is as the repository wants. Where all that is wanted is ours: who it is, and which of its
 * fields are ours. Else, its generation (or, for kinds that have none, its revision), and its labels and annotations, which no generation
 * counts. What controllers and people add of their own does not show in the first, a change of status in neither.
 */
export function versionOf(object: KubeObject, isOwned: boolean): string {
  const { uid = "", generation, resourceVersion = "", labels, annotations, deletionTimestamp } = object.metadata;
  const ownership = isOwned ? ownershipOf(object) : undefined;
  if (ownership !== undefined) return `${uid} ${deletionTimestamp ?? ""} ${ownership}`;
  return `${uid} ${generation === undefined ? `r${resourceVersion}` : `g${generation}`} ${deletionTimestamp ?? ""} ${JSON.stringify(labels ?? {})} ${JSON.stringify(annotations ?? {})}`;
}

/**
 * Who wrote what is being put back: `user`, where the API has seen him, with the newest manager of one of the changed fields, or with
 * what is known of the two. Of a field that was removed, no manager is left to tell; without a user, the newest other writer of the
 * object may have been it.
 */
export function writerOf(live: KubeObject, changes: readonly FieldChange[], user?: string): string {
  const others = (live.metadata.managedFields ?? []).filter((entry) => entry.manager !== FIELD_MANAGER && entry.subresource !== "status");
  const newest = [...others].sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1));
  const owner = newest.find((entry) => changes.some((change) => ownsField(entry.fieldsV1 ?? {}, change.steps)))?.manager;
  if (user !== undefined) return owner === undefined ? user : `${user} with ${owner}`;
  return owner ?? newest[0]?.manager ?? "someone";
}

/** Who is known to have changed an object that the repository states; undefined where nobody saw it. */
export interface DriftWriters {
  of(object: { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string }): string | undefined;
  forget(object: { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string }): void;
}

export const UNKNOWN_WRITERS: DriftWriters = { of: () => undefined, forget: () => {} };

/** An object as its writers are known by. */
export function writtenName({ resource, object }: Pick<DesiredObject, "resource" | "object">): Parameters<DriftWriters["of"]>[0] {
  return { group: resource.group, kind: resource.kind, namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" };
}

/** Whether a set of fields reaches towards a path. Items of lists are addressed by keys there, so the comparison ends at the first list. */
function ownsField(fields: Readonly<Record<string, unknown>>, steps: readonly (string | number)[]): boolean {
  let current: unknown = fields;
  for (const step of steps) {
    if (typeof current !== "object" || current === null) return false;
    const record = current as Record<string, unknown>; // fieldsV1 is a tree of objects
    if (Object.keys(record).some((key) => key.startsWith("k:") || key.startsWith("v:"))) return true;
    const next = record[`f:${step}`];
    if (next === undefined) return false;
    current = next;
  }
  return true;
}

/** So many corrections of one object in a row are made at once; then each one waits longer: two writers that never agree must not spin. */
const FREE_CORRECTIONS = 5;
const CALM_MS = 60_000;
const FIGHT_BACKOFF = { initialMs: 1_000, maxMs: 60_000 };
const OBJECTS_MAX = 10_000;

/** Tells a fight from a slip. */
export class DriftLimiter {
  readonly #recent = new BoundedCache<{ readonly count: number; readonly lastMs: number }>(OBJECTS_MAX);

  /** How long the correction of this object has to wait, in milliseconds. */
  delayMs(identity: string, nowMs: number): number {
    const recent = this.#recent.get(identity);
    if (
      recent === undefined ||
      nowMs - recent.lastMs > CALM_MS + backoffMs(FIGHT_BACKOFF, recent.count - FREE_CORRECTIONS + 1) ||
      recent.count < FREE_CORRECTIONS
    )
      return 0;
    return Math.max(0, recent.lastMs + backoffMs(FIGHT_BACKOFF, recent.count - FREE_CORRECTIONS + 1) - nowMs);
  }

  corrected(identity: string, nowMs: number): void {
    const recent = this.#recent.get(identity);
    const isCalm = recent === undefined || nowMs - recent.lastMs > CALM_MS + backoffMs(FIGHT_BACKOFF, Math.max(1, recent.count - FREE_CORRECTIONS + 1));
    this.#recent.set(identity, { count: isCalm ? 1 : recent.count + 1, lastMs: nowMs });
  }
}
