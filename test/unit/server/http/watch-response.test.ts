import { expect, test } from "vitest";
import type { EncodedWatchEvent, WatchStream } from "../../../../engine/apimachinery/api-request.ts";
import { systemClock, type Clock } from "../../../../engine/lib/clock.ts";
import { Mailbox } from "../../../../engine/lib/mailbox.ts";
import type { RawResponse } from "../../../../engine/server/http/response.ts";
import { frameOf } from "../../../../engine/server/http/watch-frames.ts";
import { writeWatch } from "../../../../engine/server/http/watch-response.ts";
import { WatchTurns } from "../../../../engine/server/http/watch-turns.ts";

/** A client that reads when told to. */
class Reader implements RawResponse {
  readonly frames: string[] = [];
  destroyed = false;
  writableEnded = false;
  isSlow = false;
  chunkedEncoding?: boolean;
  endedAsChunks?: boolean;
  readonly #listeners = new Map<string, Set<() => void>>();

  writeHead(): void {}
  write(chunk: Buffer): boolean {
    this.frames.push(chunk.toString());
    return !this.isSlow;
  }
  end(): void {
    this.endedAsChunks = this.chunkedEncoding === true;
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

function setUp({ isChunked = false, turns = new WatchTurns(systemClock) } = {}) {
  const events = new Mailbox<EncodedWatchEvent>(100);
  let isClosed = false;
  const stream: WatchStream = {
    take: () => events.poll(),
    get isEnded() {
      return events.isDone;
    },
    whenReady: (wake) => events.whenReady(wake),
    close: () => ((isClosed = true), events.close()),
  };
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
  if (isChunked) reader.chunkedEncoding = true;
  const framer = { contentType: "application/json", frame: (event: EncodedWatchEvent) => frameOf(Buffer.from(event.type === "ERROR" ? "error" : (event.object.metadata.name ?? ""))) };
  const writing = writeWatch({ raw: reader, stream, framer, headers: {}, clock, turns });
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

test("what comes within one turn of the event loop goes out together, in the next", async () => {
  const { reader, say, settle, events, writing } = setUp();
  await settle();
  say("a");
  say("b");
  expect(reader.frames).toEqual([]);
  await settle();
  expect(reader.frames).toEqual(["a", "b"]);
  events.close();
  await writing;
});

test("over HTTP/1.1 a frame is written as a whole chunk, and Node ends the answer", async () => {
  const { reader, say, settle, events, writing } = setUp({ isChunked: true });
  await settle();
  say("a name of twenty six letters");
  await settle();
  expect(reader.frames).toEqual(["1c\r\na name of twenty six letters\r\n"]);
  events.close();
  await writing;
  expect(reader.endedAsChunks).toBe(true);
});

test("many watchers are written to in the order in which they came, a bounded number of them in a turn", async () => {
  const turns = new WatchTurns(systemClock);
  const called: number[] = [];
  for (let index = 0; index < 300; index++) turns.add(() => called.push(index));
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  await settle();
  const inOne = called.length;
  expect(inOne).toBeGreaterThan(0);
  expect(inOne).toBeLessThan(300);
  while (called.length < 300) await settle();
  expect(called).toEqual(Array.from({ length: 300 }, (_, index) => index));
});

test("where events come while many watchers are written to, the next round begins a moment later, and of few never", async () => {
  const delays: (() => void)[] = [];
  const turns = new WatchTurns({ ...systemClock, after: (_delayMs, callback) => (delays.push(callback), () => {}) });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  let written = 0;
  const tell = (watchers: number) => {
    for (let index = 0; index < watchers; index++) turns.add(() => written++);
  };
  const untilWritten = async (count: number) => {
    while (written < count) await settle();
  };
  tell(300);
  await untilWritten(300);
  tell(300);
  await settle();
  tell(300); // the second event, while the first is being told
  await untilWritten(900);
  expect(delays).toHaveLength(0);
  tell(300);
  await settle();
  await settle();
  expect([written, delays.length]).toEqual([900, 1]);
  delays[0]?.();
  await untilWritten(1200);
  tell(3);
  await untilWritten(1203);
  expect(delays).toHaveLength(1);
});

test("a watch that fails breaks its answer off", async () => {
  const { reader, events, writing, say, isClosed } = setUp();
  say("a");
  events.close(new Error("the server behind it is gone"));
  await expect(writing).rejects.toThrow("the server behind it is gone");
  expect([reader.frames, reader.destroyed, reader.writableEnded, isClosed()]).toEqual([["a"], true, false, true]);
});
