import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { randomInteger, seededRandom } from "../../engine/lib/random.ts";
import type { StreamingRuntime } from "../../node-agent/cri/streaming-runtime.ts";
import { SpdyReader } from "../../node-agent/streaming/spdy-frames.ts";
import { connectStream, type StreamTarget } from "../../node-agent/streaming/stream-endpoint.ts";
import { mutateBytes, pick } from "../kit/fuzz.ts";

/** The agent's end of exec and port-forward, before a runtime that accepts every stream and sends nothing. The real one is in test/node. */
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
let runtime: Server;
let agent: Server;
/** What the runtime has open, and the agent: a server does not close by itself what was switched to another protocol. */
const opened = new Set<Duplex>();
const clients = new Set<Duplex>();
let failures: unknown[] = [];

beforeAll(async () => {
  runtime = createServer();
  runtime.on("upgrade", (_request: IncomingMessage, socket: Duplex) => {
    opened.add(socket);
    socket
      .on("close", () => opened.delete(socket))
      .on("end", () => socket.destroy())
      .on("error", () => socket.destroy());
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
    const reader = new SpdyReader();
    socket.on("data", (bytes: Buffer) => {
      // Streams are numbered in the order in which they are asked for: 1, 3, 5.
      for (const frame of reader.read(bytes)) if (frame.is === "other") socket.write(reply((next += 2)));
    });
    let next = -1;
  });
  const url = await listen(runtime);
  const streaming: StreamingRuntime = {
    exec: async () => new URL(`${url}/exec/1`),
    attach: async () => new URL(`${url}/attach/1`),
    portForward: async () => new URL(`${url}/portforward/1`),
    close: () => {},
  };
  agent = createServer((_request, response) => void response.end("plain"));
  agent.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket)).on("error", () => socket.destroy());
    const target: StreamTarget =
      request.url === "/forward"
        ? { do: "portForward", sandboxId: "s", ports: [80] }
        : { do: "exec", containerId: "c", command: ["x"], options: { stdin: true, stdout: true, stderr: true, tty: false } };
    connectStream({ streaming, clock: systemClock }, target, { request, socket, head }).catch((error: unknown) => {
      failures.push(error);
      socket.destroy();
    });
  });
  await listen(agent);
});

afterAll(async () => {
  for (const socket of [...opened, ...clients]) socket.destroy();
  for (const server of [agent, runtime]) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function reply(streamId: number): Buffer {
  const frame = Buffer.alloc(16);
  frame.writeUInt16BE(0x8003, 0);
  frame.writeUInt16BE(2, 2); // SYN_REPLY
  frame.writeUInt32BE(8, 4);
  frame.writeUInt32BE(streamId, 8);
  return frame;
}

const handshake = (path: string, protocol: string) =>
  `GET ${path} HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;

/** A client's frame: masked, as the protocol wants it. */
function frame(opcode: number, payload: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

/** Sends everything, then waits until the other side has ended, or ends itself after a moment. */
function talk(chunks: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect((agent.address() as AddressInfo).port, "127.0.0.1");
    let text = "";
    socket
      .on("error", () => {})
      .on("data", (bytes) => (text += bytes.toString("latin1")))
      .on("close", () => resolve(text));
    for (const chunk of chunks) socket.write(chunk);
    socket.once("data", () => setTimeout(() => socket.destroy(), 30));
    setTimeout(() => socket.destroy(), 3_000).unref();
  });
}

test("spoilt frames end their own stream, and what the runtime had opened for it", async () => {
  const valid = Buffer.concat([
    frame(2, Buffer.from([0, 104, 105])),
    frame(2, Buffer.from([4, 123, 125])),
    frame(9, Buffer.from("ping")),
    frame(2, Buffer.from([255, 0])),
    frame(8, Buffer.from([3, 232])),
  ]);
  for (let round = 0; round < 120; round += 8) {
    await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const random = seededRandom(SEED * 1_000 + round + index);
        const hello = pick(random, [
          handshake("/exec", "v5.channel.k8s.io"),
          handshake("/exec", "v5.channel.k8s.io"),
          handshake("/forward", "SPDY/3.1+portforward.k8s.io"),
          handshake("/exec", "v4.channel.k8s.io"),
        ]);
        const start = random.next() < 0.2 ? mutateBytes(random, Buffer.from(hello)) : hello;
        return talk([start, ...Array.from({ length: 1 + randomInteger(random, 3) }, () => mutateBytes(random, valid))]);
      }),
    );
  }
  await expect.poll(() => opened.size, { timeout: 15_000 }).toBe(0);
  expect((await fetch(`http://127.0.0.1:${(agent.address() as AddressInfo).port}/`)).status).toBe(200);
});

test.each(["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="])("a handshake without %s is refused, and the runtime's stream is closed", async (line) => {
  failures = [];
  expect(await talk([handshake("/exec", "v5.channel.k8s.io").replace(`${line}\r\n`, "")])).toMatch(/^HTTP\/1\.1 400 /);
  await expect.poll(() => opened.size, { timeout: 15_000 }).toBe(0);
  await expect.poll(() => failures.map(String), { timeout: 15_000 }).toEqual(["Error: the client did not become a WebSocket"]);
});
