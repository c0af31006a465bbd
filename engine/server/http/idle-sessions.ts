import type { ServerHttp2Session } from "node:http2";

/** Ends a connection of HTTP/2 on which nothing has been asked for so long: node keeps one for ever, whoever opened it. */
export function endWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let streams = 0;
  session.on("stream", (stream) => {
    streams++;
    stream.once("close", () => void streams--);
  });
  // A watch may be silent for longer; what it says next starts the time anew.
  session.setTimeout(idleMs, () => {
    // Not a close in good order, which would wait for the end of headers that never come. The client is told that nothing of its was lost.
    if (streams === 0) session.destroy();
  });
}
