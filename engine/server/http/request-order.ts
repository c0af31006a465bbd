import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { RequestDigest } from "../fairness/flow-matching.ts";
import { TooManyRequests, type Ticket } from "../fairness/fairness.ts";
import { listWidth } from "../fairness/list-width.ts";
import type { ServerParts } from "../exchange.ts";
import { requestVerb, type HttpRequest } from "./http-request.ts";
import { isLongRunning, type ResourceInfo } from "./request-info.ts";
import { plainText, type Answer } from "./response.ts";

const FREE: Ticket = { headers: {}, leave: () => {} };
const RETRY_AFTER_SECONDS = "1";

/** Waits until a request may be served. `info` is undefined for paths that are no resources. Rejects with TooManyRequests. */
export async function awaitTurn(parts: ServerParts, http: HttpRequest, info: ResourceInfo | undefined): Promise<Ticket> {
  const { order } = parts;
  // What runs for as long as somebody looks is no measure of load; watches count until they have begun.
  if (order === undefined || (info?.subresource !== undefined && isLongRunning(info, http.query))) return FREE;
  return order.enter(digestOf(http, info), widthOf(parts, http, info), http.signal);
}

/** The answer for those who are sent away: not a Status, for they are told before anybody looks at what they want. */
export function tooManyAnswer(error: TooManyRequests): Answer {
  const failure = plainText(429, `${error.message}\n`);
  return { ...failure, headers: { ...failure.headers, ...error.headers, "retry-after": RETRY_AFTER_SECONDS } };
}

function digestOf({ user, method, path, query }: HttpRequest, info: ResourceInfo | undefined): RequestDigest {
  if (info === undefined) return { is: "path", user, verb: method.toLowerCase(), path };
  const { group, resource, subresource, namespace } = info;
  return { is: "resource", user, verb: requestVerb(method, info, query), group, resource, ...(subresource === undefined ? {} : { subresource }), namespace };
}

function widthOf({ resources, store }: ServerParts, { method, query }: HttpRequest, info: ResourceInfo | undefined): number {
  if (info === undefined || info.name !== undefined || method !== "GET") return 1;
  const definition: ResourceDefinition | undefined = resources.find(info);
  if (definition === undefined || !store.holds(definition)) return 1;
  const isWatch = query.has("watch") && query.get("sendInitialEvents") !== "true";
  if (isWatch) return 1;
  return listWidth({
    stored: store.count(definition),
    limit: Number(query.get("limit") ?? 0) || 0,
    isSelective: Boolean(query.get("labelSelector")) || Boolean(query.get("fieldSelector")),
  });
}
