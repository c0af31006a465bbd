import type { Comprehension, Expr } from "./ast.ts";
import { CelError, noSuchOverload } from "./cel-error.ts";
import { isTypeName, type Checked } from "./checker.ts";
import { planComprehension } from "./comprehension.ts";
import type { Evaluation, Step } from "./evaluation.ts";
import { matchesValue, type Overload } from "./functions.ts";
import { qualifiedName } from "./parser.ts";
import { isCelMap, MapValue, Optional, typeNameOf, TypeValue, Uint } from "./values.ts";

const LIST_COST = 10;
const MAP_COST = 30;
const MESSAGE_COST = 40;

/** Where names live while a program runs. */
interface Scope {
  readonly name: string;
  readonly slot: number;
  readonly outer: Scope | undefined;
}

/** Turns a checked expression into one function: no name is looked up and no overload searched that could be settled before. */
export function planExpression(expr: Expr, checked: Checked, variables: readonly string[]): Step {
  const scope = variables.reduce<Scope | undefined>((outer, name, slot) => ({ name, slot, outer }), undefined);
  return new Planner(checked, variables.length).plan(expr, scope);
}

class Planner {
  readonly #checked: Checked;
  #nextSlot: number;

  constructor(checked: Checked, slots: number) {
    this.#checked = checked;
    this.#nextSlot = slots;
  }

  plan(expr: Expr, scope: Scope | undefined): Step {
    switch (expr.is) {
      case "literal":
        return () => expr.value;
      case "ident":
        return this.#ident(expr.name, scope);
      case "select":
        return this.#select(expr, scope);
      case "presence": {
        const operand = this.plan(expr.operand, scope);
        return (run) => hasField(operand(run), expr.field);
      }
      case "index": {
        const [operand, index] = [this.plan(expr.operand, scope), this.plan(expr.index, scope)];
        return (run) => access(run, operand(run), index(run), expr.isOptional, itemAt);
      }
      case "call":
        return this.#call(expr, scope);
      case "and":
      case "or":
        return logical(this.plan(expr.left, scope), this.plan(expr.right, scope), expr.is === "or");
      case "conditional": {
        const [condition, then, otherwise] = [this.plan(expr.condition, scope), this.plan(expr.then, scope), this.plan(expr.otherwise, scope)];
        return (run) => (asBool(condition(run)) ? then(run) : otherwise(run));
      }
      case "list":
        return this.#list(expr, scope);
      case "map":
        return this.#map(expr, scope);
      case "message":
        return this.#message(expr, scope);
      case "comprehension":
        return this.#comprehension(expr, scope);
      case "bind": {
        const value = this.plan(expr.value, scope);
        const { slot, inner } = this.#declare(expr.variable, scope);
        const body = this.plan(expr.body, inner);
        return (run) => {
          run.slots[slot] = value(run);
          return body(run);
        };
      }
      case "optionalMap":
        return this.#optionalMap(expr, scope);
    }
  }

  #ident(name: string, scope: Scope | undefined): Step {
    for (let frame = scope; frame !== undefined; frame = frame.outer) {
      if (frame.name !== name) continue;
      const { slot } = frame;
      return (run) => {
        run.spend(1);
        const value = run.slots[slot];
        if (value === undefined) throw new CelError(`no such attribute(s): ${name}`);
        return typeof value === "object" && value instanceof Lazy ? value.get() : value;
      };
    }
    const type = new TypeValue(name);
    return () => type;
  }

  #select(expr: Extract<Expr, { is: "select" }>, scope: Scope | undefined): Step {
    const name = qualifiedName(expr);
    if (name !== undefined && isTypeName(name) && !this.#checked.types.has(expr.operand)) return () => new TypeValue(name);
    if (name !== undefined && !this.#checked.types.has(expr.operand)) return this.#ident(name, scope);
    const operand = this.plan(expr.operand, scope);
    return (run) => access(run, operand(run), expr.field, expr.isOptional, fieldOf);
  }

  #call(expr: Extract<Expr, { is: "call" }>, scope: Scope | undefined): Step {
    const call = this.#checked.calls.get(expr);
    if (call === undefined) throw new Error(`invariant broken: the call of ${expr.name} was not checked`);
    const args = call.args.map((arg) => this.plan(arg, scope));
    const { overloads } = call;
    return (run) => {
      run.spend(1);
      const values = args.map((arg) => arg(run));
      const overload = chooseOverload(overloads, values);
      if (overload.cost !== undefined) run.spend(overload.cost(values));
      // The overload was chosen by these very values.
      return overload.call(values as unknown as readonly never[], run);
    };
  }

  #list(expr: Extract<Expr, { is: "list" }>, scope: Scope | undefined): Step {
    const items = expr.items.map(({ value, isOptional }) => ({ value: this.plan(value, scope), isOptional }));
    return (run) => {
      run.spend(LIST_COST);
      const out: unknown[] = [];
      for (const { value, isOptional } of items) putOptional(value(run), isOptional, (item) => out.push(item));
      return out;
    };
  }

  #map(expr: Extract<Expr, { is: "map" }>, scope: Scope | undefined): Step {
    const entries = expr.entries.map(({ key, value, isOptional }) => ({ key: this.plan(key, scope), value: this.plan(value, scope), isOptional }));
    return (run) => {
      run.spend(MAP_COST);
      const out: [unknown, unknown][] = [];
      for (const { key, value, isOptional } of entries) {
        const at = key(run);
        putOptional(value(run), isOptional, (item) => out.push([at, item]));
      }
      return new MapValue(out);
    };
  }

  #message(expr: Extract<Expr, { is: "message" }>, scope: Scope | undefined): Step {
    const fields = expr.fields.map(({ name, value, isOptional }) => ({ name, value: this.plan(value, scope), isOptional }));
    return (run) => {
      run.spend(MESSAGE_COST);
      const out: [unknown, unknown][] = [];
      for (const { name, value, isOptional } of fields) putOptional(value(run), isOptional, (item) => out.push([name, item]));
      return new MapValue(out, expr.type);
    };
  }

  #comprehension(expr: Comprehension, scope: Scope | undefined): Step {
    const range = this.plan(expr.range, scope);
    const slots: number[] = [];
    let inner = scope;
    for (const name of expr.variables) {
      const declared = this.#declare(name, inner);
      slots.push(declared.slot);
      inner = declared.inner;
    }
    const filter = expr.filter === undefined ? undefined : this.plan(expr.filter, inner);
    return planComprehension({ kind: expr.do, range, slots, filter, body: this.plan(expr.body, inner) });
  }

  #optionalMap(expr: Extract<Expr, { is: "optionalMap" }>, scope: Scope | undefined): Step {
    const target = this.plan(expr.target, scope);
    const { slot, inner } = this.#declare(expr.variable, scope);
    const body = this.plan(expr.body, inner);
    return (run) => {
      const optional = target(run);
      if (!(optional instanceof Optional)) throw noSuchOverload();
      if (!optional.hasValue) return Optional.none;
      run.slots[slot] = optional.value;
      return expr.flattens ? body(run) : new Optional(body(run));
    };
  }

  #declare(name: string, outer: Scope | undefined): { readonly slot: number; readonly inner: Scope } {
    const slot = this.#nextSlot++;
    return { slot, inner: { name, slot, outer } };
  }
}

/** A variable that is worked out when it is first read, as the composed variables of policies are. */
export class Lazy {
  readonly #compute: () => unknown;
  #outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;

  constructor(compute: () => unknown) {
    this.#compute = compute;
  }

  get(): unknown {
    if (this.#outcome === undefined) {
      try {
        this.#outcome = { value: this.#compute() };
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        this.#outcome = { error };
      }
    }
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }
}

function asBool(value: unknown): boolean {
  if (typeof value !== "boolean") throw noSuchOverload();
  return value;
}

function chooseOverload(overloads: readonly Overload[], values: readonly unknown[]): Overload {
  for (const overload of overloads) if (overload.args.every((type, index) => matchesValue(type, values[index]))) return overload;
  throw noSuchOverload();
}

/** One side that decides makes the other's error irrelevant; otherwise the first error is the outcome. */
function logical(left: Step, right: Step, decisive: boolean): Step {
  return (run) => {
    let failure: unknown;
    try {
      if (asBool(left(run)) === decisive) return decisive;
    } catch (error) {
      if (!(error instanceof CelError) || error.isFatal) throw error;
      failure = error;
    }
    try {
      if (asBool(right(run)) === decisive) return decisive;
    } catch (error) {
      if (!(error instanceof CelError) || error.isFatal) throw error;
      failure ??= error;
    }
    if (failure !== undefined) throw failure;
    return !decisive;
  };
}

function putOptional(value: unknown, isOptional: boolean, put: (value: unknown) => void): void {
  if (!isOptional) return put(value);
  if (!(value instanceof Optional)) throw new CelError(`cannot initialize optional entry from non-optional value ${typeNameOf(value)}`);
  if (value.hasValue) put(value.value);
}

type Find = (operand: unknown, key: unknown) => unknown;

/** `operand.key` and `operand[key]`. Through an optional, and with a question mark, what is missing is none. */
function access(run: Evaluation, operand: unknown, key: unknown, isOptional: boolean, find: Find): unknown {
  run.spend(1);
  if (operand instanceof Optional) {
    if (!operand.hasValue) return Optional.none;
    const found = find(operand.value, key);
    return found === undefined ? Optional.none : found instanceof Optional ? found : new Optional(found);
  }
  const found = find(operand, key);
  if (isOptional) return found === undefined ? Optional.none : found instanceof Optional ? found : new Optional(found);
  if (found !== undefined) return typeof found === "object" && found instanceof Lazy ? found.get() : found;
  throw new CelError(
    Array.isArray(operand)
      ? `index out of bounds: ${String(key instanceof Uint ? key.value : key)}`
      : `no such key: ${String(key instanceof Uint ? key.value : key)}`,
  );
}

/** What has no fields at all, such as null, is asked in vain, as cel-go has it; a list is not asked for fields. */
function fieldOf(operand: unknown, key: unknown): unknown {
  if (Array.isArray(operand)) throw noSuchOverload();
  if (!isCelMap(operand)) return undefined;
  const found = operand.get(key);
  return typeof found === "object" && found instanceof Lazy ? found.get() : found;
}

function itemAt(operand: unknown, key: unknown): unknown {
  if (!Array.isArray(operand)) return fieldOf(operand, key);
  const index =
    key instanceof Uint ? Number(key.value) : typeof key === "bigint" ? Number(key) : typeof key === "number" && Number.isInteger(key) ? key : undefined;
  if (index === undefined) throw noSuchOverload();
  return operand[index];
}

function hasField(operand: unknown, field: string): boolean {
  if (operand instanceof Optional) return operand.hasValue && hasField(operand.value, field);
  return fieldOf(operand, field) !== undefined;
}
