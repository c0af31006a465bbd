import type { IncomingHttpHeaders } from "node:http";

/** Browsers cannot set headers on a WebSocket, but they name protocols: one of these may carry a bearer token. */
const PREFIX = "base64url.bearer.authorization.k8s.io.";
/** Without padding. */
const BASE64_URL = /^[A-Za-z0-9_-]*$/;
/** Nobody's token. */
const UNREADABLE = "";

export interface ProtocolToken {
  /** Without any such protocol: what a request is passed on to does not see it. */
  readonly headers: IncomingHttpHeaders;
  /** Absent where none came, empty where it is not as upstream wants it: there it is one, can be read, and has another protocol beside it, for the answer to name. */
  readonly token?: string;
}

/** Takes such a token out of what a WebSocket is asked for with; other requests carry none. */
export function takeProtocolToken(headers: IncomingHttpHeaders): ProtocolToken {
  const { "sec-websocket-protocol": listed, ...others } = headers;
  if (listed === undefined || headers.upgrade?.toLowerCase() !== "websocket") return { headers };
  const protocols = listed.split(",").map((protocol) => protocol.trim());
  const carriers = protocols.filter((protocol) => protocol.startsWith(PREFIX));
  if (carriers.length === 0) return { headers };
  const rest = protocols.filter((protocol) => !carriers.includes(protocol));
  const [token, ...more] = carriers.map((carrier) => readToken(carrier.slice(PREFIX.length)));
  return {
    headers: rest.length === 0 ? others : { ...others, "sec-websocket-protocol": rest.join(", ") },
    // One that says nothing is as good as none.
    ...(more.length === 0 && token === "" && carriers[0] === PREFIX ? {} : { token: (rest.length > 0 && more.length === 0 && token) || UNREADABLE }),
  };
}

function readToken(encoded: string): string {
  if (!BASE64_URL.test(encoded) || encoded.length % 4 === 1) return UNREADABLE;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, "base64url"));
  } catch {
    return UNREADABLE; // no text
  }
}
