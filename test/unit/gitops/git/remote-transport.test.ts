import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureHostedRepository } from "../../../../engine/gitops/git/hosted-repository.ts";
import { runGit } from "../../../../engine/gitops/git/native-git.ts";
import { parseRemoteAddress } from "../../../../engine/gitops/git/remote-address.ts";
import { openRemoteTransport } from "../../../../engine/gitops/git/remote-transport.ts";
import { gitAccessEnvironment, type RepositoryAccess } from "../../../../engine/gitops/git/repository-access.ts";
import { startGitServer } from "../../../../engine/gitops/push/git-server.ts";
import { NEVER } from "../../../../engine/lib/abort.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../../kit/git.ts";

let remote: TestRepository;
let folder: string;
const cleanups: (() => Promise<unknown> | void)[] = [];
beforeEach(async () => {
  remote = await createTestRepository();
  folder = mkdtempSync(path.join(os.tmpdir(), "ms-transport-"));
  await ensureHostedRepository(path.join(folder, "mirror.git"), "main");
  cleanups.push(
    () => remote[Symbol.dispose](),
    () => rmSync(folder, { recursive: true, force: true }),
  );
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const describeChain = (error: unknown): string => (error instanceof Error ? `${error.message}: ${describeChain(error.cause)}` : "");
const failureOf = (work: Promise<unknown>) => work.then(() => "no failure", describeChain);

function transportTo(address: string, access: RepositoryAccess = {}) {
  const parsed = parseRemoteAddress(address);
  return openRemoteTransport(path.join(folder, "mirror.git"), parsed, () => gitAccessEnvironment({ ...parsed.credentials, ...access }, parsed.url, path.join(folder, "access")));
}

/** A server that answers as it is told to. Gives the address of its repository. */
async function serve(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/r.git`;
}

/** The remote behind HTTP, and what each request for it was authorised by; without the right password nobody is let in. */
async function serveRemote(password?: string) {
  const stop = new AbortController();
  const server = await startGitServer({ root: path.dirname(remote.gitDir), address: "127.0.0.1", port: 0, logger: silentLogger });
  const ended = server.run(stop.signal);
  cleanups.push(() => (stop.abort(), ended));
  const seen: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    seen.push(request.headers.authorization);
    if (password !== undefined && request.headers.authorization !== password) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
    const inner = http.request({ port: server.port, path: request.url, method: request.method, headers: request.headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(response);
    });
    request.pipe(inner);
  });
  return { url, seen };
}

const BASIC = `Basic ${Buffer.from("bot:p@ss w").toString("base64")}`;

describe("a remote over HTTP", () => {
  test("is listed, fetched shallow and then deeper, and pushed to", async () => {
    for (const name of ["a", "b", "c"]) await remote.commit({ [`${name}.yaml`]: configMapYaml(name) });
    const { url } = await serveRemote();
    const transport = transportTo(url);
    const tip = await remote.tip();
    expect(await transport.listRefs(["refs/heads/"], NEVER)).toEqual(new Map([["refs/heads/main", tip]]));
    expect(await transport.fetch("refs/heads/main", NEVER, 2)).toBe(tip);
    const count = async (commit: string) => (await runGit({ gitDir: path.join(folder, "mirror.git"), args: ["rev-list", "--count", commit] })).stdout.toString().trim();
    expect(await count(tip ?? "")).toBe("2");
    const next = await remote.commit({ "d.yaml": configMapYaml("d") });
    expect(await transport.fetch("refs/heads/main", NEVER)).toBe(next);
    expect(await count(next)).toBe("3");
    expect(await transport.push("refs/heads/status/x", undefined, next)).toEqual({ is: "pushed" });
    expect(await remote.tip("status/x")).toBe(next);
    expect(await transport.push("refs/heads/status/x", undefined, tip)).toMatchObject({ is: "conflict" });
    expect(await transport.push("refs/heads/status/x", next, undefined)).toEqual({ is: "pushed" });
    expect(await remote.tip("status/x")).toBeUndefined();
  });

  test("several fetches at once each give their own commit", async () => {
    const branches = ["one", "two", "three"];
    const tips: string[] = [];
    for (const branch of branches) tips.push(await remote.commit({ "a.yaml": configMapYaml(branch) }, branch, branch));
    const transport = transportTo((await serveRemote()).url);
    expect(await Promise.all(branches.map((branch) => transport.fetch(`refs/heads/${branch}`, NEVER)))).toEqual(tips);
  });

  test.each([
    ["the address", (url: string) => transportTo(url.replace("//", "//bot:p%40ss%20w@"))],
    ["a Secret", (url: string) => transportTo(url, { username: "bot", password: "p@ss w\n" })],
  ])("is let in by the password of %s, which is in no message", async (_, open) => {
    const tip = await remote.commit({ "a.yaml": configMapYaml("a") });
    const { url, seen } = await serveRemote(BASIC);
    expect(await open(url).fetch("refs/heads/main", NEVER)).toBe(tip);
    expect(seen.at(-1)).toBe(BASIC);
    const other = await serveRemote("Basic other");
    const failure = await failureOf(open(other.url).listRefs(["refs/"], NEVER));
    expect(failure).toContain("Authentication failed: the remote does not accept the password of the Secret, or of the address");
    expect(failure).not.toMatch(/p@ss|p%40ss/);
  });

  test.each([
    ["nothing", {}],
    ["a token that is not accepted", { bearerToken: "old" }],
  ])("that wants a password is told of in the words of the Secret: of one with %s", async (_, access) => {
    const { url } = await serveRemote(BASIC);
    expect(await failureOf(transportTo(url, access).listRefs(["refs/"], NEVER))).toContain(
      "the remote lets nobody in without a password: the Secret has none (username and password), or its bearerToken is not accepted",
    );
  });

  test("that leads to another host does not get the password shown there, nor the token, which is not taken along at all", async () => {
    await remote.commit({ "a.yaml": configMapYaml("a") });
    const thief = await serveRemote(BASIC);
    const leading = await serve((request, response) => {
      if (request.headers.authorization === undefined) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
      response.writeHead(302, { location: thief.url.replace("/r.git", request.url ?? "").replace("127.0.0.1", "localhost") }).end();
    });
    expect(await failureOf(transportTo(leading, { username: "bot", password: "p@ss w" }).listRefs(["refs/"], NEVER))).not.toBe("no failure");
    expect(thief.seen.filter((header) => header !== undefined)).toEqual([]);
    expect(await failureOf(transportTo(leading, { bearerToken: "secret" }).listRefs(["refs/"], NEVER))).toContain("the remote leads to another address");
    expect(thief.seen.filter((header) => header !== undefined)).toEqual([]);
  });

  test("that leads to a file of this machine is not followed there", async () => {
    await remote.commit({ "a.yaml": configMapYaml("a") });
    const leading = await serve((request, response) => void response.writeHead(302, { location: `file://${remote.gitDir}${(request.url ?? "").replace("/r.git", "")}` }).end());
    expect(await failureOf(transportTo(leading).listRefs(["refs/"], NEVER))).toMatch(/not supported or disabled|Protocol/);
  });

  test("that never ends listing its refs is given up, and takes no memory of this process", async () => {
    const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, "0")}${text}`;
    const refs = Array.from({ length: 2_000 }, (_, index) => line(`${createHash("sha1").update(String(index)).digest("hex")} refs/heads/${"x".repeat(60_000)}${index}\n`)).join("");
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-type": "application/x-git-upload-pack-advertisement" });
      response.write(`${line("# service=git-upload-pack\n")}0000`);
      const more = () => {
        while (!response.destroyed && response.write(refs));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    const before = process.memoryUsage().rss;
    expect(await failureOf(transportTo(url).listRefs(["refs/"], NEVER))).toContain("list the refs of the remote");
    expect(process.memoryUsage().rss - before).toBeLessThan(1 << 30);
  }, 100_000);

  test("whose pack is not whole leaves nothing of it on the disk", async () => {
    const tip = await remote.commit(
      Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`${index}.yaml`, configMapYaml(`m${index}`, { key: createHash("sha512").update(String(index)).digest("hex") })])),
    );
    const whole = await serveRemote();
    const url = await serve((request, response) => {
      const inner = http.request({ port: Number(new URL(whole.url).port), path: request.url, method: request.method, headers: request.headers }, (reply) => {
        response.writeHead(reply.statusCode ?? 500, { "content-type": reply.headers["content-type"] ?? "" });
        let sent = 0;
        reply.on("data", (chunk: Buffer) => {
          sent += chunk.length;
          response.write(chunk);
          if (sent > 20_000) response.destroy();
        });
        reply.on("end", () => response.end());
      });
      request.pipe(inner);
    });
    expect(tip).toBeDefined();
    const packs = path.join(folder, "mirror.git/objects/pack");
    mkdirSync(packs, { recursive: true });
    writeFileSync(path.join(packs, "tmp_pack_older"), "of a fetch before");
    expect(await failureOf(transportTo(url).fetch("refs/heads/main", NEVER))).toContain("fetch from the remote");
    expect(readdirSync(packs).filter((name) => name.startsWith("tmp_"))).toEqual([]);
  });
});

test("a remote that keeps its objects under another hash is told of in words", async () => {
  const gitDir = path.join(folder, "sha256.git");
  await runGit({ args: ["init", "-q", "--bare", "--object-format=sha256", "-b", "main", gitDir] });
  const tree = (await runGit({ gitDir, args: ["mktree"], input: "" })).stdout.toString("utf8").trim();
  const commit = (await runGit({ gitDir, args: ["-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "x", tree] })).stdout.toString("utf8").trim();
  await runGit({ gitDir, args: ["update-ref", "refs/heads/main", commit] });
  expect(await failureOf(transportTo(gitDir).fetch("refs/heads/main", NEVER))).toContain("the remote keeps its objects under another hash than SHA-1");
});

test("Git is stopped where it writes more than it may", async () => {
  const input = randomBytes(4 << 20);
  const gitDir = path.join(folder, "mirror.git");
  const hash = (limits: { readonly fileBytes: number }) => runGit({ gitDir, args: ["hash-object", "-w", "--stdin"], input, limits });
  expect((await hash({ fileBytes: 1 << 20 })).code).not.toBe(0);
  expect((await hash({ fileBytes: 8 << 20 })).code).toBe(0);
});

describe("an address", () => {
  test.each([
    ["https://host/r.git", ["https"]],
    ["http://host/r.git", ["http", "https"]],
    ["ssh://git@host/r.git", ["ssh"]],
    ["git@host:r.git", ["ssh"]],
    ["/srv/r.git", ["file"]],
    ["file:///srv/r.git", ["file"]],
  ])("%s is reached by %s alone", (address, protocols) => {
    expect(parseRemoteAddress(address)).toEqual({ url: address, protocols });
  });

  test.each(["ext::sh -c touch% x", "file::/srv/r.git", "--upload-pack=touch x", "-x", "gopher://host/r.git"])("%s is refused", (address) => {
    expect(() => parseRemoteAddress(address)).toThrow(/is not the address of a repository|is no protocol that repositories are reached by/);
  });

  test("is kept apart from the password in it", () => {
    expect(parseRemoteAddress("https://bot:p%40ss@host/r.git")).toEqual({
      url: "https://host/r.git",
      credentials: { username: "bot", password: "p@ss" },
      protocols: ["https"],
    });
  });
});
