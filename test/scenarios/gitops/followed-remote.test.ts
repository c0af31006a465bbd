import { createHmac } from "node:crypto";
import { readdir } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { ensureHostedRepository } from "../../../engine/gitops/git/hosted-repository.ts";
import { startGitServer } from "../../../engine/gitops/push/git-server.ts";
import { runGit } from "../../../engine/gitops/git/native-git.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { repositoryResource } from "../../../engine/resources/mainstay/repository.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster } from "../../kit/git-cluster.ts";

const SECRET = "mainstay-system/repository";
let repository: TestRepository;
let cluster: GitCluster | undefined;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  repository[Symbol.dispose]();
});

const value = async (name = "a") =>
  (
    await cluster?.client
      .for(configMapResource)
      .get("default", name)
      .catch(() => undefined)
  )?.data?.["key"];
const arrives = (expected: string) => eventually(`the value ${expected}`, async () => (await value()) === expected);
const commit = (key: string) => repository.commit({ "a.yaml": configMapYaml("a", { key }) });
const tag = (name: string, at: string, ...args: readonly string[]) => runGit({ gitDir: repository.gitDir, args: ["-c", "user.name=a", "-c", "user.email=a@example.org", "tag", ...args, name, at] });
async function putSecret(data: Readonly<Record<string, string>>): Promise<void> {
  await cluster?.client
    .for(namespaceResource)
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } })
    .catch(() => {});
  await cluster?.client.for(secretResource).create({ apiVersion: "v1", kind: "Secret", metadata: { name: "repository", namespace: "mainstay-system" }, stringData: data });
}

/** A forge that lets in only who has the password. Returns its URL. */
async function startForge(authorization: string): Promise<string> {
  const stop = new AbortController();
  const server = await startGitServer({ root: path.dirname(repository.gitDir), address: "127.0.0.1", port: 0, logger: silentLogger });
  const ended = server.run(stop.signal);
  const front = http.createServer((request, response) => {
    if (request.headers.authorization !== authorization) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
    const inner = http.request({ port: server.port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(inner);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    front.closeAllConnections();
    await new Promise((resolve) => front.close(resolve));
    stop.abort();
    await ended;
  });
  return `http://127.0.0.1:${(front.address() as AddressInfo).port}/r.git`;
}

describe("a followed remote", () => {
  test("is reached with the credentials of a Secret as soon as they are there, and reported to with them", async () => {
    await commit("1");
    const url = await startForge(`Basic ${Buffer.from("bot:pass").toString("base64")}`);
    cluster = await startGitCluster({ repo: url, pollIntervalMs: 50, repoSecret: SECRET });
    await eventually("that it cannot be reached", () => cluster?.gitops.facts().sync.state === "unreachable");
    await putSecret({ username: "bot", password: "pass" });
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await arrives("1");
    await eventually("the status at the remote", () => repository.tip("status/local"));
    await commit("2");
    await arrives("2");
  });

  test("that is put back to the commit that runs is no longer told to be at the one that was rejected", async () => {
    const good = await commit("1");
    cluster = await startGitCluster({ repo: repository.gitDir, pollIntervalMs: 50 });
    await arrives("1");
    const bad = await repository.commit({ "a.yaml": "{" });
    const sync = () => cluster?.gitops.facts().sync;
    await eventually("the rejection", () => sync()?.state === "rejected" && sync()?.newest === bad);
    await runGit({ gitDir: repository.gitDir, args: ["update-ref", "refs/heads/main", good] });
    await eventually("what runs to be what is wanted", () => sync()?.state === "applied");
    const record = await cluster.client.for(repositoryResource).get("", "local");
    expect(record.observed).toMatchObject({ result: "applied", commit: good });
    await runGit({ gitDir: repository.gitDir, args: ["update-ref", "refs/heads/main", bad] });
    await eventually("the rejection, again", () => sync()?.state === "rejected");
  });

  test("that lacks the branch is said to, with the branches it has, and so is one whose branch was renamed", async () => {
    await repository.commit({ "a.yaml": configMapYaml("a", { key: "1" }) }, "first", "trunk");
    cluster = await startGitCluster({ repo: repository.gitDir, pollIntervalMs: 50 });
    const observed = async () => cluster?.observed();
    const why = "the repository has no branch main, but trunk; if it was renamed, follow it by its new name (--branch, or ref of the source)";
    await eventually("that there is none", async () => (await observed())?.message === why);
    expect(cluster.gitops.facts().sync).toEqual({ state: "empty", message: why });
    let isReady = false;
    const ready = cluster.gitops.firstSyncHealthy.then(() => (isReady = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isReady).toBe(false);
    const rename = (from: string, to: string) => runGit({ gitDir: repository.gitDir, args: ["branch", "-m", from, to] });
    await rename("trunk", "main");
    await arrives("1");
    await ready;
    await rename("main", "trunk");
    await eventually("that it is gone", async () => (await observed())?.message === `branch main was deleted: ${why}`);
    expect(await value()).toBe("1");
    await rename("trunk", "main");
    await eventually("that it is there again", async () => (await observed())?.result === "applied");
    expect((await observed())?.message).toBeUndefined();
  });

  test("whose newest commit cannot be read is said so wherever people look, and what was admitted last goes on over a restart", async () => {
    const good = await commit("1");
    cluster = await startGitCluster({ repo: repository.gitDir, pollIntervalMs: 50 });
    await arrives("1");
    const mirror = path.join(cluster.folder, "data");
    await cluster.stopGitOps();
    const files = await readdir(mirror, { recursive: true });
    const gitDir = path.join(mirror, files.find((file) => file.endsWith(".git")) ?? "");
    // What a power cut may leave of a mirror: a commit without its tree.
    const text = `tree ${"1".repeat(40)}\nparent ${good}\nauthor a <a@example.org> 1767225600 +0000\ncommitter a <a@example.org> 1767225600 +0000\n\nbroken\n`;
    const broken = async (where: string) => (await runGit({ gitDir: where, args: ["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], input: text })).stdout.toString("utf8").trim();
    const id = await broken(gitDir);
    expect(await broken(repository.gitDir)).toBe(id);
    await runGit({ gitDir, args: ["update-ref", "refs/mainstay/seen/main", id] });
    await runGit({ gitDir: repository.gitDir, args: ["update-ref", "refs/heads/main", id] });
    await cluster.startGitOps();
    const observed = async () => cluster?.observed();
    const why = new RegExp(`^read commit ${id.slice(0, 10)}: .*${"1".repeat(40)} is missing`);
    await eventually("that it cannot be read", async () => (await observed())?.result === "unreadable");
    expect(await observed()).toMatchObject({ commit: good, message: expect.stringMatching(why) });
    expect(cluster.gitops.facts().sync).toMatchObject({ state: "unreadable", message: expect.stringMatching(why) });
    await eventually("what was admitted last", () => cluster?.gitops.facts().commit?.id === good);
    await runGit({ gitDir: repository.gitDir, args: ["update-ref", "refs/heads/main", good] });
    await commit("2");
    await arrives("2");
    await eventually("that it is read", async () => (await observed())?.result === "applied");
  });

  test("that is reached late, and is empty, leaves nothing to wait for", async () => {
    const gitDir = path.join(path.dirname(repository.gitDir), "late.git");
    cluster = await startGitCluster({ repo: gitDir, pollIntervalMs: 50 }, { ...systemClock, after: (delayMs, callback) => systemClock.after(Math.min(delayMs, 200), callback) });
    let isHealthy = false;
    void cluster.gitops.firstSyncHealthy.then(() => (isHealthy = true));
    await eventually("that it cannot be reached", () => cluster?.gitops.facts().sync.state === "unreachable");
    expect(isHealthy).toBe(false);
    await ensureHostedRepository(gitDir, "main");
    await eventually("that it is empty", () => cluster?.gitops.facts().sync.state === "empty");
    await eventually("that there is nothing to wait for", () => isHealthy);
  });

  test("is followed by its newest tag in a range of versions, annotated or not", async () => {
    await tag("v1.0.0", await commit("1"));
    await tag("v2.0.0", await commit("3"));
    cluster = await startGitCluster({ repo: repository.gitDir, pollIntervalMs: 50, branch: "semver:^1.0" });
    await arrives("1");
    await tag("v1.1.0", await commit("2"), "-a", "-m", "second");
    await arrives("2");
    await tag("v1.0.9", await commit("0"));
    await commit("9");
    await repository.commit({ "b.yaml": configMapYaml("b") });
    await eventually("a report", () => repository.tip("status/local"));
    expect(await value()).toBe("2");
  });

  test("is looked at when the forge tells of a push, and only then, if the forge knows the secret (pain 1)", async () => {
    await commit("1");
    cluster = await startGitCluster({ repo: repository.gitDir, pollIntervalMs: 3_600_000, repoSecret: SECRET, webhook: { address: "127.0.0.1", port: 0 } });
    await arrives("1");
    const post = (headers: Readonly<Record<string, string>>, body = "{}") => fetch(`http://127.0.0.1:${cluster?.gitops.webhookPort}/hook`, { method: "POST", body, headers });
    expect((await post({ "x-gitlab-token": "s" })).status).toBe(503);
    await putSecret({ webhookSecret: "s" });
    await commit("2");
    expect((await post({ "x-gitlab-token": "wrong" })).status).toBe(401);
    expect((await post({})).status).toBe(401);
    expect(await value()).toBe("1");
    const signature = createHmac("sha256", "s").update('{"ref":"x"}').digest("hex");
    expect((await post({ "x-hub-signature-256": `sha256=${signature}`, "content-type": "application/json" }, '{"ref":"x"}')).status).toBe(202);
    await arrives("2");
  });
});
