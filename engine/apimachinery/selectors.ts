import { parseLabelRequirements } from "./label-selector-parser.ts";
import { badRequest } from "./status-error.ts";

export type LabelPredicate = (labels: Readonly<Record<string, string>> | undefined) => boolean;

/** Upstream's metav1.LabelSelector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  /** In, NotIn, Exists or DoesNotExist. */
  readonly operator: string;
  readonly values?: readonly string[];
}

export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

type ValueTest = (value: string | undefined) => boolean;

/** The text form of query parameters: `app=web,tier!=db,env in (a,b),!legacy`. Bad text is a 400 in upstream's words. */
export function parseLabelSelector(text: string): LabelPredicate {
  return matchAll(parseLabelRequirements(text));
}

/** The object form of manifests: undefined selects nothing, the empty selector everything. */
export function labelSelectorPredicate(selector: LabelSelector | undefined): LabelPredicate {
  if (selector === undefined) return () => false;
  const remembered = predicates.get(selector);
  if (remembered !== undefined) return remembered;
  const predicate = matchAll([
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, operator: "In", values: [value] })),
    ...(selector.matchExpressions ?? []),
  ]);
  predicates.set(selector, predicate);
  return predicate;
}

/** Selectors live in frozen objects, so their compiled form can live as long as they do. */
const predicates = new WeakMap<LabelSelector, LabelPredicate>();

/** The object form as text, sorted by key: Scale's status.selector, and what `parseLabelSelector` reads back. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  const parts = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    if (operator === "Exists") parts.push({ key, text: key });
    else if (operator === "DoesNotExist") parts.push({ key, text: `!${key}` });
    else parts.push({ key, text: `${key} ${operator === "In" ? "in" : "notin"} (${[...values].sort().join(",")})` });
  }
  return parts
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ text }) => text)
    .join(",");
}

/** Plain labels as text, sorted by key; `empty` when there are none. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined, empty = "<none>"): string {
  const entries = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? empty : entries.map(([key, value]) => `${key}=${value}`).join(",");
}

/** `metadata.name=web,status.phase!=Running`; values may escape `\\,`, `\\=` and `\\\\`. Bad text is a 400 in upstream's words. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return splitUnescaped(text)
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^(.*?)(!=|==|=)(.*)$/s.exec(part);
      if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      const [, field = "", operator, value = ""] = match;
      return { field, operator: operator === "!=" ? "!=" : "=", value: unescapeFieldValue(value) };
    });
}

/** The value that a field selector demands of one field; undefined where it demands none, or cannot be read and will be refused. */
export function demandedFieldValue(text: string | undefined, field: string): string | undefined {
  if (!text?.includes(field)) return undefined;
  try {
    return parseFieldSelector(text).find((requirement) => requirement.field === field && requirement.operator === "=")?.value;
  } catch {
    return undefined;
  }
}

/** As a value stands in a field selector. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, "\\$&");
}

function unescapeFieldValue(text: string): string {
  return text.replace(/\\([^]?)|([=,])/g, (sequence, escaped: string | undefined, bare: string | undefined) => {
    if (bare !== undefined) throw badRequest(`invalid field selector: unescaped character in value: ${bare}`);
    if (escaped === undefined || escaped === "" || !"\\,=".includes(escaped)) throw badRequest(`invalid field selector: invalid escape sequence: ${sequence}`);
    return escaped;
  });
}

/** More requirements than people write: for each label of an object they are looked up, instead of all being gone through. */
const GONE_THROUGH_MAX = 8;

function matchAll(requirements: readonly LabelSelectorRequirement[]): LabelPredicate {
  if (requirements.length > GONE_THROUGH_MAX) return matchAllByKey(requirements);
  const tests = requirements.map(({ key, operator, values }) => ({ key, test: operatorTest(operator, values) }));
  return (labels) => tests.every(({ key, test }) => test(labelValue(labels, key)));
}

/** The same in a time that follows the labels of an object. A selector may be a megabyte long, and is held against every object of a list. */
function matchAllByKey(requirements: readonly LabelSelectorRequirement[]): LabelPredicate {
  // Nearly always there is one of a key: a list for each would double what a selector takes for as long as somebody watches by it.
  const testsOf = new Map<string, ValueTest | ValueTest[]>();
  for (const alike of Map.groupBy(requirements, (each) => `${each.operator} ${each.key}`).values()) {
    const { key, operator, values } = inOne(alike);
    const test = operatorTest(operator, values);
    const others = testsOf.get(key);
    if (others === undefined) testsOf.set(key, test);
    else if (typeof others !== "function") others.push(test);
    else testsOf.set(key, [others, test]);
  }
  let wanted = 0;
  for (const tests of testsOf.values()) if (!allHold(tests, undefined)) wanted++;
  return (labels) => {
    let met = 0;
    for (const [key, value] of Object.entries(labels ?? {})) {
      const tests = testsOf.get(key);
      if (tests === undefined) continue;
      if (!allHold(tests, value)) return false;
      if (!allHold(tests, undefined)) met++;
    }
    return met === wanted;
  };
}

/** Requirements of one key and one operator as the one that says the same. */
function inOne(alike: readonly LabelSelectorRequirement[]): LabelSelectorRequirement {
  const [first, ...others] = alike as readonly [LabelSelectorRequirement, ...LabelSelectorRequirement[]]; // a group has one at least
  if (others.length === 0) return first;
  return {
    ...first,
    values: valuesInOne(
      first.operator,
      alike.map(({ values = [] }) => values),
    ),
  };
}

function valuesInOne(operator: string, lists: readonly (readonly string[])[]): readonly string[] {
  switch (operator) {
    case "In":
      return lists.reduce((common, values) => {
        const known = new Set(common);
        return values.filter((value) => known.has(value));
      });
    case "Gt":
    case "Lt":
      return lists.reduce((tightest, values) => (Number(values[0]) > Number(tightest[0]) === (operator === "Gt") ? values : tightest));
    default:
      return lists.flat();
  }
}

function allHold(tests: ValueTest | readonly ValueTest[], value: string | undefined): boolean {
  return typeof tests === "function" ? tests(value) : tests.every((test) => test(value));
}

/** The value of a label; what an object has by its nature, as `constructor`, is none. */
export function labelValue(labels: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  const value: unknown = labels?.[key];
  return typeof value === "string" ? value : undefined;
}

const isThere: ValueTest = (actual) => actual !== undefined;
const isAbsent: ValueTest = (actual) => actual === undefined;

function operatorTest(operator: string, values: readonly string[] = []): ValueTest {
  switch (operator) {
    case "In": {
      const isOne = membershipOf(values);
      return (actual) => actual !== undefined && isOne(actual);
    }
    case "NotIn": {
      const isOne = membershipOf(values);
      return (actual) => actual === undefined || !isOne(actual);
    }
    case "Exists":
      return isThere;
    case "DoesNotExist":
      return isAbsent;
    case "Gt":
    case "Lt": {
      const bound = Number(values[0]);
      return (actual) => actual !== undefined && /^[+-]?\d+$/.test(actual) && (operator === "Gt" ? Number(actual) > bound : Number(actual) < bound);
    }
    default:
      return () => false; // validation has refused other operators
  }
}

function membershipOf(values: readonly string[]): (value: string) => boolean {
  if (values.length <= GONE_THROUGH_MAX) return (value) => values.includes(value);
  const set = new Set(values);
  return (value) => set.has(value);
}

function splitUnescaped(text: string): string[] {
  const parts: string[] = [];
  let current = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") current += text[i]! + (text[++i] ?? "");
    else if (text[i] === ",") {
      parts.push(current);
      current = "";
    } else current += text[i];
  }
  return [...parts, current];
}
