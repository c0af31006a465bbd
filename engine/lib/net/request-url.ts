/**
 * The address of a request line, whatever stands there: a path, which may begin with more than one slash (where `new URL(text, base)`
 * takes what follows for a host, or throws), or a whole address as proxies send it. Undefined for anything else.
 */
export function parseRequestUrl(text: string): URL | undefined {
  return URL.parse(text.startsWith("/") ? `https://unused${text}` : text) ?? undefined;
}

/** Scheme and host of a whole address. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?]+/i;

/**
 * Where a request goes: the path of its address, and what follows the question mark, both as they were sent. Nothing is resolved in the
 * path, for `..` in the place of a name must not become the object above it. Undefined for what is no address.
 */
export function parseRequestTarget(text: string): { readonly pathname: string; readonly searchParams: URLSearchParams } | undefined {
  const origin = text.startsWith("/") ? "" : ORIGIN.exec(text)?.[0];
  if (origin === undefined) return undefined;
  const mark = text.indexOf("?");
  const path = text.slice(origin.length, mark < 0 ? undefined : mark);
  return { pathname: path === "" ? "/" : path, searchParams: new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)) };
}

/** A part of a path without its escapes; undefined when these are none. */
export function decodePathPart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a lone percent sign, or bytes that are no UTF-8
  }
}
