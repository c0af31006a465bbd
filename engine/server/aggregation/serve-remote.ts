import { Readable } from "node:stream";
import { requireAllowed } from "../../auth/authorize.ts";
import { hostAndPort } from "../../lib/net/ip-address.ts";
import type { ServeParts } from "../http/serve.ts";
import type { HttpRequest } from "../http/http-request.ts";
import type { RequestInfo } from "../http/request-info.ts";
import { plainText, type Answer, type RawResponse } from "../http/response.ts";
import { forwardRequest } from "../proxy/forward.ts";
import { attributesOfInfo } from "../request-attributes.ts";
import { askTraced } from "../tracing/client-span.ts";
import type { RemoteVersion } from "./aggregator.ts";
import { aggregationTarget } from "./front-proxy.ts";

/** What a request line may not hold; the client's own escapes are passed on as they are. */
const NOT_ASCII = /[^\x21-\x7e]+/g;
const UNAVAILABLE = "service unavailable\n";

/** Passes a request on to the server that answers for its part of the API, with the user's name. Undefined when the answer has been streamed. */
export async function serveRemote(
  parts: ServeParts,
  http: HttpRequest,
  remote: RemoteVersion,
  info: RequestInfo,
  { raw, auditId }: { readonly raw: RawResponse; readonly auditId: string },
): Promise<Answer | undefined> {
  const { authorizer, aggregator } = parts.server.parts;
  await requireAllowed(authorizer, attributesOfInfo(http, info), http.notes);
  if (!remote.isAvailable) return plainText(503, UNAVAILABLE);
  const query = http.query.size === 0 ? "" : `?${http.query.toString()}`;
  let target;
  try {
    target = await aggregationTarget(remote.service, http.user, `${http.path.replace(NOT_ASCII, encodeURIComponent)}${query}`, aggregator.identity);
  } catch (error) {
    parts.server.parts.logger.warn("an aggregated API has no end to be asked", { name: remote.service.metadata.name, error });
    return plainText(503, UNAVAILABLE);
  }
  const sent = await http.body?.();
  const body = sent === undefined ? {} : { body: Readable.from([sent]) };
  const url = `https://${hostAndPort(target.host, target.port)}${target.path}`;
  await askTraced(parts.server.parts.tracer, { method: http.method, url }, async (asking) => {
    const headers = { ...http.headers, ...asking.headers } as Parameters<typeof forwardRequest>[1]["headers"]; // node's own, and texts
    asking.answered(
      await forwardRequest(target, { method: http.method, headers, ...body }, raw, {
        identity: undefined,
        prefix: "",
        auditId,
        notes: http.notes,
        signal: http.signal,
      }),
    );
  });
  return undefined;
}
