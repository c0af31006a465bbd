import type { Expr } from "./ast.ts";
import { callCost, UNKNOWN_SIZE, type CallPart } from "./call-cost.ts";
import type { Checked } from "./checker.ts";
import { DYN, type CelType } from "./types.ts";

/** What an evaluation may cost at most, in the units of the run-time budget. */
export interface CostEstimate {
  readonly max: number;
}

/** Nothing in a request is longer than the request. */
export const REQUEST_SIZE_MAX = 3 * 1024 * 1024;

interface Part {
  readonly cost: number;
  /** Characters, items or entries at most. */
  readonly size: number;
  /** The size of each item, or of each value of a map, where it follows from the expression rather than from a type. */
  readonly item?: number;
  /** Whether it is a variable of the caller or a part of one: the sizes of those are what their types say. */
  readonly isGiven?: boolean;
}

type Scope = ReadonlyMap<string, Part>;
type Comprehension = Extract<Expr, { is: "comprehension" }>;

/**
 * The cost by the sizes that types and literals state. Kubernetes refuses rules of custom kinds by this number, so this counts as it
 * does, macro by macro; where it does not know the size of a computed value, this may know it, and then comes to less.
 */
export function estimateCost(expr: Expr, checked: Checked): CostEstimate {
  return { max: new Estimator(checked).visit(expr, new Map()).cost };
}

class Estimator {
  readonly #checked: Checked;
  constructor(checked: Checked) {
    this.#checked = checked;
  }

  visit(expr: Expr, scope: Scope): Part {
    switch (expr.is) {
      case "literal":
        return { cost: 0, size: literalSize(expr.value) };
      case "ident": {
        const local = scope.get(expr.name);
        if (local === undefined) return { cost: 1, size: this.#typeSize(expr, true), isGiven: true };
        return { ...local, cost: 1, size: local.isGiven === true ? this.#typeSize(expr, true) : local.size };
      }
      case "select": {
        const operand = this.visit(expr.operand, scope);
        const { kind } = this.#typeOf(expr.operand);
        const isGiven = operand.isGiven === true && !expr.isOptional && kind === "object";
        return { cost: operand.cost + (expr.isOptional || kind === "object" || kind === "map" ? 1 : 0), size: this.#typeSize(expr, isGiven), isGiven };
      }
      case "presence":
        return { cost: this.visit(expr.operand, scope).cost, size: 1 };
      case "index": {
        const operand = this.visit(expr.operand, scope);
        const isGiven = operand.isGiven === true && !expr.isOptional && this.#typeOf(expr.operand).kind !== "dyn";
        return { cost: operand.cost + this.visit(expr.index, scope).cost + 1, size: operand.item ?? this.#typeSize(expr, isGiven), isGiven };
      }
      case "and":
      case "or":
        return { cost: this.visit(expr.left, scope).cost + this.visit(expr.right, scope).cost, size: 1 };
      case "conditional": {
        const [then, otherwise] = [this.visit(expr.then, scope), this.visit(expr.otherwise, scope)];
        return {
          cost: this.visit(expr.condition, scope).cost + Math.max(then.cost, otherwise.cost),
          size: Math.max(then.size, otherwise.size),
          ...eitherItem(then, otherwise),
        };
      }
      case "list":
        return this.#made(
          10,
          expr.items.map(({ value }) => this.visit(value, scope)),
          [],
        );
      case "map":
        return this.#made(
          30,
          expr.entries.map(({ value }) => this.visit(value, scope)),
          expr.entries.map(({ key }) => this.visit(key, scope)),
        );
      case "message":
        return {
          ...this.#made(
            40,
            expr.fields.map(({ value }) => this.visit(value, scope)),
            [],
          ),
          size: 1,
        };
      case "comprehension":
        return this.#comprehension(expr, scope);
      case "bind": {
        const value = this.visit(expr.value, scope);
        const body = this.visit(expr.body, new Map(scope).set(expr.variable, value));
        return { ...body, cost: 10 + value.cost + body.cost };
      }
      case "optionalMap": {
        const target = this.visit(expr.target, scope);
        const body = this.visit(expr.body, new Map(scope).set(expr.variable, target));
        return { cost: 2 * (target.cost + 1) + 10 + body.cost + (expr.flattens ? 0 : 1), size: body.size };
      }
      case "call":
        return this.#call(expr, scope);
    }
  }

  #made(base: number, values: readonly Part[], keys: readonly Part[]): Part {
    return {
      cost: base + sum(values.map(({ cost }) => cost)) + sum(keys.map(({ cost }) => cost)),
      size: values.length,
      item: Math.max(0, ...values.map(({ size }) => size)),
    };
  }

  /** Macros stand for loops over an accumulator; what each turn and the end of the loop cost is what those expressions would. */
  #comprehension(expr: Comprehension, scope: Scope): Part {
    const range = this.visit(expr.range, scope);
    const inner = new Map(scope);
    const isList = this.#typeOf(expr.range).kind === "list";
    const item: Part = { cost: 1, size: range.item ?? 0, ...(range.isGiven === true ? { isGiven: true } : {}) };
    const key: Part = isList ? { cost: 1, size: 1 } : { ...item, size: 0 };
    const [first, second] = expr.variables;
    inner.set(first, second !== undefined || !isList ? key : item);
    if (second !== undefined) inner.set(second, item);
    const body = this.visit(expr.body, inner);
    const filter = expr.filter === undefined ? 0 : this.visit(expr.filter, inner).cost;
    const loop = (before: number, each: number, after = 1) => Math.min(UNKNOWN_SIZE, range.cost + before + range.size * (each + filter) + after);
    switch (expr.do) {
      case "all":
        return { cost: loop(0, 3 + body.cost), size: 1 };
      case "exists":
        return { cost: loop(0, 4 + body.cost), size: 1 };
      case "exists_one":
        return { cost: loop(0, 2 + body.cost, 2), size: 1 };
      case "filter":
        return { cost: loop(10, 13 + body.cost), size: range.size, item: this.#sizeOfItems(expr.range, item) };
      case "map":
      case "transformList":
        return { cost: loop(10, 12 + body.cost), size: range.size, item: body.size };
      case "transformMap":
        return { cost: loop(30, 3 + body.cost), size: range.size, item: body.size };
      case "transformMapEntry":
        return { cost: loop(30, 2 + body.cost), size: range.size };
    }
  }

  #call(expr: Extract<Expr, { is: "call" }>, scope: Scope): Part {
    const given = this.#checked.calls.get(expr)?.args ?? (expr.target === undefined ? expr.args : [expr.target, ...expr.args]);
    const args = given.map((arg): CallPart => {
      const part = this.visit(arg, scope);
      const type = this.#typeOf(arg);
      return {
        cost: part.cost,
        size: part.size,
        least: arg.is === "literal" ? part.size : 0,
        type,
        item: this.#sizeOfItems(arg, part),
        literal: arg.is === "literal" ? arg.value : undefined,
      };
    });
    const { cost, size, item } = callCost(expr.name, expr.target, args);
    return {
      cost: Math.min(UNKNOWN_SIZE, cost + sum(args.map((part) => part.cost))),
      size: Math.min(UNKNOWN_SIZE, size ?? this.#typeSize(expr, false)),
      ...(item === undefined ? {} : { item }),
    };
  }

  #sizeOfItems(expr: Expr, part: Part): number {
    const type = this.#typeOf(expr);
    return part.item ?? (type.kind === "list" ? sizeOfType(type.items, part.isGiven === true) : 0);
  }

  #typeOf(expr: Expr): CelType {
    return this.#checked.types.get(expr) ?? DYN;
  }

  #typeSize(expr: Expr, isGiven: boolean): number {
    return sizeOfType(this.#typeOf(expr), isGiven);
  }
}

/** Given values have the size that their schema states: none where a schema has no such thing, as for keys and numbers. */
function sizeOfType(type: CelType, isGiven: boolean): number {
  if (type.kind === "optional") return sizeOfType(type.of, isGiven);
  const bounds = type.kind === "list" || type.kind === "map" || type.kind === "primitive" || type.kind === "dyn" ? type.bounds : undefined;
  if (bounds !== undefined) return bounds.max;
  if (isGiven) return type.kind === "dyn" ? REQUEST_SIZE_MAX - 2 : 0;
  return type.kind === "primitive" && type.name !== "string" && type.name !== "bytes" ? 1 : UNKNOWN_SIZE;
}

function eitherItem(then: Part, otherwise: Part): { readonly item?: number } {
  return then.item === undefined || otherwise.item === undefined ? {} : { item: Math.max(then.item, otherwise.item) };
}

function literalSize(value: unknown): number {
  return typeof value === "string" ? [...value].length : value instanceof Uint8Array ? value.length : 1;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
