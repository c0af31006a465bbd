import { header, type HttpRequest } from "./http/http-request.ts";
import type { PathAnswer } from "./paths.ts";

/** A document, or a 304 for who has it already. `body` is asked for only where it is sent. */
export function cachedAnswer(
  request: HttpRequest,
  etag: string,
  contentType: string,
  caching: Readonly<Record<string, string>>,
  body: () => PathAnswer["body"],
): PathAnswer {
  const headers = { vary: "Accept", ...caching, etag };
  const isKnown = (header(request, "if-none-match") ?? "").split(",").some((tag) => tag.trim() === etag);
  return isKnown ? { code: 304, contentType, body: Buffer.alloc(0), headers } : { code: 200, contentType, body: body(), headers };
}
