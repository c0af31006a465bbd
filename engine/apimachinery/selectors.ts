import { labelValueError, qualifiedNameError } from "./names.ts";
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

interface Requirement {
  readonly key: string;
  readonly test: (value: string | undefined) => boolean;
}

/** The text form of query parameters: `app=web,tier!=db,env in (a,b),!legacy`. Bad text is a 400 in upstream's words. */
export function parseLabelSelector(text: string): LabelPredicate {
  const requirements = new SelectorParser(text).parse();
  return matchAll(requirements);
}

/** The object form of manifests: undefined selects nothing, the empty selector everything. */
export function labelSelectorPredicate(selector: LabelSelector | undefined): LabelPredicate {
  if (selector === undefined) return () => false;
  const remembered = predicates.get(selector);
  if (remembered !== undefined) return remembered;
  const predicate = matchAll([
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, test: (actual: string | undefined) => actual === value })),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => ({ key, test: operatorTest(operator, values) })),
  ]);
  predicates.set(selector, predicate);
  return predicate;
}

/** Selectors live in frozen objects, so their compiled form can live as long as they do. */
const predicates = new WeakMap<LabelSelector, LabelPredicate>();

/** The object form as text, as `kubectl describe` and Scale show it. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return "";
  const parts = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === "Exists") parts.push(key);
    else if (operator === "DoesNotExist") parts.push(`!${key}`);
    else parts.push(`${key} ${operator === "In" ? "in" : "notin"} (${[...values].sort().join(",")})`);
  }
  return parts.join(",");
}

/** `metadata.name=web,status.phase!=Running`; values may escape `\,`, `\=` and `\\`. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return splitUnescaped(text)
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^([^=!]*)(!=|==|=)((?:[^=\\]|\\.)*)$/s.exec(part);
      if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      return { field: (match[1] ?? "").trim(), operator: match[2] === "!=" ? "!=" : "=", value: (match[3] ?? "").replace(/\\(.)/g, "$1") };
    });
}

function matchAll(requirements: readonly Requirement[]): LabelPredicate {
  return (labels) => requirements.every(({ key, test }) => test(labels?.[key]));
}

function operatorTest(operator: string, values: readonly string[]): (actual: string | undefined) => boolean {
  switch (operator) {
    case "In":
      return (actual) => actual !== undefined && values.includes(actual);
    case "NotIn":
      return (actual) => actual === undefined || !values.includes(actual);
    case "Exists":
      return (actual) => actual !== undefined;
    case "DoesNotExist":
      return (actual) => actual === undefined;
    default:
      return () => false; // validation has refused other operators
  }
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

/** A recursive-descent reader of the selector grammar (k8s.io/apimachinery labels documentation). */
class SelectorParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/!=|==|=|!|\(|\)|,|>|<|[^\s=!(),<>]+/g) ?? [];
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    while (this.#at < this.#tokens.length) {
      requirements.push(this.#requirement());
      const next = this.#tokens[this.#at++];
      if (next === undefined) break;
      if (next !== ",") throw this.#unexpected(next, "',' or 'end of string'");
      if (this.#tokens[this.#at] === undefined) throw this.#unexpected("", "identifier after ','");
    }
    return requirements;
  }

  #requirement(): Requirement {
    if (this.#tokens[this.#at] === "!") {
      this.#at++;
      const key = this.#key();
      return { key, test: operatorTest("DoesNotExist", []) };
    }
    const key = this.#key();
    const operator = this.#tokens[this.#at];
    if (operator === undefined || operator === ",") return { key, test: operatorTest("Exists", []) };
    this.#at++;
    if (operator === "=" || operator === "==") return { key, test: operatorTest("In", [this.#value(key)]) };
    if (operator === "!=") return { key, test: operatorTest("NotIn", [this.#value(key)]) };
    if (operator === "in" || operator === "notin") return { key, test: operatorTest(operator === "in" ? "In" : "NotIn", this.#values(key)) };
    if (operator === ">" || operator === "<") {
      const bound = Number(this.#value(key));
      if (!Number.isInteger(bound)) throw badRequest("unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer");
      return { key, test: (actual) => actual !== undefined && (operator === ">" ? Number(actual) > bound : Number(actual) < bound) };
    }
    throw this.#unexpected(operator, "in, notin, =, ==, !=, gt, lt");
  }

  #key(): string {
    const key = this.#tokens[this.#at++];
    if (key === undefined || /^(?:!=|==|[=!(),<>])$/.test(key)) throw this.#unexpected(key ?? "", "identifier");
    const problem = qualifiedNameError(key);
    if (problem !== undefined) throw badRequest(`unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: ${problem}`);
    return key;
  }

  #value(key: string): string {
    const value = this.#tokens[this.#at];
    if (value === undefined || value === ",") return "";
    if (/^(?:!=|==|[=!(),<>])$/.test(value)) throw this.#unexpected(value, "identifier");
    this.#at++;
    return this.#checked(key, value);
  }

  #values(key: string): string[] {
    if (this.#tokens[this.#at++] !== "(") throw this.#unexpected(this.#tokens[this.#at - 1] ?? "", "'('");
    const values: string[] = [];
    for (;;) {
      const token = this.#tokens[this.#at++];
      if (token === ")") return values.length === 0 ? [""] : values;
      if (token === undefined) throw this.#unexpected("", "',' or ')'");
      if (token !== ",") values.push(this.#checked(key, token));
      else if (this.#tokens[this.#at] === "," || this.#tokens[this.#at] === ")") values.push("");
    }
  }

  #checked(key: string, value: string): string {
    const problem = labelValueError(value);
    if (problem !== undefined) throw badRequest(`unable to parse requirement: values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${problem}`);
    return value;
  }

  #unexpected(token: string, expected: string): Error {
    return badRequest(`unable to parse requirement: found '${token}', expected: ${expected}`);
  }
}
