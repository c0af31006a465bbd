import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { parseServiceRanges } from "../../../engine/registry/ip-range.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { ipAddressResource } from "../../../engine/resources/networking/ip-address.ts";
import { serviceCidrResource } from "../../../engine/resources/networking/service-cidr.ts";
import { ensureServiceRange } from "../../../engine/server/bootstrap/service-range.ts";
import type { Service, ServiceCIDR, ServiceSpec } from "../../../engine/resources/types.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

const NAMESPACE = "net";
const service = (name: string, spec: ServiceSpec = {}): Service => ({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: NAMESPACE }, spec: { ports: [{ port: 80 }], ...spec } });

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return (error as StatusError).message;
}

async function claims(api: TestApi, kind: "clusterips" | "nodeports"): Promise<string[]> {
  const page = await api.storage.list(`/registry/claims/${kind}/`);
  return page.entries.map((entry) => entry.key.slice(entry.key.lastIndexOf("/") + 1));
}

describe("addresses", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({ random: seededRandom(7) });
    await createTestNamespace(api.client, NAMESPACE);
  });
  afterAll(() => api.stop());
  const services = () => api.client.for(serviceResource);

  test("a Service gets a free address and everything that goes with it", async () => {
    const made = await services().create(service("plain"));
    expect(made.spec?.clusterIP).toMatch(/^10\.43\.\d+\.\d+$/);
    expect(made.spec).toMatchObject({
      type: "ClusterIP",
      clusterIPs: [made.spec?.clusterIP],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      internalTrafficPolicy: "Cluster",
      sessionAffinity: "None",
    });
    expect(await claims(api, "clusterips")).toContain(made.spec?.clusterIP);
  });

  test("an address that was asked for is given once, and given back by a delete", async () => {
    await services().create(service("asked", { clusterIP: "10.43.0.99" }));
    expect(await messageOf(services().create(service("second", { clusterIP: "10.43.0.99" })))).toBe(
      'Service "second" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.99"]: failed to allocate IP 10.43.0.99: provided IP is already allocated',
    );
    await services().delete(NAMESPACE, "asked");
    expect((await services().create(service("second", { clusterIP: "10.43.0.99" }))).spec?.clusterIP).toBe("10.43.0.99");
  });

  test("an address outside of the range is refused, and so is a change", async () => {
    expect(await messageOf(services().create(service("outside", { clusterIP: "192.168.1.1" })))).toContain("failed to allocate IP 192.168.1.1: the provided network does not match the current range");
    expect(await messageOf(services().create(service("network", { clusterIP: "10.43.0.0" })))).toContain(
      "the provided IP (10.43.0.0) is not in the valid range. The range of valid IPs is 10.43.0.0/16",
    );
    const made = await services().create(service("fixed"));
    expect(await messageOf(services().update({ ...made, spec: { ...made.spec, clusterIP: "10.43.0.77", clusterIPs: ["10.43.0.77"] } }))).toContain("may not change once set");
  });

  test("a PUT that leaves the address out keeps it, and writes nothing new", async () => {
    const made = await services().create(service("kept"));
    const again = await services().update(service("kept"));
    expect(again.spec?.clusterIP).toBe(made.spec?.clusterIP);
    expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  });

  test("headless and external Services claim nothing", async () => {
    const before = await claims(api, "clusterips");
    expect((await services().create(service("headless", { clusterIP: "None" }))).spec?.clusterIPs).toEqual(["None"]);
    const external = await services().create({ ...service("external"), spec: { type: "ExternalName", externalName: "example.com" } });
    expect(external.spec?.clusterIP).toBeUndefined();
    expect(await claims(api, "clusterips")).toEqual(before);
  });

  test("a Service that becomes external lets its address go, and gets one on the way back", async () => {
    const made = await services().create(service("turn"));
    const out = await services().patch(NAMESPACE, "turn", "merge", { spec: { type: "ExternalName", externalName: "example.com", clusterIP: null, clusterIPs: null } });
    expect(out.spec?.clusterIP).toBeUndefined();
    expect(await claims(api, "clusterips")).not.toContain(made.spec?.clusterIP);
    const back = await services().patch(NAMESPACE, "turn", "merge", { spec: { type: "ClusterIP", externalName: null } });
    expect(back.spec?.clusterIP).toMatch(/^10\.43\./);
    expect(await claims(api, "clusterips")).toContain(back.spec?.clusterIP);
  });

  test("a dry run claims nothing", async () => {
    const before = await claims(api, "clusterips");
    expect((await services().create(service("dry"), { dryRun: true })).spec?.clusterIP).toBeDefined();
    expect(await claims(api, "clusterips")).toEqual(before);
  });
});

describe("node ports", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({ random: seededRandom(8) });
    await createTestNamespace(api.client, NAMESPACE);
  });
  afterAll(() => api.stop());
  const services = () => api.client.for(serviceResource);

  test("each port gets its own, keeps it, and gives it back when the type changes", async () => {
    const made = await services().create(
      service("open", {
        type: "NodePort",
        ports: [
          { name: "a", port: 80 },
          { name: "b", port: 81 },
        ],
      }),
    );
    const ports = made.spec?.ports?.map((port) => port.nodePort ?? 0) ?? [];
    expect(new Set(ports).size).toBe(2);
    expect(ports.every((port) => port >= 30_000 && port <= 32_767)).toBe(true);
    const again = await services().update(
      service("open", {
        type: "NodePort",
        ports: [
          { name: "a", port: 80 },
          { name: "b", port: 81 },
        ],
      }),
    );
    expect(again.spec?.ports?.map((port) => port.nodePort)).toEqual(ports);
    const closed = await services().patch(NAMESPACE, "open", "merge", { spec: { type: "ClusterIP" } });
    expect(closed.spec?.ports?.some((port) => port.nodePort !== undefined)).toBe(false);
    expect(await claims(api, "nodeports")).toEqual([]);
  });

  test("a taken port for health checks is told of as one", async () => {
    const balancer = (name: string) => service(name, { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30_200 });
    await services().create(balancer("checked"));
    expect(await messageOf(services().create(balancer("checked-too")))).toBe("Internal error occurred: failed to allocate requested HealthCheck NodePort 30200: provided port is already allocated");
  });

  test("a taken port, one outside of the range, and one that the type does not use are refused", async () => {
    await services().create(service("first", { type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] }));
    expect(await messageOf(services().create(service("other", { type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] })))).toBe(
      'Service "other" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
    expect(await messageOf(services().create(service("other", { type: "NodePort", ports: [{ port: 80, nodePort: 80 }] })))).toContain("The range of valid ports is 30000-32767");
    expect(await messageOf(services().create(service("other", { ports: [{ port: 80, nodePort: 30_081 }] })))).toContain("may not be used when `type` is 'ClusterIP'");
  });
});

test("a port that is only tried is not held against the range, and others are stood for by ports outside of it", async () => {
  await using api = await startTestApi({ random: seededRandom(7) });
  await createTestNamespace(api.client, NAMESPACE);
  const tried = async (ports: ServiceSpec["ports"], more: ServiceSpec = {}) =>
    (await api.client.for(serviceResource).create(service("tried", { type: "NodePort", ports, ...more }), { dryRun: true })).spec;
  const portsOf = (spec: ServiceSpec | undefined) => spec?.ports?.map(({ nodePort }) => nodePort);
  expect(portsOf(await tried([{ port: 80 }]))).toEqual([32_769]);
  expect(
    portsOf(
      await tried([
        { name: "a", port: 80, nodePort: 1 },
        { name: "b", port: 81 },
      ]),
    ),
  ).toEqual([1, 2]);
  expect((await tried([{ port: 80 }], { type: "LoadBalancer", externalTrafficPolicy: "Local" }))?.healthCheckNodePort).toBe(32_770);
  expect(await messageOf(api.client.for(serviceResource).create(service("meant", { type: "NodePort", ports: [{ port: 80, nodePort: 1 }] })))).toContain("provided port is not in the valid range");
  await api.client.for(serviceResource).create(service("held", { type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] }));
  expect(await messageOf(api.client.for(serviceResource).create(service("tried", { type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] }), { dryRun: true }))).toContain(
    "provided port is already allocated",
  );
});

test("a small range is used to its last address, and then says that it is full", async () => {
  await using api = await startTestApi({ random: seededRandom(9), serviceCidr: "10.9.0.0/28", hasMachines: false });
  await createTestNamespace(api.client, NAMESPACE);
  const services = api.client.for(serviceResource);
  const addresses = new Set<string>(["10.9.0.1"]);
  for (let i = 0; i < 13; i++) addresses.add((await services.create(service(`s${i}`))).spec?.clusterIP ?? "");
  expect(addresses.size).toBe(14);
  expect(await messageOf(services.create(service("one-too-many")))).toContain("range is full");
});

test("a hundred Services made at once all get different addresses and ports", async () => {
  await using api = await startTestApi({ random: seededRandom(10), serviceCidr: "10.9.0.0/24" });
  await createTestNamespace(api.client, NAMESPACE);
  const services = api.client.for(serviceResource);
  const made = await Promise.all(Array.from({ length: 100 }, (_, i) => services.create(service(`s${i}`, { type: "NodePort" }))));
  expect(new Set(made.map((object) => object.spec?.clusterIP)).size).toBe(100);
  expect(new Set(made.map((object) => object.spec?.ports?.[0]?.nodePort)).size).toBe(100);
});

describe("further ranges", () => {
  const range = (name: string, cidr: string): ServiceCIDR => ({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name }, spec: { cidrs: [cidr] } });
  const start = async () => {
    const api = await startTestApi({ random: seededRandom(11), serviceCidr: "10.9.0.0/29" });
    await createTestNamespace(api.client, NAMESPACE);
    return { api, services: api.client.for(serviceResource), ranges: api.client.for(serviceCidrResource), addresses: api.client.for(ipAddressResource) };
  };

  test("give addresses when the first is used up, and on demand", async () => {
    const { api, services, ranges } = await start();
    await using _ = api;
    for (let i = 0; i < 5; i++) await services.create(service(`s${i}`));
    expect(await messageOf(services.create(service("more")))).toContain("range is full");
    await ranges.create(range("more", "10.99.0.0/24"));
    await api.store.caughtUp();
    expect((await services.create(service("more"))).spec?.clusterIP).toMatch(/^10\.99\.0\./);
    expect((await services.create(service("asked", { clusterIP: "10.99.0.7" }))).spec?.clusterIP).toBe("10.99.0.7");
  });

  test("take over when what shows the first is deleted, until that is there again", async () => {
    const { api, services, ranges } = await start();
    await using _ = api;
    await ensureServiceRange(api.client, "10.9.0.0/29", systemClock);
    await ranges.patch("", "kubernetes", "merge", { metadata: { finalizers: ["example.com/hold"] } });
    await services.create(service("old", { clusterIP: "10.9.0.5" }));
    await ranges.delete("", "kubernetes");
    await api.store.caughtUp();
    expect(await messageOf(services.create(service("none")))).toContain("range is full");
    expect(await messageOf(services.create(service("asked", { clusterIP: "10.9.0.6" })))).toContain("the provided network does not match the current range");
    await services.patch(NAMESPACE, "old", "merge", { metadata: { labels: { still: "there" } } });
    await ranges.create(range("more", "10.99.0.0/24"));
    await api.store.caughtUp();
    expect((await services.create(service("new"))).spec?.clusterIP).toMatch(/^10\.99\.0\./);
    await ranges.patch("", "kubernetes", "merge", { metadata: { finalizers: [] } });
    await api.store.caughtUp();
    expect((await services.create(service("back", { clusterIP: "10.9.0.6" }))).spec?.clusterIP).toBe("10.9.0.6");
  });

  test("give none while they are not ready or are ending, and take none away", async () => {
    const { api, services, ranges } = await start();
    await using _ = api;
    const made = await ranges.create({ ...range("more", "10.99.0.0/24"), metadata: { name: "more", finalizers: ["example.com/hold"] } });
    await api.store.caughtUp();
    const kept = await services.create(service("kept", { clusterIP: "10.99.0.7" }));
    await ranges.updateStatus({ ...made, status: { conditions: [{ type: "Ready", status: "False", reason: "Test", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" }] } });
    await api.store.caughtUp();
    expect(await messageOf(services.create(service("late", { clusterIP: "10.99.0.8" })))).toContain("the provided network does not match the current range");
    await ranges.delete("", "more");
    await api.store.caughtUp();
    expect(await messageOf(services.create(service("late", { clusterIP: "10.99.0.8" })))).toContain("the provided network does not match the current range");
    expect((await services.update({ ...kept, metadata: { ...kept.metadata, labels: { a: "b" } } })).spec?.clusterIP).toBe("10.99.0.7");
  });

  test("show each address with the Service that has it, from the moment it has it until it is gone", async () => {
    const { api, services, addresses } = await start();
    await using _ = api;
    await services.create(service("one", { clusterIP: "10.9.0.2" }));
    expect(await addresses.get("", "10.9.0.2")).toMatchObject({
      metadata: { uid: expect.any(String), labels: { "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io", "ipaddress.kubernetes.io/ip-family": "IPv4" } },
      spec: { parentRef: { resource: "services", namespace: NAMESPACE, name: "one" } },
    });
    await services.delete(NAMESPACE, "one");
    await expect(addresses.get("", "10.9.0.2")).rejects.toMatchObject({ status: { reason: "NotFound" } });
    await services.create(service("two", { clusterIP: "10.9.0.2" }));
    // Who deletes the object has not freed the address.
    await addresses.delete("", "10.9.0.2");
    expect(await messageOf(services.create(service("three", { clusterIP: "10.9.0.2" })))).toContain("provided IP is already allocated");
    await services.delete(NAMESPACE, "two");
  });

  test("keep off what somebody holds by an object of his own", async () => {
    const { api, services, addresses } = await start();
    await using _ = api;
    for (const last of [2, 3, 4, 5])
      await addresses.create({
        apiVersion: "networking.k8s.io/v1",
        kind: "IPAddress",
        metadata: { name: `10.9.0.${last}` },
        spec: { parentRef: { group: "example.com", resource: "routers", name: "edge" } },
      });
    expect(await messageOf(services.create(service("asked", { clusterIP: "10.9.0.4" })))).toContain("provided IP is already allocated");
    expect((await services.create(service("last"))).spec?.clusterIP).toBe("10.9.0.6");
  });
});

describe("two families", () => {
  const start = async (serviceCidr = "10.9.0.0/24,fd00:9::/112") => {
    const api = await startTestApi({ random: seededRandom(12), serviceCidr, hasMachines: false });
    await createTestNamespace(api.client, NAMESPACE);
    return { api, services: api.client.for(serviceResource), ranges: api.client.for(serviceCidrResource), addresses: api.client.for(ipAddressResource) };
  };

  test("give a Service one address of each, held and shown, and take both back", async () => {
    const { api, services, addresses } = await start();
    await using _ = api;
    const { spec } = await services.create(service("both", { ipFamilyPolicy: "RequireDualStack" }));
    expect(spec?.clusterIPs).toEqual([expect.stringMatching(/^10\.9\.0\./), expect.stringMatching(/^fd00:9::/)]);
    expect(spec?.clusterIP).toBe(spec?.clusterIPs?.[0]);
    const second = spec?.clusterIPs?.[1] ?? "";
    expect(await addresses.get("", second)).toMatchObject({ metadata: { labels: { "ipaddress.kubernetes.io/ip-family": "IPv6" } }, spec: { parentRef: { name: "both" } } });
    expect(await claims(api, "clusterips")).toEqual(expect.arrayContaining([...(spec?.clusterIPs ?? [])]));
    await services.delete(NAMESPACE, "both");
    expect(await claims(api, "clusterips")).toEqual(["10.9.0.1"]);
  });

  test("come and go with the policy, the first address staying", async () => {
    const { api, services } = await start();
    await using _ = api;
    const one = await services.create(service("turn", { clusterIP: "10.9.0.7" }));
    const both = await services.patch(NAMESPACE, "turn", "merge", { spec: { ipFamilyPolicy: "PreferDualStack" } });
    expect(both.spec).toMatchObject({ ipFamilies: ["IPv4", "IPv6"], clusterIPs: ["10.9.0.7", expect.stringMatching(/^fd00:9::/)] });
    const again = await services.patch(NAMESPACE, "turn", "merge", { spec: { ipFamilyPolicy: "SingleStack" } });
    expect(again.spec).toEqual(one.spec);
    expect(await claims(api, "clusterips")).toEqual(["10.9.0.1", "10.9.0.7"]);
    const changed = services.patch(NAMESPACE, "turn", "merge", { spec: { ipFamilies: ["IPv6"], ipFamilyPolicy: "SingleStack" } });
    expect(await messageOf(changed)).toContain("expected an IPv6 value as indicated by `ipFamilies[0]`");
  });

  test("an address has one claim, however it is written", async () => {
    const { api, services } = await start();
    await using _ = api;
    const made = await services.create(service("asked", { clusterIP: "FD00:9:0::0:7" }));
    expect(made.spec).toMatchObject({ clusterIP: "FD00:9:0::0:7", ipFamilies: ["IPv6"] });
    expect(await claims(api, "clusterips")).toContain("fd00:9::7");
    expect(await messageOf(services.create(service("second", { clusterIP: "fd00:9::7" })))).toContain("failed to allocate IP fd00:9::7: provided IP is already allocated");
  });

  test("the usual family is the first, and the API's own Service has it", async () => {
    const { api, services, ranges } = await start("fd00:9::/120,10.9.0.0/24");
    await using _ = api;
    expect((await services.get("default", "kubernetes")).spec).toMatchObject({ clusterIPs: ["fd00:9::1"], ipFamilies: ["IPv6"], ipFamilyPolicy: "SingleStack" });
    expect((await services.create(service("plain"))).spec?.clusterIP).toMatch(/^fd00:9::/);
    expect(await messageOf(services.create(service("network", { clusterIP: "fd00:9::" })))).toContain("the provided IP (fd00:9::) is not in the valid range. The range of valid IPs is fd00:9::/120");
    expect((await services.create(service("last", { clusterIP: "fd00:9::ff" }))).spec?.clusterIP).toBe("fd00:9::ff");
    await ranges.create({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "more" }, spec: { cidrs: ["fd00:99::/112"] } });
    await api.store.caughtUp();
    expect((await services.create(service("more", { clusterIP: "fd00:99::7" }))).spec?.clusterIP).toBe("fd00:99::7");
  });

  test("a second range joins the first in what is shown, and another first range does not", async () => {
    const { api, ranges } = await start("10.9.0.0/24");
    await using _ = api;
    const shown = async (serviceCidr: string) => (await ensureServiceRange(api.client, serviceCidr, systemClock), (await ranges.get("", "kubernetes")).spec?.cidrs);
    expect(await shown("10.9.0.0/24")).toEqual(["10.9.0.0/24"]);
    expect(await shown("10.8.0.0/24,fd00:9::/112")).toEqual(["10.9.0.0/24"]);
    expect(await shown("10.9.0.0/24,fd00:9::/112")).toEqual(["10.9.0.0/24", "fd00:9::/112"]);
    expect(await shown("10.9.0.0/24")).toEqual(["10.9.0.0/24", "fd00:9::/112"]);
  });

  test("a range is used up to its last address, what is left for people last", async () => {
    const { api, services } = await start("fd00:9::/123");
    await using _ = api;
    const given: number[] = [];
    for (let i = 0; i < 30; i++) given.push(parseInt((await services.create(service(`s${i}`))).spec?.clusterIP?.split("::")[1] ?? "", 16));
    expect(given.slice(0, 15).every((last) => last > 16)).toBe(true);
    expect(new Set(given).size).toBe(30);
    expect(await messageOf(services.create(service("one-too-many")))).toContain('failed to allocate a serviceIP for Service "one-too-many": range is full');
  });
});

test.each([
  ["10.9.0.0/24,10.8.0.0/24", "two of them must be of different families"],
  ["10.9.0.0/24,fd00::/112,fd01::/112", "must be at most two"],
  ["fd00::/48", "the shortest prefix of a range for Services is /64"],
  ["10.9.0.0", "must be a range of addresses"],
])("ranges %s are refused", (text, why) => {
  expect(() => parseServiceRanges(text)).toThrow(why);
});
