import { describe, expect, test } from "vitest";
import { computeHints, computeZoneCapacity, wantsZoneBalance } from "../../../engine/controllers/endpoints/topology-hints.ts";
import type { Endpoint, Node } from "../../../engine/resources/types.ts";
import { aService } from "../../kit/objects.ts";

const annotated = (annotations: Record<string, string>) => {
  const service = aService("web");
  return { ...service, metadata: { ...service.metadata, annotations } };
};
const auto = annotated({ "service.kubernetes.io/topology-mode": "Auto" });
const endpoints = (zones: string): Endpoint[] => [...zones].map((zone, index) => ({ addresses: [`10.42.0.${index}`], conditions: { ready: true }, zone }));
const balance = (zones: string, capacity: Record<string, number> | undefined, now: (index: number) => string | undefined = () => undefined) => {
  const all = endpoints(zones);
  const hinted = computeHints(auto, all, capacity && new Map(Object.entries(capacity)), (endpoint) => now(all.indexOf(endpoint)));
  return hinted.is === "unhinted" ? hinted.why : hinted.endpoints.map(({ hints }) => hints?.forZones?.[0]?.name ?? "-").join("");
};

describe("hints by the size of zones", () => {
  test.each<[string, string, Record<string, number> | undefined, string]>([
    ["leave endpoints in their zones when those have their share", "aabb", { a: 4, b: 4 }, "aabb"],
    ["give endpoints of a zone with too many to one with too few", "aaaaab", { a: 4, b: 4 }, "bbaaab"],
    ["follow the CPUs, not the count of zones", "aaabbb", { a: 8, b: 4 }, "aaaabb"],
    ["give a zone without endpoints its share", "aaa", { a: 2, b: 1 }, "baa"],
    ["are not given while there are fewer endpoints than zones", "a", { a: 4, b: 4 }, "fewer endpoints than zones (1 endpoints, 2 zones)"],
    ["are not given when one zone has everything", "aaa", { a: 4 }, "all ready nodes are in one zone"],
    ["are not given when shares cannot be told", "ab", undefined, "a node tells no zone or no allocatable CPUs"],
    ["are not given when some endpoint would get too much", "abb", { a: 4, b: 4 }, "some endpoint would get too much traffic (3 endpoints, 2 zones)"],
  ])("%s", (_name, zones, capacity, expected) => expect(balance(zones, capacity)).toBe(expected));

  test("stay as they are as long as no zone has too few or too many", () => {
    expect(balance("aaaaab", { a: 4, b: 4 }, (index) => "ababab"[index])).toBe("ababab");
    expect(balance("aaaaab", { a: 4, b: 4 }, () => "a")).toBe("bbaaab");
  });
});

describe("the capacity of zones", () => {
  const node = (zone: string | undefined, cpu: string, shape: { readonly ready?: string; readonly labels?: Record<string, string> } = {}): Node =>
    ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "n", labels: { ...(zone === undefined ? {} : { "topology.kubernetes.io/zone": zone }), ...shape.labels } },
      status: { allocatable: { cpu }, conditions: [{ type: "Ready", status: shape.ready ?? "True" }] },
    }) as Node;
  test("counts the CPUs of ready nodes that are not only for the control plane", () => {
    const nodes = [node("a", "2"), node("a", "500m"), node("b", "4"), node("b", "4", { ready: "False" }), node(undefined, "4", { labels: { "node-role.kubernetes.io/control-plane": "" } })];
    expect(computeZoneCapacity(nodes)).toEqual(
      new Map([
        ["a", 2.5],
        ["b", 4],
      ]),
    );
  });
  test("cannot be told when a node is in no zone", () => expect(computeZoneCapacity([node("a", "2"), node(undefined, "2")])).toBeUndefined());
});

describe("a Service", () => {
  test.each<[Record<string, string>, boolean]>([
    [{ "service.kubernetes.io/topology-mode": "Auto" }, true],
    [{ "service.kubernetes.io/topology-mode": "auto" }, true],
    [{ "service.kubernetes.io/topology-mode": "Disabled" }, false],
    [{ "service.kubernetes.io/topology-aware-hints": "auto" }, true],
    [{ "service.kubernetes.io/topology-aware-hints": "Disabled", "service.kubernetes.io/topology-mode": "Auto" }, false],
    [{}, false],
  ])("annotated with %j: %j", (annotations, expected) => expect(wantsZoneBalance(annotated(annotations))).toBe(expected));

  test("annotated does not look at its trafficDistribution", () => {
    const service = { ...auto, spec: { ...auto.spec, trafficDistribution: "PreferSameZone" } };
    expect(computeHints(service, endpoints("ab"), undefined, () => undefined).endpoints.every(({ hints }) => hints === undefined)).toBe(true);
  });
});
