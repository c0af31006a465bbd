import { KEYWORDS } from "./reserved-words.ts";

/** How CEL expressions write a field of a schema, by Kubernetes' escapes; undefined for names that they cannot write at all. */
export function escapeFieldName(name: string): string | undefined {
  if (KEYWORDS.has(name)) return `__${name}__`;
  const escaped = name.replace(/__|[.\-/]/g, (part) => ({ __: "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__" })[part] ?? part);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}

/** The field's name in JSON for a name in an expression. */
export function unescapeFieldName(name: string): string {
  if (!name.includes("__")) return name;
  const keyword = /^__([a-z]+)__$/.exec(name)?.[1];
  if (keyword !== undefined && KEYWORDS.has(keyword)) return keyword;
  return name.replace(/__(underscores|dot|dash|slash)__/g, (_, word: string) => ({ underscores: "__", dot: ".", dash: "-", slash: "/" })[word] ?? "");
}
