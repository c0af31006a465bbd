import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { newControllerRef } from "../../apimachinery/owner-references.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { IpFamily } from "../../lib/net/ip-address.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { Endpoint, EndpointPort, EndpointSlice, Pod, Service } from "../../resources/types.ts";
import { create, tell, update, type Action } from "../define-controller.ts";
import { computeTriggerTime, tellTriggerTime } from "./trigger-time.ts";
import { podAddress, serviceFamilies } from "./families.ts";
import { isPodFinished } from "../pods.ts";
import { computeHints, wantsZoneBalance, type Hinted, type ZoneCapacity } from "./topology-hints.ts";

const ENDPOINTS_PER_SLICE_MAX = 100;
export const SERVICE_LABEL = "kubernetes.io/service-name";
export const MANAGER_LABEL = "endpointslice.kubernetes.io/managed-by";
export const MANAGER = "endpointslice-controller.k8s.io";
/** The index of slices by the key of their Service. */
export const SERVICE_INDEX = "service";
export const serviceIndex = ({ metadata }: EndpointSlice): readonly string[] => [`${metadata.namespace}/${metadata.labels?.[SERVICE_LABEL] ?? ""}`];

const HEADLESS_LABEL = "service.kubernetes.io/headless";

export interface EndpointSliceInputs {
  readonly service: Service;
  /** The pods that it selects. */
  readonly pods: readonly Pod[];
  /** The slices that this controller made for it. */
  readonly slices: readonly EndpointSlice[];
  readonly zoneOfNode: ReadonlyMap<string, string>;
  /** For hints that follow the zones' sizes; undefined when they cannot be told. */
  readonly zoneCapacity: ZoneCapacity | undefined;
}

/** What one slice should hold; `slice` is undefined for one to be made. */
interface Draft {
  readonly slice: EndpointSlice | undefined;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/**
 * The writes that bring a Service's slices to its pods, as few as possible: an endpoint stays in the slice it is in, new ones go first
 * into slices that change anyway, then into one with room for the rest, and a slice is made only when none has. A slice that would go
 * is turned into one that would come. Each family of the Service has slices of its own; those of a family that it lost go. Pure.
 */
export function planEndpointSlices(inputs: EndpointSliceInputs): readonly Action[] {
  const families = serviceFamilies(inputs.service);
  const lost = inputs.slices.filter(({ addressType }) => !families.some((family) => family === addressType));
  const actions = [...families.flatMap((family) => planFamily(inputs, family)), ...lost.map(deletion)];
  if (actions.length === 0) return actions;
  const shown = inputs.slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).map(({ targetRef, conditions }) => [targetRef?.uid ?? "", conditions?.serving === true] as const),
  );
  return tellTriggerTime(actions, computeTriggerTime(inputs.service, inputs.pods, inputs.slices.length === 0 ? undefined : new Map(shown), isReady));
}

function planFamily({ service, pods, slices: all, zoneOfNode, zoneCapacity }: EndpointSliceInputs, family: IpFamily): readonly Action[] {
  const slices = all.filter(({ addressType }) => addressType === family);
  const endpointsOf = new Map(pods.flatMap((pod): [Pod, Endpoint][] => toEntry(pod, endpointOf(service, pod, family, zoneOfNode))));
  const hintsNow = new Map(slices.flatMap((slice) => (slice.endpoints ?? []).map((endpoint) => [identityOf(endpoint), endpoint.hints?.forZones?.[0]?.name])));
  const hinted = computeHints(service, [...endpointsOf.values()], zoneCapacity, (endpoint) => hintsNow.get(identityOf(endpoint)));
  const hintedPods = [...endpointsOf.keys()].map((pod, index) => [pod, hinted.endpoints[index]] as const);
  const drafts = [...groupByPorts(service, hintedPods).values()].flatMap(({ ports, endpoints }) => draftSlices(service, family, ports, endpoints, slices));
  const kept = new Set(drafts.flatMap(({ slice }) => (slice === undefined ? [] : [slice])));
  const surplus = slices.filter((slice) => !kept.has(slice));
  // A Service without endpoints keeps one empty slice, so that its readers can tell "none" from "not known yet".
  if (drafts.length === 0) drafts.push({ slice: surplus.shift(), ports: [], endpoints: [] });
  const writes = drafts.flatMap((draft): Action[] => {
    const base = draft.slice ?? surplus.shift();
    const next = render(service, family, base, draft);
    if (base === undefined) return [create(endpointSliceResource, next)];
    return jsonEqual(next, base) ? [] : [update(endpointSliceResource, next)];
  });
  const actions = [...writes, ...surplus.map(deletion)];
  return actions.length === 0 || !wantsZoneBalance(service)
    ? actions
    : [
        ...actions,
        ...tellOfHints(
          service,
          hinted,
          [...hintsNow.values()].some((zone) => zone !== undefined),
        ),
      ];
}

function deletion(slice: EndpointSlice): Action {
  return { do: "delete", resource: endpointSliceResource, object: slice };
}

/** Says when hints begin, and with whatever is written while they are missing, why. */
function tellOfHints(service: Service, hinted: Hinted, hadHints: boolean): readonly Action[] {
  if (hinted.is === "unhinted") return [tell(service, "Warning", "TopologyAwareHintsDisabled", `Endpoints are not bound to zones: ${hinted.why}`)];
  return hadHints ? [] : [tell(service, "Normal", "TopologyAwareHintsEnabled", "Endpoints are bound to zones")];
}

/** An entry for a map; none where there is no value. */
export function toEntry<K, V>(key: K, value: V | undefined): [K, V][] {
  return value === undefined ? [] : [[key, value]];
}

interface PortGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Endpoint[];
}

/** Pods whose named ports have different numbers need slices of their own. */
function groupByPorts(service: Service, hinted: readonly (readonly [Pod, Endpoint | undefined])[]): Map<string, PortGroup> {
  const groups = new Map<string, PortGroup>();
  for (const [pod, endpoint] of hinted) {
    if (endpoint === undefined) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ports, endpoints: [endpoint] });
    else group.endpoints.push(endpoint);
  }
  return groups;
}

function draftSlices(
  service: Service,
  family: IpFamily,
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
  slices: readonly EndpointSlice[],
): Draft[] {
  const wanted = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const drafts = slices
    .filter((slice) => jsonEqual(slice.ports ?? [], ports))
    .map((slice) => ({ slice, ports, endpoints: claim(slice, wanted) }))
    // One that would be empty is not kept: it may go, or become another.
    .filter((draft) => draft.endpoints.length > 0);
  const fill = (draft: { endpoints: Endpoint[] }) => {
    for (const [key, endpoint] of wanted) {
      if (draft.endpoints.length >= ENDPOINTS_PER_SLICE_MAX) return;
      draft.endpoints.push(endpoint);
      wanted.delete(key);
    }
  };
  for (const draft of drafts) if (!jsonEqual(render(service, family, draft.slice, draft), draft.slice)) fill(draft);
  const roomiest = drafts
    .filter(({ endpoints: held }) => held.length + wanted.size <= ENDPOINTS_PER_SLICE_MAX)
    .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
  if (wanted.size > 0 && roomiest !== undefined) fill(roomiest);
  const rest = [...wanted.values()];
  const made: Draft[] = [];
  for (let at = 0; at < rest.length; at += ENDPOINTS_PER_SLICE_MAX)
    made.push({ slice: undefined, ports, endpoints: rest.slice(at, at + ENDPOINTS_PER_SLICE_MAX) });
  return [...drafts, ...made];
}

/** The slice's endpoints that are still wanted, in their new form; they leave `wanted`. */
function claim(slice: EndpointSlice, wanted: Map<string, Endpoint>): Endpoint[] {
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    const key = identityOf(endpoint);
    const next = wanted.get(key);
    wanted.delete(key);
    return next === undefined ? [] : [next];
  });
}

function endpointOf(service: Service, pod: Pod, family: IpFamily, zoneOfNode: ReadonlyMap<string, string>): Endpoint | undefined {
  const ip = podAddress(pod, family);
  if (ip === undefined || isPodFinished(pod)) return undefined;
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { nodeName, hostname, subdomain } = pod.spec;
  const zone = zoneOfNode.get(nodeName ?? "");
  return {
    addresses: [ip],
    conditions: { ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating), serving, terminating },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
    targetRef: { kind: "Pod", namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "", uid: pod.metadata.uid ?? "" },
  };
}

function isReady({ status }: Pod): boolean {
  return isConditionTrue(status?.conditions, "Ready");
}

/** A port that the pod does not name is left out; others still work. */
function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? "TCP";
    const target = port.targetPort || port.port;
    const number = typeof target === "number" ? target : namedPort(pod, target, protocol);
    if (number === undefined) return [];
    return [{ name: port.name ?? "", port: number, protocol, ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }) }];
  });
}

/** Ports of containers, and of those init containers that stay. */
export function namedPort(pod: Pod, name: string, protocol: string): number | undefined {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always")];
  return containers.flatMap((container) => container.ports ?? []).find((port) => port.name === name && (port.protocol ?? "TCP") === protocol)?.containerPort;
}

function identityOf(endpoint: Endpoint): string {
  return `${endpoint.targetRef?.uid ?? ""}/${endpoint.addresses[0] ?? ""}`;
}

function render(service: Service, family: IpFamily, base: EndpointSlice | undefined, { ports, endpoints }: Draft): EndpointSlice {
  const { name = "", namespace = "" } = service.metadata;
  const labels = labelsFor(service);
  if (base !== undefined) return { ...base, metadata: { ...base.metadata, labels }, endpoints: listOrNull(endpoints), ports: listOrNull(ports) };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { generateName: `${name}-`, namespace, labels, ownerReferences: [newControllerRef(service)] },
    addressType: family,
    endpoints: listOrNull(endpoints),
    ports: listOrNull(ports),
  };
}

/** An empty list of a slice, as it is kept. */
export function listOrNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

function labelsFor(service: Service): Record<string, string> {
  const { [HEADLESS_LABEL]: _headless, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    [SERVICE_LABEL]: service.metadata.name ?? "",
    [MANAGER_LABEL]: MANAGER,
    ...(service.spec?.clusterIP === "None" ? { [HEADLESS_LABEL]: "" } : {}),
  };
}
