import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createNetServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import type { Runtime } from "../../node-agent/cri/runtime.ts";
import { runHook } from "../../node-agent/pods/probes/lifecycle-hook.ts";
import type { PodContext } from "../../node-agent/pods/pod-context.ts";
import { runProbe } from "../../node-agent/pods/probes/probes.ts";

const portOf = (request: IncomingMessage) => request.socket.localPort;

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
    for (const [code, isOk] of [
      [200, true],
      [302, true],
      [399, true],
      [400, false],
      [503, false],
    ] as const) {
      const port = await serve((_, response) => void response.writeHead(code).end());
      expect(await probe(port)).toMatchObject({ isOk, ...(isOk ? {} : { message: `HTTP probe failed with statuscode: ${code}` }) });
    }
  });

  test("follows redirects to the same host, however often it may, and takes one that leads elsewhere for well, with a warning", async () => {
    const port = await serve((request, response) => {
      const places: Readonly<Record<string, string>> = { "/x": `http://127.0.0.1:${portOf(request)}/here?a=1`, "/here?a=1": "bad", "/away": "http://192.0.2.1/", "/round": "/round" };
      const location = places[request.url ?? ""];
      response.writeHead(location === undefined ? 500 : 302, { ...(location === undefined ? {} : { location }) }).end("look there");
    });
    const probeAt = (path: string) => runProbe({} as Runtime, { httpGet: { port, path }, timeoutSeconds: 5 }, { name: "main" }, "id", "127.0.0.1"); // as above
    expect(await probeAt("/x")).toMatchObject({ isOk: false, message: "HTTP probe failed with statuscode: 500" });
    expect(await probeAt("/away")).toMatchObject({ isOk: true, warning: "Probe terminated redirects, Response body: look there" });
    expect(await probeAt("/round")).toMatchObject({ isOk: false, message: `Get "http://127.0.0.1:${port}/round": stopped after 10 redirects` });
  });

  test("does not wait longer than its timeout, also when something arrives all the time", async () => {
    const port = await serve((_, response) => {
      const timer = setInterval(() => response.writeEarlyHints({ link: "</a>; rel=preload" }), 100);
      response.on("close", () => clearInterval(timer));
    });
    const outcome = await probe(port);
    expect(outcome).toEqual({ isOk: false, message: `Get "http://127.0.0.1:${port}/x": context deadline exceeded (Client.Timeout exceeded while awaiting headers)` });
  });

  test("fails where the answer is a change of protocol", async () => {
    const port = await serve((request) => void request.socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"));
    expect(await probe(port)).toEqual({ isOk: false, message: `Get "http://127.0.0.1:${port}/x": the answer is a change of protocol (101), which was not asked for` });
  });

  test("reads no more of an answer than it may show, however long there is time for it", async () => {
    let isGivenUp = false;
    const port = await serve((_, response) => {
      response.on("close", () => (isGivenUp = true)).writeHead(200);
      const write = () => void (response.destroyed || response.write(Buffer.alloc(65_536), write));
      write();
    });
    expect(await runProbe({} as Runtime, { httpGet: { port }, timeoutSeconds: 3600 }, { name: "main" }, "id", "127.0.0.1")).toMatchObject({ isOk: true }); // as above
    await expect.poll(() => isGivenUp).toBe(true);
  });

  test("takes answers whose lines end with a line feed alone, as small servers write them", async () => {
    const server = createNetServer((socket) => void socket.once("data", () => socket.end("HTTP/1.1 200 OK\nContent-Type: text/plain\n\nok")).on("error", () => {})).listen(0, "127.0.0.1");
    await once(server, "listening");
    expect(await probe((server.address() as AddressInfo).port)).toMatchObject({ isOk: true });
    server.close();
  });

  test("says who did not answer", async () => expect((await probe(1)).message).toContain('Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused'));
});

test("a hook asks with its headers, at the port that has the name, whatever time it has, and fails by the code", async () => {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    asked.push([request.url, request.headers["x-from"], request.headers["user-agent"]]);
    response.writeHead(request.url === "/bad" ? 500 : 200).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const container = { name: "main", ports: [{ name: "web", containerPort: (server.address() as AddressInfo).port }] };
  const run = (path: string, timeoutSeconds = 5) =>
    runHook({} as PodContext, {
      hook: { httpGet: { path, port: "web", httpHeaders: [{ name: "X-From", value: "hook" }] } },
      container,
      containerId: "id",
      podIp: "127.0.0.1",
      timeoutSeconds,
      signal: new AbortController().signal,
    }); // a hook over HTTP needs nothing of the node
  await run("/begin?a=b");
  // What is left of a pod's grace period is no whole number of anything, and may be months.
  await run("/end", 29.9876543);
  await run("/end", 10_000_000);
  await expect(run("/bad")).rejects.toThrow("hook answered 500");
  expect(asked).toEqual([
    ["/begin?a=b", "hook", "kube-lifecycle/1.36"],
    ["/end", "hook", "kube-lifecycle/1.36"],
    ["/end", "hook", "kube-lifecycle/1.36"],
    ["/bad", "hook", "kube-lifecycle/1.36"],
  ]);
  server.close();
});

test("a hook that nobody waits for any longer leaves no connection to whoever does not answer it", async () => {
  let isAsked = false;
  const server = createServer(() => (isAsked = true)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const open = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  const over = new AbortController();
  const { port } = server.address() as AddressInfo; // it listens on a port
  const hook = { httpGet: { port, path: "/begin" } };
  const ended = runHook({} as PodContext, { hook, container: { name: "main" }, containerId: "id", podIp: "127.0.0.1", timeoutSeconds: 3_600, signal: over.signal }); // as above
  await expect.poll(() => isAsked).toBe(true);
  over.abort();
  await expect(ended).rejects.toThrow("aborted");
  await expect.poll(open, { timeout: 5_000 }).toBe(0);
  server.closeAllConnections();
  server.close();
});
