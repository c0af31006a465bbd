import type { Document } from "./discovery.ts";
import { header, type HttpRequest } from "./http/http-request.ts";
import type { PathAnswer } from "./paths.ts";

/** A document, or a 304 for who has it already. `inForm` makes the form that is asked for, where that is another than the document's own. */
export function cachedAnswer(
  request: HttpRequest,
  { body, etag }: Document,
  contentType: string,
  caching: Readonly<Record<string, string>> = {},
  inForm = () => body,
): PathAnswer {
  const headers = { vary: "Accept", ...caching, etag };
  const isKnown = (header(request, "if-none-match") ?? "").split(",").some((tag) => tag.trim() === etag);
  return isKnown ? { code: 304, contentType, body: Buffer.alloc(0), headers } : { code: 200, contentType, body: inForm(), headers };
}
