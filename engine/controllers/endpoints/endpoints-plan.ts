import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { familyOf, type IpFamily } from "../../lib/net/ip-address.ts";
import { endpointsResource } from "../../resources/core/endpoints.ts";
import type { CoreV1EndpointPort, EndpointAddress, Endpoints, EndpointSubset, Pod, Service } from "../../resources/types.ts";
import { create, update, type Action } from "../define-controller.ts";
import { namedPort } from "./endpoint-slice-plan.ts";
import { podAddress, serviceFamilies } from "./families.ts";
import { isPodFinished } from "../pods.ts";
import { computeTriggerTime, tellTriggerTime } from "./trigger-time.ts";

const ENDPOINTS_MANAGER_LABEL = "endpoints.kubernetes.io/managed-by";
const ENDPOINTS_MANAGER = "endpoint-controller";
const HEADLESS_LABEL = "service.kubernetes.io/headless";
const CAPACITY_ANNOTATION = "endpoints.kubernetes.io/over-capacity";
/** An Endpoints object is written as a whole for each change of one address: beyond this it says that it was cut. */
const ADDRESSES_MAX = 1_000;

export interface EndpointsInputs {
  /** Undefined when it is gone, or selects nobody any more. */
  readonly service: Service | undefined;
  /** The pods that it selects. */
  readonly pods: readonly Pod[];
  readonly existing: Endpoints | undefined;
}

/** The write that brings a Service's Endpoints to its pods. Pure. */
export function planEndpoints({ service, pods, existing }: EndpointsInputs): readonly Action[] {
  if (service === undefined) {
    // What somebody else made stays: it may have been there before the Service, and mean something else.
    return existing?.metadata.labels?.[ENDPOINTS_MANAGER_LABEL] === ENDPOINTS_MANAGER ? [{ do: "delete", resource: endpointsResource, object: existing }] : [];
  }
  const { subsets, isCut } = cut(computeSubsets(service, pods));
  const labels = labelsFor(service);
  const { [CAPACITY_ANNOTATION]: _cut, ...kept } = existing?.metadata.annotations ?? {};
  const annotations = isCut ? { ...kept, [CAPACITY_ANNOTATION]: "truncated" } : kept;
  const withAnnotations = Object.keys(annotations).length === 0 ? {} : { annotations };
  if (existing === undefined) {
    const { name = "", namespace = "" } = service.metadata;
    const made: Endpoints = { apiVersion: "v1", kind: "Endpoints", metadata: { name, namespace, labels, ...withAnnotations }, subsets };
    return tellTriggerTime([create(endpointsResource, made)], service.metadata.creationTimestamp);
  }
  const { annotations: _annotations, ...metadata } = existing.metadata;
  const next: Endpoints = { ...existing, metadata: { ...metadata, labels, ...withAnnotations }, subsets };
  if (jsonEqual({ ...next, subsets }, { ...existing, subsets: existing.subsets ?? [] })) return [];
  const [before, after] = [shownBy(existing.subsets), shownBy(subsets)];
  // Those that are cut off are not shown, however often something changes.
  const told = pods.filter(({ metadata: { uid = "" } }) => before.has(uid) || after.has(uid));
  return tellTriggerTime(
    [update(endpointsResource, next)],
    computeTriggerTime(service, told, before, (pod) => isReadyOf(service, pod)),
  );
}

/** Whether each pod is shown as ready, by its uid. */
function shownBy(subsets: readonly EndpointSubset[] | undefined): ReadonlyMap<string, boolean> {
  const entries = (addresses: readonly EndpointAddress[] | undefined, isReady: boolean) =>
    (addresses ?? []).map(({ targetRef }): [string, boolean] => [targetRef?.uid ?? "", isReady]);
  return new Map((subsets ?? []).flatMap(({ addresses, notReadyAddresses }) => [...entries(notReadyAddresses, false), ...entries(addresses, true)]));
}

function isReadyOf({ spec }: Service, { status }: Pod): boolean {
  return spec?.publishNotReadyAddresses === true || isConditionTrue(status?.conditions, "Ready");
}

/** Addresses grouped by the ports they have in common, each list in the order of its addresses. Pure. */
export function computeSubsets(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const publishes = service.spec?.publishNotReadyAddresses === true;
  const family = familyOfEndpoints(service, pods);
  const groups = new Map<string, { readonly ports: readonly CoreV1EndpointPort[]; readonly ready: EndpointAddress[]; readonly notReady: EndpointAddress[] }>();
  for (const pod of pods) {
    const ip = podAddress(pod, family);
    if (ip === undefined || isPodFinished(pod) || (pod.metadata.deletionTimestamp !== undefined && !publishes)) continue;
    const ports = portsOf(service, pod);
    // Only a headless Service has endpoints without ports: of its names, nothing else is asked.
    if (ports.length === 0 && service.spec?.clusterIP !== "None") continue;
    const key = JSON.stringify(ports);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { ports, ready: [], notReady: [] }));
    (isReadyOf(service, pod) ? group.ready : group.notReady).push(addressOf(service, pod, ip));
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready.sort(byAddress) }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady.sort(byAddress) }),
      ...(ports.length === 0 ? {} : { ports }),
    }));
}

/** Endpoints know one family: the Service's first. */
function familyOfEndpoints(service: Service, pods: readonly Pod[]): IpFamily {
  const [own, ...others] = serviceFamilies(service);
  const isKnown = others.length === 0 || (service.spec?.ipFamilies ?? []).length > 0;
  return (isKnown ? own : pods.map(({ status }) => familyOf(status?.podIP ?? "")).find((family) => family !== undefined)) ?? "IPv4";
}

function addressOf(service: Service, { metadata, spec }: Pod, ip: string): EndpointAddress {
  const { name = "", namespace = "", uid = "" } = metadata;
  return {
    ip,
    ...(spec.hostname && spec.subdomain === service.metadata.name ? { hostname: spec.hostname } : {}),
    ...(spec.nodeName ? { nodeName: spec.nodeName } : {}),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

function portsOf({ spec }: Service, pod: Pod): readonly CoreV1EndpointPort[] {
  return (spec?.ports ?? []).flatMap(({ name, protocol = "TCP", port, targetPort, appProtocol }) => {
    const target = targetPort || port;
    const number = typeof target === "number" ? target : namedPort(pod, target, protocol);
    return number === undefined ? [] : [{ ...(name ? { name } : {}), port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

/** Ready addresses stay before those that are not. */
function cut(subsets: readonly EndpointSubset[]): { readonly subsets: readonly EndpointSubset[]; readonly isCut: boolean } {
  const count = subsets.reduce((sum, { addresses = [], notReadyAddresses = [] }) => sum + addresses.length + notReadyAddresses.length, 0);
  if (count <= ADDRESSES_MAX) return { subsets, isCut: false };
  let left = ADDRESSES_MAX;
  const take = (addresses: readonly EndpointAddress[] = []) => {
    const taken = addresses.slice(0, left);
    left -= taken.length;
    return taken;
  };
  const ready = subsets.map(({ addresses }) => take(addresses));
  const notReady = subsets.map(({ notReadyAddresses }) => take(notReadyAddresses));
  const kept = subsets.map(({ ports }, index) => ({
    ...((ready[index] ?? []).length === 0 ? {} : { addresses: ready[index] ?? [] }),
    ...((notReady[index] ?? []).length === 0 ? {} : { notReadyAddresses: notReady[index] ?? [] }),
    ...(ports === undefined ? {} : { ports }),
  }));
  return { subsets: kept.filter((subset) => "addresses" in subset || "notReadyAddresses" in subset), isCut: true };
}

function labelsFor({ metadata, spec }: Service): Record<string, string> {
  const { [HEADLESS_LABEL]: _headless, ...labels } = metadata.labels ?? {};
  return { ...labels, [ENDPOINTS_MANAGER_LABEL]: ENDPOINTS_MANAGER, ...(spec?.clusterIP === "None" ? { [HEADLESS_LABEL]: "" } : {}) };
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  return a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : (a.targetRef?.uid ?? "") < (b.targetRef?.uid ?? "") ? -1 : 1;
}
