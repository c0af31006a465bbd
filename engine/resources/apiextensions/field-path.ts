import type { JsonSchema } from "./json-schema.ts";

export type FieldPath =
  { readonly is: "found"; readonly path: string; readonly root: string; readonly schema: JsonSchema } | { readonly is: "wrong"; readonly why: string };

/**
 * The field that a path of dots and quoted names in brackets (`.spec.labels['a/b']`) means in a schema, in the notation of messages.
 * Indexes of lists are no such paths.
 */
export function findFieldPath(text: string, schema: JsonSchema, options: { readonly allowsBrackets: boolean } = { allowsBrackets: true }): FieldPath {
  const wrong = (why: string): FieldPath => ({ is: "wrong", why });
  let current = schema;
  let path = "";
  let root = "";
  for (let at = 0; at < text.length;) {
    const step = readStep(text, at, options.allowsBrackets);
    if ("why" in step) return wrong(step.why);
    at = step.next;
    const { name } = step;
    const property = Object.hasOwn(current.properties ?? {}, name) ? current.properties?.[name] : undefined;
    const { additionalProperties } = current;
    if (current.properties !== undefined) {
      if (property === undefined) return wrong("does not refer to a valid field");
      path += path === "" ? name : `.${name}`;
      current = property;
    } else if (typeof additionalProperties === "object") {
      path += `[${name}]`;
      current = additionalProperties;
    } else return wrong("does not refer to a valid field");
    if (root === "") root = name;
  }
  return { is: "found", path, root, schema: current };
}

type Step = { readonly name: string; readonly next: number } | { readonly why: string };

function readStep(text: string, at: number, allowsBrackets: boolean): Step {
  if (text[at] === ".") {
    const name = /^[^.[\]]*/.exec(text.slice(at + 1))?.[0] ?? "";
    return name === ""
      ? { why: at + 1 >= text.length ? "unexpected end of JSON path" : "does not refer to a valid field" }
      : { name, next: at + 1 + name.length };
  }
  if (text[at] !== "[") return { why: `expected [ or . but got: ${/^[^.[\]]+|^\]/.exec(text.slice(at))?.[0] ?? ""}` };
  if (!allowsBrackets) return { why: "array notation is not allowed" };
  const quoted = /^\['((?:[^'\\]|\\.)*)'(\])?/.exec(text.slice(at));
  if (quoted === null)
    return {
      why: text.length === at + 1 ? "unexpected end of JSON path" : `expected single quoted string but got ${/^[^.[\]]*/.exec(text.slice(at + 1))?.[0] ?? ""}`,
    };
  if (quoted[2] === undefined)
    return { why: at + quoted[0].length >= text.length ? "unexpected end of JSON path" : `expected ] but got ${text[at + quoted[0].length] ?? ""}` };
  const bad = [...(quoted[1] ?? "").matchAll(/\\(.)/g)].find(([, letter]) => letter === undefined || !(letter in ESCAPES));
  if (bad !== undefined) return { why: `invalid string literal: invalid escape char ${bad[0]}` };
  return { name: (quoted[1] ?? "").replace(/\\(.)/g, (_whole, letter: string) => ESCAPES[letter] ?? letter), next: at + quoted[0].length };
}

const ESCAPES: Readonly<Record<string, string>> = { a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "'": "'", "\\": "\\" };
