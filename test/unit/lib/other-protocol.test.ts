import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { connect, type AddressInfo, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { silentLogger } from "../../../engine/lib/log.ts";
import { answerPlainHttp, logTlsClients } from "../../../engine/lib/net/other-protocol.ts";

test.each<[string, () => Server]>([
  ["HTTPS", () => https.createServer()],
  ["HTTP/2", () => http2.createSecureServer({ allowHTTP1: true })],
])("a server of %s tells who sends it HTTP so, and nobody else", async (_protocol, create) => {
  const server = create();
  answerPlainHttp(server);
  for (const method of ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
    expect(await answerTo(server, `${method} /version HTTP/1.1\r\nhost: localhost\r\n\r\n`)).toMatch(/^HTTP\/1\.0 400 Bad Request\r\n[^]*\r\n\r\nClient sent an HTTP request to an HTTPS server\.\n$/);
  expect(await answerTo(server, "EHLO localhost\r\n")).not.toContain("HTTP");
});

test("a server of HTTP logs who begins with TLS, not each of many, and no other nonsense", async () => {
  const server = http.createServer();
  const told: unknown[] = [];
  let nowMs = 0;
  logTlsClients(server, { ...silentLogger, warn: (message, fields) => void told.push([message, fields]) }, { monotonic: () => nowMs });
  server.on("clientError", (_error, socket) => socket.destroy());
  await answerTo(server, "EHLO localhost\r\n");
  for (nowMs of [0, 1, 59_999, 60_000]) await answerTo(server, "\x16\x03\x01\x00\xf4\x01");
  const line = "a client wanted HTTPS of a port that serves HTTP";
  expect(told).toEqual([
    [line, { from: "127.0.0.1" }],
    [line, { from: "127.0.0.1", othersBefore: 2 }],
  ]);
});

/** All that a server says to what is sent to it, until it closes the connection. */
async function answerTo(server: Server, sent: string): Promise<string> {
  if (!server.listening) await once(server.listen(0, "127.0.0.1"), "listening");
  server.unref();
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1"); // it listens on a port
  socket.write(Buffer.from(sent, "latin1"));
  return text(socket);
}
