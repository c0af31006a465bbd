import net, { type AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { exchangeHttp } from "../../../engine/lib/net/http-exchange.ts";

let server: net.Server;
afterEach(() => void server.close());

test.each<[string, string, string]>([
  ["goes over to another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n", "change of protocol (101)"],
  ["says how long it is and breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "aborted"],
  ["breaks off between its parts", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "aborted"],
  ["is none of HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "Parse Error"],
  ["is longer than what is taken", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(101)}`, "longer than 100 bytes"],
])("an answer that %s is an error", async (_what, answer, error) => {
  server = net.createServer((socket) => void socket.once("data", () => socket.end(answer)).on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await expect(exchangeHttp(url, { method: "GET", headers: {}, bytesMax: 100, signal: AbortSignal.timeout(10_000) })).rejects.toThrow(error);
});
