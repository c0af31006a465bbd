import type { Expr } from "./ast.ts";
import type { Checked } from "./checker.ts";
import { DYN, type CelType } from "./types.ts";
import { isCelMap } from "./values.ts";

/** What an evaluation may cost at most, in the units of the run-time budget. */
export interface CostEstimate {
  readonly max: number;
}

/** Nothing in a request is longer than the request. */
export const REQUEST_SIZE_MAX = 3 * 1024 * 1024;

interface Part {
  readonly cost: number;
  /** Characters, items or entries of the result at most. */
  readonly size: number;
}

const TRAVERSAL = 0.1;
const AUTHORIZATION_COST = 350_000;
const JOINING = new Set(["_+_"]);
const COMPARING = new Set(["_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"]);
const NOMINAL = new Set(["size", "hasValue", "value", "or", "orValue", "allowed", "reason", "errored", "error", "sign", "isInteger", "asInteger", "compareTo", "isGreaterThan", "isLessThan", "add", "sub", "type", "dyn", "group", "resource", "namespace", "name", "path", "subresource"]);
const OVER_LIST = new Set(["isSorted", "sum", "min", "max", "indexOf", "lastIndexOf"]);
const REGEX = new Set(["matches", "find", "findAll"]);
const SETS = new Set(["contains", "equivalent", "intersects"]);

/** The cost by the sizes that types and literals state, following Kubernetes' estimate of rules; loops count once per possible item. */
export function estimateCost(expr: Expr, checked: Checked): CostEstimate {
  return { max: new Estimator(checked).visit(expr).cost };
}

class Estimator {
  readonly #checked: Checked;
  constructor(checked: Checked) {
    this.#checked = checked;
  }

  visit(expr: Expr): Part {
    switch (expr.is) {
      case "literal":
        return { cost: 0, size: literalSize(expr.value) };
      case "ident":
        return { cost: 1, size: this.#declaredSize(expr) };
      case "select":
        return { cost: this.visit(expr.operand).cost + 1, size: this.#declaredSize(expr) };
      case "presence":
        return { cost: this.visit(expr.operand).cost, size: 1 };
      case "index":
        return { cost: this.visit(expr.operand).cost + this.visit(expr.index).cost + 1, size: this.#declaredSize(expr) };
      case "and":
      case "or":
        return { cost: this.visit(expr.left).cost + this.visit(expr.right).cost, size: 1 };
      case "conditional": {
        const [then, otherwise] = [this.visit(expr.then), this.visit(expr.otherwise)];
        return { cost: this.visit(expr.condition).cost + Math.max(then.cost, otherwise.cost), size: Math.max(then.size, otherwise.size) };
      }
      case "list":
        return { cost: 10 + sum(expr.items.map(({ value }) => this.visit(value).cost)), size: expr.items.length };
      case "map":
        return { cost: 30 + sum(expr.entries.map(({ key, value }) => this.visit(key).cost + this.visit(value).cost)), size: expr.entries.length };
      case "message":
        return { cost: 40 + sum(expr.fields.map(({ value }) => this.visit(value).cost)), size: 1 };
      case "comprehension": {
        const range = this.visit(expr.range);
        const each = 1 + (expr.filter === undefined ? 0 : this.visit(expr.filter).cost) + this.visit(expr.body).cost;
        return { cost: range.cost + range.size * each, size: range.size };
      }
      case "bind": {
        const [value, body] = [this.visit(expr.value), this.visit(expr.body)];
        return { cost: value.cost + body.cost, size: body.size };
      }
      case "optionalMap":
        return { cost: this.visit(expr.target).cost + this.visit(expr.body).cost + 1, size: this.#declaredSize(expr) };
      case "call":
        return this.#call(expr);
    }
  }

  #call(expr: Extract<Expr, { is: "call" }>): Part {
    const args = (this.#checked.calls.get(expr)?.args ?? expr.args).map((arg) => this.visit(arg));
    const cost = 1 + sum(args.map((part) => part.cost));
    const [first = { cost: 0, size: 1 }, second = { cost: 0, size: 1 }] = args;
    const { name } = expr;
    if (name === "check") return { cost: cost + AUTHORIZATION_COST, size: 1 };
    if (NOMINAL.has(name)) return { cost, size: this.#declaredSize(expr) };
    if (JOINING.has(name)) return { cost: cost + Math.ceil((first.size + second.size) * TRAVERSAL), size: first.size + second.size };
    if (COMPARING.has(name)) return { cost: cost + Math.ceil(Math.min(first.size, second.size) * TRAVERSAL), size: 1 };
    if (name === "@in") return { cost: cost + second.size, size: 1 };
    if (OVER_LIST.has(name)) return { cost: cost + first.size, size: 1 };
    if (REGEX.has(name)) return { cost: cost + Math.ceil((first.size + 1) * TRAVERSAL) * Math.ceil(second.size * 0.25), size: first.size };
    if (SETS.has(name) && expr.target?.is === "ident" && expr.target.name === "sets") return { cost: cost + first.size * second.size, size: 1 };
    return { cost: cost + Math.ceil(first.size * TRAVERSAL * (name === "replace" || name === "split" ? 2 : 1)), size: Math.max(first.size, 1) };
  }

  #declaredSize(expr: Expr): number {
    return sizeOfType(this.#checked.types.get(expr) ?? DYN);
  }
}

function sizeOfType(type: CelType): number {
  switch (type.kind) {
    case "optional":
      return sizeOfType(type.of);
    case "list":
    case "map":
      return type.bounds?.max ?? REQUEST_SIZE_MAX;
    case "dyn":
      return REQUEST_SIZE_MAX;
    case "primitive":
      return type.bounds?.max ?? (type.name === "string" || type.name === "bytes" ? REQUEST_SIZE_MAX : 1);
    default:
      return 1;
  }
}

function literalSize(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  return isCelMap(value) ? value.size : 1;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
