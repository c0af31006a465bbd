import { setImmediate } from "node:timers/promises";
import { Mailbox } from "../lib/mailbox.ts";
import type { EncodedWatchEvent, WatchStream } from "./api-request.ts";
import type { KubeObject } from "./object-meta.ts";

/** Of events that are there already so many are given out before everything else in the process has its turn. */
const EVENTS_PER_TURN = 50;

/** The events of a watch, for who waits for each. Ends with the watch, which is closed when the reader leaves. */
export async function* eventsOf<T extends KubeObject>(stream: WatchStream<T>): AsyncGenerator<EncodedWatchEvent<T>> {
  let inTurn = 0;
  try {
    for (;;) {
      const event = stream.take();
      if (event !== undefined) {
        yield event;
        if (++inTurn < EVENTS_PER_TURN) continue;
        await setImmediate();
      } else if (stream.isEnded) return;
      else await new Promise<void>((resolve) => stream.whenReady(resolve));
      inTurn = 0;
    }
  } finally {
    stream.close();
  }
}

/** A watch over events that take time to come by. Each is asked for when the one before has been taken: nothing piles up here. `close` must end them. */
export function streamOf<T extends KubeObject>(events: AsyncIterable<EncodedWatchEvent<T>>, close: () => void): WatchStream<T> {
  const iterator = events[Symbol.asyncIterator]();
  const next = new Mailbox<EncodedWatchEvent<T>>(1);
  let isAsking = false;
  const ask = () => {
    if (isAsking || next.size > 0) return;
    isAsking = true;
    iterator.next().then(
      ({ done, value }) => {
        if (done === true) return next.close();
        isAsking = false;
        next.push(value);
      },
      (error: unknown) => next.close(error),
    );
  };
  return {
    take: () => next.poll(),
    get isEnded() {
      return next.isDone;
    },
    whenReady(wake) {
      next.whenReady(wake);
      ask();
    },
    close,
  };
}
