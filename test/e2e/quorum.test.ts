import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { skipWithoutEtcd, startEtcd, type EtcdCluster } from "../kit/etcd.ts";
import { thisMachine as here } from "../kit/hosts.ts";
import { eventually, kubectl, makeDataDir, startMainstay, type Mainstay } from "../kit/mainstay.ts";

describe.skipIf(skipWithoutEtcd())("a control plane over three etcd members", () => {
  let etcd: EtcdCluster;
  let mainstay: Mainstay;
  const dataDir = makeDataDir();
  const start = () => startMainstay(here, dataDir, ["--no-agent", "--api-port", "0", "--git-port", "0", "--datastore-endpoint", etcd.endpoints.join(",")]);
  const create = (name: string) => kubectl(here, mainstay, "create", "configmap", name, `--from-literal=key=${name}`);
  const names = async () => (await kubectl(here, mainstay, "get", "configmaps", "-o", "name")).trim().split("\n");

  beforeAll(async () => {
    etcd = await startEtcd({ members: 3 });
    mainstay = await start();
  });

  afterAll(async () => {
    await mainstay?.stop();
    await etcd?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it("admits and stores the first commit of the repository", async () => {
    await eventually(
      () => kubectl(here, mainstay, "-n", "web", "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"),
      (replicas) => replicas === "3",
    );
  });

  it("goes on when a member dies, and keeps what was written", async () => {
    await create("before");
    await (await etcd.leader()).kill();
    await eventually(
      () => create("after"),
      (answer) => answer.includes("created"),
      20_000,
    );
    await eventually(names, (list) => list.includes("configmap/before") && list.includes("configmap/after"));
  });

  it("finds everything again after its own sudden death", async () => {
    await mainstay.kill();
    mainstay = await start();
    expect(await names()).toEqual(expect.arrayContaining(["configmap/before", "configmap/after"]));
  });
});
