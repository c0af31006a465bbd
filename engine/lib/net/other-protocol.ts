import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { systemClock, type Clock } from "../clock.ts";
import type { Logger } from "../log.ts";

/** The words of Go's servers, and so of upstream's. Named as text, for Git shows its user no other answers. */
const NOT_HTTPS = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/** The first byte of whoever begins with TLS. */
const HANDSHAKE = 0x16;
const TOLD_EVERY_MS = 60_000;

/** For a server of HTTPS: who sends it a request in the clear is told so, in the clear. */
export function answerPlainHttp(server: Server): void {
  // Before the listener that comes with the server, which closes the connection.
  server.prependListener("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const { _parent: connection } = socket as { readonly _parent?: Socket }; // what TLS was to be spoken on; Node has no other name for it
    if (error.code === "ERR_SSL_HTTP_REQUEST") connection?.end(NOT_HTTPS);
  });
}

/**
 * For a server of plain HTTP: who begins with TLS can be told nothing that he would show anybody, so it is logged, once a minute at most: anybody
 * may come, and as often as he likes.
 */
export function logTlsClients(server: Server, logger: Logger, clock: Pick<Clock, "monotonic"> = systemClock): void {
  let [toldMs, untold] = [-Infinity, 0];
  server.on("clientError", ({ rawPacket }: { readonly rawPacket?: Buffer }, { remoteAddress: from }: Socket) => {
    if (rawPacket?.[0] !== HANDSHAKE) return;
    if (clock.monotonic() - toldMs < TOLD_EVERY_MS) return void untold++;
    logger.warn("a client wanted HTTPS of a port that serves HTTP", { from, ...(untold === 0 ? {} : { othersBefore: untold }) });
    [toldMs, untold] = [clock.monotonic(), 0];
  });
}
