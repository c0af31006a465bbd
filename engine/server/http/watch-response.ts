import type { WatchStream } from "../../apimachinery/api-request.ts";
import type { Clock } from "../../lib/clock.ts";
import type { RawResponse } from "./response.ts";
import type { WatchFramer } from "./watch-frames.ts";

/**
 * A watcher that takes nothing for this long while events wait for it is ended, and lists again. What waits for it meanwhile are at
 * most one frame beyond the socket's own buffer, and references to frames it shares with others.
 */
const STALL_MS = 30_000;

/** Writes events until the watch ends or the client goes away; resolves then. */
export async function writeWatch(raw: RawResponse, stream: WatchStream, framer: WatchFramer, headers: Readonly<Record<string, string>>, clock: Clock): Promise<void> {
  raw.on("close", () => stream.close());
  raw.writeHead(200, { "cache-control": "no-cache, private", "content-type": framer.contentType, ...headers });
  // Clients wait for the headers before they take the watch as started.
  raw.flushHeaders?.();
  try {
    for await (const event of stream) {
      if (raw.destroyed) return;
      if (!raw.write(framer.frame(event)) && !(await drained(raw, clock))) {
        raw.destroy();
        return;
      }
    }
    raw.end();
  } finally {
    stream.close();
  }
}

/** Whether the client has read on in time. */
function drained(raw: RawResponse, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isDrained: boolean) => {
      cancel();
      raw.off("drain", onDrain);
      raw.off("close", onClose);
      resolve(isDrained);
    };
    const onDrain = () => finish(true);
    const onClose = () => finish(false);
    const cancel = clock.after(STALL_MS, () => finish(false));
    raw.once("drain", onDrain);
    raw.once("close", onClose);
  });
}
