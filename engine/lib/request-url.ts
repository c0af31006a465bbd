/**
 * The address of a request line, whatever stands there: a path, which may begin with more than one slash (where `new URL(text, base)`
 * takes what follows for a host, or throws), or a whole address as proxies send it. Undefined for anything else.
 */
export function parseRequestUrl(text: string): URL | undefined {
  return URL.parse(text.startsWith("/") ? `https://unused${text}` : text) ?? undefined;
}

/** A part of a path without its escapes; undefined when these are none. */
export function decodePathPart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a lone percent sign, or bytes that are no UTF-8
  }
}
