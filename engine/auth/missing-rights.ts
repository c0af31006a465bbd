import { jsonEqual } from "../lib/freeze.ts";
import type { PolicyRule } from "../resources/types.ts";
import { pathMatches } from "./policy-rules.ts";

/** Whoever lacks so many is told of no more: a short rule can stand for billions. */
const MISSING_MAX = 1000;

/**
 * What of `wanted` nothing in `held` allows: the verbs of one group, resource and name each, or one verb of one path; at most 1,000 of these.
 * A right to everything needs a rule about everything.
 */
export function missingRights(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  if (jsonEqual(held, wanted)) return []; // as roles are at every start, and there are many
  return wanted
    .values()
    .flatMap((rule) => missingOf(held, rule))
    .take(MISSING_MAX)
    .toArray();
}

/** One of the lists whose product a rule is. */
interface Axis {
  /** What is wanted; undefined stands for all there is. */
  readonly values: readonly (string | undefined)[];
  /** What a rule lists; undefined when it is about everything. */
  readonly listOf: (rule: PolicyRule) => readonly string[] | undefined;
  /** A list with one of these is about the value; the value itself when absent. */
  readonly keysOf?: (value: string) => readonly string[];
}

type Choice = readonly (string | undefined)[];

function* missingOf(
  held: readonly PolicyRule[],
  { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule,
): Generator<PolicyRule> {
  const verbAxis: Axis = { values: verbs, listOf: (rule) => listed(rule.verbs) };
  const axes: readonly Axis[] = [
    { values: apiGroups, listOf: (rule) => listed(rule.apiGroups) },
    { values: resources, listOf: (rule) => listed(rule.resources), keysOf: keysOfResource },
    { values: resourceNames.length === 0 ? [undefined] : resourceNames, listOf: ({ resourceNames: names = [] }) => (names.length === 0 ? undefined : names) },
    verbAxis,
  ];
  for (const [groups, chosen, names, missing] of uncovered(held, axes) as Generator<[string[], string[], Choice, string[]]>) {
    // as the axes are
    for (const group of groups)
      for (const resource of chosen)
        for (const name of names) yield { verbs: missing, apiGroups: [group], resources: [resource], ...(name === undefined ? {} : { resourceNames: [name] }) };
  }
  for (const url of nonResourceURLs) {
    const about = held.filter((rule) => (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, url)));
    for (const [missing] of uncovered(about, [verbAxis]) as Generator<[string[]]>) for (const verb of missing) yield { verbs: [verb], nonResourceURLs: [url] }; // likewise
  }
}

function listed(list: readonly string[] = []): readonly string[] | undefined {
  return list.includes("*") ? undefined : list;
}

function keysOfResource(resource: string): readonly string[] {
  const [, subresource] = resource.split("/");
  return subresource === undefined ? [resource] : [resource, `*/${subresource}`];
}

/**
 * The products of wanted values that no single rule is about, with a choice from each axis. Values that the same rules are about are judged
 * together, so that the effort grows with what is held and written down, and not with what the lists multiply to.
 */
function* uncovered(held: readonly PolicyRule[], axes: readonly Axis[], chosen: readonly Choice[] = []): Generator<readonly Choice[]> {
  const [axis, ...rest] = axes;
  if (held.length === 0) return yield [...chosen, ...axes.map(({ values }) => values)];
  if (axis === undefined || held.some((rule) => axes.every(({ listOf }) => listOf(rule) === undefined))) return;
  for (const { values, about } of alike(axis, held)) yield* uncovered(about, rest, [...chosen, values]);
}

/** The values of an axis, those together that the same rules are about. */
function alike(
  { values, listOf, keysOf = (value) => [value] }: Axis,
  held: readonly PolicyRule[],
): readonly { readonly values: Choice; readonly about: readonly PolicyRule[] }[] {
  const wide: PolicyRule[] = [];
  const byKey = new Map<string, number[]>();
  held.forEach((rule, index) => {
    const list = listOf(rule);
    if (list === undefined) wide.push(rule);
    for (const key of new Set(list)) byKey.get(key)?.push(index) ?? byKey.set(key, [index]);
  });
  const classes = Map.groupBy(values, (value) =>
    value === undefined
      ? ""
      : keysOf(value)
          .flatMap((key) => byKey.get(key) ?? [])
          .join(),
  );
  return [...classes].map(([indexes, members]) => ({
    values: members,
    about: [...wide, ...(indexes === "" ? [] : indexes.split(",").map((index) => held[Number(index)]!))],
  })); // written by the same list
}
