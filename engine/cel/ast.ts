/** A parsed expression. Macros have been expanded: `has(a.b)` is a presence test, `list.all(x, p)` a comprehension. */
export type Expr =
  | (At & { readonly is: "literal"; readonly value: unknown })
  | (At & { readonly is: "ident"; readonly name: string })
  | (At & { readonly is: "select"; readonly operand: Expr; readonly field: string; readonly isOptional: boolean })
  | (At & { readonly is: "index"; readonly operand: Expr; readonly index: Expr; readonly isOptional: boolean })
  | (At & { readonly is: "presence"; readonly operand: Expr; readonly field: string })
  | (At & { readonly is: "call"; readonly name: string; readonly target: Expr | undefined; readonly args: readonly Expr[] })
  | (At & { readonly is: "and" | "or"; readonly left: Expr; readonly right: Expr })
  | (At & { readonly is: "conditional"; readonly condition: Expr; readonly then: Expr; readonly otherwise: Expr })
  | (At & { readonly is: "list"; readonly items: readonly { readonly value: Expr; readonly isOptional: boolean }[] })
  | (At & { readonly is: "map"; readonly entries: readonly { readonly key: Expr; readonly value: Expr; readonly isOptional: boolean }[] })
  | (At & { readonly is: "message"; readonly type: string; readonly fields: readonly MessageField[] })
  | (At & Comprehension)
  | (At & { readonly is: "bind"; readonly variable: string; readonly value: Expr; readonly body: Expr })
  | (At & { readonly is: "optionalMap"; readonly flattens: boolean; readonly target: Expr; readonly variable: string; readonly body: Expr });

export interface At {
  /** Offset in the source, in UTF-16 units. */
  readonly at: number;
}

export interface MessageField extends At {
  readonly name: string;
  readonly value: Expr;
  readonly isOptional: boolean;
}

export type ComprehensionKind = "all" | "exists" | "exists_one" | "filter" | "map" | "transformList" | "transformMap" | "transformMapEntry";

export interface Comprehension {
  readonly is: "comprehension";
  readonly do: ComprehensionKind;
  readonly range: Expr;
  /** One name runs over list items or map keys; two run over index and item, or key and value. */
  readonly variables: readonly [string] | readonly [string, string];
  readonly filter: Expr | undefined;
  /** The predicate, or what becomes of each item. */
  readonly body: Expr;
}
