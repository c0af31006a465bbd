import { expect, test } from "vitest";
import { endpointsResource } from "../../../engine/resources/core/endpoints.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { ipAddressResource } from "../../../engine/resources/networking/ip-address.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import type { Service } from "../../../engine/resources/types.ts";
import { startControlPlane } from "./control-plane.ts";

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
