import { expect, it } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../../engine/client/client.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import { leaseResource } from "../../../../engine/resources/coordination/lease.ts";
import { nodeResource } from "../../../../engine/resources/core/node.ts";
import { createNodeLease } from "../../../../node-agent/node/node-lease.ts";
import { startTestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

it("a node's sign of life belongs to its Node as soon as there is one, and is renewed", async () => {
  const clock = new VirtualClock();
  const { client } = await startTestApi({ clock });
  const stop = new AbortController();
  const running = runServices([createNodeLease({ client, clock, logger: silentLogger, nodeName: "n1" })], stop.signal);
  const read = () => client.for(leaseResource).get("kube-node-lease", "n1");
  await clock.advance(1_000);
  expect((await read()).metadata.ownerReferences).toBeUndefined();
  const node = await client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
  await clock.advance(11_000);
  const owned = await read();
  expect(owned.metadata.ownerReferences).toEqual([{ apiVersion: "v1", kind: "Node", name: "n1", uid: node.metadata.uid }]);
  await clock.advance(11_000);
  const renewed = await read();
  expect(renewed.metadata.ownerReferences).toEqual(owned.metadata.ownerReferences);
  expect(Date.parse(renewed.spec?.renewTime ?? "")).toBeGreaterThan(Date.parse(owned.spec?.renewTime ?? ""));
  stop.abort();
  await running;
});

it("lasts as long as is said, and is given four times as often", async () => {
  const clock = new VirtualClock();
  const { client } = await startTestApi({ clock });
  const stop = new AbortController();
  const running = runServices([createNodeLease({ client, clock, logger: silentLogger, nodeName: "n1", durationSeconds: 8 })], stop.signal);
  const read = async () => (await client.for(leaseResource).get("kube-node-lease", "n1")).spec;
  await clock.advance(100);
  const first = await read();
  await clock.advance(2_000);
  const next = await read();
  expect([first?.leaseDurationSeconds, Date.parse(next?.renewTime ?? "") - Date.parse(first?.renewTime ?? "")]).toEqual([8, 2_000]);
  stop.abort();
  await running;
});

it("tells when the server answers again, and only then", async () => {
  const clock = new VirtualClock();
  const { client } = await startTestApi({ clock });
  let isCut = false;
  const flaky: Client = {
    ...client,
    for: (resource) => {
      const api = client.for(resource);
      const cut =
        <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
        (...args: A) =>
          isCut ? Promise.reject(new StatusError("ServiceUnavailable", "no server")) : call(...args);
      return { ...api, get: cut(api.get), update: cut(api.update) };
    },
  };
  const told: number[] = [];
  const stop = new AbortController();
  const running = runServices([createNodeLease({ client: flaky, clock, logger: silentLogger, nodeName: "n1", onReturn: () => told.push(clock.monotonic()) })], stop.signal);
  await clock.advance(25_000);
  isCut = true;
  await clock.advance(60_000);
  expect(told).toEqual([]);
  isCut = false;
  await clock.advance(1_000);
  expect(told).toHaveLength(1);
  await clock.advance(30_000);
  expect(told).toHaveLength(1);
  stop.abort();
  await running;
});
