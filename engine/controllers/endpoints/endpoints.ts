import { objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { endpointsResource } from "../../resources/core/endpoints.ts";
import { podResource } from "../../resources/core/pod.ts";
import { serviceResource } from "../../resources/core/service.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, watch, type ControllerDefinition } from "../define-controller.ts";
import { planEndpoints, type EndpointsInputs } from "./endpoints-plan.ts";
import { isEndpointChange, podsOf, restOf, servicesOf } from "./service-pods.ts";

/** Keeps the Endpoints of every Service that selects pods, for clients that know no EndpointSlices. */
export function endpointsController({ informers }: ControllerContext): ControllerDefinition<EndpointsInputs> {
  const services = informers.informer(serviceResource);
  const pods = informers.informer(podResource);
  const endpoints = informers.informer(endpointsResource);
  const selected = podsOf(pods);
  return {
    name: "endpoint-controller",
    watches: [
      watch(services, (service) => [objectKey(service)]),
      watch(pods, servicesOf(services), isEndpointChange),
      watch(endpoints, (object) => [objectKey(object)]),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const found = services.get(namespace, name);
      const existing = endpoints.get(namespace, name);
      const isGone = found === undefined || isBeingDeleted(found);
      // Without a selector they are somebody else's.
      if (!isGone && (found.spec?.type === "ExternalName" || Object.keys(found.spec?.selector ?? {}).length === 0)) return undefined;
      if (isGone && existing === undefined) return undefined;
      return { service: isGone ? undefined : found, pods: isGone ? [] : selected(found), existing };
    },
    plan: planEndpoints,
    // Proxies do not follow Endpoints.
    restMs: (inputs) => restOf(inputs.pods.length, 0),
  };
}
