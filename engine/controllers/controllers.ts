import type { Service } from "../lib/service.ts";
import type { ControllerContext } from "./controller.ts";
import { deploymentController } from "./deployment.ts";
import { endpointSliceController } from "./endpoint-slice.ts";
import { eventTtlController } from "./event-ttl.ts";
import { garbageCollector } from "./garbage-collector.ts";
import { namespaceController } from "./namespace.ts";
import { nodeIpamController } from "./node-ipam.ts";
import { nodeLifecycleController } from "./node-lifecycle.ts";
import { podGarbageCollector } from "./pod-gc.ts";
import { replicaSetController } from "./replica-set.ts";
import { serviceAccountController } from "./service-account.ts";

export interface ClusterSettings {
  /** PEM text that every namespace gets, so that pods can verify the API server. */
  readonly rootCa: string;
  readonly clusterCidr: string;
}

/** All controllers. They know nothing of each other, so the order means nothing. */
export function createControllers(context: ControllerContext, settings: ClusterSettings): Service[] {
  return [
    deploymentController(context),
    replicaSetController(context),
    endpointSliceController(context),
    namespaceController(context),
    garbageCollector(context),
    nodeLifecycleController(context),
    nodeIpamController(context, settings.clusterCidr),
    podGarbageCollector(context),
    serviceAccountController(context, settings.rootCa),
    eventTtlController(context),
  ];
}
