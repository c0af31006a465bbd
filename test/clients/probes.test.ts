import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import type { Runtime } from "../../node-agent/cri/runtime.ts";
import { runProbe } from "../../node-agent/pods/probes.ts";

describe("an HTTP probe", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.closeAllConnections();
  });
  const serve = async (answer: Parameters<typeof createServer>[1]) => {
    const server = createServer(answer!).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return (server.address() as AddressInfo).port; // it listens on a port
  };
  const probe = (port: number) => runProbe({} as Runtime, { httpGet: { port, path: "/x" }, timeoutSeconds: 1 }, { name: "main" }, "id", "127.0.0.1"); // the runtime is for probes by command

  test("is content with any code from 200 to 399, and says which other it got", async () => {
    for (const [code, isOk] of [[200, true], [302, true], [399, true], [400, false], [503, false]] as const) {
      const port = await serve((_, response) => void response.writeHead(code).end());
      expect(await probe(port)).toMatchObject({ isOk, ...(isOk ? {} : { message: `HTTP probe failed with statuscode: ${code}` }) });
    }
  });

  test("does not wait longer than its timeout, also when something arrives all the time", async () => {
    const port = await serve((_, response) => {
      const timer = setInterval(() => response.writeEarlyHints({ link: "</a>; rel=preload" }), 100);
      response.on("close", () => clearInterval(timer));
    });
    const outcome = await probe(port);
    expect(outcome).toEqual({ isOk: false, message: `Get "http://127.0.0.1:${port}/x": no answer within 1 s` });
  });

  test("says who did not answer", async () => expect((await probe(1)).message).toContain('Get "http://127.0.0.1:1/x": connect ECONNREFUSED'));
});
