/** The common part of all status conditions. */
export interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string | null;
}

export function findCondition<C extends ConditionLike>(conditions: readonly C[] | null | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly ConditionLike[] | null | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/** Times that follow from a change, or say only when somebody looked; by themselves they are no change. */
const PASSIVE_FIELDS: ReadonlySet<string> = new Set(["lastTransitionTime", "lastUpdateTime", "lastProbeTime"]);

/**
 * The list with the condition in it. The time of the last transition is kept while the status stays the same,
 * and the very same list is returned when nothing differs, so that callers can see that there is nothing to write.
 */
export function withCondition<C extends ConditionLike>(conditions: readonly C[] | null | undefined, condition: C, nowText: string): readonly C[] {
  const list = conditions ?? [];
  const known = findCondition(list, condition.type);
  if (known !== undefined && saysTheSame(known, condition)) return list;
  const lastTransitionTime = known?.status === condition.status ? (known.lastTransitionTime ?? nowText) : nowText;
  const next = { ...known, ...condition, lastTransitionTime };
  return known === undefined ? [...list, next] : list.map((item) => (item.type === condition.type ? next : item));
}

function saysTheSame<C extends ConditionLike>(known: C, next: C): boolean {
  for (const field in next) if (!PASSIVE_FIELDS.has(field) && known[field] !== next[field]) return false;
  return true;
}
