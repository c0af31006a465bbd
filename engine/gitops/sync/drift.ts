import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { FIELD_MANAGER } from "../manifests/desired-state.ts";
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

/** Who wrote what is being put back: the newest manager of one of the changed fields, else the newest other writer of the object. */
export function writerOf(live: KubeObject, changes: readonly FieldChange[]): string {
  const others = (live.metadata.managedFields ?? []).filter((entry) => entry.manager !== FIELD_MANAGER && entry.subresource !== "status");
  const newest = [...others].sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1));
  const owner = newest.find((entry) => changes.some((change) => ownsField(entry.fieldsV1 ?? {}, change.steps)));
  return (owner ?? newest[0])?.manager ?? "someone";
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
    if (recent === undefined || nowMs - recent.lastMs > CALM_MS + backoffMs(FIGHT_BACKOFF, recent.count - FREE_CORRECTIONS + 1) || recent.count < FREE_CORRECTIONS) return 0;
    return Math.max(0, recent.lastMs + backoffMs(FIGHT_BACKOFF, recent.count - FREE_CORRECTIONS + 1) - nowMs);
  }

  corrected(identity: string, nowMs: number): void {
    const recent = this.#recent.get(identity);
    const isCalm = recent === undefined || nowMs - recent.lastMs > CALM_MS + backoffMs(FIGHT_BACKOFF, Math.max(1, recent.count - FREE_CORRECTIONS + 1));
    this.#recent.set(identity, { count: isCalm ? 1 : recent.count + 1, lastMs: nowMs });
  }
}
