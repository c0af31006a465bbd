/** Beyond any object that means something, and far from where following it would exhaust the stack. */
export const JSON_DEPTH_MAX = 1_000;

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
export const COMMA = 0x2c;

/** What is nested deeper than anybody reads. */
export class JsonDepthError extends Error {
  constructor() {
    super("exceeded max depth");
  }
}

/** Throws a JsonDepthError for a text that is nested too deep, before anybody takes the time to read it. */
export function requireDepth(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = endOfString(text, at);
    else if (char === OPEN_OBJECT || char === OPEN_LIST) {
      if (++depth > JSON_DEPTH_MAX) throw new JsonDepthError();
    } else if (char === CLOSE_OBJECT || char === CLOSE_LIST) depth--;
  }
}

/** The same for a value, however deep it goes. */
export function requireValueDepth(value: unknown): void {
  let level: readonly unknown[] = [value];
  for (let depth = 0; ; depth++) {
    level = level.filter((item) => typeof item === "object" && item !== null);
    if (level.length === 0) return;
    if (depth >= JSON_DEPTH_MAX) throw new JsonDepthError();
    level = level.flatMap((item) => Object.values(item as object)); // see above
  }
}

/** Where the string ends that begins at `start`: at its second quote. */
export function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}
