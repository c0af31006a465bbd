import type { KubeObject } from "../apimachinery/object-meta.ts";
import { jsonEqual } from "../lib/freeze.ts";
import type { AggregationRule, PolicyRule, RoleRef, Subject } from "../resources/types.ts";
import { AUTOUPDATE_ANNOTATION } from "./default-roles/define-role.ts";
import { missingRights } from "./missing-rights.ts";

export type RoleLike = KubeObject & { readonly rules?: readonly PolicyRule[] | null; readonly aggregationRule?: AggregationRule };
export type BindingLike = KubeObject & { readonly subjects?: readonly Subject[]; readonly roleRef: RoleRef };

/** What to do to an object that every cluster should have. */
export type Reconciliation<T> =
  | { readonly do: "nothing" }
  | { readonly do: "create"; readonly object: T }
  | { readonly do: "update"; readonly object: T }
  | { readonly do: "recreate"; readonly object: T };

/** Whether rights that somebody added to what we expect stay. */
export interface ReconcileOptions {
  readonly removeExtra: boolean;
}

/**
 * A role as it has to be: rights that are missing are put back, others stay unless told otherwise. Whoever does not want that
 * takes the annotation away or sets it to false. Pure.
 */
export function planRole<T extends RoleLike>(
  expected: T,
  existing: T | undefined,
  { removeExtra }: ReconcileOptions = { removeExtra: false },
): Reconciliation<T> {
  if (existing === undefined) return { do: "create", object: expected };
  if (isProtected(existing)) return { do: "nothing" };
  const metadata = mergedMetadata(expected, existing);
  const missing = missingRights(existing.rules ?? [], expected.rules ?? []);
  const isExtra = missingRights(expected.rules ?? [], existing.rules ?? []).length > 0 && expected.aggregationRule === undefined;
  const rules =
    removeExtra && isExtra
      ? expected.rules
      : missing.length > 0
        ? [...(existing.rules ?? []), ...(expected.rules ?? []).filter((rule) => missingRights(existing.rules ?? [], [rule]).length > 0)]
        : existing.rules;
  const aggregationRule = mergedAggregation(expected.aggregationRule, existing.aggregationRule, removeExtra);
  const next = { ...existing, metadata, ...(rules === undefined ? {} : { rules }), ...(aggregationRule === undefined ? {} : { aggregationRule }) };
  return jsonEqual(next, existing) ? { do: "nothing" } : { do: "update", object: next };
}

/** As `planRole`, for who is bound. A binding to another role has to go, for what a binding grants cannot be changed. Pure. */
export function planBinding<T extends BindingLike>(
  expected: T,
  existing: T | undefined,
  { removeExtra }: ReconcileOptions = { removeExtra: false },
): Reconciliation<T> {
  if (existing === undefined) return { do: "create", object: expected };
  if (isProtected(existing)) return { do: "nothing" };
  if (!jsonEqual(existing.roleRef, expected.roleRef)) return { do: "recreate", object: expected };
  const known = existing.subjects ?? [];
  const missing = (expected.subjects ?? []).filter((subject) => !known.some((candidate) => jsonEqual(candidate, subject)));
  const kept = removeExtra ? known.filter((subject) => (expected.subjects ?? []).some((candidate) => jsonEqual(candidate, subject))) : known;
  const subjects = [...kept, ...missing];
  const next = { ...existing, metadata: mergedMetadata(expected, existing), ...(subjects.length === 0 && existing.subjects === undefined ? {} : { subjects }) };
  return jsonEqual(next, existing) ? { do: "nothing" } : { do: "update", object: next };
}

function isProtected({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[AUTOUPDATE_ANNOTATION] === "false";
}

/** What somebody set himself wins over what we would set. */
function mergedMetadata<T extends KubeObject>(expected: T, existing: T): T["metadata"] {
  const labels = { ...expected.metadata.labels, ...existing.metadata.labels };
  const annotations = { ...expected.metadata.annotations, ...existing.metadata.annotations };
  return { ...existing.metadata, labels, annotations };
}

function mergedAggregation(expected: AggregationRule | undefined, existing: AggregationRule | undefined, removeExtra: boolean): AggregationRule | undefined {
  if (expected === undefined || existing === undefined || removeExtra) return expected ?? existing;
  const known = existing.clusterRoleSelectors ?? [];
  const missing = (expected.clusterRoleSelectors ?? []).filter((selector) => !known.some((candidate) => jsonEqual(candidate, selector)));
  return missing.length === 0 ? existing : { clusterRoleSelectors: [...known, ...missing] };
}
