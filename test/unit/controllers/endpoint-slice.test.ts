import { describe, expect, test } from "vitest";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { planEndpointSlices } from "../../../engine/controllers/endpoints/endpoint-slice-plan.ts";
import type { EndpointSlice, Pod, Service } from "../../../engine/resources/types.ts";
import { aPod, aService, type PodShape } from "../../kit/objects.ts";

const pod = (index: number, shape: PodShape = {}) => aPod(`p${index}`, { labels: { app: "web" }, ip: `10.42.${Math.floor(index / 250)}.${index % 250}`, readyAt: 1, node: "n1", ...shape });
const pods = (from: number, to: number) => Array.from({ length: to - from }, (_unused, i) => pod(from + i));
const plan = (service: Service, selected: readonly Pod[], slices: readonly EndpointSlice[] = [], zoneOfNode = new Map<string, string>(), zoneCapacity?: ReadonlyMap<string, number>) =>
  planEndpointSlices({ service, pods: selected, slices, zoneOfNode, zoneCapacity });
const objects = (actions: readonly Action[]) => actions.flatMap((action) => ("object" in action ? [action.object as EndpointSlice] : []));

/** The slices after the actions, as the API would keep them. */
function after(slices: readonly EndpointSlice[], actions: readonly Action[]): EndpointSlice[] {
  let made = slices.length;
  const kept = slices.filter(({ metadata }) => !actions.some((action) => action.do !== "create" && "object" in action && action.object.metadata.name === metadata.name));
  const written = actions.flatMap((action): EndpointSlice[] => {
    if (action.do === "update") return [action.object as EndpointSlice];
    if (action.do !== "create") return [];
    const { generateName: _generated, ...metadata } = (action.object as EndpointSlice).metadata;
    return [{ ...(action.object as EndpointSlice), metadata: { ...metadata, name: `s${made++}`, uid: `u${made}` } }];
  });
  return [...kept, ...written];
}

describe("an endpoint", () => {
  const endpoint = (shape: PodShape, service = aService("web"), zones = new Map<string, string>()) => objects(plan(service, [pod(1, shape)], [], zones))[0]?.endpoints?.[0];
  test.each<[string, PodShape, object]>([
    ["is ready and serving when its pod is ready", {}, { ready: true, serving: true, terminating: false }],
    ["is neither when its pod is not", { readyAt: undefined, phase: "Running" }, { ready: false, serving: false, terminating: false }],
    ["still serves while its pod ends, but takes nothing new", { deletedAt: 5 }, { ready: false, serving: true, terminating: true }],
  ])("%s", (_name, shape, conditions) => expect(endpoint(shape)?.conditions).toEqual(conditions));

  test("is ready in any case where the Service publishes addresses that are not", () => {
    expect(endpoint({ readyAt: undefined }, aService("web", { spec: { publishNotReadyAddresses: true } }))?.conditions).toEqual({ ready: true, serving: false, terminating: false });
  });
  test("names its pod, node and zone, and its host name only under the Service's subdomain", () => {
    const shape = { spec: { hostname: "web-0", subdomain: "web" } };
    expect(endpoint(shape, aService("web"), new Map([["n1", "z1"]]))).toMatchObject({
      addresses: ["10.42.0.1"],
      nodeName: "n1",
      zone: "z1",
      hostname: "web-0",
      targetRef: { kind: "Pod", name: "p1", uid: "uid-p1" },
    });
    expect(endpoint(shape, aService("other"))).not.toHaveProperty("hostname");
  });
  test("does not exist for a pod without address or one that has finished", () => {
    expect(endpoint({ ip: undefined })).toBeUndefined();
    expect(endpoint({ phase: "Succeeded" })).toBeUndefined();
  });
});

describe("ports", () => {
  const named = (port: number) => ({ containers: [{ name: "app", image: "app:1", ports: [{ name: "http", containerPort: port }] }] });
  const service = aService("web", { ports: [{ name: "web", port: 80, targetPort: "http", appProtocol: "http" }] });
  test("by name are each pod's own, so pods that differ are in slices of their own", () => {
    const made = objects(plan(service, [pod(1, { spec: named(8080) }), pod(2, { spec: named(9090) })]));
    expect(made.map((slice) => slice.ports?.[0])).toEqual([8080, 9090].map((port) => ({ name: "web", port, protocol: "TCP", appProtocol: "http" })));
  });
  test("that a pod does not name are left out", () => {
    expect(objects(plan(service, [pod(1)]))[0]?.ports).toBeNull();
  });
  test("without a target are the Service's own", () => {
    expect(objects(plan(aService("web"), [pod(1)]))[0]?.ports).toEqual([{ name: "", port: 80, protocol: "TCP" }]);
  });
});

describe("slices", () => {
  const service = aService("web", { labels: { team: "shop" } });

  test("carry the Service's labels, its name and their manager, and belong to it", () => {
    const [slice] = objects(plan(aService("web", { labels: { team: "shop" }, spec: { clusterIP: "None" } }), []));
    expect(slice?.metadata).toMatchObject({
      generateName: "web-",
      labels: { team: "shop", "kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io", "service.kubernetes.io/headless": "" },
      ownerReferences: [{ kind: "Service", name: "web", controller: true }],
    });
  });

  test("hold a hundred endpoints at most", () => {
    expect(objects(plan(service, pods(0, 250))).map((slice) => slice.endpoints?.length)).toEqual([100, 100, 50]);
  });

  test("are not written when nothing changed", () => {
    const slices = after([], plan(service, pods(0, 150)));
    expect(plan(service, pods(0, 150), slices)).toEqual([]);
  });

  test("a pod more costs one write, into a slice with room", () => {
    const slices = after([], plan(service, pods(0, 150)));
    const actions = plan(service, pods(0, 151), slices);
    expect(actions.map((action) => action.do)).toEqual(["update"]);
    expect(objects(actions)[0]?.endpoints).toHaveLength(51);
  });

  test("a pod replaced by another costs one write: the gap is filled", () => {
    const slices = after([], plan(service, pods(0, 150)));
    const actions = plan(service, [...pods(0, 150).filter(({ metadata }) => metadata.name !== "p3"), pod(200)], slices);
    expect(actions.map((action) => action.do)).toEqual(["update"]);
    expect(objects(actions)[0]?.metadata.name).toBe("s0");
  });

  test("one is kept, empty and under its name, when the last pod goes, and used again for the next", () => {
    const slices = after([], plan(service, [pod(1)]));
    const actions = plan(service, [], slices);
    expect(actions).toMatchObject([{ do: "update", object: { metadata: { name: "s0" }, endpoints: null, ports: null } }]);
    const empty = after(slices, actions);
    expect(plan(service, [], empty)).toEqual([]);
    expect(plan(service, [pod(2)], empty)).toMatchObject([{ do: "update", object: { metadata: { name: "s0" } } }]);
  });

  test("that are no longer needed go", () => {
    const slices = after([], plan(service, pods(0, 150)));
    const actions = plan(service, pods(0, 50), slices);
    expect(actions.map((action) => [action.do, "object" in action ? action.object.metadata.name : ""])).toEqual([
      ["update", "s0"],
      ["delete", "s1"],
    ]);
  });

  test("lose labels that the Service has lost", () => {
    const slices = after([], plan(service, [pod(1)]));
    expect(objects(plan(aService("web"), [pod(1)], slices))[0]?.metadata.labels).not.toHaveProperty("team");
  });
});

describe("hints", () => {
  const zones = new Map([
    ["n1", "z1"],
    ["n2", "z2"],
  ]);
  const near = (trafficDistribution: string) => aService("web", { spec: { trafficDistribution } });
  const hintsOf = (actions: readonly Action[]) => objects(actions.filter(({ do: kind }) => kind !== "event")).flatMap((slice) => (slice.endpoints ?? []).map(({ hints }) => hints));

  test.each<[string, object]>([
    ["PreferClose", { forZones: [{ name: "z1" }] }],
    ["PreferSameZone", { forZones: [{ name: "z1" }] }],
    ["PreferSameNode", { forZones: [{ name: "z1" }], forNodes: [{ name: "n1" }] }],
  ])("of %s give each ready endpoint to what is near it", (wish, hints) => {
    expect(hintsOf(plan(near(wish), [pod(1), pod(2, { readyAt: undefined })], [], zones))).toEqual([hints, undefined]);
  });

  test("go when the Service wants them no more", () => {
    const slices = after([], plan(near("PreferSameZone"), [pod(1)], [], zones));
    expect(hintsOf(plan(aService("web"), [pod(1)], slices, zones))).toEqual([undefined]);
  });

  const balanced = aService("web");
  const auto = { ...balanced, metadata: { ...balanced.metadata, annotations: { "service.kubernetes.io/topology-mode": "Auto" } } };
  const even = new Map([
    ["z1", 4],
    ["z2", 4],
  ]);
  const events = (actions: readonly Action[]) => actions.flatMap((action) => (action.do === "event" ? [action.content.reason] : []));

  test("by the size of zones are told of once, and stay", () => {
    const actions = plan(auto, [pod(1), pod(2, { node: "n2" })], [], zones, even);
    expect(hintsOf(actions)).toEqual([{ forZones: [{ name: "z1" }] }, { forZones: [{ name: "z2" }] }]);
    expect(events(actions)).toEqual(["TopologyAwareHintsEnabled"]);
    expect(plan(auto, [pod(1), pod(2, { node: "n2" })], after([], actions), zones, even)).toEqual([]);
  });

  test("that cannot be given are told of with what is written without them", () => {
    const actions = plan(auto, [pod(1)], [], zones, even);
    expect(hintsOf(actions)).toEqual([undefined]);
    expect(events(actions)).toEqual(["TopologyAwareHintsDisabled"]);
  });
});

describe("a Service of both families", () => {
  const both = (policy: object = {}) => aService("web", { spec: { ipFamilies: ["IPv4", "IPv6"], clusterIPs: ["10.43.0.9", "fd00:43::9"], ...policy } });
  const dual = (index: number) => ({ ...pod(index), status: { ...pod(index).status, podIPs: [{ ip: `10.42.0.${index}` }, { ip: `FD00:42::0:${index}` }] } });
  const held = (slices: readonly EndpointSlice[]) => slices.map(({ addressType, endpoints }) => [addressType, ...(endpoints ?? []).flatMap(({ addresses }) => addresses)]);

  test("has slices of each, with the pods' addresses of that family", () => {
    const slices = after([], plan(both(), [dual(1), dual(2), pod(3)]));
    expect(held(slices)).toEqual([
      ["IPv4", "10.42.0.1", "10.42.0.2", "10.42.0.3"],
      ["IPv6", "fd00:42::1", "fd00:42::2"],
    ]);
    expect(plan(both(), [dual(1), dual(2), pod(3)], slices)).toEqual([]);
  });

  test("has an empty slice of each without pods", () => {
    expect(held(after([], plan(both(), [])))).toEqual([["IPv4"], ["IPv6"]]);
  });

  test("gains and loses slices with its families, and turns none of one into one of the other", () => {
    const one = aService("web", { spec: { ipFamilies: ["IPv4"] } });
    const slices = after([], plan(one, [dual(1)]));
    const gained = plan(both(), [dual(1)], slices);
    expect(gained.map((action) => action.do)).toEqual(["create"]);
    const two = after(slices, gained);
    expect(plan(one, [dual(1)], two)).toEqual([{ do: "delete", resource: expect.anything(), object: two[1] }]);
    expect(held(after(two, plan(aService("web", { spec: { ipFamilies: ["IPv6"] } }), [dual(1)], two)))).toEqual([["IPv6", "fd00:42::1"]]);
  });
});
