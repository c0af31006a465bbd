import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { askToJoin, fetchNetwork } from "../../engine/auth/join-call.ts";
import { NETWORK_PATH } from "../../engine/auth/join-paths.ts";
import { formatNodeToken } from "../../engine/auth/node-token.ts";
import { alwaysDenyMode } from "../../engine/auth/authorize.ts";
import { resolveAgentConfig } from "../../node-agent/config.ts";
import { joinCluster } from "../../node-agent/join-cluster.ts";
import { learnNetwork } from "../../node-agent/learn-network.ts";
import { startTestListener, type TestListener, type TestListenerOptions } from "../kit/test-listener.ts";

const NETWORK = { clusterCidr: "10.42.0.0/16,fd00:42::/56", clusterDns: "10.43.0.10,fd00:43::a", clusterDomain: "cluster.example.org" };

let folder: string;
const running: TestListener[] = [];
beforeEach(async () => void (folder = await mkdtemp(path.join(os.tmpdir(), "network-"))));
afterEach(async () => {
  for (const api of running.splice(0)) await api.stop();
  await rm(folder, { recursive: true });
});

const start = async (options: TestListenerOptions) => {
  const api = await startTestListener(options);
  running.push(api);
  return api;
};
const joining = ({ url, pki, joinToken }: TestListener) => resolveAgentConfig({ server: url, token: formatNodeToken(pki.ca, joinToken), nodeName: "m1", dataDir: folder }, {});

describe("an agent that was not told the cluster's network", () => {
  test("learns it with its token, again with its certificate, and knows it while no server answers", async () => {
    const api = await start({ network: NETWORK });
    const config = joining(api);
    expect(await learnNetwork(config)).toEqual(NETWORK);
    await joinCluster(config, ["192.0.2.9"], Date.now());
    await rm(path.join(folder, "network.json"));
    expect(await learnNetwork({ ...config, token: "no token any more" })).toEqual(NETWORK);
    await api.stop();
    expect(await learnNetwork(config)).toEqual(NETWORK);
  });

  test("is not told by servers of earlier versions, which know no such page and give no right to it", async () => {
    for (const options of [{}, { authorization: [alwaysDenyMode] }]) expect(await learnNetwork(joining(await start(options)))).toEqual({});
    expect(existsSync(path.join(folder, "network.json"))).toBe(false);
  });

  test("does not begin with a guess: a machine that joins waits for its server", async () => {
    const api = await start({ network: NETWORK });
    await api.stop();
    await expect(learnNetwork(joining(api))).rejects.toThrow(`join through ${api.url}`);
  });

  test("goes on with the usual one when it joined an earlier server that is away now", async () => {
    const api = await start({});
    const config = joining(api);
    await joinCluster(config, ["192.0.2.9"], Date.now());
    await api.stop();
    expect(await learnNetwork(config)).toEqual({});
  });
});

test("the cluster's network is told to those who join, and to nobody else", async () => {
  const { url, pki } = await start({ network: NETWORK });
  await expect(fetchNetwork(url, pki.ca, { token: "stranger" })).rejects.toThrow("(401)");
  const { certificate, key } = await pki.certificate("ann", { commonName: "ann", organizations: ["dev"], usage: "client" });
  await expect(fetchNetwork(url, pki.ca, { certificate, key })).rejects.toThrow("(403)");
  await expect(askToJoin(`${url}${NETWORK_PATH}`, pki.ca, { certificate, key }, {})).rejects.toThrow("(403)");
});
