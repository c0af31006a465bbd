import { expect, test } from "vitest";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { ipAddressResource } from "../../../engine/resources/networking/ip-address.ts";
import { serviceCidrResource } from "../../../engine/resources/networking/service-cidr.ts";
import type { ServiceCIDR } from "../../../engine/resources/types.ts";
import { startControlPlane } from "./control-plane.ts";

const range = (name: string, cidr: string): ServiceCIDR => ({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name }, spec: { cidrs: [cidr] } });

test("a range of Services is ready, stays while an address needs it, and goes ten seconds after its deletion", async () => {
  await using plane = await startControlPlane();
  const ranges = plane.client.for(serviceCidrResource);
  const services = plane.client.for(serviceResource);
  const names = async () => (await ranges.list("")).items.map(({ metadata }) => metadata.name);
  await ranges.create(range("more", "10.99.0.0/24"));
  await plane.clock.settle();
  expect(await ranges.get("", "more")).toMatchObject({
    metadata: { finalizers: ["networking.k8s.io/service-cidr-finalizer"] },
    status: { conditions: [{ type: "Ready", status: "True", message: "Kubernetes Service CIDR is ready" }] },
  });

  await services.create({ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "default" }, spec: { clusterIP: "10.99.0.7", ports: [{ port: 80 }] } });
  await ranges.delete("", "more");
  await plane.clock.advance(30_000);
  expect((await ranges.get("", "more")).status?.conditions).toMatchObject([
    { type: "Ready", status: "False", reason: "Terminating", message: "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR" },
  ]);
  expect((await services.create({ apiVersion: "v1", kind: "Service", metadata: { name: "next", namespace: "default" }, spec: { ports: [{ port: 80 }] } })).spec?.clusterIP).toMatch(/^10\.43\./);

  // Another range that contains it takes its addresses over.
  await ranges.create(range("wider", "10.99.0.0/16"));
  await plane.clock.advance(1_000);
  expect(await names()).not.toContain("more");
  await ranges.delete("", "wider");
  await plane.clock.advance(30_000);
  expect(await names()).toContain("wider");
  await services.delete("default", "web");
  await plane.clock.advance(1_000);
  expect(await names()).not.toContain("wider");

  await ranges.create(range("unused", "10.98.0.0/24"));
  await plane.clock.settle();
  await ranges.delete("", "unused");
  await plane.clock.advance(5_000);
  expect(await names()).toContain("unused");
  await plane.clock.advance(6_000);
  expect(await names()).not.toContain("unused");
  expect(plane.warnings).toEqual([]);
});

test("the object of an address comes back when somebody deletes it", async () => {
  await using plane = await startControlPlane();
  const made = await plane.client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "default" }, spec: { ports: [{ port: 80 }] } });
  const address = made.spec?.clusterIP ?? "";
  await plane.client.for(ipAddressResource).delete("", address);
  await plane.clock.settle();
  expect(await plane.client.for(ipAddressResource).get("", address)).toMatchObject({ spec: { parentRef: { name: "web" } } });
});
