import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readRemoteBody } from "../../../../engine/server/aggregation/remote-exchange.ts";
import type { APIService, EndpointSlice, Service } from "../../../../engine/resources/types.ts";
import { aggregationTarget, userHeaders } from "../../../../engine/server/aggregation/front-proxy.ts";
import { localApiServices } from "../../../../engine/server/aggregation/local-api-services.ts";
import { AVAILABLE, findObstacle, withAvailability } from "../../../../engine/server/aggregation/plan-availability.ts";
import { resourcesOfDiscovery, resourcesOfList } from "../../../../engine/server/aggregation/remote-resources.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { startTestApi } from "../../../kit/test-api.ts";

const api = {
  apiVersion: "apiregistration.k8s.io/v1",
  kind: "APIService",
  metadata: { name: "v1.tide.example" },
  spec: { group: "tide.example", version: "v1", groupPriorityMinimum: 1, versionPriority: 1, service: { name: "tide", namespace: "sea", port: 443 } },
} as APIService;
const service = (spec: object = {}) =>
  ({ apiVersion: "v1", kind: "Service", metadata: { name: "tide", namespace: "sea" }, spec: { type: "ClusterIP", ports: [{ name: "https", port: 443 }], ...spec } }) as Service;
const slice = (ready: boolean | undefined, portName = "https") =>
  ({ addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"], conditions: ready === undefined ? {} : { ready } }], ports: [{ name: portName, port: 8443 }] }) as unknown as EndpointSlice;

describe("an API behind a Service", () => {
  it.each<[string, Service | undefined, readonly EndpointSlice[], string | undefined]>([
    ["has none", undefined, [], `ServiceNotFound: service/tide in "sea" is not present`],
    ["listens elsewhere", service({ ports: [{ port: 80 }] }), [], `ServicePortError: service/tide in "sea" is not listening on port 443`],
    ["has no slices", service(), [], `EndpointsNotFound: cannot find endpointslices for service/tide in "sea"`],
    ["has no ready end", service(), [slice(false)], `MissingEndpoints: endpointslices for service/tide in "sea" have no addresses with port name "https"`],
    ["has ends for another port", service(), [slice(true, "metrics")], `MissingEndpoints: endpointslices for service/tide in "sea" have no addresses with port name "https"`],
    ["has a ready end", service(), [slice(false), slice(true)], undefined],
    ["has an end that says nothing", service(), [slice(undefined)], undefined],
    ["is outside of the cluster", service({ type: "ExternalName", ports: [] }), [], undefined],
  ])("%s", (_what, found, slices, expected) => {
    const obstacle = findObstacle(api, { service: found, slices });
    expect(obstacle && `${obstacle.reason ?? ""}: ${obstacle.message ?? ""}`).toBe(expected);
    expect(obstacle?.status ?? "False").toBe("False");
  });

  it("is told what changed, and nothing else", () => {
    const told = withAvailability(api, AVAILABLE, "2024-01-01T00:00:00Z");
    expect(told.status?.conditions).toEqual([{ type: "Available", status: "True", reason: "Passed", message: "all checks passed", lastTransitionTime: "2024-01-01T00:00:00Z" }]);
    expect(withAvailability(told, AVAILABLE, "2024-01-02T00:00:00Z")).toBe(told);
  });
});

it("may send clients elsewhere only where an operator lets it", async () => {
  for (const allowsRemoteRedirects of [undefined, false, true]) {
    await using server = await startTestApi(allowsRemoteRedirects === undefined ? {} : { allowsRemoteRedirects });
    const identity = { ...server.server.parts.aggregator.identity, resolveService: () => Promise.resolve({ host: "10.0.0.1", port: 443 }) };
    const { isRedirectRefused } = await aggregationTarget(api, { username: "ann", groups: [] }, "/apis", identity);
    expect(isRedirectRefused).toBe(allowsRemoteRedirects !== true);
  }
});

it("says who asks, in headers that any name fits", () => {
  const wide = Buffer.from("jörg-日").toString("latin1"); // which Node writes byte by byte
  expect(userHeaders({ username: "jörg-日", groups: ["jörg-日"] })).toEqual({ "x-remote-user": wide, "x-remote-group": [wide] });
  expect(userHeaders({ username: "ann", uid: "7", groups: ["a", "b"], extra: { "example.org/team": ["x"] } })).toEqual({
    "x-remote-user": "ann",
    "x-remote-uid": "7",
    "x-remote-group": ["a", "b"],
    "x-remote-extra-example.org%2Fteam": ["x"],
  });
});

it("shows what a server behind this one serves as aggregated discovery does", () => {
  const resources = [
    { name: "tides", singularName: "tide", namespaced: true, kind: "Tide", verbs: ["get"], shortNames: ["td"] },
    { name: "tides/status", singularName: "", namespaced: true, kind: "Tide", verbs: ["update"] },
    { name: "tides/scale", namespaced: true, kind: "Scale", group: "autoscaling", version: "v1", verbs: ["get"] },
    { name: "moons", namespaced: false, kind: "Moon", verbs: ["list"] },
    "nonsense",
  ];
  const kind = { group: "tide.example", version: "v1", kind: "Tide" };
  expect(resourcesOfList({ resources }, "tide.example", "v1")).toEqual([
    {
      resource: "tides",
      responseKind: kind,
      scope: "Namespaced",
      singularResource: "tide",
      verbs: ["get"],
      shortNames: ["td"],
      subresources: [
        { subresource: "status", responseKind: kind, verbs: ["update"] },
        { subresource: "scale", responseKind: { group: "autoscaling", version: "v1", kind: "Scale" }, verbs: ["get"] },
      ],
    },
    { resource: "moons", responseKind: { ...kind, kind: "Moon" }, scope: "Cluster", singularResource: "", verbs: ["list"] },
  ]);
  for (const none of [undefined, "", [], { swagger: "2.0" }]) expect(() => resourcesOfList(none, "tide.example", "v1")).toThrow("the list of resources has none");
});

it("a list of resources without number is read in one pass", () => {
  const resources = Array.from({ length: 60_000 }, (_, index) => ({ name: index % 2 === 0 ? `kind${index}` : `kind${index - 1}/status` }));
  const before = process.cpuUsage();
  expect(resourcesOfList({ resources }, "tide.example", "v1")).toHaveLength(30_000);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(1_500);
});

it("takes what a server tells of one group and version in aggregated discovery, with an empty kind where none is named", () => {
  const tides = { resource: "tides", scope: "Namespaced", verbs: ["get"], subresources: [{ subresource: "status", verbs: ["update"] }] };
  const moons = { resource: "moons", responseKind: { group: "tide.example", version: "v1", kind: "Moon" }, verbs: ["list"] };
  const document = {
    items: [
      { metadata: { name: "other.example" }, versions: [{ version: "v1", resources: [moons] }] },
      {
        metadata: { name: "tide.example" },
        versions: [
          { version: "v2", resources: [moons] },
          { version: "v1", resources: [tides, moons, "nonsense"] },
        ],
      },
    ],
  };
  const none = { group: "", version: "", kind: "" };
  expect(resourcesOfDiscovery(document, "tide.example", "v1")).toEqual([{ ...tides, responseKind: none, subresources: [{ subresource: "status", verbs: ["update"], responseKind: none }] }, moons]);
  expect(resourcesOfDiscovery(document, "tide.example", "v3")).toEqual([]);
  expect(() => resourcesOfDiscovery({ resources: [] }, "tide.example", "v1")).toThrow("the discovery document has no items");
});

it("registers what this server answers for itself, but not the registry", () => {
  const services = new Map(localApiServices(catalog).map((local) => [local.metadata.name, local.spec]));
  expect(services.get("v1.")).toEqual({ version: "v1", groupPriorityMinimum: 18_000, versionPriority: 1 });
  expect(services.get("v1.apps")).toEqual({ group: "apps", version: "v1", groupPriorityMinimum: 17_800, versionPriority: 15 });
  expect(services.get("v1.resource.k8s.io")).toEqual({ group: "resource.k8s.io", version: "v1", groupPriorityMinimum: 16_200, versionPriority: 21 });
  expect(services.get("v2.autoscaling")?.versionPriority).toBeGreaterThan(services.get("v1.autoscaling")?.versionPriority ?? 0);
  expect([...services.keys()].filter((name) => name?.endsWith("apiregistration.k8s.io"))).toEqual([]);
});

it("reads an answer no further than is allowed", async () => {
  const answer = (bytes: number) => Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(bytes / 10))) as unknown as IncomingMessage; // it is read, and nothing else
  expect((await readRemoteBody(answer(100), 100)).length).toBe(100);
  await expect(readRemoteBody(answer(110), 100)).rejects.toThrow("the answer is longer than 100 bytes");
  await expect(readRemoteBody(answer(40 << 20))).rejects.toThrow(`the answer is longer than ${32 << 20} bytes`);
});
