import type { ResourceQuota, ScopedResourceSelectorRequirement } from "../types.ts";
import type { QuotaWrite } from "./charge.ts";
import { doesQuotaMatch, doesScopeMatch, scopesOf } from "./matching.ts";
import type { QuotaFacts } from "./quota-facts.ts";
import { quotaNamesOf, quotaUsage } from "./usage.ts";

/** What may only be used where a quota bounds it. */
export interface LimitedResource {
  readonly group: string;
  readonly resource: string;
  /** Parts of the names of amounts. */
  readonly matchContains: readonly string[];
  /** Which objects, of whatever kind has scopes. */
  readonly matchScopes: readonly ScopedResourceSelectorRequirement[];
}

/** What lacks a quota, in upstream's words. */
export interface Uncovered {
  readonly of: "amounts" | "scopes";
  readonly why: string;
}

/** What of a write no quota covers although one must; undefined when nothing is open. Pure. */
export function describeUncovered(
  limited: readonly LimitedResource[],
  quotas: readonly ResourceQuota[],
  { kind, object, old }: QuotaWrite,
  facts: QuotaFacts,
): Uncovered | undefined {
  const ofKind = limited.filter(({ group, resource }) => group === kind.group && resource === kind.resource);
  const scopes = limited.flatMap(({ matchScopes }) => matchScopes.filter((scope) => doesScopeMatch(scope, kind, object)));
  if (ofKind.length === 0 && scopes.length === 0) return undefined;
  const usage = quotaUsage(kind, object, facts);
  const before = old === undefined ? {} : quotaUsage(kind, old, facts);
  if (Object.entries(usage).every(([name, amount]) => amount <= (before[name] ?? 0))) return undefined;
  const covered = new Set(
    quotas.filter((quota) => doesQuotaMatch(quota, kind, object)).flatMap(({ status }) => quotaNamesOf(kind, Object.keys(status?.hard ?? {}))),
  );
  const bare = Object.keys(usage).filter(
    (name) => (usage[name] ?? 0) > 0 && !covered.has(name) && ofKind.some(({ matchContains }) => matchContains.some((part) => name.includes(part))),
  );
  if (bare.length > 0) return { of: "amounts", why: `insufficient quota to consume: ${bare.sort().join(",")}` };
  const chosen = new Set(
    quotas.flatMap((quota) =>
      scopesOf(quota)
        .filter((scope) => doesScopeMatch(scope, kind, object))
        .map(({ scopeName }) => scopeName),
    ),
  );
  const open = scopes.filter(({ scopeName }) => !chosen.has(scopeName));
  return open.length === 0
    ? undefined
    : {
        of: "scopes",
        why: `insufficient quota to match these scopes: [${open.map(({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(" ")}]}`).join(" ")}]`,
      };
}
