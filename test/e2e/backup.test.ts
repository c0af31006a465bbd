import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { skipWithoutEtcd, startEtcd } from "../kit/etcd.ts";
import { thisMachine as here } from "../kit/hosts.ts";
import { eventually, kubectl, nodeArgs, startMainstay, type Mainstay } from "../kit/mainstay.ts";

/** Everything of a cluster in one file, and its way from store to store. */
describe("a cluster's data", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ms-"));
  const at = (name: string) => path.join(folder, name);
  const file = at("all.backup");
  let server: Mainstay;
  let objects: string;
  let history: string;
  const start = (name: string, ...args: string[]) => startMainstay(here, at(name), ["--no-agent", "--api-port", "0", "--git-port", "0", ...args]);
  const command = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, ...args], { encoding: "utf8" });
    return { status, output: stdout + stderr };
  };
  /** What nobody changes while a server starts and stops, with resourceVersions. */
  const look = (of: Mainstay) =>
    kubectl(
      here,
      of,
      "get",
      "configmaps,secrets,services,deployments",
      "-A",
      "-o",
      "jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.uid} {.metadata.generation}{'\\n'}{end}",
    );
  const versions = (of: Mainstay) => kubectl(here, of, "get", "configmaps,secrets", "-n", "default", "-o", "jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{'\\n'}{end}");
  const log = (name: string) => execFileSync("git", ["--git-dir", at(`${name}/git/cluster.git`), "log", "--format=%H", "main"], { encoding: "utf8" });

  beforeAll(async () => {
    server = await start("one");
    await kubectl(here, server, "create", "secret", "generic", "password", "--from-literal=value=hunter2");
    for (let index = 0; index < 5; index++) await kubectl(here, server, "create", "configmap", `map-${index}`);
    await eventually(
      () => look(server),
      (text) => text.includes("Deployment/web/web"),
    );
    objects = await look(server);
    history = log("one");
  });
  afterAll(async () => {
    await server?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is backed up while the server runs", async () => {
    const { status, output } = command("backup", file, "--data-dir", at("one"));
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringMatching(/all\.backup: \d+ objects at revision \d+, \d+ files, .* sha256 [0-9a-f]{64}/) });
  });

  it("comes back on an empty machine: objects, versions, credentials and repository", async () => {
    const before = await versions(server);
    await server.stop();
    expect(command("restore", file, "--data-dir", at("two"))).toMatchObject({ status: 0, output: expect.stringContaining("of cluster local") });
    expect(log("two")).toBe(history);
    const restored = await start("two");
    expect(await look(restored)).toBe(objects);
    expect(await versions(restored)).toBe(before);
    expect(await kubectl(here, restored, "get", "secret", "password", "-o", "jsonpath={.data.value}")).toBe(Buffer.from("hunter2").toString("base64"));
    // The old kubeconfig is as good as the new one, but for the port.
    const url = (await kubectl(here, restored, "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")).trim();
    expect(await here.exec("kubectl", "--kubeconfig", path.join(at("one"), "kubeconfig.yaml"), "--server", url, "get", "namespace", "default", "-o", "name")).toBe("namespace/default\n");
    await restored.stop();
  });

  it("goes to a Git repository by itself, encrypted, and comes back from there", async () => {
    const remote = at("backups.git");
    execFileSync("git", ["init", "--quiet", "--bare", remote]);
    const key = await generateIdentity();
    writeFileSync(at("keys.txt"), `${key}\n`);
    const saved = await start("two", "--backup-repo", remote, "--backup-recipient", await identityToRecipient(key), "--backup-schedule", "@every 1s", "--backup-keep", "2");
    await kubectl(here, saved, "create", "configmap", "saved-in-git");
    const shown = () => spawnSync("git", ["--git-dir", remote, "ls-tree", "--name-only", "backups/local"], { encoding: "utf8" }).stdout;
    const atFirst = await eventually(
      async () => shown(),
      (text) => text.includes(".backup.age"),
    );
    // Two further ones, since the first of them may have begun before the object was there.
    await eventually(
      async () => shown(),
      (text) => text.split("\n").filter((name) => name.endsWith(".age") && !atFirst.includes(name)).length === 2,
    );
    objects = await look(saved);
    await saved.stop();
    expect(command("restore", remote, "--data-dir", at("from-git"))).toMatchObject({ status: 1, output: expect.stringContaining("give the file with its age key as --age-key-file") });
    expect(command("restore", `${remote}#local`, "--age-key-file", at("keys.txt"), "--data-dir", at("from-git"))).toMatchObject({ status: 0, output: expect.stringContaining("of cluster local") });
    const restored = await start("from-git");
    expect(await kubectl(here, restored, "get", "configmap", "saved-in-git", "-o", "name")).toBe("configmap/saved-in-git\n");
    expect(await look(restored)).toContain("Secret/default/password");
    await restored.stop();
    expect(command("restore", at("nowhere"), "--data-dir", at("four"))).toMatchObject({ status: 2, output: expect.stringContaining("there is no such file") });
  });

  it("is never restored over a cluster, and a damaged file not at all", async () => {
    expect(command("restore", file, "--data-dir", at("two"))).toMatchObject({ status: 1, output: expect.stringContaining("holds a cluster already") });
    writeFileSync(at("bad.backup"), "something else");
    expect(command("restore", at("bad.backup"), "--data-dir", at("three"))).toMatchObject({ status: 1, output: expect.stringContaining("it is no backup of Mainstay") });
  });

  it("is not made of a directory without a cluster, which stays as it is", () => {
    expect(command("backup", at("none.backup"), "--data-dir", at("nowhere"))).toMatchObject({
      status: 2,
      output: expect.stringContaining(`there is no cluster in ${at("nowhere")}; name the server's directory with --data-dir`),
    });
    expect([existsSync(at("none.backup")), existsSync(at("nowhere"))]).toEqual([false, false]);
  });

  it.skipIf(skipWithoutEtcd())("moves to etcd and back, with its revisions", async () => {
    await using etcd = await startEtcd({ members: 1 });
    const endpoint = etcd.endpoints.join(",");
    expect(command("migrate", "--from", "sqlite", "--to", endpoint, "--data-dir", at("two"))).toMatchObject({
      status: 0,
      output: expect.stringContaining(`start the server with --datastore-endpoint ${endpoint}`),
    });
    const moved = await start("two", "--datastore-endpoint", endpoint);
    expect(await look(moved)).toBe(objects);
    const before = await versions(moved);
    await kubectl(here, moved, "create", "configmap", "written-to-etcd");
    await moved.stop();
    expect(command("migrate", "--from", endpoint, "--to", "sqlite", "--data-dir", at("two"))).toMatchObject({ status: 1, output: expect.stringContaining("is not empty") });
    rmSync(at("two/server"), { recursive: true });
    expect(command("migrate", "--from", endpoint, "--to", "sqlite", "--data-dir", at("two"))).toMatchObject({ status: 0 });
    const back = await start("two");
    const after = await versions(back);
    for (const line of before
      .trim()
      .split("\n")
      .filter((text) => !text.startsWith("kube-root-ca")))
      expect(after).toContain(line);
    expect(after).toContain("written-to-etcd");
    await back.stop();
  });
});
