import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Client } from "../../../../engine/client/client.ts";
import { systemClock, type Clock } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import { nodeResource } from "../../../../engine/resources/core/node.ts";
import { csiDriverResource } from "../../../../engine/resources/storage/csi-driver.ts";
import { csiNodeResource } from "../../../../engine/resources/storage/csi-node.ts";
import type { CSINode } from "../../../../engine/resources/types.ts";
import { CsiDrivers } from "../../../../node-agent/csi/csi-drivers.ts";
import { Node } from "../../../../node-agent/csi/csi_pb.ts";
import { createAgentMetrics } from "../../../../node-agent/stats/agent-metrics.ts";
import { serveGrpc, served } from "../../../kit/grpc-server.ts";
import { startTestApi, type TestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const NAME = "disks.example.com";
let api: TestApi;
let folder: string;
let endpoint: string;
let endDriver: () => void;
/** How often the driver was asked about the node. */
let asked: number;
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), "csi-drivers-"));
  endpoint = path.join(folder, "csi.sock");
  asked = 0;
  endDriver = await serveGrpc(endpoint, served(Node, { nodeGetInfo: () => (asked++, { nodeId: "m-1" }), nodeGetCapabilities: () => ({ capabilities: [] }) }));
  api = await startTestApi();
  await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
});
afterEach(async () => {
  endDriver();
  await api.stop();
  rmSync(folder, { recursive: true });
});

/** As one registration socket names the driver: each is a value of its own. */
const plugin = () => ({ name: NAME, endpoint, versions: ["1.0.0"] });
const driversOf = (client: Client, metrics = createAgentMetrics("n1"), clock: Clock = systemClock) => new CsiDrivers({ client, clock, logger: silentLogger, metrics, nodeName: "n1" });
const named = async () => ((await api.client.for(csiNodeResource).get("", "n1")).spec.drivers ?? []).map(({ name }) => name);
const answers = (drivers: CsiDrivers) => drivers.get(NAME).capabilities();

/** The API, for one who is kept waiting before a CSINode is written in which nothing is left, and is told afterwards. */
function slowToRemove(client: Client, before: () => Promise<unknown>, after: () => void): Client {
  const update = async (object: CSINode) => {
    const isEmpty = object.spec.drivers?.length === 0;
    if (isEmpty) await before();
    const written = await client.for(csiNodeResource).update(object);
    if (isEmpty) after();
    return written;
  };
  return { for: (resource: unknown) => (resource === csiNodeResource ? { ...client.for(csiNodeResource), update } : client.for(resource as typeof csiNodeResource)) } as unknown as Client; // nothing else of it is used
}

test("a driver that comes back while its going is still being written is in the CSINode in the end", async () => {
  let coming: Promise<void> | undefined;
  let hasGone = false;
  const whileItGoes = () => {
    coming = drivers.register(plugin());
    return Promise.race([coming, sleep(300)]); // time enough for one that does not wait
  };
  const drivers = driversOf(slowToRemove(api.client, whileItGoes, () => (hasGone = true)));
  const running = new AbortController();
  const ended = runServices([drivers.asService()], running.signal);
  try {
    const first = plugin();
    await drivers.register(first);
    expect(await named()).toEqual([NAME]);
    drivers.deregister(first);
    await expect.poll(() => hasGone).toBe(true);
    await coming;
    expect(await named()).toEqual([NAME]);
  } finally {
    running.abort();
    await ended;
  }
});

test("a driver that has registered by a second socket stays when its first goes", async () => {
  const drivers = driversOf(api.client);
  const [first, second] = [plugin(), plugin()];
  await drivers.register(first);
  await drivers.register(second);
  drivers.deregister(first);
  expect(await answers(drivers)).toEqual(new Set());
  drivers.deregister(second);
  expect(() => drivers.get(NAME)).toThrow(`driver name ${NAME} not found in the list of registered CSI drivers`);
});

test("a driver goes on being asked when its second registration fails", async () => {
  const drivers = driversOf(api.client);
  await drivers.register(plugin());
  await api.client.for(nodeResource).delete("", "n1");
  await expect(drivers.register(plugin())).rejects.toThrow("n1");
  expect(await answers(drivers)).toEqual(new Set());
});

test("a driver that comes when there was none is asked again how much fits on the node, if it says so", async () => {
  await api.client.for(csiDriverResource).create({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: NAME }, spec: { nodeAllocatableUpdatePeriodSeconds: 10 } });
  const clock = new VirtualClock();
  const drivers = driversOf(api.client, createAgentMetrics("n1"), clock);
  const running = new AbortController();
  const ended = runServices([drivers.asService()], running.signal);
  try {
    await expect.poll(() => named().catch(() => undefined)).toEqual([]);
    await drivers.register(plugin());
    expect(asked).toBe(1);
    await expect.poll(() => clock.advance(60_000).then(() => asked)).toBeGreaterThan(1);
  } finally {
    running.abort();
    await ended;
  }
});

test("what a driver is asked is timed, by method and by how it ended", async () => {
  const metrics = createAgentMetrics("n1");
  const drivers = driversOf(api.client, metrics);
  const registered = plugin();
  await drivers.register(registered);
  await expect(drivers.get(NAME).unstage("h", "/place")).rejects.toThrow("NodeUnstageVolume of driver disks.example.com failed");
  const series = metrics.registry
    .render()
    .split("\n")
    .filter((line) => line.startsWith("csi_operations_seconds_count"));
  expect(series).toEqual([
    `csi_operations_seconds_count{driver_name="${NAME}",grpc_status_code="OK",method_name="/csi.v1.Node/NodeGetInfo",migrated="false"} 1`,
    `csi_operations_seconds_count{driver_name="${NAME}",grpc_status_code="Unimplemented",method_name="/csi.v1.Node/NodeUnstageVolume",migrated="false"} 1`,
  ]);
  drivers.deregister(registered);
});
