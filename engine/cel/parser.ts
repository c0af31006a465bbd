import type { Expr, MessageField } from "./ast.ts";
import { CelCompileError } from "./cel-error.ts";
import { tokenize, type Token } from "./lexer.ts";
import { expandMacro } from "./macros.ts";
import { RESERVED_WORDS } from "./reserved-words.ts";

const BINARY: readonly (readonly string[])[] = [
  ["==", "!=", "<", "<=", ">", ">=", "in"],
  ["+", "-"],
  ["*", "/", "%"],
];
const DEPTH_MAX = 250;
/** As upstream bounds the text of an expression. */
const SOURCE_LENGTH_MAX = 1_048_576;

/** Reads an expression by the grammar of cel-spec, with optional selection and construction. Throws a CelCompileError. */
export function parseExpression(source: string): Expr {
  return new Parser(source).parse();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    if (source.length > SOURCE_LENGTH_MAX) this.#fail(`expression code point size exceeds limit: size: ${source.length}, limit ${SOURCE_LENGTH_MAX}`, 0);
    this.#tokens = tokenize(source);
  }

  parse(): Expr {
    const expr = this.#expression();
    const rest = this.#peek();
    if (rest.is !== "end") this.#unexpected(rest);
    return expr;
  }

  #expression(): Expr {
    if (++this.#depth > DEPTH_MAX) this.#fail("expression recursion limit exceeded: 250", this.#peek().at);
    let expr = this.#or();
    const question = this.#peek();
    if (this.#accept("?")) {
      const then = this.#or();
      this.#expect(":");
      expr = { is: "conditional", condition: expr, then, otherwise: this.#expression(), at: question.at };
    }
    this.#depth--;
    return expr;
  }

  #or(): Expr {
    return this.#logical("or", "||", () => this.#and());
  }

  #and(): Expr {
    return this.#logical("and", "&&", () => this.#binary(0));
  }

  /** A chain of any length, which nobody has to go down into deeper than into a balanced tree. */
  #logical(is: "or" | "and", symbol: string, term: () => Expr): Expr {
    const terms = [term()];
    const places: number[] = [];
    for (let { at } = this.#peek(); this.#accept(symbol); { at } = this.#peek()) {
      places.push(at);
      terms.push(term());
    }
    return balanced(is, terms, places);
  }

  #binary(level: number): Expr {
    const operators = BINARY[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    let count = 0;
    for (let token = this.#peek(); token.is === "symbol" && operators.includes(token.text); token = this.#peek()) {
      if (++count > DEPTH_MAX) this.#fail("expression recursion limit exceeded: 250", token.at);
      this.#next++;
      left = { is: "call", name: token.text === "in" ? "@in" : `_${token.text}_`, target: undefined, args: [left, this.#binary(level + 1)], at: token.at };
    }
    return left;
  }

  #unary(): Expr {
    const operators: Token[] = [];
    for (let token = this.#peek(); token.is === "symbol" && (token.text === "!" || token.text === "-"); token = this.#peek()) {
      if (operators.length > 0 && operators[0]?.text !== token.text) break;
      operators.push(token);
      this.#next++;
    }
    const first = operators[0];
    if (first === undefined) return this.#member();
    if (operators.length > DEPTH_MAX) this.#fail("expression recursion limit exceeded: 250", first.at);
    const literal = this.#peek();
    if (first.text === "-" && operators.length === 1 && literal.is === "literal" && (typeof literal.value === "bigint" || typeof literal.value === "number")) {
      this.#next++;
      return this.#members({ is: "literal", value: -literal.value, at: first.at });
    }
    const operand = this.#peek().is === "symbol" && ["!", "-"].includes(this.#peek().text) ? this.#unary() : this.#member();
    return operators.reduceRight<Expr>(
      (inner, operator) => ({ is: "call", name: `${operator.text}_`, target: undefined, args: [inner], at: operator.at }),
      operand,
    );
  }

  #member(): Expr {
    const literal = this.#peek();
    if (literal.is === "literal" && literal.value === 2n ** 63n) this.#fail("Syntax error: invalid int literal", literal.at);
    return this.#members(this.#primary());
  }

  #members(start: Expr): Expr {
    let expr = start;
    for (let count = 0; ; count++) {
      if (count > DEPTH_MAX) this.#fail("expression recursion limit exceeded: 250", expr.at);
      const token = this.#peek();
      if (this.#accept(".")) {
        const isOptional = this.#accept("?");
        const { name, isQuoted } = this.#name("no viable alternative at input '.'");
        const opening = this.#peek();
        if (!isOptional && !isQuoted && this.#accept("(")) expr = this.#call(name, expr, this.#arguments(), opening.at);
        else expr = { is: "select", operand: expr, field: name, isOptional, at: token.at };
      } else if (this.#accept("[")) {
        const isOptional = this.#accept("?");
        const index = this.#expression();
        this.#expect("]");
        expr = { is: "index", operand: expr, index, isOptional, at: token.at };
      } else if (token.text === "{" && token.is === "symbol") {
        const type = qualifiedName(expr);
        if (type === undefined) return expr;
        this.#next++;
        expr = { is: "message", type, fields: this.#fields(), at: expr.at };
      } else return expr;
    }
  }

  #primary(): Expr {
    const token = this.#peek();
    if (token.is === "literal") {
      this.#next++;
      return { is: "literal", value: token.value, at: token.at };
    }
    if (this.#accept("(")) {
      const inner = this.#expression();
      this.#expect(")");
      return inner;
    }
    if (this.#accept("[")) return { is: "list", items: this.#list(), at: token.at };
    if (this.#accept("{")) return { is: "map", entries: this.#entries(), at: token.at };
    this.#accept("."); // a name from the root: there is only one container
    const { name, isQuoted, at } = this.#name(`no viable alternative at input '${token.text}'`);
    if (isQuoted) this.#fail("unsupported syntax: '`'", at);
    if (RESERVED_WORDS.has(name)) this.#fail(`reserved identifier: ${name}`, at);
    const opening = this.#peek();
    return this.#accept("(") ? this.#call(name, undefined, this.#arguments(), opening.at) : { is: "ident", name, at };
  }

  /** A call is where its arguments begin. */
  #call(name: string, target: Expr | undefined, args: readonly Expr[], at: number): Expr {
    return expandMacro({ name, target, args, at }, (message, where) => this.#fail(message, where)) ?? { is: "call", name, target, args, at };
  }

  #arguments(): readonly Expr[] {
    const args: Expr[] = [];
    if (this.#accept(")")) return args;
    do args.push(this.#expression());
    while (this.#accept(","));
    this.#expect(")");
    return args;
  }

  #list(): readonly { readonly value: Expr; readonly isOptional: boolean }[] {
    const items: { value: Expr; isOptional: boolean }[] = [];
    while (!this.#accept("]")) {
      const isOptional = this.#accept("?");
      items.push({ value: this.#expression(), isOptional });
      if (this.#accept(",")) continue;
      this.#expect("]");
      break;
    }
    return items;
  }

  #entries(): readonly { readonly key: Expr; readonly value: Expr; readonly isOptional: boolean }[] {
    const entries: { key: Expr; value: Expr; isOptional: boolean }[] = [];
    while (!this.#accept("}")) {
      const isOptional = this.#accept("?");
      const key = this.#expression();
      this.#expect(":");
      entries.push({ key, value: this.#expression(), isOptional });
      if (this.#accept(",")) continue;
      this.#expect("}");
      break;
    }
    return entries;
  }

  #fields(): readonly MessageField[] {
    const fields: MessageField[] = [];
    while (!this.#accept("}")) {
      const isOptional = this.#accept("?");
      const { name, at } = this.#name("a field name is missing");
      this.#expect(":");
      fields.push({ name, value: this.#expression(), isOptional, at });
      if (this.#accept(",")) continue;
      this.#expect("}");
      break;
    }
    return fields;
  }

  #name(otherwise: string): { readonly name: string; readonly isQuoted: boolean; readonly at: number } {
    const token = this.#peek();
    if (token.is !== "name")
      return token.is === "end" && !otherwise.endsWith("'.'") ? this.#unexpected(token) : this.#fail(`Syntax error: ${otherwise}`, token.at);
    this.#next++;
    return token;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { is: "end", at: this.#source.length, text: "<EOF>" };
  }

  #accept(symbol: string): boolean {
    const token = this.#peek();
    if (token.is !== "symbol" || token.text !== symbol) return false;
    this.#next++;
    return true;
  }

  #expect(symbol: string): void {
    const token = this.#peek();
    if (!this.#accept(symbol))
      this.#fail(
        token.is === "end"
          ? `Syntax error: mismatched input '<EOF>' expecting '${symbol}'`
          : `Syntax error: mismatched input '${token.text}' expecting '${symbol}'`,
        token.at,
      );
  }

  #unexpected(token: Token): never {
    return this.#fail(
      token.is === "end"
        ? "Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
        : `Syntax error: extraneous input '${token.text}' expecting <EOF>`,
      token.at,
    );
  }

  #fail(message: string, at: number): never {
    throw new CelCompileError(this.#source, [{ message, at }]);
  }
}

/** Terms with what stands between each two of them, as the tree that upstream's parser makes of them. */
function balanced(is: "or" | "and", terms: readonly Expr[], places: readonly number[]): Expr {
  const middle = places.length >> 1;
  const at = places[middle];
  if (at === undefined) return terms[0] as Expr; // there is one more than places
  const left = balanced(is, terms.slice(0, middle + 1), places.slice(0, middle));
  return { is, left, right: balanced(is, terms.slice(middle + 1), places.slice(middle + 1)), at };
}

/** `a.b.c` as text; undefined for anything that is no chain of names. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.is === "ident") return expr.name;
  if (expr.is !== "select" || expr.isOptional) return undefined;
  const prefix = qualifiedName(expr.operand);
  return prefix === undefined ? undefined : `${prefix}.${expr.field}`;
}
