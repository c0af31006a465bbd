/** Words that no identifier may be, since they may come to mean something (cel-spec, "Syntax"). */
export const RESERVED_WORDS: ReadonlySet<string> = new Set([
  "as",
  "break",
  "const",
  "continue",
  "else",
  "for",
  "function",
  "if",
  "import",
  "let",
  "loop",
  "package",
  "namespace",
  "return",
  "var",
  "void",
  "while",
]);

/** Those, and the words that mean something already: what no field or variable can be called in an expression. */
export const KEYWORDS: ReadonlySet<string> = new Set(["true", "false", "null", "in", ...RESERVED_WORDS]);
