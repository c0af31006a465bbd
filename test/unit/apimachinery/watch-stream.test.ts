import { expect, test } from "vitest";
import type { EncodedWatchEvent } from "../../../engine/apimachinery/api-request.ts";
import { eventsOf, streamOf } from "../../../engine/apimachinery/watch-stream.ts";

const bookmark = (name: string): EncodedWatchEvent => ({ type: "BOOKMARK", object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name } } });
const nameOf = (event: EncodedWatchEvent | undefined) => (event === undefined || event.type === "ERROR" ? undefined : event.object.metadata.name);

/** Events that say when they are asked for. */
function setUp(names: readonly string[], failure?: Error) {
  const asked: string[] = [];
  let isClosed = false;
  async function* events(): AsyncGenerator<EncodedWatchEvent> {
    for (const name of names) {
      asked.push(name);
      yield bookmark(name);
    }
    if (failure !== undefined) throw failure;
  }
  return { asked, stream: streamOf(events(), () => (isClosed = true)), isClosed: () => isClosed };
}

test("a stream over events that take time gives all of them in order, ends, and is closed", async () => {
  const { stream, isClosed } = setUp(["a", "b", "c"]);
  const names: unknown[] = [];
  for await (const event of eventsOf(stream)) names.push(nameOf(event));
  expect([names, stream.isEnded, isClosed()]).toEqual([["a", "b", "c"], true, true]);
});

test("it asks for an event when the one before has been taken, not earlier", async () => {
  const { asked, stream } = setUp(["a", "b"]);
  expect(stream.take()).toBeUndefined();
  await new Promise<void>((resolve) => stream.whenReady(resolve));
  await new Promise<void>((resolve) => stream.whenReady(resolve));
  expect(asked).toEqual(["a"]);
  expect(nameOf(stream.take())).toBe("a");
  await new Promise<void>((resolve) => stream.whenReady(resolve));
  expect([asked, nameOf(stream.take()), stream.isEnded]).toEqual([["a", "b"], "b", false]);
});

test("its failure is told behind what came before it", async () => {
  const { stream, isClosed } = setUp(["a"], new Error("the connection broke"));
  const names: unknown[] = [];
  const reading = (async () => {
    for await (const event of eventsOf(stream)) names.push(nameOf(event));
  })();
  await expect(reading).rejects.toThrow("the connection broke");
  expect([names, isClosed()]).toEqual([["a"], true]);
});

test("a reader that leaves closes the stream", async () => {
  const { stream, isClosed } = setUp(["a", "b"]);
  for await (const _ of eventsOf(stream)) break;
  expect(isClosed()).toBe(true);
});
