import { describe, expect, test } from "vitest";
import { chooseControllers, USUAL_CONTROLLERS } from "../../../engine/controllers/choose-controllers.ts";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { planNodeBalancer } from "../../../engine/controllers/endpoints/node-balancer.ts";
import type { EndpointSlice, Node, Service } from "../../../engine/resources/types.ts";
import { aNode, anEndpointSlice, aService, type ServiceShape } from "../../kit/objects.ts";

const node = (name: string, addresses: Record<string, string>, shape: Parameters<typeof aNode>[1] = {}): Node => {
  const made = aNode(name, { ready: "True", ...shape });
  return { ...made, status: { ...made.status, addresses: Object.entries(addresses).map(([type, address]) => ({ type, address })) } };
};
const nodes = [node("b", { InternalIP: "10.88.0.2" }), node("a", { InternalIP: "10.88.0.1" })];
const balancer = (name: string, { spec, ...shape }: ServiceShape = {}): Service => aService(name, { spec: { type: "LoadBalancer", ...spec }, ...shape });
const plan = (service: Service, others: readonly Service[] = [], onNodes: readonly Node[] = nodes, slices: readonly EndpointSlice[] = []) =>
  planNodeBalancer({ service, services: [...others, service], slices, nodes: onNodes });
const addresses = (actions: readonly Action[]) => actions.flatMap((action) => (action.do === "update" ? [((action.object as Service).status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip)] : []));
const warnings = (actions: readonly Action[]) => actions.flatMap((action) => (action.do === "event" ? [action.content.message] : []));
const given = (service: Service, ...ips: readonly string[]): Service => ({ ...service, status: { loadBalancer: { ingress: ips.map((ip) => ({ ip, ipMode: "VIP" })) } } });

describe("a Service that wants a load balancer", () => {
  test("gets the addresses of the nodes, once", () => {
    expect(addresses(plan(balancer("web")))).toEqual([["10.88.0.1", "10.88.0.2"]]);
    expect(plan(given(balancer("web"), "10.88.0.1", "10.88.0.2"))).toEqual([]);
  });
  test("gets external addresses where nodes have any", () => {
    expect(addresses(plan(balancer("web"), [], [...nodes, node("c", { InternalIP: "10.88.0.3", ExternalIP: "192.0.2.3" })]))).toEqual([["192.0.2.3"]]);
  });
  test.each<[string, Parameters<typeof aNode>[1]]>([
    ["is not ready", { ready: "False" }],
    ["is kept out of load balancers", { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } }],
    ["is being taken away", { taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] }],
  ])("gets no address of a node that %s", (_name, shape) => {
    expect(addresses(plan(balancer("web"), [], [...nodes, node("c", { InternalIP: "10.88.0.3" }, shape)]))).toEqual([["10.88.0.1", "10.88.0.2"]]);
  });
  test("under a Local policy gets only those of nodes with a ready endpoint", () => {
    const endpoint = (nodeName: string, ready: boolean) => ({ addresses: ["10.42.0.1"], conditions: { ready }, nodeName });
    const slices = [anEndpointSlice("web-1", { endpoints: [endpoint("a", false), endpoint("b", true)], ports: [] })];
    expect(addresses(plan(balancer("web", { spec: { externalTrafficPolicy: "Local" } }), [], nodes, slices))).toEqual([["10.88.0.2"]]);
    expect(plan(balancer("web", { spec: { externalTrafficPolicy: "Local" } }))).toEqual([]);
  });
  test("loses its addresses when it is one no more", () => {
    expect(addresses(plan(given(aService("web"), "10.88.0.1")))).toEqual([[]]);
  });
});

describe("a port of the nodes", () => {
  test("belongs to the Service that asked first; the other is told, and gets it when the first is gone", () => {
    const [first, second] = [balancer("zoo", { createdAt: 1 }), balancer("app", { createdAt: 2 })];
    expect(addresses(plan(first, [second]))).toHaveLength(1);
    expect(plan(second, [first])).toMatchObject([{ do: "event" }]);
    expect(warnings(plan(second, [first]))).toEqual(["No load balancer address: port TCP/80 of the nodes is Service default/zoo's"]);
    expect(addresses(plan(second))).toHaveLength(1);
  });
  test("is taken away from a Service that wants another's node port", () => {
    const other = aService("other", { spec: { type: "NodePort" }, ports: [{ port: 80, nodePort: 30080 }] });
    expect(addresses(plan(given(balancer("web", { ports: [{ port: 30080 }] }), "10.88.0.1"), [other]))).toEqual([[]]);
  });
  test("may be two Services' by different protocols", () => {
    expect(addresses(plan(balancer("b", { ports: [{ port: 80, protocol: "UDP" }] }), [balancer("a")]))).toHaveLength(1);
  });
  test.each([22, 6443, 10_250])("that machines need for themselves, such as %i, is nobody's", (port) => {
    expect(addresses(plan(balancer("web", { ports: [{ port }] })))).toEqual([]);
    expect(warnings(plan(balancer("web", { ports: [{ port }] })))).toEqual([`No load balancer address: port TCP/${port} is the machines' own`]);
  });
});

describe("the controller", () => {
  test("runs only where it is named", () => {
    const names = [USUAL_CONTROLLERS, chooseControllers(["*"]), chooseControllers(["*", "service-lb-controller"])];
    expect(names.map((chosen) => chosen.has("service-lb-controller"))).toEqual([false, false, true]);
  });
});
