import type { RepeatedFields } from "../../apimachinery/api-request.ts";

/** Beyond any object that means something, and far from where following it would exhaust the stack. */
const DEPTH_MAX = 1_000;

/** A text that is nested deeper than anybody reads. */
export class JsonDepthError extends Error {}

/** Throws a JsonDepthError for a text that is nested too deep, before anybody takes the time to read it. */
export function requireDepth(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = endOfString(text, at);
    else if (char === OPEN_OBJECT || char === OPEN_LIST) {
      if (++depth > DEPTH_MAX) throw new JsonDepthError("exceeded max depth");
    } else if (char === CLOSE_OBJECT || char === CLOSE_LIST) depth--;
  }
}

/**
 * The keys that a JSON text names twice in one object, their paths as upstream's strict decoder writes them (`spec.foo`, `list[0].bar`).
 * The text must be valid JSON: `JSON.parse`, which keeps the last of them silently, has accepted it. Throws a JsonDepthError.
 */
export function findRepeatedFields(text: string): RepeatedFields | undefined {
  const fields = new Map<string, number>();
  forEachKey(text, (keys, key, at, stack) => {
    if (keys.has(key) && !fields.has(pathOf(stack))) fields.set(pathOf(stack), at);
  });
  return fields.size === 0 ? undefined : { is: "json", fields: [...fields].map(([field, at]) => ({ field, at })), places: () => firstPlaces(text) };
}

function firstPlaces(text: string): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  forEachKey(text, (keys, key, at, stack) => {
    if (!keys.has(key)) places.set(pathOf(stack), at);
  });
  return places;
}

/** Calls back at each key, with the keys before it in its object and the way to it. */
function forEachKey(text: string, note: (before: ReadonlySet<string>, key: string, at: number, stack: readonly Frame[]) => void): void {
  const stack: Frame[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    const top = stack[stack.length - 1];
    if (stack.length > DEPTH_MAX) throw new JsonDepthError("exceeded max depth");
    if (char === QUOTE) {
      const end = endOfString(text, at);
      if (top?.is === "object" && top.expectsKey) {
        const quoted = text.slice(at, end + 1);
        top.key = quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
        note(top.keys, top.key, at, stack);
        top.keys.add(top.key);
        top.expectsKey = false;
      }
      at = end;
    } else if (char === OPEN_OBJECT) stack.push({ is: "object", keys: new Set(), key: "", expectsKey: true });
    else if (char === OPEN_LIST) stack.push({ is: "list", index: 0 });
    else if (char === CLOSE_OBJECT || char === CLOSE_LIST) stack.pop();
    else if (char === COMMA) {
      if (top?.is === "object") top.expectsKey = true;
      else if (top !== undefined) top.index++;
    }
  }
}

type Frame = { readonly is: "object"; readonly keys: Set<string>; key: string; expectsKey: boolean } | { readonly is: "list"; index: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COMMA = 0x2c;

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

function pathOf(stack: readonly Frame[]): string {
  let path = "";
  for (const frame of stack) path += frame.is === "list" ? `[${frame.index}]` : path === "" ? frame.key : `.${frame.key}`;
  return path;
}
