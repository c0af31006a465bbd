import { describe, expect, test } from "vitest";
import { computeSubsets, planEndpoints } from "../../../engine/controllers/endpoints/endpoints-plan.ts";
import { planMirror } from "../../../engine/controllers/endpoints/mirroring-plan.ts";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import type { Endpoints, EndpointSlice, Pod } from "../../../engine/resources/types.ts";
import { aPod, aService, type PodShape } from "../../kit/objects.ts";

const pod = (index: number, shape: PodShape = {}): Pod => aPod(`p${index}`, { labels: { app: "web" }, ip: `10.42.${Math.floor(index / 250)}.${index % 250}`, readyAt: 1, node: "n1", ...shape });
const named = (port: number) => ({ spec: { containers: [{ name: "app", image: "app:1", ports: [{ name: "http", containerPort: port }] }] } });
const objectOf = (actions: readonly Action[]): Endpoints | undefined => actions.flatMap((action) => ("object" in action ? [action.object as Endpoints] : []))[0];

describe("the Endpoints of a Service", () => {
  test("are the addresses of its pods, those that are not ready apart", () => {
    expect(computeSubsets(aService("web"), [pod(2), pod(1), pod(3, { readyAt: undefined })])).toEqual([
      {
        addresses: [pod(1), pod(2)].map((one) => ({
          ip: one.status?.podIP,
          nodeName: "n1",
          targetRef: { kind: "Pod", namespace: one.metadata.namespace, name: one.metadata.name, uid: one.metadata.uid },
        })),
        notReadyAddresses: [expect.objectContaining({ ip: "10.42.0.3" })],
        ports: [{ port: 80, protocol: "TCP" }],
      },
    ]);
  });

  test("leave out pods that end, unless the Service publishes all", () => {
    const ending = pod(1, { deletedAt: 5 });
    expect(computeSubsets(aService("web"), [ending])).toEqual([]);
    expect(computeSubsets(aService("web", { spec: { publishNotReadyAddresses: true } }), [ending])[0]?.addresses).toHaveLength(1);
  });

  test("group addresses by the numbers that their named ports have", () => {
    const subsets = computeSubsets(aService("web", { ports: [{ name: "web", port: 80, targetPort: "http" }] }), [pod(1, named(9090)), pod(2, named(8080)), pod(3, named(9090)), pod(4)]);
    expect(subsets.map(({ addresses = [], ports = [] }) => [ports[0]?.port, addresses.map(({ ip }) => ip)])).toEqual([
      [8080, ["10.42.0.2"]],
      [9090, ["10.42.0.1", "10.42.0.3"]],
    ]);
  });

  test("have no ports where the Service has no address of its own and no ports", () => {
    expect(computeSubsets(aService("web", { ports: [], spec: { clusterIP: "None" } }), [pod(1)])).toEqual([{ addresses: [expect.objectContaining({ ip: "10.42.0.1" })] }]);
    expect(computeSubsets(aService("web", { ports: [] }), [pod(1)])).toEqual([]);
  });

  test("are of the Service's first family", () => {
    const dual = { ...pod(1), status: { ...pod(1).status, podIPs: [{ ip: "10.42.0.1" }, { ip: "fd00::1" }] } };
    const ips = (ipFamilies: readonly string[]) => computeSubsets(aService("web", { spec: { ipFamilies } }), [dual, pod(2)]).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
    expect(ips(["IPv4", "IPv6"])).toEqual(["10.42.0.1", "10.42.0.2"]);
    expect(ips(["IPv6", "IPv4"])).toEqual(["fd00::1"]);
  });

  test("are written once, and again only when they change", () => {
    const [action] = planEndpoints({ service: aService("web", { labels: { tier: "front" } }), pods: [pod(1)], existing: undefined });
    const made = objectOf(action === undefined ? [] : [action]) as Endpoints;
    expect(made.metadata.labels).toEqual({ tier: "front", "endpoints.kubernetes.io/managed-by": "endpoint-controller" });
    expect(planEndpoints({ service: aService("web", { labels: { tier: "front" } }), pods: [pod(1)], existing: made })).toEqual([]);
    expect(planEndpoints({ service: aService("web", { labels: { tier: "front" } }), pods: [], existing: made })).toMatchObject([{ do: "update", object: { subsets: [] } }]);
  });

  test("say so when there are more than fit, and keep those that are ready", () => {
    const pods = [...Array.from({ length: 40 }, (_, i) => pod(i, { readyAt: undefined })), ...Array.from({ length: 990 }, (_, i) => pod(100 + i))];
    const made = objectOf(planEndpoints({ service: aService("web"), pods, existing: undefined }));
    expect(made?.metadata.annotations).toMatchObject({ "endpoints.kubernetes.io/over-capacity": "truncated" });
    expect(made?.subsets?.map(({ addresses = [], notReadyAddresses = [] }) => [addresses.length, notReadyAddresses.length])).toEqual([[990, 10]]);
  });

  test("go with their Service, and those that somebody else made do not", () => {
    const endpoints = (labels: Record<string, string>): Endpoints => ({ apiVersion: "v1", kind: "Endpoints", metadata: { name: "web", namespace: "default", labels } });
    expect(planEndpoints({ service: undefined, pods: [], existing: endpoints({ "endpoints.kubernetes.io/managed-by": "endpoint-controller" }) })).toMatchObject([{ do: "delete" }]);
    expect(planEndpoints({ service: undefined, pods: [], existing: endpoints({}) })).toEqual([]);
  });
});

describe("a mirror", () => {
  const endpoints: Endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "outside", namespace: "default", uid: "u", labels: { a: "b" }, annotations: { note: "x", "kubectl.kubernetes.io/last-applied-configuration": "{}" } },
    subsets: [{ addresses: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }], notReadyAddresses: [{ ip: "192.0.2.2" }], ports: [{ name: "http", port: 80, protocol: "TCP" }] }],
  };
  const slicesOf = (actions: readonly Action[]) => actions.flatMap((action) => ("object" in action ? [action.object as EndpointSlice] : []));

  test("says what the Endpoints say, one slice for each family of addresses", () => {
    expect(slicesOf(planMirror({ endpoints, slices: [] }))).toMatchObject([
      {
        metadata: {
          generateName: "outside-",
          labels: { a: "b", "kubernetes.io/service-name": "outside", "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io" },
          annotations: { note: "x" },
          ownerReferences: [{ kind: "Endpoints", name: "outside", uid: "u" }],
        },
        addressType: "IPv4",
        endpoints: [
          { addresses: ["192.0.2.1"], conditions: { ready: true } },
          { addresses: ["192.0.2.2"], conditions: { ready: false } },
        ],
        ports: [{ name: "http", port: 80, protocol: "TCP" }],
      },
      { addressType: "IPv6", endpoints: [{ addresses: ["2001:db8::1"] }] },
    ]);
  });

  test("changes only what changed, and goes when there is nothing to mirror", () => {
    const slices = slicesOf(planMirror({ endpoints, slices: [] })).map((slice, index) => ({ ...slice, metadata: { ...slice.metadata, name: `s${index}` } }));
    expect(planMirror({ endpoints, slices })).toEqual([]);
    expect(planMirror({ endpoints: { ...endpoints, subsets: [{ addresses: [{ ip: "192.0.2.9" }], ports: [{ name: "http", port: 80, protocol: "TCP" }] }] }, slices })).toMatchObject([
      { do: "update", object: { metadata: { name: "s0" }, endpoints: [{ addresses: ["192.0.2.9"] }] } },
      { do: "delete", object: { metadata: { name: "s1" } } },
    ]);
    expect(planMirror({ endpoints: undefined, slices }).map((action) => action.do)).toEqual(["delete", "delete"]);
  });
});
