import { mkdtempSync, rmSync } from "node:fs";
import { rename } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGitServer } from "../../engine/gitops/push/git-server.ts";
import { openGitStore } from "../../engine/gitops/git/git-store.ts";
import { ensureHostedRepository, readSeedFiles } from "../../engine/gitops/git/hosted-repository.ts";
import { runGit } from "../../engine/gitops/git/native-git.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../kit/git.ts";
import { eventually, startGitCluster, type GitCluster } from "../kit/git-cluster.ts";
import { hasSshServer, startSshServer } from "../kit/ssh-server.ts";

let repository: TestRepository;
let cluster: GitCluster | undefined;
const SETTINGS = { "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: .}]\nstatus: {minInterval: 50ms}\n" };
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
  repository[Symbol.dispose]();
});

const follow = async (repo: string, basePath = ".") => (cluster = await startGitCluster({ repo, pollIntervalMs: 50, path: basePath }));
const names = async (): Promise<string> =>
  ((await cluster?.client.for(configMapResource).list("default"))?.items ?? [])
    .map((map) => map.metadata.name)
    .sort()
    .join(",");
const isRunning = (expected: string) => eventually(`config maps ${expected}`, async () => (await names()) === expected);
const readme = async () => {
  const tip = await repository.tip("status/local");
  const store = openGitStore(repository.gitDir);
  const tree = tip === undefined ? [] : await store.objects.tree((await store.objects.commit(tip)).tree);
  const entry = tree.find(({ name }) => name === "README.md");
  return entry === undefined ? "" : (await store.objects.blob(entry.id)).toString("utf8");
};
const observed = async () => cluster?.observed();

describe("a remote over the file system", () => {
  test("is followed, its status branch written back to it", async () => {
    await repository.commit({ "a.yaml": configMapYaml("a") }, "first");
    await follow(repository.gitDir);
    await isRunning("a");
    await repository.commit({ "b.yaml": configMapYaml("b") }, "second");
    await isRunning("a,b");
    await eventually("the status at the remote", async () => (await readme()).includes('"second"') && (await readme()).includes("🟩 Healthy"));
    expect(cluster?.gitops.gitUrl).toBeUndefined();
  });

  test("with a bad newest commit goes on with the one before, in full, and says what is wrong", async () => {
    await repository.commit({ "a.yaml": configMapYaml("a") });
    await follow(repository.gitDir);
    await isRunning("a");
    const bad = await repository.commit({ "b.yaml": configMapYaml("b"), "c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: 5\n" });
    await eventually("the report of it", async () => (await readme()).includes(`Commit \`${bad.slice(0, 10)}\` is rejected`));
    expect(await readme()).toContain("c.yaml:4 data: must be an object");
    expect(await names()).toBe("a");
    expect(await observed()).toMatchObject({ result: "rejected" });
    await cluster?.stopGitOps();
    await cluster?.client.for(configMapResource).delete("default", "a");
    await cluster?.startGitOps();
    await isRunning("a");
    await repository.commit({ "c.yaml": undefined });
    await isRunning("a,b");
  });

  test("that was rewritten is followed to its newest commit, with a note", async () => {
    await repository.commit({ ...SETTINGS, "a.yaml": configMapYaml("a") });
    const { store } = repository;
    await follow(repository.gitDir);
    await isRunning("a");
    const blob = await store.writeBlob(configMapYaml("z"));
    const settings = await store.writeBlob(SETTINGS["mainstay.yaml"]);
    const other = await store.writeCommit({
      tree: await store.writeTree([
        { name: "mainstay.yaml", id: settings, is: "file" },
        { name: "z.yaml", id: blob, is: "file" },
      ]),
      parents: [],
      message: "rewritten",
      signature: { name: "x", email: "x@x", time: 0 },
    });
    await store.pushRef("refs/heads/main", await repository.tip(), other);
    await isRunning("z");
    await eventually("the note", async () => /the branch was rewritten: [0-9a-f]{10} is no longer part of it/.test(await readme()));
  });

  test("whose branch is deleted or that cannot be reached leaves everything running, and says so", async () => {
    await repository.commit({ "a.yaml": configMapYaml("a") });
    const tip = await repository.tip();
    await follow(repository.gitDir);
    await isRunning("a");
    await repository.store.pushRef("refs/heads/main", tip, undefined);
    await eventually("the report of the deleted branch", async () => (await readme()).includes("The branch `main` is gone"));
    expect(await names()).toBe("a");
    await rename(repository.gitDir, `${repository.gitDir}.away`);
    await eventually("the repository object to say so", async () => (await observed())?.result === "unreachable");
    expect((await observed())?.message).toMatch(/does not (appear to be a git repository|exist)/);
    expect(await names()).toBe("a");
    await rename(`${repository.gitDir}.away`, repository.gitDir);
  });

  test("is used from one folder with --path", async () => {
    await repository.commit({ "clusters/home/a.yaml": configMapYaml("a"), "other/b.yaml": configMapYaml("b") });
    await follow(repository.gitDir, "clusters/home");
    await isRunning("a");
  });

  test("that cannot be reached at a start does not keep the last known state from running", async () => {
    await repository.commit({ "a.yaml": configMapYaml("a") });
    await follow(repository.gitDir);
    await isRunning("a");
    await cluster?.stopGitOps();
    await rename(repository.gitDir, `${repository.gitDir}.away`);
    await cluster?.client.for(configMapResource).delete("default", "a");
    await cluster?.startGitOps();
    await isRunning("a");
    await rename(`${repository.gitDir}.away`, repository.gitDir);
  });
});

describe("a remote over HTTP", () => {
  test("is followed and written back to", async () => {
    const root = mkdtempSync(path.join(os.tmpdir(), "ms-http-"));
    const stop = new AbortController();
    const gitDir = path.join(root, "r.git");
    await ensureHostedRepository(gitDir, "main");
    const server = await startGitServer({ root, address: "127.0.0.1", port: 0, logger: silentLogger });
    const running = server.run(stop.signal);
    try {
      const url = `http://127.0.0.1:${server.port}/r.git`;
      const put = async (files: Record<string, string>) => {
        await repository.commit(files);
        expect((await runGit({ gitDir: repository.gitDir, args: ["push", "-q", url, "main"] })).code).toBe(0);
      };
      await put({ "a.yaml": configMapYaml("a") });
      await follow(url);
      await isRunning("a");
      await put({ "b.yaml": configMapYaml("b") });
      await isRunning("a,b");
      const store = openGitStore(gitDir);
      await eventually("two reports at the remote", async () => {
        const tip = await store.fetchRef("refs/heads/status/local");
        return tip !== undefined && (await store.countCommits(tip, 10)) >= 2;
      });
    } finally {
      await cluster?.[Symbol.asyncDispose]();
      cluster = undefined;
      stop.abort();
      await running;
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe.skipIf(!hasSshServer())("a remote over SSH", () => {
  test("is followed and written back to with the key and the known hosts of a Secret, and with no other ones", async () => {
    await using ssh = await startSshServer();
    await repository.commit({ ...SETTINGS, "a.yaml": configMapYaml("a") });
    cluster = await startGitCluster({ repo: ssh.url(repository.gitDir), pollIntervalMs: 50, repoSecret: "mainstay-system/repository" });
    const { client } = cluster;
    await client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
    const secrets = client.for(secretResource);
    const put = async (data: Readonly<Record<string, string>>) => {
      await secrets.delete("mainstay-system", "repository").catch(() => {});
      await secrets.create({ apiVersion: "v1", kind: "Secret", metadata: { name: "repository", namespace: "mainstay-system" }, stringData: data });
      // Whoever cannot be reached is asked less and less often.
      await cluster?.stopGitOps();
      await cluster?.startGitOps();
    };
    const isUnreachable = (why: string) => eventually(`the reason: ${why}`, () => cluster?.gitops.facts().sync.message?.includes(why));
    await put({ identity: ssh.identity });
    await isUnreachable("known_hosts of the Secret has no key for the host");
    await put({ identity: ssh.identity, known_hosts: ssh.wrongHosts });
    await isUnreachable("the host shows another key than the one that known_hosts of the Secret has for it");
    await put({ identity: ssh.strangersIdentity, known_hosts: ssh.knownHosts });
    await isUnreachable("the host does not accept the SSH key of the Secret (identity)");
    await put({ identity: "no key", known_hosts: ssh.knownHosts });
    await isUnreachable("the SSH key of the Secret (identity) cannot be read");
    expect(await names()).toBe("");
    await put({ identity: ssh.identity.trim(), known_hosts: ssh.knownHosts });
    await isRunning("a");
    await repository.commit({ "b.yaml": configMapYaml("b") }, "second");
    await isRunning("a,b");
    await eventually("the status at the remote", async () => (await readme()).includes('"second"') && (await readme()).includes("🟩 Healthy"));
  });
});

describe("the Git server", () => {
  test("says in one sentence that its port is taken, and serves nothing but Git", async () => {
    const root = mkdtempSync(path.join(os.tmpdir(), "ms-http-"));
    const stop = new AbortController();
    const server = await startGitServer({ root, address: "127.0.0.1", port: 0, logger: silentLogger });
    const running = server.run(stop.signal);
    try {
      await expect(startGitServer({ root, address: "127.0.0.1", port: server.port, logger: silentLogger })).rejects.toThrow(
        `port ${server.port} on 127.0.0.1 is taken by another program; stop it, or choose another port with --git-port`,
      );
      const get = async (url: string, headers: Record<string, string> = {}) => (await fetch(`http://127.0.0.1:${server.port}${url}`, { headers })).status;
      expect([await get("/"), await get("/r.git/config"), await get("/r.git/HEAD"), await get("/../x.git/info/refs")]).toEqual([404, 404, 404, 404]);
      expect(await get("/r.git/info/refs?service=git-upload-pack", { origin: "http://evil.example" })).toBe(403);
    } finally {
      stop.abort();
      await running;
      rmSync(root, { recursive: true, force: true });
    }
  });

  test("starts from a folder of files, such as the quick start", async () => {
    const folder = path.resolve(import.meta.dirname, "../../examples/quickstart");
    cluster = await startGitCluster({ seedFolder: folder });
    await cluster.gitops.firstSyncHealthy;
    expect(cluster.gitops.applications()).toMatchObject([{ name: "web", health: "Healthy", ready: "3/3" }]);
    const copy = await cluster.clone();
    const files = (await copy.git("ls-tree", "-r", "--name-only", "HEAD")).text.trim().split("\n");
    expect(files).toEqual([...(await readSeedFiles(folder)).keys()].sort());
    await copy.commit({ "apps/web/service.yaml": undefined });
    expect((await copy.push()).text).toContain("remote: - Service web/web");
  });
});
