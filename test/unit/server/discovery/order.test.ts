import { expect, test } from "vitest";
import { catalog } from "../../../../engine/resources/catalog.ts";
import type { ResourceDefinition } from "../../../../engine/resources/define-resource.ts";
import { leaseResource } from "../../../../engine/resources/coordination/lease.ts";
import { localApiServices } from "../../../../engine/server/aggregation/local-api-services.ts";
import { inOrderOfPriority } from "../../../../engine/server/discovery/order.ts";
import { Discovery } from "../../../../engine/server/discovery/discovery.ts";
import { ResourceIndex } from "../../../../engine/server/resource-index.ts";

const own = localApiServices(catalog);
const service = (version: string, groupPriorityMinimum: number, versionPriority = 15) => ({ metadata: { name: `${version}.tide.example` }, spec: { groupPriorityMinimum, versionPriority } });
const order = (groups: Readonly<Record<string, readonly string[]>>, ...services: ReturnType<typeof service>[]) =>
  inOrderOfPriority(new Map(Object.entries(groups).map(([group, versions]) => [group, new Set(versions)])), [...own, ...services]);
const usual = { policy: ["v1"], "metrics.k8s.io": ["v1beta1"], apps: ["v1"], "apiregistration.k8s.io": ["v1"], autoscaling: ["v1", "v2"], "own.example": ["v1"] };

test("groups are told in upstream's order, custom ones behind, and the registry's own first", () => {
  expect(order(usual)).toEqual([
    ["apiregistration.k8s.io", ["v1"]],
    ["apps", ["v1"]],
    ["autoscaling", ["v2", "v1"]],
    ["policy", ["v1"]],
    ["own.example", ["v1"]],
    ["metrics.k8s.io", ["v1beta1"]],
  ]);
});

test("a group stands where the most important of its versions wants it", () => {
  const names = (...services: ReturnType<typeof service>[]) => order({ ...usual, "tide.example": ["v1", "v1alpha1"] }, ...services).map(([group]) => group);
  expect(names(service("v1", 20_000), service("v1alpha1", 1)).slice(0, 3)).toEqual(["apiregistration.k8s.io", "tide.example", "apps"]);
  expect(names(service("v1", 1), service("v1alpha1", 1)).at(-1)).toBe("tide.example");
  expect(names().indexOf("tide.example")).toBe(names().indexOf("own.example") + 1);
});

test("versions of a group are told by their priorities, and those of one priority as versions are compared", () => {
  const versions = (...services: ReturnType<typeof service>[]) => order({ "tide.example": ["v1", "v1alpha1", "v1alpha2", "v1beta1", "v2"] }, ...services)[0]?.[1];
  expect(versions()).toEqual(["v2", "v1", "v1beta1", "v1alpha2", "v1alpha1"]);
  expect(versions(service("v2", 1_000, 1), service("v1alpha1", 1_000, 200))).toEqual(["v1alpha1", "v1", "v1beta1", "v1alpha2", "v2"]);
});

test("custom kinds are not shown in a group and version of the server's own", () => {
  const bars = (group: string, version: string) => ({ ...leaseResource, group, version, resource: "bars", kind: "Bar", content: { validate: () => [] } }) as unknown as ResourceDefinition;
  const discovery = new Discovery(new ResourceIndex([leaseResource as unknown as ResourceDefinition, bars("coordination.k8s.io", "v1"), bars("coordination.k8s.io", "v2")], []));
  const names = (version: string) =>
    (JSON.parse(String(discovery.resourceList("coordination.k8s.io", version)?.body)) as { readonly resources: readonly { readonly name: string }[] }).resources.map(({ name }) => name);
  expect([names("v1"), names("v2")]).toEqual([["leases"], ["bars"]]);
});
