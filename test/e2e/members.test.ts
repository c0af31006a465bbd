import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { skipWithoutEtcd } from "../kit/etcd.ts";
import { createFabric, type Fabric } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, resetMainstay, runMainstay, startAgent, startMainstay, type Mainstay } from "../kit/mainstay.ts";

/** Three machines, each with a server and a member of the store: what `--cluster-init` and `--server` bring up. */
describe.skipIf(!requireRoot() || skipWithoutEtcd())("servers that keep the state together", () => {
  const dirs = [makeDataDir(), makeDataDir(), makeDataDir(), makeDataDir()];
  const agentDir = makeDataDir();
  const servers: Mainstay[] = [];
  let agent: Mainstay | undefined;
  let fabric: Fabric;
  let versionBefore = "";
  const host = (index: number) => fabric.hosts[index]!;
  const token = () => readFileSync(path.join(dirs[0]!, "server/pki/server-token"), "utf8").trim();
  const start = async (index: number, ...args: string[]) =>
    (servers[index] = await startMainstay(host(index), dirs[index]!, ["--no-agent", "--no-git", "--bind-address", host(index).address, ...args]));
  const join = (index: number, ...args: string[]) => start(index, "--server", `https://${host(0).address}:6443`, "--token", token(), ...args);
  const on = (index: number, ...args: string[]) => kubectl(host(index), servers[index]!, "--request-timeout=20s", ...args);
  const create = (index: number, name: string) => on(index, "create", "configmap", name);
  const members = (index: number) => runMainstay(host(index), "members", "--data-dir", dirs[index]!);
  const healthy = (table: string) => table.split("\n").filter((line) => line.includes(" healthy ")).length;
  const endMember = (index: number) =>
    host(index)
      .exec("pkill", "-9", "-f", `^etcd .*${dirs[index]}/`)
      .catch(() => "");

  beforeAll(async () => {
    fabric = await createFabric("qm", 4);
    await start(0);
    await create(0, "from-before");
    versionBefore = await on(0, "get", "configmap", "from-before", "-o", "jsonpath={.metadata.resourceVersion}");
    await servers[0]!.stop();
    await start(0, "--cluster-init");
    // Both at once: the quorum takes one after the other.
    await Promise.all([join(1), join(2)]);
  }, 240_000);

  afterAll(() =>
    cleanUp(
      () => agent?.stop(),
      () => Promise.all(servers.map((server) => server.kill())),
      ...dirs.map((dir, index) => async () => {
        if (fabric !== undefined && servers[index] !== undefined) await resetMainstay(host(index), dir);
        rmSync(dir, { recursive: true, force: true });
      }),
      () => (agent === undefined ? undefined : resetMainstay(host(3), agentDir)),
      () => rmSync(agentDir, { recursive: true, force: true }),
      () => fabric?.destroy(),
    ),
  );

  it("take along what a single server had, with its revisions", async () => {
    for (const index of [0, 1, 2]) expect(await on(index, "get", "configmap", "from-before", "-o", "jsonpath={.metadata.resourceVersion}")).toBe(versionBefore);
  });

  it("are one cluster, in which each has a vote", async () => {
    await create(1, "written-at-one");
    expect(await on(2, "get", "configmap", "written-at-one", "-o", "name")).toBe("configmap/written-at-one\n");
    const table = await members(2);
    expect(healthy(table)).toBe(3);
    expect(table.match(/ leader /g)).toHaveLength(1);
  });

  it("refuse a stranger, and a server that was told something else or bears a name that is taken", async () => {
    const server = `https://${host(0).address}:6443`;
    await expect(start(3, "--server", server, "--token", "wrong")).rejects.toThrow("refused to let this machine join (401)");
    await expect(join(3, "--service-cidr", "10.99.0.0/16")).rejects.toThrow("start it with --service-cidr 10.43.0.0/16");
    await expect(join(3, "--node-name", host(1).name)).rejects.toThrow("is a member already");
    expect(await on(0, "get", "configmaps", "-o", "name")).toContain("written-at-one");
  });

  it("all stand behind the Service of the API", async () => {
    await eventually(
      () => on(0, "get", "endpointslice", "kubernetes", "-o", "jsonpath={.endpoints[*].addresses[0]}"),
      (text) => text === [0, 1, 2].map((index) => host(index).address).join(" "),
      60_000,
    );
  });

  it("go on when a machine dies, its nodes at another server, and it comes back without being told anything", { timeout: 240_000 }, async () => {
    agent = await startAgent(host(3), agentDir, ["--server", `https://${host(0).address}:6443`, "--token", readFileSync(path.join(dirs[0]!, "server/pki/node-token"), "utf8").trim()]);
    const renewals = () => on(1, "get", "lease", "-n", "kube-node-lease", host(3).name, "-o", "jsonpath={.spec.renewTime}");
    await eventually(renewals, (text) => text !== "", 60_000);
    await eventually(
      async () => readFileSync(path.join(agentDir, "pki/servers.json"), "utf8"),
      (text) => text.includes(host(1).address),
      60_000,
    );
    await servers[0]!.kill();
    await endMember(0);
    await eventually(
      () => create(1, "without-zero"),
      (answer) => answer.includes("created"),
      60_000,
    );
    const before = await renewals();
    await eventually(renewals, (text) => text !== "" && text !== before, 60_000);
    await start(0);
    expect(await on(0, "get", "configmap", "without-zero", "-o", "name")).toBe("configmap/without-zero\n");
  });

  it("adopt their member after a sudden death of the server alone", async () => {
    const pid = await host(1).exec("pgrep", "-f", `^etcd .*${dirs[1]}/`);
    await servers[1]!.kill();
    await start(1);
    expect(await host(1).exec("pgrep", "-f", `^etcd .*${dirs[1]}/`)).toBe(pid);
  });

  it("refuse to write where they are cut off, say that they are not ready, and follow again", { timeout: 240_000 }, async () => {
    await host(2).setLink("down");
    // The server's own answer is waited for. It may say that it does not know: what is on its way to another member arrives when the link is back.
    await expect(kubectl(host(2), servers[2]!, "--request-timeout=60s", "create", "configmap", "doubtful")).rejects.toThrow(/failed to create|Error from server/);
    await eventually(
      () =>
        on(2, "get", "--raw", "/readyz").then(
          () => "ready",
          () => "not ready",
        ),
      (answer) => answer === "not ready",
      60_000,
    );
    await eventually(
      () => create(0, "meanwhile"),
      (answer) => answer.includes("created"),
      60_000,
    );
    await host(2).setLink("up");
    await eventually(
      () => on(2, "get", "configmap", "meanwhile", "-o", "name"),
      (answer) => answer === "configmap/meanwhile\n",
      60_000,
    );
    const seen = (index: number) => on(index, "get", "configmaps", "-o", "name");
    await eventually(
      async () => [await seen(0), await seen(2)],
      ([there, here]) => there === here,
    );
    await eventually(
      () => create(2, "back"),
      (answer) => answer.includes("created"),
      60_000,
    );
  });

  it("give a machine that has lost its disk its place back", { timeout: 240_000 }, async () => {
    await servers[2]!.kill();
    await endMember(2);
    rmSync(dirs[2]!, { recursive: true, force: true });
    await join(2);
    expect(await on(2, "get", "configmap", "back", "-o", "name")).toBe("configmap/back\n");
    await eventually(
      () => members(0),
      (table) => healthy(table) === 3,
      60_000,
    );
  });

  it("take one out that is to go: it ends with the reason, and may join anew", { timeout: 240_000 }, async () => {
    const gone = new Promise((resolve) => servers[1]!.process.once("exit", resolve));
    expect(await runMainstay(host(0), "members", "remove", host(1).name, "--data-dir", dirs[0]!)).toMatch(new RegExp(`2 remain.*kubectl delete node ${host(1).name}\n$`));
    expect(await gone).toBe(1);
    expect(servers[1]!.output()).toContain("this server was taken out of the cluster's quorum");
    expect(healthy(await members(0))).toBe(2);
    await join(1);
    expect(await on(1, "get", "configmap", "back", "-o", "name")).toBe("configmap/back\n");
    await eventually(
      () => members(0),
      (shown) => healthy(shown) === 3,
      60_000,
    );
  });

  it("go on from one machine's data when the others are gone for good", { timeout: 240_000 }, async () => {
    await expect(runMainstay(host(2), "members", "reset", "--data-dir", dirs[2]!)).rejects.toThrow("is in use by another Mainstay");
    for (const index of [0, 1, 2]) {
      await servers[index]!.kill();
      await endMember(index);
    }
    expect(await runMainstay(host(2), "members", "reset", "--data-dir", dirs[2]!)).toContain(`${host(2).name} is the only member now`);
    await start(2);
    expect(await on(2, "get", "configmap", "back", "-o", "name")).toBe("configmap/back\n");
    await create(2, "alone");
    expect(healthy(await members(2))).toBe(1);
  });
});
