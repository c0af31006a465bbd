import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { TO_BE_DELETED_TAINT } from "../../apimachinery/known-labels.ts";
import { objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { familyOf } from "../../lib/net/ip-address.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { EndpointSlice, LoadBalancerIngress, Node, Service } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { tell, update, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { serviceFamilies } from "./families.ts";
import { SERVICE_INDEX, serviceIndex } from "./endpoint-slice-plan.ts";

export interface NodeBalancerInputs {
  readonly service: Service;
  /** All Services of the cluster, the given one too. */
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly nodes: readonly Node[];
}

const EXCLUDED_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";
/** Ways to the machines themselves: SSH, etcd, the API and the node agents. Nobody who may make Services takes them over. */
const MACHINE_PORTS: ReadonlySet<string> = new Set([22, 2379, 2380, 6443, 10_249, 10_250, 10_256].map((port) => `TCP/${port}`));

/**
 * Gives a Service the nodes' addresses as its load balancer: every node's proxy takes up the Service's ports there. With a Local policy
 * only nodes with a ready endpoint count. A port belongs to the Service that asked first; one that comes later gets no address, and an
 * event says why. Pure.
 */
export function planNodeBalancer({ service, services, slices, nodes }: NodeBalancerInputs): readonly Action[] {
  const taken = isBalanced(service) ? findTaken(service, services) : undefined;
  const ingress =
    isBalanced(service) && taken === undefined ? chooseAddresses(service, slices, nodes).map((ip): LoadBalancerIngress => ({ ip, ipMode: "VIP" })) : [];
  const warning = taken === undefined ? [] : [tell(service, "Warning", "LoadBalancerPortTaken", `No load balancer address: ${taken}`)];
  if (jsonEqual(service.status?.loadBalancer?.ingress ?? [], ingress)) return warning;
  return [update(serviceResource, { ...service, status: { ...service.status, loadBalancer: ingress.length === 0 ? {} : { ingress } } }, "status"), ...warning];
}

/** Those of no class are ours; a class names somebody else's load balancers. */
function isBalanced({ spec, metadata }: Service): boolean {
  return spec?.type === "LoadBalancer" && spec.loadBalancerClass === undefined && metadata.deletionTimestamp === undefined;
}

/** Also a Service that is balanced no more is seen to: its addresses go. */
function isOurs(service: Service): boolean {
  return isBalanced(service) || (service.spec?.type !== "LoadBalancer" && (service.status?.loadBalancer?.ingress ?? []).length > 0);
}

/** Who has a port that the Service wants; undefined when all of them are free. */
function findTaken(service: Service, services: readonly Service[]): string | undefined {
  const wanted = portsOf(service);
  const ofMachine = wanted.find((port) => MACHINE_PORTS.has(port));
  if (ofMachine !== undefined) return `port ${ofMachine} is the machines' own`;
  for (const other of services) {
    if (objectKey(other) === objectKey(service)) continue;
    const claimed = new Set([
      ...(isBalanced(other) && isBefore(other, service) ? portsOf(other) : []),
      ...(other.spec?.ports ?? []).filter(({ nodePort }) => nodePort).map(({ nodePort, protocol = "TCP" }) => `${protocol}/${nodePort}`),
    ]);
    const port = wanted.find((candidate) => claimed.has(candidate));
    if (port !== undefined) return `port ${port} of the nodes is Service ${objectKey(other)}'s`;
  }
  return undefined;
}

function portsOf({ spec }: Service): readonly string[] {
  return (spec?.ports ?? []).map(({ port, protocol = "TCP" }) => `${protocol}/${port}`);
}

function isBefore(a: Service, b: Service): boolean {
  const [first = "", second = ""] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return first === second ? objectKey(a) < objectKey(b) : first < second;
}

/** External addresses of the Service's families where nodes have any, else internal ones; sorted, so that equal clusters give equal answers. */
function chooseAddresses(service: Service, slices: readonly EndpointSlice[], nodes: readonly Node[]): readonly string[] {
  const { spec } = service;
  const families = serviceFamilies(service);
  const holders = new Set(
    slices.flatMap((slice) => (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).map(({ nodeName }) => nodeName)),
  );
  const chosen = nodes.filter((node) => takesTraffic(node) && (spec?.externalTrafficPolicy !== "Local" || holders.has(node.metadata.name)));
  const ofType = (type: string) =>
    chosen
      .flatMap(({ status }) =>
        (status?.addresses ?? [])
          .filter((address) => address.type === type && families.some((family) => family === familyOf(address.address)))
          .map(({ address }) => address),
      )
      .sort();
  const external = ofType("ExternalIP");
  return external.length > 0 ? external : ofType("InternalIP");
}

function takesTraffic({ metadata, spec, status }: Node): boolean {
  return (
    isConditionTrue(status?.conditions, "Ready") &&
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[EXCLUDED_LABEL] === undefined &&
    !(spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED_TAINT)
  );
}

/** The controller for clusters without a load balancer of their own; off unless it is asked for. */
export function nodeBalancerController({ informers }: ControllerContext): ControllerDefinition<NodeBalancerInputs> {
  const services = informers.informer(serviceResource);
  const slices = informers.informer(endpointSliceResource);
  const nodes = informers.informer(nodeResource);
  slices.addIndex(SERVICE_INDEX, serviceIndex);
  const concerned = () => services.list().filter(isOurs).map(objectKey);
  return {
    name: "service-lb-controller",
    // Services compete for ports.
    workers: 1,
    watches: [
      // Ports that one gives up are free for all.
      watch(services, concerned, (old, service) => !jsonEqual(claimOf(old), claimOf(service))),
      watch(slices, serviceIndex),
      watch(nodes, concerned, (old, node) => !jsonEqual(factsOf(old), factsOf(node))),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const service = services.get(namespace, name);
      if (service === undefined || !isOurs(service)) return undefined;
      return { service, services: services.list(), slices: slices.byIndex(SERVICE_INDEX, key), nodes: nodes.list() };
    },
    plan: planNodeBalancer,
  };
}

function claimOf(service: Service | undefined): unknown {
  const { type, loadBalancerClass, ports, externalTrafficPolicy } = service?.spec ?? {};
  return [type, loadBalancerClass, ports, externalTrafficPolicy, service?.metadata.deletionTimestamp, service?.status?.loadBalancer];
}

function factsOf(node: Node | undefined): unknown {
  return node === undefined ? undefined : [takesTraffic(node), node.status?.addresses];
}
