import { splitKey, objectKey } from "../apimachinery/object-meta.ts";
import { isConditionTrue } from "../apimachinery/conditions.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { podResource } from "../resources/core/pod.ts";
import { serviceResource } from "../resources/core/service.ts";
import { endpointSliceResource } from "../resources/discovery/endpoint-slice.ts";
import type { Endpoint, EndpointPort, EndpointSlice, Pod, Service } from "../resources/types.ts";
import { runController, unlessGone, type ControllerContext } from "./controller.ts";

const ENDPOINTS_PER_SLICE_MAX = 100;
const SERVICE_LABEL = "kubernetes.io/service-name";
const MANAGER_LABEL = "endpointslice.kubernetes.io/managed-by";
const MANAGER = "endpointslice-controller.k8s.io";
const HEADLESS_LABEL = "service.kubernetes.io/headless";

export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

interface PortGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Endpoint[];
}

/**
 * The slices a Service needs for its pods, changed as little as possible: an endpoint stays in the slice it is in,
 * new ones fill slices with room, and a slice is made only when all are full. Pure.
 */
export function planEndpointSlices(service: Service, pods: readonly Pod[], slices: readonly EndpointSlice[]): SlicePlan {
  const groups = groupByPorts(service, pods);
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const kept = new Set<EndpointSlice>();
  for (const { ports, endpoints } of groups.values()) {
    const wanted = new Map(endpoints.map((endpoint) => [identity(endpoint), endpoint]));
    const candidates = slices.filter((slice) => slice.addressType === "IPv4" && jsonEqual(slice.ports ?? [], ports));
    const contents = candidates.map((slice) => ({ slice, endpoints: claim(slice, wanted) }));
    for (const content of contents) {
      for (const [key, endpoint] of wanted) {
        if (content.endpoints.length >= ENDPOINTS_PER_SLICE_MAX) break;
        content.endpoints.push(endpoint);
        wanted.delete(key);
      }
      if (content.endpoints.length === 0 && (contents.length > 1 || wanted.size > 0)) continue; // an empty one among several goes
      kept.add(content.slice);
      const next = withContent(service, content.slice, ports, content.endpoints);
      if (!jsonEqual(next, content.slice)) update.push(next);
    }
    const rest = [...wanted.values()];
    if (rest.length === 0 && candidates.length === 0) create.push(newSlice(service, ports, []));
    for (let at = 0; at < rest.length; at += ENDPOINTS_PER_SLICE_MAX) create.push(newSlice(service, ports, rest.slice(at, at + ENDPOINTS_PER_SLICE_MAX)));
  }
  return { create, update, remove: slices.filter((slice) => !kept.has(slice)) };
}

/** Pods whose named ports have different numbers need slices of their own. */
function groupByPorts(service: Service, pods: readonly Pod[]): Map<string, PortGroup> {
  const groups = new Map<string, PortGroup>();
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod);
    if (endpoint === undefined) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ports, endpoints: [endpoint] });
    else group.endpoints.push(endpoint);
  }
  // A Service without pods keeps one empty slice, so that its clients can tell "none" from "not known yet".
  if (groups.size === 0) groups.set("", { ports: [], endpoints: [] });
  return groups;
}

function endpointOf(service: Service, pod: Pod): Endpoint | undefined {
  const ip = pod.status?.podIP;
  if (!ip || pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return undefined;
  const serving = isConditionTrue(pod.status?.conditions, "Ready");
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  return {
    addresses: [ip],
    conditions: { ready, serving, terminating },
    ...(pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? { hostname: pod.spec.hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: "Pod", namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "", uid: pod.metadata.uid ?? "" },
  };
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const target = port.targetPort ?? port.port;
    const number =
      typeof target === "number"
        ? target
        : pod.spec.containers.flatMap((container) => container.ports ?? []).find((candidate) => candidate.name === target && (candidate.protocol ?? "TCP") === (port.protocol ?? "TCP"))?.containerPort;
    if (number === undefined) return [];
    return [{ name: port.name ?? "", port: number, protocol: port.protocol ?? "TCP", ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }) }];
  });
}

/** The slice's endpoints that are still wanted, in their new form; they leave `wanted`. */
function claim(slice: EndpointSlice, wanted: Map<string, Endpoint>): Endpoint[] {
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    const next = wanted.get(identity(endpoint));
    wanted.delete(identity(endpoint));
    return next === undefined ? [] : [next];
  });
}

function identity(endpoint: Endpoint): string {
  return `${endpoint.targetRef?.uid ?? ""}/${endpoint.addresses[0] ?? ""}`;
}

function withContent(service: Service, slice: EndpointSlice, ports: readonly EndpointPort[], endpoints: readonly Endpoint[]): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels: { ...slice.metadata.labels, ...labelsFor(service) } }, endpoints, ports };
}

function newSlice(service: Service, ports: readonly EndpointPort[], endpoints: readonly Endpoint[]): EndpointSlice {
  const { name = "", namespace = "", uid = "" } = service.metadata;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { generateName: `${name}-`, namespace, labels: labelsFor(service), ownerReferences: [{ apiVersion: "v1", kind: "Service", name, uid, controller: true, blockOwnerDeletion: true }] },
    addressType: "IPv4",
    endpoints,
    ports,
  };
}

function labelsFor(service: Service): Record<string, string> {
  return { ...service.metadata.labels, [SERVICE_LABEL]: service.metadata.name ?? "", [MANAGER_LABEL]: MANAGER, ...(service.spec?.clusterIP === "None" ? { [HEADLESS_LABEL]: "" } : {}) };
}

/** Keeps the EndpointSlices of every Service that selects pods. */
export function endpointSliceController(context: ControllerContext) {
  const { client, consistency, informers } = context;
  const services = informers.informer(serviceResource);
  const pods = informers.informer(podResource);
  const slices = informers.informer(endpointSliceResource);
  pods.addIndex("namespace", (pod) => [pod.metadata.namespace ?? ""]);
  slices.addIndex("service", (slice) => [`${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_LABEL] ?? ""}`]);
  const api = client.for(endpointSliceResource);
  const isMine = (slice: EndpointSlice) => slice.metadata.labels?.[MANAGER_LABEL] === MANAGER;
  return runController(
    {
      name: "endpointslice-controller",
      sources: [services, pods, slices],
      connect: (queue) => {
        const add = (service: Service) => queue.add(objectKey(service));
        const podChanged = (pod: Pod) => {
          for (const service of services.list(pod.metadata.namespace)) if (selects(service, pod)) add(service);
        };
        const sliceChanged = (slice: EndpointSlice) => isMine(slice) && queue.add(`${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_LABEL] ?? ""}`);
        return [
          services.addHandler({ add, update: (_old, service) => add(service), delete: add }),
          pods.addHandler({
            add: podChanged,
            update: (old, pod) => {
              if (!jsonEqual(old.metadata.labels, pod.metadata.labels)) podChanged(old);
              podChanged(pod);
            },
            delete: podChanged,
          }),
          slices.addHandler({ update: (_old, slice) => sliceChanged(slice), delete: sliceChanged }),
        ];
      },
      sync: async (key, signal) => {
        await consistency.settled(`slices/${key}`, slices, signal);
        const { namespace, name } = splitKey(key);
        const service = services.get(namespace, name);
        // Slices of a deleted Service are the garbage collector's: they are owned by it.
        if (service === undefined || service.metadata.deletionTimestamp !== undefined || Object.keys(service.spec?.selector ?? {}).length === 0) return;
        const selected = pods.byIndex("namespace", namespace).filter((pod) => selects(service, pod));
        const plan = planEndpointSlices(service, selected, slices.byIndex("service", key).filter(isMine));
        for (const slice of plan.create) consistency.wrote(`slices/${key}`, await api.create(slice));
        for (const slice of plan.update) consistency.wrote(`slices/${key}`, await api.update(slice));
        for (const slice of plan.remove) await unlessGone(api.delete(namespace, slice.metadata.name ?? ""));
      },
    },
    context,
  );
}

function selects(service: Service, pod: Pod): boolean {
  const selector = Object.entries(service.spec?.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => pod.metadata.labels?.[key] === value);
}
