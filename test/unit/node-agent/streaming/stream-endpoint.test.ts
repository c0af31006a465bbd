import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { StreamingRuntime } from "../../../../node-agent/cri/streaming-runtime.ts";
import { SpdyReader } from "../../../../node-agent/streaming/spdy-frames.ts";
import { connectStream, type StreamTarget } from "../../../../node-agent/streaming/stream-endpoint.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

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

/** An endpoint for such a target, whose runtime answers requests to switch protocols so. */
async function anEndpoint(target: StreamTarget, onUpgrade: (request: IncomingMessage, socket: Duplex) => void, clock = new VirtualClock()): Promise<string> {
  const url = new URL(`http://${await listen(createServer().on("upgrade", onUpgrade))}/stream`);
  const streaming: StreamingRuntime = { exec: async () => url, attach: async () => url, portForward: async () => url, close() {} };
  return listen(createServer().on("upgrade", (request, socket, head) => void connectStream({ streaming, clock }, target, { request, socket, head }).catch(() => socket.destroy())));
}

const terminal: StreamTarget = { do: "exec", containerId: "c", command: ["sh"], options: { stdin: true, stdout: true, stderr: false, tty: true } };

/** A client of a terminal, connected through the endpoint with a runtime that accepts every stream and keeps what is written to it. */
async function aTerminal(protocol: string | string[]) {
  const clock = new VirtualClock();
  const heard: string[] = [];
  const endpoint = await anEndpoint(
    terminal,
    (request, socket) => {
      const reader = new SpdyReader();
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${request.headers.upgrade ?? ""}\r\n\r\n`);
      socket.on("error", () => {}); // the client leaves first
      socket.on("data", (bytes: Buffer) => {
        for (let at = 0; at < bytes.length; at += 8 + bytes.readUIntBE(at + 5, 3))
          if (bytes.readUInt32BE(at) === 0x8003_0001) socket.write(Buffer.concat([Buffer.from("8003000200000004", "hex"), bytes.subarray(at + 8, at + 12)]));
        for (const frame of reader.read(bytes)) if (frame.is === "data") heard.push(frame.isLast ? "the end" : frame.payload.toString());
      });
    },
    clock,
  );
  const client = new WebSocket(`ws://${endpoint}/exec`, protocol);
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
  ["v4.channel.k8s.io", ["typed", "{"]],
  ["v5.channel.k8s.io", ["the end", "{"]],
])("whether %s has a word for the end of stdin, after which nothing of it is passed on: %j", async (protocol, expected) => {
  const { client, heard } = await aTerminal(protocol);
  client.send(Buffer.from([CLOSE, STDIN]));
  client.send(message(STDIN, "typed"));
  client.send(message(RESIZE, "{"));
  await expect.poll(() => heard).toEqual(expected);
  client.terminate();
});

test.each([
  ["no channel", []],
  ["two", [STDIN, STDIN]],
  ["none that there is", [RESIZE + 1]],
])("who closes %s in v5 is let go", async (_what, channels) => {
  const { client } = await aTerminal("v5.channel.k8s.io");
  const closed = new Promise<number>((resolve) => client.once("close", resolve));
  client.send(Buffer.from([CLOSE, ...channels]));
  expect(await closed).toBe(1000);
});

test("v5 is spoken with who offers it, wherever it stands in the offer", async () => {
  const { client } = await aTerminal(["v4.channel.k8s.io", "channel.k8s.io", "v5.channel.k8s.io"]);
  expect(client.protocol).toBe("v5.channel.k8s.io");
  client.terminate();
});

test("who prefers an older protocol to v4, or names none, is answered by the runtime", async () => {
  const offers: (string | undefined)[] = [];
  const endpoint = await anEndpoint(terminal, ({ headers }, socket) => {
    offers.push(headers["sec-websocket-protocol"]);
    socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno\n");
  });
  for (const offered of [["v4.base64.channel.k8s.io", "v4.channel.k8s.io"], ["channel.k8s.io"], []]) {
    const refused = new Promise<string>((resolve) => new WebSocket(`ws://${endpoint}/exec`, offered).once("error", (error) => resolve(error.message)));
    expect(await refused).toContain("403");
  }
  expect(offers).toEqual(["v4.base64.channel.k8s.io,v4.channel.k8s.io", "channel.k8s.io", undefined]);
});

/** What one gets that asks for a tunnel by these protocols of SPDY. */
function askForTunnel(endpoint: string, protocols: string): Promise<{ readonly code: number; readonly protocol: string | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-protocol": protocols };
    const asking = request(`http://${endpoint}/portForward`, { headers, agent: false });
    asking.on("upgrade", ({ statusCode = 0, headers }, socket) => {
      socket.destroy();
      resolve({ code: statusCode, protocol: headers["sec-websocket-protocol"], text: "" });
    });
    asking.on("response", async (response) => {
      let text = "";
      for await (const chunk of response) text += String(chunk);
      resolve({ code: response.statusCode ?? 0, protocol: undefined, text });
    });
    asking.on("error", reject).end();
  });
}

test("of the protocols that a tunnel may carry the runtime takes one, or says that it knows none", async () => {
  const known = "portforward.k8s.io";
  const endpoint = await anEndpoint({ do: "portForward", sandboxId: "s", ports: [] }, ({ headers }, socket) => {
    socket.on("error", () => {}); // the client leaves first
    const offered = String(headers["x-stream-protocol-version"]).split(", ");
    if (offered.includes(known)) socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nx-stream-protocol-version: ${known}\r\n\r\n`);
    else socket.end(`HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\nunable to negotiate protocol: client supports [${offered.join(" ")}]`);
  });
  expect(await askForTunnel(endpoint, `SPDY/3.1+v2.${known}, SPDY/3.1+${known}`)).toEqual({ code: 101, protocol: `SPDY/3.1+${known}`, text: "" });
  expect(await askForTunnel(endpoint, `SPDY/3.1+v2.${known}`)).toEqual({ code: 403, protocol: undefined, text: `unable to negotiate protocol: client supports [v2.${known}]` });
});
