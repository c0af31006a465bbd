import { labelValueError, qualifiedNameError } from "./names.ts";
import { badRequest, joinProblems, type StatusError } from "./status-error.ts";

/** One term of a selector's text form. Operators: In, NotIn, Exists, DoesNotExist, Gt, Lt. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values: readonly string[];
}

/**
 * Reads `app=web,tier!=db,env in (a,b),!legacy,size>3`
 * (grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api). Throws a 400 in upstream's words.
 */
export function parseLabelRequirements(text: string): LabelRequirement[] {
  return new Parser(text).parse();
}

const OPERATORS: ReadonlyMap<string, "In" | "NotIn" | "Gt" | "Lt"> = new Map([
  ["in", "In"],
  ["notin", "NotIn"],
  ["=", "In"],
  ["==", "In"],
  ["!=", "NotIn"],
  [">", "Gt"],
  ["<", "Lt"],
]);

/** Symbols are never keys or values, whereas the words `in` and `notin` may be. */
const SYMBOLS: ReadonlySet<string | undefined> = new Set(["=", "==", "!=", "!", "(", ")", ",", "<", ">", undefined]);

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/!=|==|[=!(),<>]|[^\s=!(),<>]+/g) ?? [];
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    while (this.#next !== undefined) {
      if (this.#next !== "!" && SYMBOLS.has(this.#next)) throw unexpected(this.#next, "!, identifier, or 'end of string'");
      requirements.push(this.#requirement());
      const separator = this.#take();
      if (separator === undefined) break;
      if (separator !== ",") throw unexpected(separator, "',' or 'end of string'");
      if (this.#next !== "!" && SYMBOLS.has(this.#next)) throw unexpected(this.#next, "identifier after ','");
    }
    return requirements;
  }

  get #next(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(): string | undefined {
    return this.#tokens[this.#at++];
  }

  #requirement(): LabelRequirement {
    const isNegated = this.#next === "!";
    if (isNegated) this.#at++;
    const key = this.#take();
    if (key === undefined || SYMBOLS.has(key)) throw unexpectedIn(key, "identifier");
    const problem = qualifiedNameError(key);
    if (problem !== undefined) throw badRequest(`unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: ${problem}`);
    if (this.#next === undefined || this.#next === ",") return { key, operator: isNegated ? "DoesNotExist" : "Exists", values: [] };
    if (isNegated) return { key, operator: "DoesNotExist", values: [] }; // what follows is refused by the caller
    const symbol = this.#take() ?? "";
    const operator = OPERATORS.get(symbol);
    if (operator === undefined) throw unexpectedIn(symbol, "in, notin, =, ==, !=, gt, lt");
    const values = symbol === "in" || symbol === "notin" ? this.#valueSet() : [this.#exactValue()];
    checkValues(key, operator, values);
    return { key, operator, values };
  }

  #exactValue(): string {
    if (this.#next === undefined || this.#next === ",") return "";
    const value = this.#take();
    if (value === undefined || SYMBOLS.has(value)) throw unexpectedIn(value, "identifier");
    return value;
  }

  /** `(a,b)`; nothing between two separators is the empty value. */
  #valueSet(): string[] {
    const open = this.#take();
    if (open !== "(") throw badRequest(`unable to parse requirement: found '${open ?? ""}' expected: '('`);
    const values = new Set<string>();
    for (;;) {
      if (this.#next === "," || this.#next === ")") values.add("");
      else {
        const value = this.#take();
        if (value === undefined || SYMBOLS.has(value)) throw unexpectedIn(value, "',', or identifier");
        values.add(value);
      }
      const separator = this.#take();
      if (separator === ")") return [...values].sort();
      if (separator !== ",") throw unexpectedIn(separator, "',' or ')'");
    }
  }
}

function checkValues(key: string, operator: LabelRequirement["operator"], values: readonly string[]): void {
  const problems = values.flatMap((value, index) => {
    const problem = labelValueError(value);
    const isNumber = (operator !== "Gt" && operator !== "Lt") || /^[+-]?\d+$/.test(value);
    return [
      ...(isNumber ? [] : [`values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`]),
      ...(problem === undefined ? [] : [`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problem}`]),
    ];
  });
  if (problems.length > 0) throw badRequest(`unable to parse requirement: ${joinProblems(problems)}`);
}

function unexpected(token: string | undefined, expected: string): StatusError {
  return badRequest(`found '${token ?? ""}', expected: ${expected}`);
}

function unexpectedIn(token: string | undefined, expected: string): StatusError {
  return badRequest(`unable to parse requirement: found '${token ?? ""}', expected: ${expected}`);
}
