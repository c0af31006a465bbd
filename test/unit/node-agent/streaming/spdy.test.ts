import { PassThrough, Duplex } from "node:stream";
import { inflateSync, constants } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { SpdyClient } from "../../../../node-agent/streaming/spdy-client.ts";
import { dataFrame, pingFrame, resetFrame, SpdyReader, synStreamFrame } from "../../../../node-agent/streaming/spdy-frames.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const reply = (streamId: number) => Buffer.concat([hex("8003 0002 00 000004"), hex(streamId.toString(16).padStart(8, "0"))]);

describe("SPDY frames", () => {
  it.each([
    ["data", hex("00000005 00 000003 616263"), { is: "data", streamId: 5, isLast: false, payload: Buffer.from("abc") }],
    ["the last data of a stream", hex("00000005 01 000000"), { is: "data", streamId: 5, isLast: true, payload: Buffer.alloc(0) }],
    ["a reply, its headers unread", hex("8003 0002 00 000006 00000003 dead"), { is: "reply", streamId: 3, isLast: false }],
    ["a reset", hex("8003 0003 00 000008 00000003 00000001"), { is: "reset", streamId: 3, status: 1 }],
    ["a ping", hex("8003 0006 00 000004 00000002"), { is: "ping", id: 2 }],
    ["a farewell", hex("8003 0007 00 000008 00000000 00000000"), { is: "goaway" }],
    ["settings", hex("8003 0004 00 000004 00000000"), { is: "other", type: 4 }],
  ])("%s is read, whole and byte by byte", (_what, bytes, frame) => {
    expect(new SpdyReader().read(bytes)).toEqual([frame]);
    const reader = new SpdyReader();
    expect([...bytes].flatMap((byte) => reader.read(Buffer.from([byte])))).toEqual([frame]);
  });

  it("what is written is read again", () => {
    const bytes = Buffer.concat([dataFrame(1, Buffer.from("x"), false), resetFrame(3, 5), pingFrame(7), dataFrame(9, Buffer.alloc(0), true)]);
    expect(new SpdyReader().read(bytes).map((frame) => frame.is)).toEqual(["data", "reset", "ping", "data"]);
  });

  it("a large one in small pieces is put together without copying it for each", () => {
    const payload = Buffer.alloc(1 << 18, "0123456789abcdef-");
    const bytes = Buffer.concat([dataFrame(1, payload, false), pingFrame(7), dataFrame(3, payload, true)]);
    const copy = vi.spyOn(Buffer, "concat");
    const reader = new SpdyReader();
    const frames = [];
    for (let at = 0; at < bytes.length; at += 1_000) frames.push(...reader.read(bytes.subarray(at, at + 1_000)));
    const copies = copy.mock.calls.length;
    copy.mockRestore();
    expect(copies).toBe(0);
    expect(frames.map((frame) => frame.is)).toEqual(["data", "ping", "data"]);
    for (const frame of frames) if (frame.is === "data") expect(frame.payload.equals(payload)).toBe(true);
  });

  it("the header blocks of a connection are one zlib stream of names and values", () => {
    const blocks = [synStreamFrame(1, { StreamType: "error" }, true), synStreamFrame(3, { streamtype: "stdin", port: "80" }, false)];
    expect(blocks[0]?.subarray(0, 5)).toEqual(hex("8003 0001 00"));
    const plain = inflateSync(Buffer.concat(blocks.map((block) => block.subarray(18))), { finishFlush: constants.Z_SYNC_FLUSH });
    expect(plain.toString("latin1")).toBe("\0\0\0\x01\0\0\0\nstreamtype\0\0\0\x05error\0\0\0\x02\0\0\0\nstreamtype\0\0\0\x05stdin\0\0\0\x04port\0\0\0\x0280");
  });

  it.each([
    ["another version", hex("8002 0002 00 000004 00000001")],
    ["a reply without a stream", hex("8003 0002 00 000000")],
  ])("%s is refused", (_what, bytes) => {
    expect(() => new SpdyReader().read(bytes)).toThrow(/SPDY/);
  });
});

/** Two ends of one connection in memory. */
function pair(): { readonly near: Duplex; readonly far: { readonly sent: () => Buffer; say(bytes: Buffer): void; end(): void } } {
  const toNear = new PassThrough();
  const toFar = new PassThrough();
  const chunks: Buffer[] = [];
  toFar.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { near: Duplex.from({ readable: toNear, writable: toFar }), far: { sent: () => Buffer.concat(chunks), say: (bytes) => void toNear.write(bytes), end: () => void toNear.end() } };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("a SPDY client", () => {
  function open() {
    const { near, far } = pair();
    const heard: string[] = [];
    const client = new SpdyClient(near, Buffer.alloc(0), {
      onData: (streamId, bytes) => heard.push(`${streamId}: ${bytes.toString("utf8")}`),
      onStreamEnd: (streamId) => heard.push(`${streamId} ended`),
      onEnd: (error) => heard.push(error === undefined ? "over" : `over: ${error.message}`),
    });
    return { client, far, heard };
  }

  it("gives odd numbers to streams, each when the other side has accepted it", async () => {
    const { client, far } = open();
    const first = client.open({ streamtype: "error" });
    far.say(reply(1));
    expect(await first).toBe(1);
    const second = client.open({ streamtype: "stdin" });
    far.say(reply(3));
    expect(await second).toBe(3);
  });

  it("hands on data and the ends of streams in their order, answers pings, and ends once", async () => {
    const { client, far, heard } = open();
    far.say(Buffer.concat([dataFrame(1, Buffer.from("a"), false), pingFrame(2), dataFrame(1, Buffer.from("b"), true)]));
    await settled();
    expect(heard).toEqual(["1: a", "1: b", "1 ended"]);
    expect(far.sent()).toEqual(pingFrame(2));
    far.end();
    await settled();
    await settled();
    expect(heard.filter((line) => line.startsWith("over"))).toEqual(["over"]);
    await expect(client.open({})).rejects.toThrow("the connection has ended");
  });

  it("says that a stream was refused, and that the connection broke off before it was accepted", async () => {
    const refused = open();
    const opening = refused.client.open({ streamtype: "data" });
    refused.far.say(resetFrame(1, 3));
    await expect(opening).rejects.toThrow("refused with status 3");
    const broken = open();
    const waiting = broken.client.open({ streamtype: "data" });
    broken.far.end();
    await expect(waiting).rejects.toThrow("ended before the stream was accepted");
  });

  it("ends with the reason when it is told what is no SPDY", async () => {
    const { far, heard } = open();
    far.say(Buffer.concat([hex("8009 0002 00 000004"), Buffer.from("HTTP")]));
    await settled();
    expect(heard).toEqual(["over: SPDY version 9 instead of 3"]);
  });

  it("tells all who wait that the connection takes more again, and leaves nobody listening to it", async () => {
    const taken: (() => void)[] = [];
    const connection = new Duplex({ read() {}, write: (_chunk, _encoding, done) => void taken.push(done) });
    const client = new SpdyClient(connection, Buffer.alloc(0), { onData() {}, onStreamEnd() {}, onEnd() {} });
    const listeners = () => ["drain", "close"].map((event) => connection.listenerCount(event));
    const before = listeners();
    for (let round = 0; round < 3; round++) {
      expect(client.write(1, Buffer.alloc(1 << 20))).toBe(false);
      const waiting = [client.drained(), client.drained()];
      taken.pop()?.();
      await Promise.all(waiting);
      expect(listeners()).toEqual(before);
    }
  });
});
