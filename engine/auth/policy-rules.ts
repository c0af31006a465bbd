import type { PolicyRule } from "../resources/types.ts";
import type { AuthorizationAttributes } from "./authorize.ts";

/** Whether a rule allows a request. */
export function ruleAllows(rule: PolicyRule, attributes: AuthorizationAttributes): boolean {
  if (!matches(rule.verbs, attributes.verb)) return false;
  if (attributes.is === "path") return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, attributes.path));
  const { group, resource, subresource, name } = attributes;
  if (!matches(rule.apiGroups ?? [], group)) return false;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  if (!matches(rule.resources ?? [], full) && !(subresource !== undefined && (rule.resources ?? []).includes(`*/${subresource}`))) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(name);
}

export function pathMatches(pattern: string, path: string): boolean {
  return pattern === "*" || pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, "")));
}

function matches(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

/** Rights as short rules: those of one resource that differ in their verbs only become one. */
export function compactRules(rights: readonly PolicyRule[]): readonly PolicyRule[] {
  const byTarget = new Map<string, PolicyRule>();
  for (const right of rights) {
    const { verbs, ...target } = right;
    const key = right.nonResourceURLs === undefined ? JSON.stringify(target) : JSON.stringify(right);
    const known = byTarget.get(key);
    byTarget.set(key, known === undefined ? right : { ...known, verbs: [...known.verbs, ...verbs] });
  }
  return [...byTarget.values()];
}

/** A rule in upstream's short form: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
export function describeRule({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): string {
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ["APIGroups", apiGroups],
    ["Resources", resources],
    ["NonResourceURLs", nonResourceURLs],
    ["ResourceNames", resourceNames],
    ["Verbs", verbs],
  ];
  return `{${parts
    .filter(([, list]) => list.length > 0)
    .map(([title, list]) => `${title}:${quoteList(list)}`)
    .join(", ")}}`;
}

/** A list of texts as Go prints it. */
export function quoteList(list: readonly string[]): string {
  return `[${list.map((text) => JSON.stringify(text)).join(" ")}]`;
}
