import { ZONE_LABEL } from "../../apimachinery/known-labels.ts";
import { objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { EndpointSlice, Node } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, watch, type ControllerDefinition } from "../define-controller.ts";
import { MANAGER, MANAGER_LABEL, planEndpointSlices, SERVICE_INDEX, serviceIndex, toEntry, type EndpointSliceInputs } from "./endpoint-slice-plan.ts";
import { isEndpointChange, podsOf, restOf, servicesOf } from "./service-pods.ts";
import { NODE_INDEX, nodeIndex } from "../pods.ts";
import { computeZoneCapacity, wantsZoneBalance } from "./topology-hints.ts";

/** Keeps the EndpointSlices of every Service that selects pods. */
export function endpointSliceController({ informers }: ControllerContext): ControllerDefinition<EndpointSliceInputs> {
  const services = informers.informer(serviceResource);
  const pods = informers.informer(podResource);
  const slices = informers.informer(endpointSliceResource);
  const nodes = informers.informer(nodeResource);
  slices.addIndex(SERVICE_INDEX, serviceIndex);
  pods.addIndex(NODE_INDEX, nodeIndex);
  const selecting = servicesOf(services);
  const selectedBy = podsOf(pods);

  return {
    name: "endpointslice-controller",
    component: "endpoint-slice-controller",
    watches: [
      watch(services, (service) => [objectKey(service)]),
      watch(pods, selecting, isEndpointChange),
      watch(slices, (slice) => (isMine(slice) ? serviceIndex(slice) : [])),
      // A node's zone is part of the endpoints on it.
      watch(
        nodes,
        (node) => pods.byIndex(NODE_INDEX, node.metadata.name ?? "").flatMap(selecting),
        (old, node) => zoneOf(old) !== zoneOf(node),
      ),
      // Shares of zones are by the CPUs of the nodes that serve.
      watch(
        nodes,
        () => services.list().filter(wantsZoneBalance).map(objectKey),
        (old, node) => !jsonEqual(capacityOf(old), capacityOf(node)),
      ),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const service = services.get(namespace, name);
      // Slices of a deleted Service are the garbage collector's: they are owned by it. Without a selector they are somebody else's.
      if (service === undefined || isBeingDeleted(service) || service.spec?.type === "ExternalName" || Object.keys(service.spec?.selector ?? {}).length === 0)
        return undefined;
      const selected = selectedBy(service);
      const zoneOfNode = new Map(selected.flatMap(({ spec: { nodeName = "" } }) => toEntry(nodeName, zoneOf(nodes.get("", nodeName)))));
      return {
        service,
        pods: selected,
        slices: slices.byIndex(SERVICE_INDEX, key).filter((slice) => isMine(slice) && !isBeingDeleted(slice)),
        zoneOfNode,
        zoneCapacity: wantsZoneBalance(service) ? computeZoneCapacity(nodes.list()) : undefined,
      };
    },
    plan: planEndpointSlices,
    restMs: ({ pods: selected }) => restOf(selected.length, nodes.size),
  };
}

function isMine(slice: EndpointSlice): boolean {
  return slice.metadata.labels?.[MANAGER_LABEL] === MANAGER;
}

function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.[ZONE_LABEL];
}

function capacityOf(node: Node | undefined): readonly [string, number][] {
  return node === undefined ? [] : [...(computeZoneCapacity([node]) ?? [])];
}
