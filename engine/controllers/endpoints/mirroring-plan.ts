import { CHANGE_TIME_ANNOTATION } from "../../apimachinery/known-labels.ts";
import { familyOf } from "../../lib/net/ip-address.ts";
import { newControllerRef } from "../../apimachinery/owner-references.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { Endpoint, EndpointAddress, EndpointPort, Endpoints, EndpointSlice } from "../../resources/types.ts";
import { create, update, type Action } from "../define-controller.ts";
import { listOrNull, MANAGER_LABEL, SERVICE_LABEL } from "./endpoint-slice-plan.ts";

export const MIRROR_MANAGER = "endpointslicemirroring-controller.k8s.io";
export const SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror";
/** Endpoints that are a lock of an election and no addresses. */
export const LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader";
const UNMIRRORED = new Set(["kubectl.kubernetes.io/last-applied-configuration", CHANGE_TIME_ANNOTATION]);
/** Of each group of addresses; more are left out, as upstream leaves them out. */
const ADDRESSES_MAX = 1_000;
const ENDPOINTS_PER_SLICE_MAX = 100;

export interface MirrorInputs {
  /** Undefined when nothing is to be mirrored. */
  readonly endpoints: Endpoints | undefined;
  /** The slices that mirror it now. */
  readonly slices: readonly EndpointSlice[];
}

interface Wanted {
  readonly addressType: "IPv4" | "IPv6";
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** The writes that make the slices of hand-made Endpoints say the same as they do. Pure. */
export function planMirror({ endpoints, slices }: MirrorInputs): readonly Action[] {
  const surplus = [...slices];
  const actions = (endpoints === undefined ? [] : wantedSlices(endpoints)).flatMap((wanted): Action[] => {
    const place = surplus.findIndex((slice) => slice.addressType === wanted.addressType && jsonEqual(slice.ports ?? [], wanted.ports));
    const [base] = place < 0 ? [] : surplus.splice(place, 1);
    const next = render(endpoints as Endpoints, base, wanted); // there are wanted ones only with it
    if (base === undefined) return [create(endpointSliceResource, next)];
    return jsonEqual(next, base) ? [] : [update(endpointSliceResource, next)];
  });
  return [...actions, ...surplus.map((object): Action => ({ do: "delete", resource: endpointSliceResource, object }))];
}

function wantedSlices({ subsets = [] }: Endpoints): readonly Wanted[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const all = [...addresses.map((address) => endpointOf(address, true)), ...notReadyAddresses.map((address) => endpointOf(address, false))].slice(
      0,
      ADDRESSES_MAX,
    );
    const slicePorts = ports.map(({ name = "", port, protocol = "TCP", appProtocol }): EndpointPort => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    return (["IPv4", "IPv6"] as const).flatMap((addressType) => {
      const own = all.filter(({ addresses: [address = ""] }) => familyOf(address) === addressType);
      const parts: Wanted[] = [];
      for (let at = 0; at < own.length; at += ENDPOINTS_PER_SLICE_MAX)
        parts.push({ addressType, ports: slicePorts, endpoints: own.slice(at, at + ENDPOINTS_PER_SLICE_MAX) });
      return parts;
    });
  });
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

function render(
  { metadata: { name = "", namespace = "", uid, labels = {}, annotations = {} } }: Endpoints,
  base: EndpointSlice | undefined,
  { addressType, ports, endpoints }: Wanted,
): EndpointSlice {
  const mirrored = Object.fromEntries(Object.entries(annotations).filter(([key]) => !UNMIRRORED.has(key)));
  const metadata = {
    labels: { ...labels, [SERVICE_LABEL]: name, [MANAGER_LABEL]: MIRROR_MANAGER },
    ...(Object.keys(mirrored).length === 0 ? {} : { annotations: mirrored }),
  };
  if (base !== undefined) {
    const { labels: _labels, annotations: _annotations, ...rest } = base.metadata;
    return { ...base, metadata: { ...rest, ...metadata }, endpoints: listOrNull(endpoints), ports: listOrNull(ports) };
  }
  const owner = newControllerRef({ apiVersion: "v1", kind: "Endpoints", metadata: { name, ...(uid === undefined ? {} : { uid }) } });
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { generateName: `${name}-`, namespace, ...metadata, ownerReferences: [owner] },
    addressType,
    endpoints: listOrNull(endpoints),
    ports: listOrNull(ports),
  };
}
