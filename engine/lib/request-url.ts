/**
 * The address of a request line, whatever stands there: a path, which may begin with more than one slash (where `new URL(text, base)`
 * takes what follows for a host, or throws), or a whole address as proxies send it. Undefined for anything else.
 */
export function parseRequestUrl(text: string): URL | undefined {
  return URL.parse(text.startsWith("/") ? `https://unused${text}` : text) ?? undefined;
}

/** Paths as clients write them: no escapes, no empty parts, nothing that would have to be resolved. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9_~:-][A-Za-z0-9_.~:-]*)+$/;

/** Where a request goes: the path of its address, and what follows the question mark. Undefined for what is no address. */
export function parseRequestTarget(text: string): { readonly pathname: string; readonly searchParams: URLSearchParams } | undefined {
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  // Most requests are such, and reading them as URLs took longer than finding the object.
  if (PLAIN_PATH.test(path) && !text.includes("#")) return { pathname: path, searchParams: new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)) };
  return parseRequestUrl(text);
}

/** A part of a path without its escapes; undefined when these are none. */
export function decodePathPart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a lone percent sign, or bytes that are no UTF-8
  }
}
