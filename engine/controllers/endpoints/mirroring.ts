import { objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { endpointsResource } from "../../resources/core/endpoints.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { Endpoints, EndpointSlice, Service } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, watch, type ControllerDefinition } from "../define-controller.ts";
import { MANAGER_LABEL, SERVICE_LABEL } from "./endpoint-slice-plan.ts";
import { LEADER_ANNOTATION, MIRROR_MANAGER, planMirror, SKIP_LABEL, type MirrorInputs } from "./mirroring-plan.ts";

const SERVICE_INDEX = "mirrored service";

/** Turns Endpoints that people write for Services without a selector into EndpointSlices, which is what everybody here reads. */
export function mirroringController({ informers }: ControllerContext): ControllerDefinition<MirrorInputs> {
  const services = informers.informer(serviceResource);
  const endpoints = informers.informer(endpointsResource);
  const slices = informers.informer(endpointSliceResource);
  slices.addIndex(SERVICE_INDEX, (slice) => (isMine(slice) ? [keyOf(slice)] : []));
  return {
    name: "endpointslicemirroring-controller",
    watches: [
      watch(endpoints, (object) => [objectKey(object)]),
      watch(services, (service) => [objectKey(service)]),
      watch(slices, (slice) => (isMine(slice) ? [keyOf(slice)] : [])),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const found = endpoints.get(namespace, name);
      const mirrored = slices.byIndex(SERVICE_INDEX, key).filter((slice) => !isBeingDeleted(slice));
      const isWanted = found !== undefined && isMirrored(found, services.get(namespace, name));
      return isWanted || mirrored.length > 0 ? { endpoints: isWanted ? found : undefined, slices: mirrored } : undefined;
    },
    plan: planMirror,
  };
}

function isMirrored(endpoints: Endpoints, service: Service | undefined): boolean {
  const { labels, annotations } = endpoints.metadata;
  if (isBeingDeleted(endpoints) || labels?.[SKIP_LABEL] === "true" || annotations?.[LEADER_ANNOTATION] !== undefined) return false;
  return service !== undefined && !isBeingDeleted(service) && Object.keys(service.spec?.selector ?? {}).length === 0;
}

function isMine({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGER_LABEL] === MIRROR_MANAGER;
}

function keyOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace ?? ""}/${metadata.labels?.[SERVICE_LABEL] ?? ""}`;
}
