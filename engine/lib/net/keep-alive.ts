import type { Server, Socket } from "node:net";

/** Upstream's, which are those of Go's library: a peer that lost its power is given up after two minutes and a half. */
const SILENCE_MS = 15_000;
/** Upstream's for those to whom it connects. */
export const SERVER_SILENCE_MS = 30_000;
const INTERVAL_MS = 15_000;
const PROBES = 9;

/**
 * Has the kernel ask a peer that says nothing whether it is still there. One that went without a word would keep what it asked for, such as a log
 * in which nothing happens, and the connection for it, for as long as there is nothing to be sent to it.
 */
export function keepAlive<T extends Socket>(socket: T, silenceMs = SILENCE_MS): T {
  return socket.setKeepAlive(true, silenceMs, INTERVAL_MS, PROBES);
}

/** The same for all who connect to a server. */
export function keepClientsAlive(server: Server, silenceMs?: number): void {
  server.on("connection", (socket: Socket) => void keepAlive(socket, silenceMs));
}
