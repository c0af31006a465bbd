import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { ResourceReference } from "../define-resource.ts";
import type { Container, Pod, ResourceQuota } from "../types.ts";
import { doesQuotaMatch } from "./matching.ts";
import type { QuotaFacts } from "./quota-facts.ts";
import { formatQuotaAmount, fromQuotaAmounts, quotaNamesOf, quotaUsage, toQuotaAmounts, type QuotaAmounts } from "./usage.ts";

/** One write, as far as quotas see it. */
export interface QuotaWrite {
  readonly kind: Pick<ResourceReference, "group" | "resource">;
  readonly object: KubeObject;
  /** Absent for creates. */
  readonly old: KubeObject | undefined;
  /** Status can tell of more than was asked for; that counts, but is nobody's fault. */
  readonly isStatus: boolean;
}

export type Charge =
  { readonly is: "none" } | { readonly is: "refused"; readonly why: string } | { readonly is: "charged"; readonly used: Record<string, string> };

/** Amounts that every container must say when a quota bounds them; a mistake of old that upstream keeps. */
const MUST_SAY = new Set(["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"]);

/** What a write means for a quota: nothing, a refusal in upstream's words, or the new usage. Pure. */
export function computeCharge(quota: ResourceQuota, { kind, object, old, isStatus }: QuotaWrite, facts: QuotaFacts): Charge {
  if (!doesQuotaMatch(quota, kind, object)) return { is: "none" };
  const name = quota.metadata.name ?? "";
  const hard = toQuotaAmounts(quota.status?.hard);
  const bounded = quotaNamesOf(kind, Object.keys(hard));
  const unsaid = kind.group === "" && kind.resource === "pods" ? describeUnsaid(object as Pod, bounded) : undefined; // the kind decides
  if (unsaid !== undefined) return { is: "refused", why: `failed quota: ${name}: must specify ${unsaid}` };
  const used = toQuotaAmounts(quota.status?.used);
  if (bounded.some((resource) => used[resource] === undefined))
    return { is: "refused", why: `status unknown for quota: ${name}, resources: ${[...bounded].sort().join(",")}` };
  const before = old !== undefined && doesQuotaMatch(quota, kind, old) ? quotaUsage(kind, old, facts) : {};
  const delta = increase(quotaUsage(kind, object, facts), before, bounded);
  const names = Object.keys(delta).sort();
  if (names.length === 0) return { is: "none" };
  const exceeded = isStatus ? [] : names.filter((resource) => (used[resource] ?? 0) + (delta[resource] ?? 0) > (hard[resource] ?? 0));
  if (exceeded.length > 0) {
    const say = (amounts: QuotaAmounts) => exceeded.map((resource) => `${resource}=${formatQuotaAmount(resource, amounts[resource] ?? 0)}`).join(",");
    return { is: "refused", why: `exceeded quota: ${name}, requested: ${say(delta)}, used: ${say(used)}, limited: ${say(hard)}` };
  }
  const changed = Object.fromEntries(names.map((resource) => [resource, (used[resource] ?? 0) + (delta[resource] ?? 0)]));
  return { is: "charged", used: { ...quota.status?.used, ...fromQuotaAmounts(changed) } };
}

/** What of the bounded amounts grows; what shrinks is found by the next count. */
function increase(now: QuotaAmounts, before: QuotaAmounts, bounded: readonly string[]): QuotaAmounts {
  return Object.fromEntries(bounded.map((name) => [name, (now[name] ?? 0) - (before[name] ?? 0)] as const).filter(([, amount]) => amount > 0));
}

/** `cpu for: a,b; limits.memory for: b`: what containers leave open although it is bounded. Any pod-level resource says enough for all of them. */
function describeUnsaid({ spec }: Pod, bounded: readonly string[]): string | undefined {
  if ([spec.resources?.requests, spec.resources?.limits].some((list) => Object.keys(list ?? {}).length > 0)) return undefined;
  const required = bounded.filter((name) => MUST_SAY.has(name)).sort();
  const says = ({ resources }: Pick<Container, "resources">, name: string) => {
    const [list, resource] = name.startsWith("limits.") ? (["limits", name.slice(7)] as const) : (["requests", name.replace("requests.", "")] as const);
    return resources?.[list]?.[resource] !== undefined;
  };
  const parts = required.flatMap((name) => {
    const silent = [...spec.containers, ...(spec.initContainers ?? [])].filter((container) => !says(container, name)).map((container) => container.name);
    return silent.length === 0 ? [] : [`${name} for: ${silent.sort().join(",")}`];
  });
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** The usage of everything that a quota counts: `hard` as it is asked for now, and what is used of it. Pure. */
export function countQuota(
  quota: ResourceQuota,
  objects: readonly { readonly kind: Pick<ResourceReference, "group" | "resource">; readonly objects: readonly KubeObject[] }[],
  facts: QuotaFacts,
): { readonly hard: Record<string, string>; readonly used: Record<string, string> } {
  const hard = { ...quota.spec?.hard };
  // The spec may just have changed; what is counted follows it, not what the status still says.
  const asked: ResourceQuota = { ...quota, status: { ...quota.status, hard } };
  const sums: Record<string, number> = Object.fromEntries(Object.keys(hard).map((name) => [name, 0]));
  for (const { kind, objects: all } of objects) {
    const names = quotaNamesOf(kind, Object.keys(hard));
    if (names.length === 0) continue;
    for (const object of all) {
      if (!doesQuotaMatch(asked, kind, object)) continue;
      const usage = quotaUsage(kind, object, facts);
      for (const name of names) sums[name] = (sums[name] ?? 0) + (usage[name] ?? 0);
    }
  }
  return { hard, used: fromQuotaAmounts(sums) };
}
