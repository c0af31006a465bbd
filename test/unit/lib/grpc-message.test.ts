import { describe, expect, test } from "vitest";
import { frameMessage, MessageReader } from "../../../engine/lib/grpc/grpc-message.ts";

/** What a reader makes of these chunks. */
function readAll(chunks: readonly Buffer[], bytesMax = 1_000): string[] {
  const reader = new MessageReader(bytesMax);
  const messages: string[] = [];
  for (const chunk of chunks) reader.read(chunk, (message) => messages.push(message.toString()));
  return messages;
}

describe("the messages on a stream", () => {
  const sent = ["one", "", "three".repeat(40), "4"];
  const bytes = Buffer.concat(sent.map((text) => frameMessage(Buffer.from(text))));

  test.each([1, 2, 3, 5, 7, 64, 210, 1_000])("are the same when they come %i bytes at a time", (size) => {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    expect(readAll(chunks)).toEqual(sent);
  });

  test("are not given out before they are whole", () => {
    expect(readAll([bytes.subarray(0, bytes.length - 1)])).toEqual(sent.slice(0, -1));
    expect(readAll([bytes.subarray(0, 4)])).toEqual([]);
  });

  test("may not be larger than allowed, which shows before they are there", () => {
    const large = frameMessage(Buffer.alloc(1_001));
    expect(() => readAll([large.subarray(0, 5)])).toThrow("received message larger than max (1001 vs. 1000)");
    expect(readAll([frameMessage(Buffer.alloc(1_000, "x"))])).toHaveLength(1);
  });

  test("may not be compressed", () => {
    expect(() => readAll([Buffer.from([1, 0, 0, 0, 0])])).toThrow("rpc error: code = Internal desc = received a compressed message");
  });
});
