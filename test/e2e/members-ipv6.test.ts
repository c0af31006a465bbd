import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { skipWithoutEtcd } from "../kit/etcd.ts";
import { createFabric, type Fabric } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, resetMainstay, runMainstay, startAgent, startMainstay, type Mainstay } from "../kit/mainstay.ts";

/** Machines that have addresses of IPv6 and no others, as `members` has them of IPv4. */
describe.skipIf(!requireRoot() || skipWithoutEtcd())("servers and a node on a network of IPv6 alone", () => {
  const dirs = [makeDataDir(), makeDataDir(), makeDataDir(), makeDataDir()];
  const servers: Mainstay[] = [];
  let agent: Mainstay | undefined;
  let fabric: Fabric;
  const host = (index: number) => fabric.hosts[index]!;
  const url = () => `https://[${host(0).address}]:6443`;
  const token = (kind: "node" | "server") => readFileSync(path.join(dirs[0]!, `server/pki/${kind}-token`), "utf8").trim();
  const start = async (index: number, ...args: string[]) =>
    (servers[index] = await startMainstay(host(index), dirs[index]!, [
      "--no-agent",
      "--no-git",
      "--bind-address",
      host(index).address,
      "--cluster-cidr",
      "fd00:42::/56",
      "--service-cidr",
      "fd00:43::/112",
      ...args,
    ]));
  const join = (index: number) => start(index, "--server", url(), "--token", token("server"));
  const on = (index: number, ...args: string[]) => kubectl(host(index), servers[index]!, "--request-timeout=20s", ...args);

  beforeAll(async () => {
    fabric = await createFabric("q6", 4, ["IPv6"]);
    await start(0, "--cluster-init");
    await Promise.all([join(1), join(2)]);
  }, 240_000);

  afterAll(() =>
    cleanUp(
      () => agent?.stop(),
      () => Promise.all(servers.map((server) => server.kill())),
      ...dirs.map((dir, index) => async () => {
        if (fabric !== undefined && (index === 3 ? agent : servers[index]) !== undefined) await resetMainstay(host(index), dir);
        rmSync(dir, { recursive: true, force: true });
      }),
      () => fabric?.destroy(),
    ),
  );

  it("keep one state, and all stand behind the Service of the API", async () => {
    expect((await runMainstay(host(2), "members", "--data-dir", dirs[2]!)).match(/ healthy /g)).toHaveLength(3);
    await eventually(
      () => on(0, "get", "endpointslice", "kubernetes", "-o", "jsonpath={.addressType} {.endpoints[*].addresses[0]}"),
      (text) => text === `IPv6 ${[0, 1, 2].map((index) => host(index).address).join(" ")}`,
    );
  });

  it("go on when one of them dies, with the node that had joined there", { timeout: 120_000 }, async () => {
    agent = await startAgent(host(3), dirs[3]!, ["--server", url(), "--token", token("node")]);
    await eventually(
      () => on(1, "get", "node", host(3).name, "-o", "jsonpath={.spec.podCIDRs[*]} {.status.addresses[0].address}"),
      (text) => /^fd00:42:\S+\/64 fd00:88::4$/.test(text),
    );
    await eventually(
      async () => readFileSync(path.join(dirs[3]!, "pki/servers.json"), "utf8"),
      (text) => text.includes(host(1).address),
    );
    await servers[0]!.kill();
    await host(0)
      .exec("pkill", "-9", "-f", `^etcd .*${dirs[0]}/`)
      .catch(() => "");
    await eventually(
      () => on(1, "create", "configmap", "without-zero"),
      (answer) => answer.includes("created"),
    );
    const renewals = () => on(2, "get", "lease", "-n", "kube-node-lease", host(3).name, "-o", "jsonpath={.spec.renewTime}");
    const before = await renewals();
    await eventually(renewals, (text) => text !== "" && text !== before);
  });
});
