import type { IncomingHttpHeaders } from "node:http";

const METHODS = "POST, GET, OPTIONS, PUT, DELETE, PATCH";
const HEADERS = "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since";

/** What browsers are told about pages of another origin that call the API: nothing unless the origin is one of those allowed. Pure. */
export function crossOriginHeaders(allowed: readonly RegExp[], { origin }: Pick<IncomingHttpHeaders, "origin">): Readonly<Record<string, string>> | undefined {
  if (origin === undefined || !allowed.some((pattern) => pattern.test(origin))) return undefined;
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers": HEADERS,
    "access-control-expose-headers": "Date",
    "access-control-allow-credentials": "true",
  };
}
