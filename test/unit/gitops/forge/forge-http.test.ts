import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createForgeHttp, ForgeLimitError, ForgeRefusal, retryAfterMs } from "../../../../engine/gitops/forge/forge-http.ts";

const NOW = "Sat, 22 Aug 2026 10:00:00 GMT";

describe("when a forge with a limit is asked again", () => {
  test.each<[string, Record<string, string>, number]>([
    ["seconds", { "retry-after": "7" }, 7_000],
    ["a time, by the forge's own clock", { "retry-after": "Sat, 22 Aug 2026 10:00:30 GMT", date: NOW }, 30_000],
    ["GitHub's new count", { "x-ratelimit-reset": String(Date.parse(NOW) / 1000 + 600), date: NOW }, 600_000],
    ["GitLab's new count", { "ratelimit-reset": String(Date.parse(NOW) / 1000 + 60), date: NOW }, 60_000],
    ["never later than in an hour", { "retry-after": "31536000" }, 3_600_000],
    ["a time that is over", { "retry-after": "Sat, 22 Aug 2026 09:00:00 GMT", date: NOW }, 60_000],
    ["nothing that says when", {}, 60_000],
  ])("%s", (_name, headers, expected) => {
    expect(retryAfterMs(new Headers(headers))).toBe(expected);
  });
});

describe("what a forge answers", () => {
  let server: http.Server;
  afterEach(() => void server.close());

  async function ask(status: number, headers: Record<string, string>, body: string): Promise<Error> {
    server = http.createServer((_request, response) => void response.writeHead(status, headers).end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
    return createForgeHttp(api, "hush-token", "gitea")
      .get("/repos/ada/cluster/pulls", AbortSignal.timeout(10_000))
      .then(
        () => new Error("answered"),
        (error: Error) => error,
      );
  }

  test("a redirect is not followed, and says where to", async () => {
    const error = await ask(301, { location: "https://git.example.org/api/v1/repos/team/cluster/pulls?token=secret" }, "");
    expect(error).toBeInstanceOf(ForgeRefusal);
    expect(error.message).toMatch(/elsewhere, at https:\/\/git\.example\.org\/api\/v1\/repos\/team\/cluster\/pulls, .*forge of mainstay\.yaml$/);
  });

  test.each<[number, Record<string, string>, string]>([
    [429, {}, ""],
    [503, { "retry-after": "5" }, "back soon"],
    [403, { "x-ratelimit-remaining": "0" }, ""],
    [403, {}, JSON.stringify({ message: "You have exceeded a secondary rate limit." })],
  ])("%s with %j is a limit", async (status, headers, body) => {
    expect(await ask(status, headers, body)).toBeInstanceOf(ForgeLimitError);
  });

  test("is not unpacked: a forge that packs it all the same is told of", async () => {
    const error = await ask(200, { "content-encoding": "br" }, "\x0b\x02\x80{}\x03");
    expect(error.message).toBe("GET /repos/ada/cluster/pulls: the forge packs its answers (br), unasked");
  });

  test("may say of itself that it is not packed", async () => {
    expect((await ask(200, { "content-encoding": "identity" }, "{}")).message).toBe("answered");
  });

  test("may be 16 MiB long, and no longer", async () => {
    expect((await ask(200, {}, JSON.stringify("x".repeat(16 << 20)))).message).toBe("the answer is longer than 16777216 bytes");
  });

  test("another 403 is a refusal, in the forge's words and without the token", async () => {
    const error = await ask(403, {}, JSON.stringify({ message: "Resource not accessible by personal access token" }));
    expect(error).toMatchObject({ status: 403, message: "GET /repos/ada/cluster/pulls: 403 Resource not accessible by personal access token" });
  });
});
