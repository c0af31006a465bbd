import type { IncomingHttpHeaders } from "node:http";

export const V5_PROTOCOL = "v5.channel.k8s.io";
export const V4_PROTOCOL = "v4.channel.k8s.io";
/** What the runtime speaks on a WebSocket of a process, beside no protocol at all; its own answer says what it makes of an offer. */
const RUNTIME_PROTOCOLS = [V4_PROTOCOL, "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io"];
const TUNNEL = "SPDY/3.1+";

/**
 * Of the protocols that a client offers for a process's streams, the one that is spoken here: v5 wherever it stands, as upstream has it, or else v4, if it
 * is the first that the runtime would take. Undefined where the runtime answers itself. Pure.
 */
export function chooseChannelProtocol(headers: IncomingHttpHeaders): string | undefined {
  const offered = offeredProtocols(headers);
  if (offered.includes(V5_PROTOCOL)) return V5_PROTOCOL;
  return offered.find((protocol) => RUNTIME_PROTOCOLS.includes(protocol)) === V4_PROTOCOL ? V4_PROTOCOL : undefined;
}

/** The protocols of SPDY that a client would speak in the messages of a WebSocket, in its order. Pure. */
export function tunnelledProtocols(headers: IncomingHttpHeaders): readonly string[] {
  return offeredProtocols(headers)
    .filter((protocol) => protocol.startsWith(TUNNEL) && protocol.endsWith(".k8s.io"))
    .map((protocol) => protocol.slice(TUNNEL.length));
}

/** How a client is told which of them it is. */
export function tunnelProtocol(spdyProtocol: string): string {
  return `${TUNNEL}${spdyProtocol}`;
}

function offeredProtocols(headers: IncomingHttpHeaders): readonly string[] {
  return (headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
}
