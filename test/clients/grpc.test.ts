import { once } from "node:events";
import http2, { type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import net, { type AddressInfo } from "node:net";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { create, toBinary } from "@bufbuild/protobuf";
import { createAuthority, issueCertificate } from "../../engine/auth/certificates.ts";
import { openGrpcChannel, type GrpcChannel, type GrpcTls } from "../../engine/lib/grpc/grpc.ts";
import { GrpcCall } from "../../engine/lib/grpc/grpc-call.ts";
import { GrpcConnection } from "../../engine/lib/grpc/grpc-connection.ts";
import { GrpcError } from "../../engine/lib/grpc/grpc-error.ts";
import { frameMessage } from "../../engine/lib/grpc/grpc-message.ts";
import { RangeRequestSchema, RangeResponseSchema, KV } from "../../engine/storage/etcd/rpc_pb.ts";

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

const HEAD = { ":status": 200, "content-type": "application/grpc" };
const REQUEST = frameMessage(Buffer.from("request"));

/** Answers with messages and a status, as gRPC servers do. */
function reply(stream: ServerHttp2Stream, messages: readonly Buffer[], status: Readonly<Record<string, string>>): void {
  stream.respond(HEAD, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(status));
  for (const message of messages) stream.write(frameMessage(message));
  stream.end();
}

const echo: Answer = (stream) => {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => reply(stream, [Buffer.concat(chunks).subarray(5)], { "grpc-status": "0" }));
};

/** A server that may do anything to a call, which grown ones only do on bad days. */
class OddServer {
  answer: Answer = echo;
  readonly sessions: ServerHttp2Session[] = [];
  readonly #server: http2.Http2Server | http2.Http2SecureServer;

  constructor(options?: http2.SecureServerOptions) {
    this.#server = options === undefined ? http2.createServer() : http2.createSecureServer(options);
    this.#server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on("error", () => {}); // clients go away
      this.answer(stream, headers);
    });
    this.#server.on("session", (session: ServerHttp2Session) => this.sessions.push(session.on("error", () => {})));
  }

  async listen(port = 0): Promise<number> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port; // a TCP server's address is an AddressInfo
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe("the gRPC client", () => {
  const servers: OddServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function start(options?: http2.SecureServerOptions, tls?: GrpcTls): Promise<{ server: OddServer; channel: GrpcChannel; port: number }> {
    const server = new OddServer(options);
    servers.push(server);
    const port = await server.listen();
    return { server, port, channel: open(port, tls) };
  }

  function open(port: number, tls?: GrpcTls): GrpcChannel {
    const channel = openGrpcChannel(`127.0.0.1:${port}`, tls, 1 << 20);
    onTestFinished(() => channel.close());
    return channel;
  }

  const failure = (answer: Promise<unknown>) =>
    answer.then(
      () => expect.unreachable("it should have failed"),
      (error: unknown) => error as GrpcError,
    );

  test("carries many calls on one connection, with the headers that servers expect", async () => {
    const { server, channel } = await start();
    const seen: IncomingHttpHeaders[] = [];
    server.answer = (stream, headers) => {
      seen.push(headers);
      echo(stream, headers);
    };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => channel.unaryBytes("/a.B/C", frameMessage(Buffer.from(`call ${index}`)), { timeoutMs: 20_000, metadata: { hasleader: "true" } })),
    );
    expect(answers.map(String)).toEqual(Array.from({ length: 50 }, (_, index) => `call ${index}`));
    expect(server.sessions).toHaveLength(1);
    expect(seen[0]).toMatchObject({ ":method": "POST", ":path": "/a.B/C", ":scheme": "http", "content-type": "application/grpc", te: "trailers", "grpc-timeout": "20000m", hasleader: "true" });
  });

  test("waits for an answer also when there is more time for it than a timer can wait", async () => {
    const { server, channel } = await start();
    const times: unknown[] = [];
    server.answer = (stream, headers) => {
      times.push(headers["grpc-timeout"]);
      setTimeout(() => echo(stream, headers), 50);
    };
    // A container whose pod has a grace period of centuries.
    expect(String(await channel.unaryBytes("/a.B/C", frameMessage(Buffer.from("end")), { timeoutMs: 1e13 }))).toBe("end");
    expect(times).toEqual(["2147484S"]);
  });

  test("gives messages larger than a window, and encodes those that have a description", async () => {
    const { server, channel } = await start();
    const value = Buffer.alloc(300_000, "v");
    server.answer = (stream) => reply(stream, [Buffer.from(toBinary(RangeResponseSchema, create(RangeResponseSchema, { count: 2n, kvs: [{ value }, { value }] })))], { "grpc-status": "0" });
    const answer = await channel.unary(KV.method.range, create(RangeRequestSchema, { key: value }));
    expect([answer.count, ...answer.kvs.map((kv) => value.equals(kv.value))]).toEqual([2n, true, true]);
  });

  test.each<readonly [string, Answer, Partial<GrpcError>]>([
    [
      "what the server says",
      (stream) => reply(stream, [], { "grpc-status": "5", "grpc-message": "no such thing%3A caf%C3%A9" }),
      { code: 5, details: "no such thing: café", message: "rpc error: code = NotFound desc = no such thing: café" },
    ],
    ["what it says without a body", (stream) => stream.respond({ ...HEAD, "grpc-status": "9", "grpc-message": "100%" }, { endStream: true }), { code: 9, details: "100%", isUnsent: false }],
    ["a stream that was turned away, which nobody worked on", (stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM), { code: 14, isUnsent: true }],
    [
      "a stream that was broken off, which somebody may have",
      (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
      { code: 13, details: "stream terminated by RST_STREAM with error code: INTERNAL_ERROR; a server whose error has a text of more than 60000 bytes does so: its log may say more", isUnsent: false },
    ],
    ["a connection that breaks meanwhile", (stream) => stream.session?.destroy(), { code: 14, details: "Connection dropped", isUnsent: false }],
    ["a server that does not speak gRPC", (stream) => (stream.respond({ ":status": 404 }), stream.end("not here")), { code: 12, details: "Received HTTP status code 404" }],
    ["no message", (stream) => reply(stream, [], { "grpc-status": "0" }), { code: 13, details: "/a.B/C: no answer" }],
    [
      "more messages than one, of which there may be no end",
      (stream) => {
        stream.on("error", () => {});
        stream.respond(HEAD);
        stream.write(Buffer.concat([frameMessage(REQUEST), frameMessage(REQUEST)]));
      },
      { code: 13, details: "/a.B/C: more than one answer" },
    ],
    ["too large a message", (stream) => reply(stream, [Buffer.alloc((1 << 20) + 1)], { "grpc-status": "0" }), { code: 8, details: expect.stringContaining("larger than max") as unknown as string }],
  ])("fails with %s", async (_, answer, expected) => {
    const { server, channel } = await start();
    server.answer = answer;
    const error = await failure(channel.unaryBytes("/a.B/C", REQUEST));
    expect(error).toBeInstanceOf(GrpcError);
    expect(error).toMatchObject(expected);
    server.answer = echo;
    expect(String(await channel.unaryBytes("/a.B/C", REQUEST))).toBe("request");
  });

  test("ends a call at its deadline and when it is aborted, and tells the server", async () => {
    const { server, channel } = await start();
    const ends: number[] = [];
    server.answer = (stream) => stream.on("close", () => ends.push(stream.rstCode));
    expect(await failure(channel.unaryBytes("/a.B/C", REQUEST, { timeoutMs: 100 }))).toMatchObject({ code: 4, isUnsent: false });
    const abort = new AbortController();
    const arrived = new Promise<void>((resolve) => {
      server.answer = (stream) => {
        stream.on("close", () => ends.push(stream.rstCode));
        resolve();
      };
    });
    const aborted = failure(channel.unaryBytes("/a.B/C", REQUEST, { signal: abort.signal }));
    await arrived;
    abort.abort();
    expect((await aborted).name).toBe("AbortError");
    await expect.poll(() => ends, { timeout: 10_000 }).toEqual([http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_CANCEL]);
  });

  test("says that nothing was sent when nobody listens, or who does never says a word", async () => {
    const silent = net.createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    const sockets: net.Socket[] = [];
    silent.on("connection", (socket) => sockets.push(socket));
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo; // a TCP server's address is an AddressInfo
    expect(await failure(open(port).unaryBytes("/a.B/C", REQUEST, { timeoutMs: 100 }))).toMatchObject({ code: 4, isUnsent: true });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
    const channel = open(port);
    expect(await failure(channel.unaryBytes("/a.B/C", REQUEST))).toMatchObject({ code: 14, isUnsent: true, details: expect.stringContaining("ECONNREFUSED") });
    const server = new OddServer();
    servers.push(server);
    await server.listen(port);
    await expect.poll(() => channel.unaryBytes("/a.B/C", REQUEST).then(String, () => ""), { timeout: 10_000 }).toBe("request");
  });

  test("goes to a new connection when a server says goodbye, and lets what runs on the old one end", async () => {
    const { server, channel } = await start();
    const running = new Promise<ServerHttp2Stream>((resolve) => (server.answer = resolve));
    const first = channel.unaryBytes("/a.B/C", REQUEST);
    const stream = await running;
    server.answer = echo;
    server.sessions[0]?.goaway(http2.constants.NGHTTP2_NO_ERROR);
    await expect.poll(async () => (await channel.unaryBytes("/a.B/C", REQUEST), server.sessions.length), { timeout: 10_000 }).toBe(2);
    reply(stream, [Buffer.from("late")], { "grpc-status": "0" });
    expect(String(await first)).toBe("late");
  });

  test("reads a stream of answers no faster than they are taken, and cancels it when the reader leaves", async () => {
    const { server, channel } = await start();
    const message = Buffer.from(toBinary(RangeResponseSchema, create(RangeResponseSchema, { kvs: [{ value: Buffer.alloc(100_000) }] })));
    let sent = 0;
    const closed = new Promise<number>((resolve) => {
      server.answer = (stream) => {
        stream.respond(HEAD, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" })).on("close", () => resolve(stream.rstCode));
        const more = () => {
          while (sent < 1_000 && stream.writable) if ((sent++, !stream.write(frameMessage(message)))) return void stream.once("drain", more);
          stream.end();
        };
        more();
      };
    });
    let taken = 0;
    for await (const { kvs } of channel.serverStream(KV.method.range, {})) {
      expect(kvs[0]?.value).toHaveLength(100_000);
      if (++taken === 60) break;
    }
    expect(await closed).toBe(http2.constants.NGHTTP2_CANCEL);
    expect(sent).toBeLessThan(500);
  });

  test("gives a whole stream of answers, and then what became of it", async () => {
    const { server, channel } = await start();
    const message = (count: bigint) => Buffer.from(toBinary(RangeResponseSchema, create(RangeResponseSchema, { count })));
    server.answer = (stream) =>
      reply(
        stream,
        Array.from({ length: 300 }, (_, index) => message(BigInt(index))),
        { "grpc-status": "10", "grpc-message": "enough" },
      );
    const counts: bigint[] = [];
    const read = async () => {
      for await (const { count } of channel.serverStream(KV.method.range, {})) counts.push(count);
    };
    await expect(read()).rejects.toThrow("rpc error: code = Aborted desc = enough");
    expect(counts).toEqual(Array.from({ length: 300 }, (_, index) => BigInt(index)));
  });

  test("knows a server by its certificate, and shows its own", async () => {
    const lifetime = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
    const authority = await createAuthority("ours", lifetime.notBeforeMs, lifetime.notAfterMs);
    const serving = await issueCertificate(authority, { commonName: "server", usage: "serving", ipAddresses: ["127.0.0.1"], ...lifetime });
    const operator = await issueCertificate(authority, { commonName: "operator", usage: "client", ...lifetime });
    const strict = { cert: serving.certificate, key: serving.key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true };
    const { port, channel } = await start(strict, { ca: authority.certificate, ...operator });
    expect(String(await channel.unaryBytes("/a.B/C", REQUEST))).toBe("request");
    const stranger = await createAuthority("theirs", lifetime.notBeforeMs, lifetime.notAfterMs);
    expect(await failure(open(port, { ca: stranger.certificate, ...operator }).unaryBytes("/a.B/C", REQUEST))).toMatchObject({ code: 14, isUnsent: true });
    expect(await failure(open(port, { ca: authority.certificate }).unaryBytes("/a.B/C", REQUEST))).toMatchObject({ code: 14, isUnsent: true });
  });

  test("fails what runs, and what is asked of it later, when it is closed", async () => {
    const { server, channel } = await start();
    const arrived = new Promise<void>((resolve) => (server.answer = () => resolve()));
    const running = failure(channel.unaryBytes("/a.B/C", REQUEST));
    await arrived;
    channel.close();
    expect(await running).toMatchObject({ code: 14, isUnsent: false });
    expect(await failure(channel.unaryBytes("/a.B/C", REQUEST))).toMatchObject({ code: 14, details: "Channel closed", isUnsent: true });
  });

  test("is closed in a turn of its own, not in the middle of what is being read", async () => {
    const { server, port } = await start();
    server.answer = (stream) => {
      stream.respond(HEAD);
      stream.write(frameMessage(Buffer.from("first of many")));
    };
    const connection = new GrpcConnection({ address: `127.0.0.1:${port}` });
    const session = await connection.connect();
    const isOpenWhileRead = await new Promise<boolean>((resolve) => {
      const message = (): void => {
        connection.close();
        resolve(!session.destroyed);
      };
      new GrpcCall(connection, "/a.B/C", 1 << 20, {}, { message, end: () => {} }).send(REQUEST, false);
    });
    expect(isOpenWhileRead).toBe(true);
    await once(session, "close");
  });
});
