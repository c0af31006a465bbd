import type { ComprehensionKind, Expr } from "./ast.ts";

interface Call {
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
  readonly at: number;
}

type Fail = (message: string, at: number) => never;

/** What `list.sortBy(x, key)` becomes: the list, and its keys, item by item. No expression can say this name. */
export const SORT_BY_KEYS = "@sortByAssociatedKeys";
const SORT_BY_INPUT = "@__sortBy_input__";
/** What may have its items sorted. */
const SORTABLE: ReadonlySet<Expr["is"]> = new Set(["list", "select", "ident", "comprehension", "call", "index", "bind", "optionalMap"]);

const QUANTIFIERS: ReadonlyMap<string, ComprehensionKind> = new Map([
  ["all", "all"],
  ["exists", "exists"],
  ["exists_one", "exists_one"],
  ["existsOne", "exists_one"],
]);
const TRANSFORMS: ReadonlySet<string> = new Set<ComprehensionKind>(["transformList", "transformMap", "transformMapEntry"]);

/** What a call means when it is a macro; undefined when it is an ordinary call. */
export function expandMacro(call: Call, fail: Fail): Expr | undefined {
  const { name, target, args, at } = call;
  if (target === undefined) return name === "has" && args.length === 1 ? presence(call, fail) : undefined;
  const [first, second, third, fourth] = args;
  const quantifier = QUANTIFIERS.get(name);
  if (quantifier !== undefined && first !== undefined && second !== undefined) {
    if (args.length === 2)
      return { is: "comprehension", do: quantifier, range: target, variables: [variable(first, fail)], filter: undefined, body: second, at };
    if (args.length === 3 && third !== undefined)
      return { is: "comprehension", do: quantifier, range: target, variables: pair(first, second, fail), filter: undefined, body: third, at };
  }
  if (name === "filter" && args.length === 2 && first !== undefined && second !== undefined)
    return { is: "comprehension", do: "filter", range: target, variables: [variable(first, fail)], filter: undefined, body: second, at };
  if (name === "map" && (args.length === 2 || args.length === 3) && first !== undefined && second !== undefined) {
    return {
      is: "comprehension",
      do: "map",
      range: target,
      variables: [variable(first, fail)],
      filter: third === undefined ? undefined : second,
      body: third ?? second,
      at,
    };
  }
  if (TRANSFORMS.has(name) && (args.length === 3 || args.length === 4) && first !== undefined && second !== undefined && third !== undefined) {
    return {
      is: "comprehension",
      do: name as ComprehensionKind,
      range: target,
      variables: pair(first, second, fail),
      filter: fourth === undefined ? undefined : third,
      body: fourth ?? third,
      at,
    };
  }
  if ((name === "optMap" || name === "optFlatMap") && args.length === 2 && first !== undefined && second !== undefined) {
    return { is: "optionalMap", flattens: name === "optFlatMap", target, variable: variable(first, fail), body: second, at };
  }
  if (name === "sortBy" && args.length === 2 && first !== undefined && second !== undefined) return sortedBy(target, first, second, at, fail);
  if (
    name === "bind" &&
    args.length === 3 &&
    target.is === "ident" &&
    target.name === "cel" &&
    first !== undefined &&
    second !== undefined &&
    third !== undefined
  ) {
    return { is: "bind", variable: variable(first, fail), value: second, body: third, at };
  }
  return undefined;
}

/** The list is worked out once, for its items and for their keys. */
function sortedBy(target: Expr, item: Expr, key: Expr, at: number, fail: Fail): Expr {
  if (!SORTABLE.has(target.is)) return fail("sortBy can only be applied to a list, identifier, comprehension, call or select expression", target.at);
  const input: Expr = { is: "ident", name: SORT_BY_INPUT, at };
  const keys: Expr = { is: "comprehension", do: "map", range: input, variables: [variable(item, fail)], filter: undefined, body: key, at };
  return { is: "bind", variable: SORT_BY_INPUT, value: target, body: { is: "call", name: SORT_BY_KEYS, target: input, args: [keys], at }, at };
}

function presence({ args, at }: Call, fail: Fail): Expr {
  const [argument] = args;
  if (argument?.is !== "select" || argument.isOptional) return fail("invalid argument to has() macro", argument?.at ?? at);
  return { is: "presence", operand: argument.operand, field: argument.field, at };
}

function variable(expr: Expr, fail: Fail): string {
  return expr.is === "ident" ? expr.name : fail("argument must be a simple name", expr.at);
}

function pair(first: Expr, second: Expr, fail: Fail): readonly [string, string] {
  const names = [variable(first, fail), variable(second, fail)] as const;
  return names[0] === names[1] ? fail(`duplicate iteration variable name: ${names[0]}`, second.at) : names;
}
