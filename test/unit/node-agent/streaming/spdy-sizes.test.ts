import { createDeflate, constants, deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { cutFrames, dataFrame, parseFrame, resetFrame, synStreamFrame } from "../../../../node-agent/streaming/spdy-frames.ts";
import { HEADER_DICTIONARY, SpdyHeaders } from "../../../../node-agent/streaming/spdy-headers.ts";
import { spareSizes } from "../../../../node-agent/streaming/spdy-sizes.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const TYPES = ["error", "stdin", "stdout", "resize"];
const size = (width: number) => Buffer.from(`{"Width":${width},"Height":24}\n`);

/** The frames that open a terminal's streams, with headers packed as by clients in Go: compressed, by the protocol's dictionary. */
async function compressedOpening(): Promise<Buffer[]> {
  const deflate = createDeflate({ dictionary: HEADER_DICTIONARY });
  const frames: Buffer[] = [];
  for (const [index, type] of TYPES.entries()) {
    const block = [[0, 0, 0, 1], [0, 0, 0, 10], [...Buffer.from("streamtype")], [0, 0, 0, type.length], [...Buffer.from(type)]].flat();
    deflate.write(Buffer.from(block));
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    const packed = deflate.read() as Buffer; // it has been flushed
    const plain = synStreamFrame(2 * index + 1, {}, false);
    const frame = Buffer.concat([plain.subarray(0, 18), packed]);
    frame.writeUIntBE(10 + packed.length, 5, 3);
    frames.push(frame);
  }
  return frames;
}

const storedOpening = async () => TYPES.map((streamtype, index) => synStreamFrame(2 * index + 1, { streamtype }, index === 0));

test("the dictionary is the protocol's, by the checksum with which clients name it", () => {
  let [a, b] = [1, 0];
  for (const byte of HEADER_DICTIONARY) [a, b] = [(a + byte) % 65521, (b + a + byte) % 65521];
  expect(((b << 16) | a) >>> 0).toBe(0xe3c6a7c2);
});

test.each([
  ["compressed", compressedOpening],
  ["stored", storedOpening],
])("of a flood of sizes on a connection with %s headers a few are passed on, the last among them, and all else as it came", async (_how, opening) => {
  const clock = new VirtualClock();
  const through = spareSizes(clock);
  const cut = cutFrames();
  const passed: string[] = [];
  const opened: Buffer[] = [];
  through.on("data", (bytes: Buffer) => {
    for (const frame of cut(bytes)) {
      const read = parseFrame(frame);
      if (read.is === "other") opened.push(frame);
      passed.push(read.is === "data" ? `${read.streamId}${read.isLast ? " end" : ""} ${read.payload.toString().trim()}` : read.is);
    }
  });
  const frames = await opening();
  through.write(Buffer.concat(frames));
  for (let width = 1; width <= 100; width++) through.write(dataFrame(7, size(width), false));
  // What is typed or pasted is no size, whatever it looks like; and it comes in any pieces.
  const typed = Buffer.concat([dataFrame(3, size(5), false), dataFrame(3, size(6), false)]);
  for (const byte of typed) through.write(Buffer.from([byte]));
  await clock.advance(1_000);
  through.write(dataFrame(7, Buffer.alloc(0), true));
  through.end(resetFrame(3, 5));
  await clock.advance(1_000);
  expect(opened).toEqual(frames);
  expect(passed).toEqual([...TYPES.map(() => "other"), '7 {"Width":1,"Height":24}', '3 {"Width":5,"Height":24}', '3 {"Width":6,"Height":24}', '7 {"Width":100,"Height":24}', "7 end ", "reset"]);
});

test("what is no SPDY ends the connection", async () => {
  const through = spareSizes(new VirtualClock());
  const failed = new Promise((resolve) => through.once("error", resolve));
  through.write(Buffer.from("8002000200000004 00000001".replace(" ", ""), "hex"));
  expect(String(await failed)).toContain("SPDY version 2");
});

test("after headers that cannot be read, and after more than a terminal has, none are read", () => {
  const block = Buffer.from([0, 0, 0, 0]);
  const packed = deflateSync(block, { dictionary: HEADER_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH });
  for (const unreadable of [Buffer.alloc(0), Buffer.alloc(70_000)]) {
    const headers = new SpdyHeaders();
    expect([unreadable, packed].map((next) => headers.read(next))).toEqual([undefined, undefined]);
  }
  const headers = new SpdyHeaders();
  const stored = Buffer.concat([Buffer.from([0, 4, 0, 0xfb, 0xff]), block]);
  const read = Array.from({ length: 100 }, (_, index) => headers.read(index === 0 ? packed : stored));
  expect(read.filter((found) => found !== undefined)).toHaveLength(16);
});
