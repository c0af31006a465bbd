import { CelError } from "../cel-error.ts";
import { fn, method, regexCost, traversal, type Library } from "../functions.ts";
import { BOOL, DYN, INT, listOf, STRING } from "../types.ts";
import { formatText } from "../format-text.ts";
import { compileRegex } from "../regex.ts";

type Text = readonly [string];
type Texts = readonly [string, string];

const characters = (text: string): readonly string[] => [...text];

function indexOf(text: string, part: string, from: bigint): bigint {
  if (part === "") return from;
  if (from < 0n) throw new CelError(`index out of range: ${from}`);
  const all = characters(text);
  if (from >= BigInt(all.length)) return -1n;
  const found = all.slice(Number(from)).join("").indexOf(part);
  return found < 0 ? -1n : from + BigInt(characters(all.slice(Number(from)).join("").slice(0, found)).length);
}

function lastIndexOf(text: string, part: string, until?: bigint): bigint {
  const all = characters(text);
  if (part === "") return until ?? BigInt(all.length);
  if (until !== undefined && until < 0n) throw new CelError(`index out of range: ${until}`);
  if (until !== undefined && until >= BigInt(all.length)) return -1n;
  const partLength = characters(part).length;
  for (let at = Math.min(all.length - partLength, until === undefined ? all.length : Number(until)); at >= 0; at--)
    if (all.slice(at, at + partLength).join("") === part) return BigInt(at);
  return -1n;
}

function substring(text: string, from: bigint, to?: bigint): string {
  const all = characters(text);
  const end = to ?? BigInt(all.length);
  if (from < 0n || from > BigInt(all.length)) throw new CelError(`index out of range: ${from}`);
  if (end < 0n || end > BigInt(all.length)) throw new CelError(`index out of range: ${end}`);
  if (from > end) throw new CelError(`invalid substring range. start: ${from}, end: ${end}`);
  return all.slice(Number(from), Number(end)).join("");
}

function charAt(text: string, index: bigint): string {
  const all = characters(text);
  if (index < 0n || index > BigInt(all.length)) throw new CelError(`index out of range: ${index}`);
  return all[Number(index)] ?? "";
}

function split(text: string, separator: string, limit = -1n): readonly string[] {
  if (limit === 0n) return [];
  const parts = separator === "" ? characters(text) : text.split(separator);
  if (limit < 0n || BigInt(parts.length) <= limit) return parts;
  const head = parts.slice(0, Number(limit) - 1);
  return [...head, parts.slice(Number(limit) - 1).join(separator)];
}

function replace(text: string, old: string, by: string, limit = -1n): string {
  if (limit < 0n) return text.split(old).join(by);
  const parts = old === "" ? ["", ...characters(text), ""] : text.split(old);
  let out = parts[0] ?? "";
  for (const [index, part] of parts.slice(1).entries()) out += (BigInt(index) < limit ? by : old) + part;
  return out;
}

const lower = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const upper = (text: string) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase());

function quote(text: string): string {
  const escaped = text.replace(
    /[\\"\x07\b\f\n\r\t\v]/g,
    (letter) => `\\${{ "\x07": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v" }[letter] ?? letter}`,
  );
  return `"${escaped}"`;
}

function join(items: readonly unknown[], separator = ""): string {
  if (items.some((item) => typeof item !== "string")) throw new CelError("no such overload");
  return items.join(separator);
}

/** The standard functions of text, and the extended ones that Kubernetes turns on (their second version). */
export const stringLibrary: Library = [
  method<Texts>("contains", [STRING, STRING], BOOL, ([text, part]) => text.includes(part), traversal()),
  method<Texts>("startsWith", [STRING, STRING], BOOL, ([text, part]) => text.startsWith(part), traversal(1)),
  method<Texts>("endsWith", [STRING, STRING], BOOL, ([text, part]) => text.endsWith(part), traversal(1)),
  method<Texts>("matches", [STRING, STRING], BOOL, ([text, pattern]) => compileRegex(pattern).test(text), regexCost),
  fn<Texts>("matches", [STRING, STRING], BOOL, ([text, pattern]) => compileRegex(pattern).test(text), regexCost),
  method<readonly [string, bigint]>("charAt", [STRING, INT], STRING, ([text, index]) => charAt(text, index), traversal()),
  method<Texts>("indexOf", [STRING, STRING], INT, ([text, part]) => indexOf(text, part, 0n), traversal()),
  method<readonly [string, string, bigint]>("indexOf", [STRING, STRING, INT], INT, ([text, part, from]) => indexOf(text, part, from), traversal()),
  method<Texts>("lastIndexOf", [STRING, STRING], INT, ([text, part]) => lastIndexOf(text, part), traversal()),
  method<readonly [string, string, bigint]>("lastIndexOf", [STRING, STRING, INT], INT, ([text, part, until]) => lastIndexOf(text, part, until), traversal()),
  method<Text>("lowerAscii", [STRING], STRING, ([text]) => lower(text), traversal()),
  method<Text>("upperAscii", [STRING], STRING, ([text]) => upper(text), traversal()),
  method<readonly [string, string, string]>("replace", [STRING, STRING, STRING], STRING, ([text, old, by]) => replace(text, old, by), traversal(0, 2)),
  method<readonly [string, string, string, bigint]>(
    "replace",
    [STRING, STRING, STRING, INT],
    STRING,
    ([text, old, by, limit]) => replace(text, old, by, limit),
    traversal(0, 2),
  ),
  method<Texts>("split", [STRING, STRING], listOf(STRING), ([text, separator]) => split(text, separator), traversal(0, 2)),
  method<readonly [string, string, bigint]>(
    "split",
    [STRING, STRING, INT],
    listOf(STRING),
    ([text, separator, limit]) => split(text, separator, limit),
    traversal(0, 2),
  ),
  method<readonly [string, bigint]>("substring", [STRING, INT], STRING, ([text, from]) => substring(text, from), traversal()),
  method<readonly [string, bigint, bigint]>("substring", [STRING, INT, INT], STRING, ([text, from, to]) => substring(text, from, to), traversal()),
  method<Text>("trim", [STRING], STRING, ([text]) => text.trim(), traversal()),
  method<readonly [readonly unknown[]]>("join", [listOf(STRING)], STRING, ([items]) => join(items), traversal(0, 20)),
  method<readonly [readonly unknown[], string]>("join", [listOf(STRING), STRING], STRING, ([items, separator]) => join(items, separator), traversal(0, 20)),
  method<readonly [string, readonly unknown[]]>("format", [STRING, listOf(DYN)], STRING, ([pattern, args]) => formatText(pattern, args), traversal()),
  fn<Text>("strings.quote", [STRING], STRING, ([text]) => quote(text), traversal()),
];
