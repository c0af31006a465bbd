import { jsonEqual } from "../lib/freeze.ts";
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

function pathMatches(pattern: string, path: string): boolean {
  return pattern === "*" || pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, "")));
}

function matches(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

/** What of `wanted` nothing in `held` allows, one verb of one resource each. */
export function missingRights(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  if (jsonEqual(held, wanted)) return []; // as roles are at every start, and there are many
  return wanted.flatMap(singleRights).filter((right) => !held.some((rule) => covers(rule, right)));
}

/** A rule as rules with one verb, one group, one resource and one name, or one path, each. */
function singleRights({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): PolicyRule[] {
  const names = resourceNames.length === 0 ? [undefined] : resourceNames;
  const ofResources = apiGroups.flatMap((group) =>
    resources.flatMap((resource) => verbs.flatMap((verb) => names.map((name) => ({ verbs: [verb], apiGroups: [group], resources: [resource], ...(name === undefined ? {} : { resourceNames: [name] }) })))),
  );
  return [...ofResources, ...nonResourceURLs.flatMap((url) => verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })))];
}

/** Whether one rule holds all of a single right. A right to everything needs a rule about everything. */
function covers(rule: PolicyRule, right: PolicyRule): boolean {
  if (!matches(rule.verbs, right.verbs[0] ?? "")) return false;
  const url = right.nonResourceURLs?.[0];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => pattern === url || pattern === "*" || (pattern.endsWith("*") && url.startsWith(pattern.replace(/\*+$/, ""))));
  if (!matches(rule.apiGroups ?? [], right.apiGroups?.[0] ?? "")) return false;
  const resource = right.resources?.[0] ?? "";
  const [, subresource] = resource.split("/");
  const resources = rule.resources ?? [];
  if (!matches(resources, resource) && !(subresource !== undefined && resources.includes(`*/${subresource}`))) return false;
  const [name] = right.resourceNames ?? [];
  const names = rule.resourceNames ?? [];
  return names.length === 0 || (name !== undefined && names.includes(name));
}

/** Single rights as short rules: those that differ in their verb only become one. */
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
  const parts: readonly (readonly [string, readonly string[]])[] = [["APIGroups", apiGroups], ["Resources", resources], ["NonResourceURLs", nonResourceURLs], ["ResourceNames", resourceNames], ["Verbs", verbs]];
  return `{${parts.filter(([, list]) => list.length > 0).map(([title, list]) => `${title}:${quoteList(list)}`).join(", ")}}`;
}

/** A list of texts as Go prints it. */
export function quoteList(list: readonly string[]): string {
  return `[${list.map((text) => JSON.stringify(text)).join(" ")}]`;
}
