import type { Server } from "node:net";
import { describeError, type Logger } from "../log.ts";

/** For a server that listens: a connection that it cannot take, for want of handles or memory, is told of and ends nothing. */
export function outliveAcceptErrors(server: Server, logger: Logger): void {
  server.on("error", (error) => logger.warn("a connection could not be taken", { error: describeError(error) }));
}
