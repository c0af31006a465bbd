import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runGit } from "../../../../engine/gitops/git/native-git.ts";
import { Pages, type PageRequest, type PageSource } from "../../../../engine/gitops/pages/pages.ts";
import { startGitServer } from "../../../../engine/gitops/push/git-server.ts";
import { LOCAL_IDENTITY, type GitAccess, type GitIdentity } from "../../../../engine/gitops/push/git-access.ts";
import { isOwnName } from "../../../../engine/gitops/push/own-name.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { seededRandom } from "../../../../engine/lib/random.ts";
import { WorkThread } from "../../../../engine/lib/work-thread.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../../kit/git.ts";

const BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8";

describe("the pages of a repository", () => {
  let repository: TestRepository;
  let sources: readonly PageSource[];
  let pages: Pages;
  beforeEach(async () => {
    repository = await createTestRepository();
    sources = [{ name: "r", repository: "r-object", store: repository.store }];
    pages = new Pages(() => sources, silentLogger);
    await repository.commit({ "apps/a.yaml": configMapYaml("a"), "apps/b c.json": "{}", "bin.dat": Buffer.from([1, 0, 2]) });
    await repository.commit({ "README.md": "# local: [`4d4e`](deploys/x.md) fine\n", "apps/web.md": "# web\n" }, "status", "status/local");
  });
  afterEach(() => (vi.restoreAllMocks(), repository[Symbol.dispose]()));

  const ask = (address: string, request: Partial<PageRequest> = {}) =>
    pages.answer({ path: address, accept: BROWSER, ifNoneMatch: undefined, isLoggedIn: false, mayRead: async (name) => name === "r-object", ...request });
  const locationOf = async (address: string) => (await ask(address)).headers["location"];

  test("begin with the status, where there is one repository with one", async () => {
    expect(await locationOf("/")).toBe("/r/status/local/");
    expect(String((await ask("/")).body)).toBe("This page is at /r/status/local/\n");
    expect(await locationOf("/r.git")).toBe("/r/");
    expect(await locationOf("/r/status/local")).toBe("/r/status/local/");
    const { code, headers, body } = await ask("/r/status/local/");
    expect([code, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(body).toContain("<title>local: 4d4e fine</title>");
    expect(body).toContain('<a href="deploys/x.md"><code>4d4e</code></a>');
    expect(body).toContain('<nav><span><a href="/r/">r</a> / <a href="/r/status/local/">status/local</a></span></nav>');
    await repository.commit({ "README.md": "# other" }, "status", "status/other");
    const list = String((await ask("/")).body);
    expect(list).toContain('<a href="/r/">r</a>');
    expect(String((await ask("/r/")).body).match(/<a href="[^"]*">[^<]*<\/a>/g)).toEqual([
      '<a href="/r/status/local/">status/local</a>',
      '<a href="/r/status/other/">status/other</a>',
      '<a href="/r/main/">main</a>',
    ]);
  });

  test("show folders and files of every branch, as they are", async () => {
    expect((await ask("/r/main/apps/")).body).toContain('<li><a href="./a.yaml">a.yaml</a></li>\n<li><a href="./b%20c.json">b c.json</a></li>');
    expect((await ask("/r/main/apps/")).body).toContain('<nav><span><a href="/r/">r</a> / <a href="/r/main/">main</a> / <a href="/r/main/apps/">apps</a></span></nav>');
    expect((await ask("/r/status/local/apps/web.md")).body).toContain('<a href="/r/status/local/apps/">apps</a></span></nav>');
    const file = await ask("/r/main/apps/a.yaml");
    expect([file.headers["content-type"], String(file.body)]).toEqual(["text/plain; charset=utf-8", configMapYaml("a")]);
    expect((await ask("/r/main/apps/b%20c.json")).headers["content-type"]).toBe("application/json; charset=utf-8");
    expect((await ask("/r/main/bin.dat")).headers["content-type"]).toBe("application/octet-stream");
    expect((await ask("/r/status/local/apps/web.md")).body).toContain("<h1>web</h1>");
  });

  test("are there for branches of many parts", async () => {
    const branch = Array.from({ length: 20 }, (_, index) => `p${index}`).join("/");
    await repository.commit({ "a.yaml": "a: 1\n" }, "deep", branch);
    const [, address = ""] = new RegExp(`<a href="([^"]*)">${branch}</a>`).exec(String((await ask("/r/")).body)) ?? [];
    expect(await ask(address)).toMatchObject({ code: 200, body: expect.stringContaining("a.yaml") });
  });

  test("are Markdown for who does not ask for HTML", async () => {
    const { headers, body } = await ask("/r/status/local/", { accept: "*/*" });
    expect([headers["content-type"], String(body)]).toEqual(["text/markdown; charset=utf-8", "# local: [`4d4e`](deploys/x.md) fine\n"]);
  });

  test("are not sent again to who has them", async () => {
    const { headers } = await ask("/r/status/local/");
    expect(await ask("/r/status/local/", { ifNoneMatch: headers["etag"]! })).toMatchObject({ code: 304, body: "" });
    // A proxy that compresses marks it as weak, and a cache names all that it has.
    for (const ifNoneMatch of [`W/${headers["etag"]}`, `"other", ${headers["etag"]}`]) expect(await ask("/r/status/local/", { ifNoneMatch })).toMatchObject({ code: 304 });
    // The same commit in the other form is another answer.
    expect(await ask("/r/status/local/", { ifNoneMatch: headers["etag"]!, accept: "*/*" })).toMatchObject({ code: 200 });
    await repository.commit({ "README.md": "# new" }, "status", "status/local");
    expect(await ask("/r/status/local/", { ifNoneMatch: headers["etag"]! })).toMatchObject({ code: 200 });
  });

  test.each([
    "/r/nope/",
    "/r/main/nope",
    "/r/main/apps/a.yaml/x",
    "/r/..%2f..%2fetc",
    "/r/%2e%2e/%2e%2e/HEAD",
    "/r/main%00/",
    "/r/%ff/",
    "/q/",
    "/other/main/",
    "/r/main.lock/",
    `/r/${"ä".repeat(128)}/`,
    "/r.git/objects/info/packs",
  ])("are not there: %s", async (address) => {
    sources = [...sources, { name: "other", repository: "other-object", store: repository.store }];
    expect(await ask(address)).toMatchObject({ code: 404 });
  });

  test("are shown to who may read the repository, and nobody else learns of it", async () => {
    const mayRead = async () => false;
    expect(await ask("/r/main/", { mayRead })).toEqual(await ask("/q/main/", { mayRead }));
    expect(String((await ask("/", { mayRead })).body)).toContain("No repository that you may read is hosted here.");
    for (const address of ["/", "/r/main/"]) expect((await ask(address, { mayRead })).body).toContain("takes the verb fetch on repositories.mainstay.dev");
  });

  test("have no picture for a browser's tab", async () => {
    expect(await ask("/favicon.ico")).toMatchObject({ code: 204, body: "" });
  });

  test("are not laid out where that would take long, or make a page of any length", async () => {
    await repository.commit({ "README.md": `# long\n${"x".repeat(512 << 10)}`, "links.md": `[a]: /${"x".repeat(20 << 10)}\n\n${"[a] ".repeat(16 << 10)}` });
    for (const address of ["/r/main/", "/r/main/links.md"]) {
      expect((await ask(address)).headers["content-type"]).toBe("text/plain; charset=utf-8");
      expect((await ask(address, { accept: "*/*" })).headers["content-type"]).toBe("text/markdown; charset=utf-8");
    }
  });

  test("leave everybody else their turn while a text is laid out that was made to be slow, once for all who look", async () => {
    await repository.commit({ "slow.md": "[".repeat(128 << 10) });
    const runs = vi.spyOn(WorkThread.prototype, "run");
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    const [page, beside] = await Promise.all([ask("/r/main/slow.md"), ask("/r/main/slow.md")]);
    clearInterval(turning);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(turns).toBeGreaterThan(50);
    expect([beside, await ask("/r/main/slow.md")]).toEqual([page, page]);
    expect(runs).toHaveBeenCalledTimes(1);
  });

  test("keep their readers waiting when too many texts are to be laid out", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `${index}.md`);
    await repository.commit(Object.fromEntries(names.map((name) => [name, `# ${name}`])));
    const codes = (await Promise.all(names.map((name) => ask(`/r/main/${name}`)))).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set([200, 503]));
    expect((await ask("/r/main/39.md")).code).toBe(200);
  });

  test("say how many branches they leave out", async () => {
    const commit = await repository.tip();
    const branches = Array.from({ length: 1_003 }, (_, index) => `${commit} refs/heads/b${index}\n`);
    await writeFile(path.join(repository.gitDir, "packed-refs"), `# pack-refs with: peeled fully-peeled sorted \n${branches.toSorted().join("")}`);
    const { body } = await ask("/r/");
    expect(String(body).match(/<li>/g)).toHaveLength(1_000);
    expect(body).toContain("<p>5 more are not shown; git ls-remote");
  });

  test("say how many files of a folder they leave out", async () => {
    await repository.commit(Object.fromEntries(Array.from({ length: 1_002 }, (_, index) => [`many/${index}`, "x"])));
    const { body } = await ask("/r/main/many/");
    expect(String(body).match(/<li>/g)).toHaveLength(1_000);
    expect(body).toContain("<p>2 more are not shown; git clone");
  });

  test("have nothing read again for who follows them", async () => {
    const tag = (await ask("/r/status/local/")).headers["etag"]!;
    const reads = vi.spyOn(repository.store.objects, "tree");
    expect(await ask("/r/status/local/", { ifNoneMatch: tag })).toMatchObject({ code: 304, headers: { etag: tag } });
    expect(reads).not.toHaveBeenCalled();
    expect(await ask("/r/status/local/")).toMatchObject({ code: 200 });
    expect(reads).toHaveBeenCalled();
  });

  test("open each pack once", async () => {
    await runGit({ gitDir: repository.gitDir, args: ["repack", "-adq"] });
    const [index = ""] = (await readdir(path.join(repository.gitDir, "objects", "pack"))).filter((name) => name.endsWith(".idx"));
    expect((await ask("/r/main/apps/a.yaml")).code).toBe(200);
    await rm(path.join(repository.gitDir, "objects", "pack", index));
    expect((await ask("/r/main/apps/b%20c.json")).code).toBe(200);
  });

  test("do not read what is longer than any manifest", async () => {
    await repository.commit({ "long.txt": Buffer.alloc((16 << 20) + 1, 65) });
    expect(await ask("/r/main/long.txt")).toMatchObject({ code: 413 });
  });

  test("are asked for beside Git, by the same tokens", async () => {
    const asked: string[] = [];
    const identity: GitIdentity = { name: "jane", may: async (right, name) => (asked.push(`${right} ${name}`), true) };
    await using server = await serve(async (token) => (token === "Bearer right" ? { is: "known", identity } : { is: "refused", why: "who are you?" }));
    const get = (address: string, headers: Record<string, string> = {}, method = "GET") => fetch(`http://127.0.0.1:${server.port}${address}`, { headers, method, redirect: "manual" });
    const stranger = await get("/r/main/");
    expect([stranger.status, stranger.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="Mainstay Git", charset="UTF-8"']);
    const page = await get("/r/status/local/", { authorization: "Bearer right", accept: BROWSER });
    expect([page.status, page.headers.get("x-content-type-options")]).toEqual([200, "nosniff"]);
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(page.headers.get("cross-origin-resource-policy")).toBe("same-origin");
    const file = await get("/r/main/apps/a.yaml", { authorization: "Bearer right" });
    expect(file.headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'; sandbox");
    expect(asked).toEqual(["fetch r-object", "fetch r-object"]);
    expect((await get("/r/main/", { authorization: "Bearer right" }, "POST")).status).toBe(404);
    expect((await get("/r.git/info/refs?service=git-upload-pack", { authorization: "Bearer right" })).status).toBe(200);
  });

  test.each(["/r/main/", "/r.git/info/refs?service=git-upload-pack", "/r.git/info/refs?service=git-receive-pack"])(
    "are open to nobody by the name of a page elsewhere, as Git is, and ask who comes by another of their own who he is: %s",
    async (address) => {
      const statusOf = (port: number, host: string) =>
        new Promise<number | undefined>((resolve, reject) => {
          get({ host: "127.0.0.1", port, path: address, headers: { host } }, (answer) => resolve(answer.resume().statusCode)).on("error", reject);
        });
      await using open = await serve(async () => ({ is: "known", identity: LOCAL_IDENTITY }));
      expect([await statusOf(open.port, "localhost:6480"), await statusOf(open.port, "evil.example:6480")]).toEqual([200, 403]);
      await using closed = await serve(async () => ({ is: "refused", why: "who are you?" }));
      expect(await statusOf(closed.port, "git.example:6480")).toBe(401);
      await using known = await serve(async () => ({ is: "known", identity: { name: "jane", may: async () => true } }));
      expect(await statusOf(known.port, "git.example:6480")).toBe(200);
    },
  );

  test("have an address that Git can clone", async () => {
    await using server = await serve(async () => ({ is: "known", identity: LOCAL_IDENTITY }));
    const clone = path.join(path.dirname(repository.gitDir), "clone");
    const { code, stderr } = await runGit({ args: ["clone", "-q", "--branch", "main", `http://127.0.0.1:${server.port}/r/`, clone] });
    expect([code, stderr]).toEqual([0, ""]);
    expect(existsSync(path.join(clone, "apps", "a.yaml"))).toBe(true);
  });

  test("cannot be told of while nobody can say who may read them, which passes", async () => {
    const identity: GitIdentity = { name: "jane", may: () => Promise.reject(new Error("the authorizer is down")) };
    await using server = await serve(async () => ({ is: "known", identity }));
    for (const address of ["/", "/r/main/", "/r.git/info/refs?service=git-upload-pack"]) expect((await fetch(`http://127.0.0.1:${server.port}${address}`)).status).toBe(503);
  });

  test("let go of who has logged in, as far as a browser does", async () => {
    await using server = await serve(async () => ({ is: "known", identity: { name: "jane", may: async () => true } }));
    const get = (address: string, headers: Record<string, string>) => fetch(`http://127.0.0.1:${server.port}${address}`, { headers: { accept: BROWSER, ...headers } });
    expect(await (await get("/r/main/", {})).text()).not.toContain("Log out");
    const [, link] = /<a href="([^"]*)">Log out</.exec(await (await get("/r/main/", { authorization: "Bearer right" })).text()) ?? [];
    const out = await get(link ?? "", { authorization: "Bearer right" });
    expect([out.status, out.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="Mainstay Git", charset="UTF-8"']);
  });

  async function serve(authenticate: GitAccess["authenticate"]) {
    const stop = new AbortController();
    const server = await startGitServer({
      root: path.dirname(repository.gitDir),
      address: "127.0.0.1",
      port: 0,
      logger: silentLogger,
      repositoryOf: (folder) => (folder === "r.git" ? "r-object" : undefined),
      access: { users: { authenticate }, random: seededRandom(1) },
      pages: (request) => pages.answer(request),
    });
    const running = server.run(stop.signal);
    return { port: server.port, [Symbol.asyncDispose]: () => (stop.abort(), running) };
  }

  test.each([
    ["127.0.0.1:6480", true],
    ["[::1]:6480", true],
    ["localhost:6480", true],
    ["git.localhost", true],
    ["localhost.:6480", true],
    ["VM-1:6480", true],
    ["vm-1.evil.example:6480", false],
    ["127.0.0.1@evil.example", false],
    ["evil.example:6480", false],
    ["127.0.0.1.evil.example", false],
    ["", false],
    [undefined, false],
  ])("are open to everyone by a name of this server alone: %s", (host, isOwn) => {
    expect(isOwnName(host, "vm-1")).toBe(isOwn);
  });
});
