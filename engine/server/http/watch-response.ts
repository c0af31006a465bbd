import type { WatchStream } from "../../apimachinery/api-request.ts";
import { INITIAL_EVENTS_END_ANNOTATION } from "../../apimachinery/watch-event.ts";
import type { Clock } from "../../lib/clock.ts";
import type { RawResponse } from "./response.ts";
import type { WatchFramer } from "./watch-frames.ts";
import type { WatchTurns } from "./watch-turns.ts";

/**
 * A watcher that takes nothing for this long while events wait for it is ended, and lists again. What waits for it meanwhile are at
 * most one frame beyond the socket's own buffer, and references to frames it shares with others.
 */
const STALL_MS = 30_000;

export interface WatchResponse {
  readonly raw: RawResponse;
  readonly stream: WatchStream;
  readonly framer: WatchFramer;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly clock: Clock;
  /** Called once, when everything that was there at the beginning has been written: of watches that begin with it. */
  readonly onListed?: (() => void) | undefined;
  /** Shared by all watches of a server. */
  readonly turns: WatchTurns;
}

/** Writes events until the watch ends or the client goes away; resolves then. */
export async function writeWatch({ raw, stream, framer, headers, clock, onListed, turns }: WatchResponse): Promise<void> {
  const over = Promise.withResolvers<void>();
  raw.on("close", over.resolve);
  raw.writeHead(200, { "cache-control": "no-cache, private", "content-type": framer.contentType, ...headers });
  // Clients wait for the headers before they take the watch as started.
  raw.flushHeaders?.();
  // Node would write the length before each frame anew for every watcher.
  const isChunked = raw.chunkedEncoding === true;
  if (isChunked) raw.chunkedEncoding = false;
  let cancelStall = () => {};
  const awaitDrain = () => {
    cancelStall = clock.after(STALL_MS, () => {
      raw.destroy();
      over.resolve();
    });
  };
  const write = () => {
    if (raw.destroyed || raw.writableEnded) return over.resolve();
    try {
      for (let event = stream.take(); event !== undefined; event = stream.take()) {
        const frame = framer.frame(event);
        const isTaken = raw.write(isChunked ? frame.chunk : frame.bytes);
        if (onListed !== undefined && event.type === "BOOKMARK" && event.object.metadata.annotations?.[INITIAL_EVENTS_END_ANNOTATION] === "true") onListed();
        if (!isTaken) return awaitDrain();
      }
      if (!stream.isEnded) return stream.whenReady(writeLater);
      if (isChunked) raw.chunkedEncoding = true;
      raw.end();
      over.resolve();
    } catch (error) {
      over.reject(error);
    }
  };
  const writeLater = () => turns.add(write);
  raw.on("drain", () => {
    cancelStall();
    write();
  });
  writeLater();
  try {
    await over.promise;
  } catch (error) {
    // The answer has begun: all that can still be said is that it breaks off.
    raw.destroy();
    throw error;
  } finally {
    cancelStall();
    stream.close();
  }
}
