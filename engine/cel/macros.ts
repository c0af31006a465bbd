import type { ComprehensionKind, Expr } from "./ast.ts";

interface Call {
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
  readonly at: number;
}

type Fail = (message: string, at: number) => never;

const QUANTIFIERS: Readonly<Record<string, ComprehensionKind>> = { all: "all", exists: "exists", exists_one: "exists_one", existsOne: "exists_one" };
const TRANSFORMS: ReadonlySet<string> = new Set<ComprehensionKind>(["transformList", "transformMap", "transformMapEntry"]);

/** What a call means when it is a macro; undefined when it is an ordinary call. */
export function expandMacro(call: Call, fail: Fail): Expr | undefined {
  const { name, target, args, at } = call;
  if (target === undefined) return name === "has" && args.length === 1 ? presence(call, fail) : undefined;
  const [first, second, third, fourth] = args;
  const quantifier = QUANTIFIERS[name];
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
