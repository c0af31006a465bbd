import { CelCompileError } from "./cel-error.ts";
import { decodeLiteral } from "./string-literal.ts";
import { Uint } from "./values.ts";

export type Token =
  | { readonly is: "literal"; readonly value: unknown; readonly at: number; readonly text: string }
  | { readonly is: "name"; readonly name: string; readonly isQuoted: boolean; readonly at: number; readonly text: string }
  | { readonly is: "symbol"; readonly at: number; readonly text: string }
  | { readonly is: "end"; readonly at: number; readonly text: string };

const SYMBOLS = ["&&", "||", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+", "-", "*", "/", "%", "<", ">", "!"];
const SPACE = /(?:[ \t\n\f\r]+|\/\/[^\n]*)+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const QUOTED_NAME = /`([A-Za-z0-9_.\-/ ]+)`/y;
const NUMBER = /0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?/y;
const STRING_START = /(?:[rR][bB]?|[bB][rR]?)?("""|'''|"|')/y;
const MAX_INT = 2n ** 63n;

/** The tokens of an expression, with an end behind the last. Throws a CelCompileError for what is none. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ;) {
    at += matchAt(SPACE, source, at)?.[0].length ?? 0;
    if (at >= source.length) return [...tokens, { is: "end", at: source.length, text: "<EOF>" }];
    const token = stringToken(source, at) ?? numberToken(source, at) ?? nameToken(source, at) ?? symbolToken(source, at);
    if (token === undefined) throw new CelCompileError(source, [{ message: `Syntax error: token recognition error at: '${source[at]}'`, at }]);
    tokens.push(token);
    at += token.text.length;
  }
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

function stringToken(source: string, at: number): Token | undefined {
  const start = matchAt(STRING_START, source, at);
  if (start === null) return undefined;
  const quote = start[1] ?? '"';
  const prefix = start[0].slice(0, -quote.length).toLowerCase();
  const isRaw = prefix.includes("r");
  const begin = at + start[0].length;
  for (let end = begin; end < source.length; end++) {
    if (source.startsWith(quote, end)) {
      const text = source.slice(at, end + quote.length);
      const decoded = decodeLiteral(source.slice(begin, end), { isRaw, isBytes: prefix.includes("b") });
      if (typeof decoded === "object" && "problem" in decoded) throw new CelCompileError(source, [{ message: `Syntax error: ${decoded.problem}`, at }]);
      return { is: "literal", value: decoded, at, text };
    }
    if (quote.length === 1 && (source[end] === "\n" || source[end] === "\r")) break;
    if (source[end] === "\\" && !isRaw) end++;
  }
  throw new CelCompileError(source, [{ message: `Syntax error: token recognition error at: '${source.slice(at)}'`, at }]);
}

function numberToken(source: string, at: number): Token | undefined {
  const text = matchAt(NUMBER, source, at)?.[0];
  if (text === undefined) return undefined;
  const isHex = /^0x/i.test(text);
  if (!isHex && /[.eE]/.test(text)) return { is: "literal", value: Number(text), at, text };
  const isUint = /u$/i.test(text);
  const size = BigInt(isUint ? text.slice(0, -1) : text);
  if (isUint && size >= 2n ** 64n) throw new CelCompileError(source, [{ message: "Syntax error: invalid uint literal", at }]);
  // The smallest int is written as the negation of a number that is one too large; the parser sees to it.
  if (!isUint && size > MAX_INT) throw new CelCompileError(source, [{ message: "Syntax error: invalid int literal", at }]);
  return { is: "literal", value: isUint ? new Uint(size) : size, at, text };
}

function nameToken(source: string, at: number): Token | undefined {
  const quoted = matchAt(QUOTED_NAME, source, at);
  if (quoted !== null) return { is: "name", name: quoted[1] ?? "", isQuoted: true, at, text: quoted[0] };
  const name = matchAt(NAME, source, at)?.[0];
  if (name === undefined) return undefined;
  if (name === "true" || name === "false") return { is: "literal", value: name === "true", at, text: name };
  if (name === "null") return { is: "literal", value: null, at, text: name };
  if (name === "in") return { is: "symbol", at, text: name };
  return { is: "name", name, isQuoted: false, at, text: name };
}

function symbolToken(source: string, at: number): Token | undefined {
  const text = SYMBOLS.find((symbol) => source.startsWith(symbol, at));
  return text === undefined ? undefined : { is: "symbol", at, text };
}
