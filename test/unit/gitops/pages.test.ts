import { existsSync } from "node:fs";
import { get } from "node:http";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runGit } from "../../../engine/gitops/git/native-git.ts";
import { answerPage, isOwnName, type PageRequest } from "../../../engine/gitops/pages/pages.ts";
import { renderMarkdown } from "../../../engine/gitops/pages/render-page.ts";
import { startGitServer } from "../../../engine/gitops/push/git-server.ts";
import { LOCAL_IDENTITY, type GitAccess, type GitIdentity } from "../../../engine/gitops/push/git-access.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../kit/git.ts";

const BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8";

describe("Markdown on a page", () => {
  test.each([
    ["<script>alert(1)</script>", "<script"],
    ["before <img src=x onerror=alert(1)> after", "<img"],
    ["![beacon](https://spy.example/x.png)", "<img"],
    ["[click](javascript:alert(1))", "href"],
    ["[click](data:text/html,x)", "href"],
    ["<details open ontoggle=alert(1)>", "<details"],
    ["<details><summary><b onclick=x>b</b></summary>", "<details"],
    ["<details>\n<style>*{}</style>\n</details>", "<style"],
    ["```diff\n+ <script>\n```", "<script"],
    ['```"><script>\nx\n```', "<script"],
  ])("has no power of its own: %s", (text, forbidden) => {
    expect(renderMarkdown(text)).not.toContain(forbidden);
  });

  test("is laid out as forges do it, without diagrams", () => {
    const html = renderMarkdown(
      "# a *b*\n\n| x | y |\n|---|---|\n| [p](apps/p.md) | `c` |\n\n```mermaid\nflowchart LR\n```\n\n<details><summary>~ a &lt;b&gt;</summary>\n\n```diff\n+ new\n- old\n! replicas 3→5\n  same\n```\n\n</details>\n",
    );
    expect(html).toContain("<h1>a <em>b</em></h1>");
    expect(html).toContain('<td><a href="apps/p.md">p</a></td>\n<td><code>c</code></td>');
    expect(html).toContain("<details><summary>~ a &lt;b&gt;</summary>");
    expect(html).toContain('<span class="add">+ new</span>\n<span class="del">- old</span>\n<span class="mod">! replicas 3→5</span>\n  same\n');
    expect(html).not.toContain("flowchart");
  });
});

describe("the pages of a repository", () => {
  let repository: TestRepository;
  beforeEach(async () => {
    repository = await createTestRepository();
    await repository.commit({ "apps/a.yaml": configMapYaml("a"), "apps/b c.json": "{}", "bin.dat": Buffer.from([1, 0, 2]) });
    await repository.commit({ "README.md": "# local: [`4d4e`](deploys/x.md) fine\n", "apps/web.md": "# web\n" }, "status", "status/local");
  });
  afterEach(() => repository[Symbol.dispose]());

  const ask = (address: string, request: Partial<PageRequest> = {}, repositories = ["r"]) =>
    answerPage(
      path.dirname(repository.gitDir),
      repositories.map((name) => ({ name, repository: `${name}-object` })),
      { path: address, accept: BROWSER, ifNoneMatch: undefined, mayRead: async (name) => name === "r-object", ...request },
    );
  const locationOf = async (address: string) => (await ask(address)).headers["location"];

  test("begin with the status, where there is one repository with one", async () => {
    expect(await locationOf("/")).toBe("/r/status/local/");
    expect(await locationOf("/r.git")).toBe("/r/");
    expect(await locationOf("/r/status/local")).toBe("/r/status/local/");
    const { code, headers, body } = await ask("/r/status/local/");
    expect([code, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(body).toContain("<title>local: 4d4e fine</title>");
    expect(body).toContain('<a href="deploys/x.md"><code>4d4e</code></a>');
    expect(body).toContain('<nav><a href="/r/">r</a> / <a href="/r/status/local/">status/local</a></nav>');
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
    expect((await ask("/r/main/apps/")).body).toContain('<nav><a href="/r/">r</a> / <a href="/r/main/">main</a> / <a href="/r/main/apps/">apps</a></nav>');
    expect((await ask("/r/status/local/apps/web.md")).body).toContain('<a href="/r/status/local/apps/">apps</a></nav>');
    const file = await ask("/r/main/apps/a.yaml");
    expect([file.headers["content-type"], String(file.body)]).toEqual(["text/plain; charset=utf-8", configMapYaml("a")]);
    expect((await ask("/r/main/apps/b%20c.json")).headers["content-type"]).toBe("application/json; charset=utf-8");
    expect((await ask("/r/main/bin.dat")).headers["content-type"]).toBe("application/octet-stream");
    expect((await ask("/r/status/local/apps/web.md")).body).toContain("<h1>web</h1>");
  });

  test("are Markdown for who does not ask for HTML", async () => {
    const { headers, body } = await ask("/r/status/local/", { accept: "*/*" });
    expect([headers["content-type"], body]).toEqual(["text/markdown; charset=utf-8", "# local: [`4d4e`](deploys/x.md) fine\n"]);
  });

  test("are not sent again to who has them", async () => {
    const { headers } = await ask("/r/status/local/");
    expect(await ask("/r/status/local/", { ifNoneMatch: headers["etag"]! })).toMatchObject({ code: 304, body: "" });
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
    "/r.git/objects/info/packs",
  ])("are not there: %s", async (address) => {
    expect(await ask(address, {}, ["r", "other"])).toMatchObject({ code: 404 });
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

  test("are not laid out where that would take long", async () => {
    await repository.commit({ "README.md": `# long\n${"x".repeat(128 << 10)}` });
    expect((await ask("/r/main/")).headers["content-type"]).toBe("text/markdown; charset=utf-8");
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

  test("are open to nobody by the name of a page elsewhere, and ask who comes by another of their own who he is", async () => {
    const statusOf = (port: number, host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        get({ host: "127.0.0.1", port, path: "/r/main/", headers: { host } }, (answer) => resolve(answer.resume().statusCode)).on("error", reject);
      });
    await using open = await serve(async () => ({ is: "known", identity: LOCAL_IDENTITY }));
    expect([await statusOf(open.port, "localhost:6480"), await statusOf(open.port, "evil.example:6480")]).toEqual([200, 403]);
    await using closed = await serve(async () => ({ is: "refused", why: "who are you?" }));
    expect(await statusOf(closed.port, "git.example:6480")).toBe(401);
  });

  test("have an address that Git can clone", async () => {
    await using server = await serve(async () => ({ is: "known", identity: LOCAL_IDENTITY }));
    const clone = path.join(path.dirname(repository.gitDir), "clone");
    const { code, stderr } = await runGit({ args: ["clone", "-q", "--branch", "main", `http://127.0.0.1:${server.port}/r/`, clone] });
    expect([code, stderr]).toEqual([0, ""]);
    expect(existsSync(path.join(clone, "apps", "a.yaml"))).toBe(true);
  });

  async function serve(authenticate: GitAccess["authenticate"]) {
    const stop = new AbortController();
    const root = path.dirname(repository.gitDir);
    const server = await startGitServer({
      root,
      address: "127.0.0.1",
      port: 0,
      logger: silentLogger,
      repositoryOf: (folder) => (folder === "r.git" ? "r-object" : undefined),
      access: { users: { authenticate }, random: seededRandom(1) },
      pages: (request) => answerPage(root, [{ name: "r", repository: "r-object" }], request),
    });
    const running = server.run(stop.signal);
    return { port: server.port, [Symbol.asyncDispose]: () => (stop.abort(), running) };
  }

  test.each([
    ["127.0.0.1:6480", true],
    ["[::1]:6480", true],
    ["localhost:6480", true],
    ["git.localhost", true],
    ["evil.example:6480", false],
    ["127.0.0.1.evil.example", false],
    ["", false],
    [undefined, false],
  ])("are open to everyone by a name of this server alone: %s", (host, isOwn) => {
    expect(isOwnName(host)).toBe(isOwn);
  });
});
