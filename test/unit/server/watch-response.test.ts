import { expect, test } from "vitest";
import type { EncodedWatchEvent, WatchStream } from "../../../engine/apimachinery/api-request.ts";
import type { Clock } from "../../../engine/lib/clock.ts";
import { Mailbox } from "../../../engine/lib/mailbox.ts";
import type { RawResponse } from "../../../engine/server/http/response.ts";
import { writeWatch } from "../../../engine/server/http/watch-response.ts";

/** A client that reads when told to. */
class Reader implements RawResponse {
  readonly frames: string[] = [];
  destroyed = false;
  writableEnded = false;
  isSlow = false;
  readonly #listeners = new Map<string, Set<() => void>>();

  writeHead(): void {}
  write(chunk: Buffer): boolean {
    this.frames.push(chunk.toString());
    return !this.isSlow;
  }
  end(): void {
    this.writableEnded = true;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
  on(event: string, listener: () => void): void {
    this.#listeners.set(event, (this.#listeners.get(event) ?? new Set()).add(listener));
  }
  once(event: string, listener: () => void): void {
    this.on(event, listener);
  }
  off(event: string, listener: () => void): void {
    this.#listeners.get(event)?.delete(listener);
  }
  emit(event: string): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener();
  }
}

function setUp() {
  const events = new Mailbox<EncodedWatchEvent>(100);
  let isClosed = false;
  const stream: WatchStream = { close: () => ((isClosed = true), events.close()), [Symbol.asyncIterator]: () => events[Symbol.asyncIterator]() };
  const timers: { readonly delayMs: number; readonly callback: () => void }[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after(delayMs, callback) {
      const timer = { delayMs, callback };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  };
  const reader = new Reader();
  const framer = { contentType: "application/json", frame: (event: EncodedWatchEvent) => Buffer.from(event.type === "ERROR" ? "error" : (event.object.metadata.name ?? "")) };
  const writing = writeWatch(reader, stream, framer, {}, clock);
  const say = (name: string) => events.push({ type: "BOOKMARK", object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name } } });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { events, reader, timers, writing, say, settle, isClosed: () => isClosed };
}

test("events go out in order, and the end of the watch ends the answer", async () => {
  const { events, reader, writing, say } = setUp();
  for (const name of ["a", "b", "c"]) say(name);
  events.close();
  await writing;
  expect(reader.frames).toEqual(["a", "b", "c"]);
  expect(reader.writableEnded).toBe(true);
});

test("a slow reader gets nothing more until it has read", async () => {
  const { reader, timers, say, settle, events, writing } = setUp();
  reader.isSlow = true;
  say("a");
  say("b");
  await settle();
  expect(reader.frames).toEqual(["a"]);
  reader.isSlow = false;
  reader.emit("drain");
  await settle();
  expect(reader.frames).toEqual(["a", "b"]);
  expect(timers).toEqual([]);
  events.close();
  await writing;
});

test("a reader that has stopped reading is cut, and its watch closed", async () => {
  const { reader, timers, say, settle, writing, isClosed } = setUp();
  reader.isSlow = true;
  say("a");
  await settle();
  expect(timers.map((timer) => timer.delayMs)).toEqual([30_000]);
  timers[0]?.callback();
  await writing;
  expect(reader.destroyed).toBe(true);
  expect(isClosed()).toBe(true);
});

test("a reader that goes away closes its watch", async () => {
  const { reader, writing, isClosed } = setUp();
  reader.destroy();
  await writing;
  expect(isClosed()).toBe(true);
});
