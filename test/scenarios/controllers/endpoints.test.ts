import { expect, test } from "vitest";
import { endpointsResource } from "../../../engine/resources/core/endpoints.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { ipAddressResource } from "../../../engine/resources/networking/ip-address.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import type { Service } from "../../../engine/resources/types.ts";
import { startControlPlane, telling } from "./control-plane.ts";

const service = (name: string, selector?: Record<string, string>): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { ports: [{ port: 80, protocol: "TCP" }], ...(selector === undefined ? {} : { selector }) },
});

test("a Service that selects nobody yet has empty Endpoints, which go with it", async () => {
  await using plane = await startControlPlane();
  const endpoints = plane.client.for(endpointsResource);
  await plane.client.for(serviceResource).create(service("web", { app: "web" }));
  await plane.clock.runUntil(async () => (await endpoints.list("default")).items.length === 1, 10_000, "Endpoints");
  expect((await endpoints.get("default", "web")).subsets ?? []).toEqual([]);
  await plane.client.for(serviceResource).delete("default", "web");
  await plane.clock.runUntil(async () => (await endpoints.list("default")).items.length === 0, 10_000, "no Endpoints");
});

test("Endpoints that somebody writes for a Service without a selector become slices, and follow it", async () => {
  await using plane = await startControlPlane();
  const slices = async () =>
    (await plane.client.for(endpointSliceResource).list("default", { labelSelector: "kubernetes.io/service-name=outside" })).items.map(({ endpoints }) =>
      (endpoints ?? []).flatMap(({ addresses }) => addresses),
    );
  const endpoints = plane.client.for(endpointsResource);
  const made = await endpoints.create({
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "outside", namespace: "default" },
    subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 80, protocol: "TCP" }] }],
  });
  await plane.clock.advance(2_000);
  expect(await slices()).toEqual([]);
  await plane.client.for(serviceResource).create(service("outside"));
  await plane.clock.runUntil(async () => (await slices()).length === 1, 10_000, "a slice");
  await endpoints.update({ ...made, subsets: [{ addresses: [{ ip: "192.0.2.2" }, { ip: "192.0.2.3" }], ports: [{ port: 80, protocol: "TCP" }] }] });
  await plane.clock.runUntil(async () => JSON.stringify(await slices()) === JSON.stringify([["192.0.2.2", "192.0.2.3"]]), 10_000, "the new addresses");
  await endpoints.delete("default", "outside");
  await plane.clock.runUntil(async () => (await slices()).length === 0, 60_000, "no slice");
  expect(plane.warnings).toEqual([]);
});

test("every address of a Service has an object that says whose it is", async () => {
  await using plane = await startControlPlane();
  const addresses = async () => Object.fromEntries((await plane.client.for(ipAddressResource).list("")).items.map(({ metadata, spec }) => [metadata.name, spec?.parentRef.name]));
  const made = await plane.client.for(serviceResource).create(service("web"));
  const address = made.spec?.clusterIP ?? "";
  await plane.clock.runUntil(async () => (await addresses())[address] === "web", 10_000, "the address");
  expect(await addresses()).toEqual({ [address]: "web", "10.43.0.1": "kubernetes", "10.43.0.10": "kube-dns" });
  await plane.client.for(ipAddressResource).delete("", address);
  await plane.clock.runUntil(async () => (await addresses())[address] === "web", 10_000, "the address again");
  await plane.client.for(serviceResource).delete("default", "web");
  await plane.clock.runUntil(async () => (await addresses())[address] === undefined, 10_000, "no address");
  expect(plane.warnings).toEqual([]);
});

test("a Service of many pods is written a few times while they change one after another, and tells the last state", async () => {
  await using plane = await startControlPlane();
  const { clock, client } = plane;
  const [pods, endpoints] = [client.for(podResource), client.for(endpointsResource)];
  const tell = (index: number, ready: "True" | "False") =>
    pods.patch(
      "default",
      `big-${index}`,
      "merge",
      { status: { phase: "Running", podIP: `10.0.0.${index}`, podIPs: [{ ip: `10.0.0.${index}` }], conditions: [{ type: "Ready", status: ready }] } },
      { subresource: "status" },
    );
  const readyOf = async () => ((await endpoints.get("default", "big")).subsets ?? []).flatMap(({ addresses = [] }) => addresses).length;
  await client.for(serviceResource).create(service("big", { app: "big" }));
  for (let index = 0; index < 150; index++) {
    await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { name: `big-${index}`, namespace: "default", labels: { app: "big" } }, spec: { containers: [{ name: "main", image: "none" }] } });
    await tell(index, "True");
  }
  await clock.runUntil(async () => (await readyOf()) === 150, 10_000, "all endpoints");
  await clock.advance(1_000);

  const versions = new Set<string | undefined>();
  for (let index = 0; index < 50; index++) {
    await tell(index, "False");
    await clock.advance(20);
    versions.add((await endpoints.get("default", "big")).metadata.resourceVersion);
  }
  expect(versions.size).toBeGreaterThan(3);
  expect(versions.size).toBeLessThan(12);
  await clock.runUntil(async () => (await readyOf()) === 100, 1_000, "those that are left");
});

test("where many nodes hear of each slice, pods that change one after another are written together", async () => {
  let writes = 0;
  const counted = telling((verb, kind) => {
    if (verb === "update" && kind === "EndpointSlice") writes++;
  });
  await using plane = await startControlPlane({}, { seenThrough: counted });
  const pods = plane.client.for(podResource);
  await plane.client.for(serviceResource).create(service("web", { app: "web" }));
  await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default", labels: { app: "web" } }, spec: { containers: [{ name: "app", image: "app:1" }] } });
  await pods.patch("default", "p", "merge", { status: { podIPs: [{ ip: "10.42.0.1" }], podIP: "10.42.0.1" } }, { subresource: "status" });
  await plane.clock.advance(2_000);
  const writesOfTenChanges = async (): Promise<number> => {
    writes = 0;
    for (let at = 0; at < 10; at++) {
      await pods.patch("default", "p", "merge", { status: { conditions: [{ type: "Ready", status: at % 2 === 0 ? "True" : "False" }] } }, { subresource: "status" });
      await plane.clock.advance(20);
    }
    await plane.clock.advance(2_000);
    return writes;
  };
  expect(await writesOfTenChanges()).toBe(10);
  for (let at = 0; at < 120; at++) await plane.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: `n${at}` } });
  await plane.clock.advance(2_000);
  expect(await writesOfTenChanges()).toBeLessThanOrEqual(3);
});
