import type { IncomingHttpHeaders } from "node:http";

/** Browsers cannot set headers on a WebSocket, but they name protocols: one of these may carry a bearer token. */
const PREFIX = "base64url.bearer.authorization.k8s.io.";

/** The headers with such a token moved to where tokens belong, out of sight of whatever the request is passed on to. */
export function takeProtocolToken(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const protocols = (headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
  const carrier = protocols.find((protocol) => protocol.startsWith(PREFIX));
  const others = protocols.filter((protocol) => protocol !== carrier);
  // A token alone is no protocol: upstream asks for another one beside it, for the answer to name.
  if (carrier === undefined || others.length === 0) return headers;
  const token = Buffer.from(carrier.slice(PREFIX.length), "base64url").toString("utf8");
  return { ...headers, "sec-websocket-protocol": others.join(", "), ...(headers.authorization === undefined ? { authorization: `Bearer ${token}` } : {}) };
}
