import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { skipWithoutEtcd, startEtcd, type EtcdCluster } from "../kit/etcd.ts";
import { configMapYaml, deploymentYaml } from "../kit/git.ts";
import { thisMachine as here } from "../kit/hosts.ts";
import { eventually, kubectl, makeDataDir, startMainstay, type Mainstay } from "../kit/mainstay.ts";

/** Two engines, each with an API of its own, over one etcd cluster: what a team runs so that a machine may die. */
describe.skipIf(skipWithoutEtcd())("two servers over one store", () => {
  const dirs = [makeDataDir(), makeDataDir(), makeDataDir()];
  const folder = mkdtempSync(path.join(os.tmpdir(), "ms-"));
  const bare = path.join(folder, "remote.git");
  const clone = path.join(folder, "clone");
  let etcd: EtcdCluster;
  let servers: Mainstay[] = [];
  const git = (...args: string[]) => execFileSync("git", ["-C", clone, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const push = (file: string, text: string) => {
    writeFileSync(path.join(clone, file), text);
    git("add", "-A");
    git("commit", "-q", "-m", file);
    git("push", "-q", "origin", "HEAD:main");
  };
  const start = (index: number, ...args: string[]) =>
    startMainstay(here, dirs[index]!, ["--no-agent", "--api-port", "0", "--git-port", "0", "--node-name", `server-${index}`, "--datastore-endpoint", etcd.endpoints.join(","), ...args]);
  const leader = async (lease: string, by: Mainstay) => (await kubectl(here, by, "-n", "kube-system", "get", "lease", lease, "-o", "jsonpath={.spec.holderIdentity}")).split("_")[0];

  beforeAll(async () => {
    execFileSync("git", ["init", "-q", "--bare", "-b", "main", bare]);
    execFileSync("git", ["clone", "-q", bare, clone], { stdio: "ignore" });
    push("a.yaml", configMapYaml("a"));
    etcd = await startEtcd({ members: 3, flags: ["--heartbeat-interval", "100", "--election-timeout", "1000"] });
    // Both at once: they have to agree on the cluster's keys.
    servers = await Promise.all([start(0, "--repo", bare), start(1, "--repo", bare)]);
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await etcd?.stop();
    for (const dir of [...dirs, folder]) rmSync(dir, { recursive: true, force: true });
  });

  it("serve the same cluster, to the same credentials", async () => {
    const [first, second] = servers as [Mainstay, Mainstay];
    await kubectl(here, first, "create", "configmap", "written-here");
    expect(await kubectl(here, second, "get", "configmap", "written-here", "-o", "name")).toBe("configmap/written-here\n");
    const url = (await kubectl(here, second, "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")).trim();
    expect(await kubectl(here, first, "--server", url, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).toBe("kubernetes-admin");
  });

  it("have one leader each for the controllers and for Git", async () => {
    const [first] = servers as [Mainstay];
    for (const lease of ["mainstay-control-plane", "mainstay-gitops"]) expect(await leader(lease, first)).toMatch(/^server-[01]$/);
    await eventually(
      () => kubectl(here, first, "get", "configmap", "a", "-o", "name"),
      (name) => name === "configmap/a\n",
    );
  });

  it("go on controlling and following the repository when the leader dies without a word", { timeout: 150_000 }, async () => {
    const name = await leader("mainstay-gitops", servers[0]!);
    const dead = Number(name?.slice(-1));
    const survivor = servers[1 - dead]!;
    await servers[dead]!.kill();
    await kubectl(here, survivor, "create", "configmap", "meanwhile");
    push("web.yaml", deploymentYaml("web", 2));
    await eventually(
      async () => (await kubectl(here, survivor, "get", "pods", "-l", "app=web", "-o", "name")).trim().split("\n").length,
      (count) => count === 2,
      90_000,
    );
    expect(await leader("mainstay-control-plane", survivor)).toBe(`server-${1 - dead}`);
    expect(await leader("mainstay-gitops", survivor)).toBe(`server-${1 - dead}`);
  });

  it("host a repository on one of them only: another's would be empty, and prune everything", async () => {
    for (const server of servers) await server.kill();
    servers = [await start(0)];
    servers.push(await start(1));
    expect(servers[1]!.output()).toContain("mainstay is ready: the API is served; server server-0 hosts the repository");
  });

  it("refuse a directory with the keys of another cluster", async () => {
    const other = await startMainstay(here, dirs[2]!, ["--no-agent", "--no-git", "--api-port", "0"]);
    await other.stop();
    await expect(start(2, "--repo", bare)).rejects.toThrow("holds the keys of another cluster than the store; start with an empty --data-dir");
  });
});
