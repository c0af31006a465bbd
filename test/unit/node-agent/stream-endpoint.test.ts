import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { StreamingRuntime } from "../../../node-agent/cri/streaming-runtime.ts";
import { SpdyReader } from "../../../node-agent/streaming/spdy-frames.ts";
import { connectStream, type StreamTarget } from "../../../node-agent/streaming/stream-endpoint.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const STDIN = 0;
const RESIZE = 4;
const CLOSE = 255;
const message = (channel: number, text: string) => Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens
}

/** A client of a terminal, connected through the endpoint with a runtime that accepts every stream and keeps what is written to it. */
async function aTerminal(protocol: string) {
  const clock = new VirtualClock();
  const heard: string[] = [];
  const runtime = createServer().on("upgrade", (request, socket) => {
    const reader = new SpdyReader();
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${request.headers.upgrade ?? ""}\r\n\r\n`);
    socket.on("error", () => {}); // the client leaves first
    socket.on("data", (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; at += 8 + bytes.readUIntBE(at + 5, 3))
        if (bytes.readUInt32BE(at) === 0x8003_0001) socket.write(Buffer.concat([Buffer.from("8003000200000004", "hex"), bytes.subarray(at + 8, at + 12)]));
      for (const frame of reader.read(bytes)) if (frame.is === "data") heard.push(frame.isLast ? "the end" : frame.payload.toString());
    });
  });
  const url = new URL(`http://${await listen(runtime)}/exec`);
  const streaming: StreamingRuntime = { exec: async () => url, attach: async () => url, portForward: async () => url, close() {} };
  const target: StreamTarget = { do: "exec", containerId: "c", command: ["sh"], options: { stdin: true, stdout: true, stderr: false, tty: true } };
  const endpoint = createServer().on("upgrade", (request, socket, head) => void connectStream({ streaming, clock }, target, { request, socket, head }));
  const client = new WebSocket(`ws://${await listen(endpoint)}/exec`, protocol);
  await new Promise((resolve) => client.once("message", resolve));
  return { client, clock, heard };
}

test.each(["v4.channel.k8s.io", "v5.channel.k8s.io"])("of a flood of terminal sizes in %s the runtime gets few", async (protocol) => {
  const { client, clock, heard } = await aTerminal(protocol);
  expect(client.protocol).toBe(protocol);
  for (let width = 1; width <= 100; width++) client.send(message(RESIZE, `{"Width":${width},"Height":24}`));
  client.send(message(STDIN, "typed"));
  await expect.poll(() => heard).toEqual(['{"Width":1,"Height":24}', "typed"]);
  await clock.advance(1_000);
  await expect.poll(() => heard).toEqual(['{"Width":1,"Height":24}', "typed", '{"Width":100,"Height":24}']);
  client.terminate();
});

test.each([
  ["v4.channel.k8s.io", ["typed"]],
  ["v5.channel.k8s.io", ["the end", "typed"]],
])("whether %s has a word for the end of stdin: %j", async (protocol, expected) => {
  const { client, heard } = await aTerminal(protocol);
  client.send(Buffer.from([CLOSE, STDIN]));
  client.send(message(STDIN, "typed"));
  await expect.poll(() => heard).toEqual(expected);
  client.terminate();
});
