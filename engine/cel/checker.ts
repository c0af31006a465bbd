import type { Comprehension, Expr, MessageField } from "./ast.ts";
import { CelCompileError, type CelIssue } from "./cel-error.ts";
import type { FunctionTable, Overload } from "./functions.ts";
import { qualifiedName } from "./parser.ts";
import {
  BOOL,
  BYTES,
  DOUBLE,
  DYN,
  ERROR,
  formatType,
  INT,
  isAssignable,
  joinTypes,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  param,
  STRING,
  substitute,
  TYPE,
  UINT,
  type CelType,
  type ObjectType,
} from "./types.ts";
import { Uint } from "./values.ts";

/** What an expression may refer to. */
export interface Declarations {
  readonly variables: ReadonlyMap<string, CelType>;
  readonly functions: FunctionTable;
  /** Types that `Name{...}` may construct, by name. */
  readonly messages: ReadonlyMap<string, ObjectType>;
}

/** How a call will be made. */
export interface ResolvedCall {
  /** Without the namespace it may be written with. */
  readonly args: readonly Expr[];
  /** Those whose signature fits what is known statically; values decide between several. */
  readonly overloads: readonly Overload[];
}

export interface Checked {
  readonly type: CelType;
  readonly types: ReadonlyMap<Expr, CelType>;
  readonly calls: ReadonlyMap<Expr, ResolvedCall>;
}

const TYPE_NAMES = new Set([
  "bool",
  "int",
  "uint",
  "double",
  "string",
  "bytes",
  "list",
  "map",
  "null_type",
  "type",
  "optional_type",
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
]);

export function isTypeName(name: string): boolean {
  return TYPE_NAMES.has(name);
}

/** Finds the type of every part of an expression. Throws a CelCompileError that names everything wrong. */
export function checkExpression(source: string, expr: Expr, declarations: Declarations): Checked {
  const checker = new Checker(declarations);
  const type = checker.visit(expr, undefined);
  if (checker.issues.length > 0) throw new CelCompileError(source, checker.issues);
  return { type, types: checker.types, calls: checker.calls };
}

/** Variables of macros, innermost first. */
interface Scope {
  readonly name: string;
  readonly type: CelType;
  readonly outer: Scope | undefined;
}

class Checker {
  readonly issues: CelIssue[] = [];
  readonly types = new Map<Expr, CelType>();
  readonly calls = new Map<Expr, ResolvedCall>();
  /** How many calls of `format` enclose what is looked at. */
  #formats = 0;
  readonly #declarations: Declarations;

  constructor(declarations: Declarations) {
    this.#declarations = declarations;
  }

  visit(expr: Expr, scope: Scope | undefined): CelType {
    const type = this.#typeOf(expr, scope);
    this.types.set(expr, type);
    return type;
  }

  #typeOf(expr: Expr, scope: Scope | undefined): CelType {
    switch (expr.is) {
      case "literal":
        return literalType(expr.value);
      case "ident":
        return this.#identType(expr.name, expr.at, scope);
      case "select":
        return this.#selectType(expr, scope);
      case "presence":
        return this.#fieldType(this.visit(expr.operand, scope), expr.field, expr.at) === ERROR ? ERROR : BOOL;
      case "index":
        return this.#indexType(expr, scope);
      case "call":
        return this.#callType(expr, scope);
      case "and":
      case "or":
        for (const side of [expr.left, expr.right]) this.#wantBool(this.visit(side, scope), side.at);
        return BOOL;
      case "conditional":
        return this.#conditionalType(expr, scope);
      case "list":
        return listOf(
          this.#joined(expr.items.map(({ value, isOptional }) => ({ type: this.#unwrapped(this.visit(value, scope), isOptional, value.at), at: value.at }))),
        );
      case "map": {
        const keys = expr.entries.map(({ key }) => ({ type: this.visit(key, scope), at: key.at }));
        const values = expr.entries.map(({ value, isOptional }) => ({ type: this.#unwrapped(this.visit(value, scope), isOptional, value.at), at: value.at }));
        return mapOf(this.#joined(keys), this.#joined(values));
      }
      case "message":
        return this.#messageType(expr.type, expr.fields, expr.at, scope);
      case "comprehension":
        return this.#comprehensionType(expr, scope);
      case "bind":
        return this.visit(expr.body, { name: expr.variable, type: this.visit(expr.value, scope), outer: scope });
      case "optionalMap": {
        const target = this.visit(expr.target, scope);
        if (target.kind !== "optional" && target.kind !== "dyn" && target !== ERROR)
          return this.#fail(`found no matching overload for '${expr.flattens ? "optFlatMap" : "optMap"}' applied to '${formatType(target)}'`, expr.at);
        const body = this.visit(expr.body, { name: expr.variable, type: target.kind === "optional" ? target.of : DYN, outer: scope });
        return expr.flattens ? body : optionalOf(body);
      }
    }
  }

  #identType(name: string, at: number, scope: Scope | undefined): CelType {
    const found = lookUp(scope, name) ?? this.#declarations.variables.get(name);
    if (found !== undefined) return found;
    return TYPE_NAMES.has(name) || this.#declarations.messages.has(name) ? TYPE : this.#fail(`undeclared reference to '${name}' (in container '')`, at);
  }

  #selectType(expr: Extract<Expr, { is: "select" }>, scope: Scope | undefined): CelType {
    const name = qualifiedName(expr);
    const root = name?.split(".")[0] ?? "";
    if (name !== undefined && isTypeName(name) && lookUp(scope, root) === undefined && !this.#declarations.variables.has(root)) return TYPE;
    // A variable may have a dot in its name: authorizer.requestResource. The longest name wins.
    const dotted = name === undefined || lookUp(scope, root) !== undefined ? undefined : this.#declarations.variables.get(name);
    if (dotted !== undefined) return dotted;
    const operand = this.visit(expr.operand, scope);
    const field = this.#fieldType(operand, expr.field, expr.at);
    if (field === ERROR) return ERROR;
    return expr.isOptional || operand.kind === "optional" ? asOptional(field) : field;
  }

  #fieldType(operand: CelType, field: string, at: number): CelType {
    switch (operand.kind) {
      case "dyn":
      case "error":
      case "param":
        return operand.kind === "error" ? ERROR : DYN;
      case "optional":
        return this.#fieldType(operand.of, field, at);
      case "map":
        return isAssignable(operand.key, STRING, new Map()) ? operand.value : this.#fail(`type '${formatType(operand)}' does not support field selection`, at);
      case "object":
        return operand.field(field) ?? this.#fail(`undefined field '${field}'`, at);
      default:
        return this.#fail(`type '${formatType(operand)}' does not support field selection`, at);
    }
  }

  #indexType(expr: Extract<Expr, { is: "index" }>, scope: Scope | undefined): CelType {
    const operand = this.visit(expr.operand, scope);
    const index = this.visit(expr.index, scope);
    const inner = operand.kind === "optional" ? operand.of : operand;
    const wrap = (type: CelType) => (expr.isOptional || operand.kind === "optional" ? asOptional(type) : type);
    if (inner.kind === "dyn" || inner.kind === "param") return wrap(DYN);
    if (inner.kind === "error" || index.kind === "error") return ERROR;
    if (inner.kind === "list" && (index.kind === "dyn" || isIndex(index))) return wrap(inner.items);
    if (inner.kind === "map" && isAssignable(inner.key, index, new Map())) return wrap(inner.value);
    return this.#fail(
      `found no matching overload for '${expr.isOptional ? "_[?_]" : "_[_]"}' applied to '(${formatType(operand)}, ${formatType(index)})'`,
      expr.at,
    );
  }

  #callType(expr: Extract<Expr, { is: "call" }>, scope: Scope | undefined): CelType {
    const { functions, variables } = this.#declarations;
    const prefix = expr.target === undefined ? undefined : qualifiedName(expr.target);
    const root = prefix?.split(".")[0] ?? "";
    const isNamespaced = prefix !== undefined && functions.hasNamespace(prefix) && lookUp(scope, root) === undefined && !variables.has(root);
    const name = isNamespaced ? `${prefix}.${expr.name}` : expr.name;
    const isMethod = expr.target !== undefined && !isNamespaced;
    const args = isMethod && expr.target !== undefined ? [expr.target, ...expr.args] : expr.args;
    // What a text is put together of may be of any types.
    const isFormat = isMethod && name === "format";
    if (isFormat) this.#formats++;
    const types = args.map((arg) => this.visit(arg, scope));
    if (isFormat) this.#formats--;
    const overloads = functions.find(name, isMethod);
    if (overloads === undefined) return this.#fail(`undeclared reference to '${name}' (in container '')`, expr.at);
    if (types.includes(ERROR)) return ERROR;
    const fitting = overloads.flatMap((overload) => {
      const bindings = new Map<string, CelType>();
      const isFitting = overload.args.length === types.length && overload.args.every((wanted, index) => isAssignable(wanted, types[index] ?? DYN, bindings));
      return isFitting ? [{ overload, result: substitute(overload.result, bindings) }] : [];
    });
    const [first, ...others] = fitting;
    if (first === undefined) return this.#fail(`found no matching overload for '${name}' applied to '${describeArguments(types, isMethod)}'`, expr.at);
    this.calls.set(expr, { args, overloads: fitting.map(({ overload }) => overload) });
    return others.every(({ result }) => formatType(result) === formatType(first.result)) ? first.result : DYN;
  }

  #conditionalType(expr: Extract<Expr, { is: "conditional" }>, scope: Scope | undefined): CelType {
    this.#wantBool(this.visit(expr.condition, scope), expr.condition.at);
    const [then, otherwise] = [this.visit(expr.then, scope), this.visit(expr.otherwise, scope)];
    if (then === ERROR || otherwise === ERROR) return ERROR;
    const isSame = isAssignable(then, otherwise, new Map()) || isAssignable(otherwise, then, new Map());
    return isSame
      ? joinTypes(then, otherwise)
      : this.#fail(`found no matching overload for '_?_:_' applied to '(bool, ${formatType(then)}, ${formatType(otherwise)})'`, expr.at);
  }

  /** Literals of Kubernetes hold values of one type: also one that is known only when they are made is another one than text. */
  #joined(items: readonly { readonly type: CelType; readonly at: number }[]): CelType {
    let joined: CelType = param("_");
    const first = formatType(items[0]?.type ?? joined);
    for (const { type, at } of items) {
      if (type === ERROR) return ERROR;
      const told = formatType(type);
      if (this.#formats === 0 && told !== first && (/\bdyn\b/.test(told) || /\bdyn\b/.test(first)))
        return this.#fail(`expected type '${first}' but found '${told.replace(/\b_\b/g, "dyn")}'`, at);
      const isFitting = isAssignable(joined, type, new Map()) || isAssignable(type, joined, new Map());
      if (!isFitting) return this.#fail(`expected type '${formatType(joined)}' but found '${formatType(type)}'`, at);
      joined = joinTypes(joined, type);
    }
    return joined;
  }

  #unwrapped(type: CelType, isOptional: boolean, at: number): CelType {
    if (!isOptional || type.kind === "dyn" || type === ERROR) return type;
    // Of what is not there the type follows from what it stands beside.
    if (type.kind === "optional") return type.of.kind === "dyn" ? param("_") : type.of;
    return this.#fail(`expected type 'optional_type(${formatType(type)})' but found '${formatType(type)}'`, at);
  }

  #messageType(name: string, fields: readonly MessageField[], at: number, scope: Scope | undefined): CelType {
    const type = this.#declarations.messages.get(name) ?? nestedMessage(this.#declarations.messages, name);
    if (type === undefined) {
      for (const { value } of fields) this.visit(value, scope);
      return this.#fail(`undeclared reference to '${name}' (in container '')`, at);
    }
    for (const field of fields) {
      const actual = this.#unwrapped(this.visit(field.value, scope), field.isOptional, field.at);
      const wanted = type.field(field.name);
      if (wanted === undefined) this.#fail(`undefined field '${field.name}'`, field.at);
      else if (!isAssignable(wanted, actual, new Map()))
        this.#fail(`expected type of field '${field.name}' is '${formatType(wanted)}' but provided type is '${formatType(actual)}'`, field.at);
    }
    return type;
  }

  #comprehensionType(expr: Comprehension, scope: Scope | undefined): CelType {
    const range = this.visit(expr.range, scope);
    if (!["list", "map", "dyn", "error", "param"].includes(range.kind))
      return this.#fail(`expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`, expr.range.at);
    const inner = expr.variables.reduce<Scope | undefined>(
      (outer, name, index) => ({ name, type: variableType(range, index, expr.variables.length), outer }),
      scope,
    );
    if (expr.filter !== undefined) this.#wantBool(this.visit(expr.filter, inner), expr.filter.at);
    const body = this.visit(expr.body, inner);
    const wantsBool = ["all", "exists", "exists_one", "filter"].includes(expr.do);
    if (wantsBool) this.#wantBool(body, expr.body.at);
    switch (expr.do) {
      case "map":
      case "transformList":
        return listOf(body);
      case "filter":
        return listOf(variableType(range, 0, 1));
      case "transformMap":
        return mapOf(variableType(range, 0, 2), body);
      case "transformMapEntry":
        return body.kind === "map" || body.kind === "dyn" ? body : this.#fail(`expected a map with one entry but found '${formatType(body)}'`, expr.body.at);
      default:
        return BOOL;
    }
  }

  #wantBool(actual: CelType, at: number): void {
    if (!isAssignable(BOOL, actual, new Map())) this.#fail(`expected type '${formatType(BOOL)}' but found '${formatType(actual)}'`, at);
  }

  #fail(message: string, at: number): CelType {
    this.issues.push({ message, at });
    return ERROR;
  }
}

/** Of a list its items (with two variables: index and item), of a map its keys (and values). */
function variableType(range: CelType, index: number, count: number): CelType {
  if (range.kind === "list") return count === 1 || index === 1 ? range.items : INT;
  if (range.kind === "map") return index === 0 ? range.key : range.value;
  return DYN;
}

/** `Object.spec.template` is the type of that field of `Object`. */
function nestedMessage(messages: ReadonlyMap<string, ObjectType>, name: string): ObjectType | undefined {
  const [root = "", ...path] = name.split(".");
  let type: CelType | undefined = messages.get(root);
  for (const field of path) {
    type = type?.kind === "object" ? (type.nested?.(field) ?? type.field(field)) : undefined;
    if (type?.kind === "list") type = type.items;
    if (type?.kind === "map") type = type.value;
  }
  return type?.kind === "object" ? type : undefined;
}

function lookUp(scope: Scope | undefined, name: string): CelType | undefined {
  for (let frame = scope; frame !== undefined; frame = frame.outer) if (frame.name === name) return frame.type;
  return undefined;
}

function asOptional(type: CelType): CelType {
  return type.kind === "optional" ? type : optionalOf(type);
}

function isIndex(type: CelType): boolean {
  return type.kind === "primitive" && ["int", "uint", "double"].includes(type.name);
}

function describeArguments(types: readonly CelType[], isMethod: boolean): string {
  const [receiver, ...rest] = types;
  return isMethod && receiver !== undefined ? `${formatType(receiver)}.(${rest.map(formatType).join(", ")})` : `(${types.map(formatType).join(", ")})`;
}

function literalType(value: unknown): CelType {
  if (value === null) return NULL;
  if (value instanceof Uint) return UINT;
  if (value instanceof Uint8Array) return BYTES;
  return typeof value === "bigint" ? INT : typeof value === "number" ? DOUBLE : typeof value === "boolean" ? BOOL : STRING;
}
