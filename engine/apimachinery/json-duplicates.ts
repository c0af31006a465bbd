import type { RepeatedFields } from "./api-request.ts";
import { CLOSE_LIST, CLOSE_OBJECT, COMMA, endOfString, JSON_DEPTH_MAX, JsonDepthError, OPEN_LIST, OPEN_OBJECT, QUOTE } from "../lib/json-depth.ts";

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
    if (stack.length > JSON_DEPTH_MAX) throw new JsonDepthError();
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

function pathOf(stack: readonly Frame[]): string {
  let path = "";
  for (const frame of stack) path += frame.is === "list" ? `[${frame.index}]` : path === "" ? frame.key : `.${frame.key}`;
  return path;
}
