import { objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import type { LabelSelector } from "../../apimachinery/selectors.ts";
import { podResource } from "../../resources/core/pod.ts";
import { replicationControllerResource } from "../../resources/core/replication-controller.ts";
import type { ReplicaSet, ReplicationController } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { watch, type ControllerDefinition } from "../define-controller.ts";
import { ownerKeys } from "../owner-keys.ts";
import { isPodActive, ORPHAN_INDEX, orphanIndex, OWNER_INDEX, ownerIndex } from "../pods.ts";
import { concludeReplicaSet, planReplicaSet, type ReplicaSetInputs } from "./replica-set-plan.ts";

/** Keeps each ReplicationController's number of pods: it is a ReplicaSet in old clothes. */
export function replicationControllerController({ informers }: ControllerContext): ControllerDefinition<ReplicaSetInputs> {
  const controllers = informers.informer(replicationControllerResource);
  const pods = informers.informer(podResource);
  pods.addIndex(OWNER_INDEX, ownerIndex);
  pods.addIndex(ORPHAN_INDEX, orphanIndex);

  const ownersOf = ownerKeys(controllers, selectorOf);

  return {
    name: "replication-controller",
    watches: [watch(controllers, (controller) => [objectKey(controller)]), watch(pods, ownersOf)],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const controller = controllers.get(namespace, name);
      if (controller === undefined) return undefined;
      const members = pods.byIndex(OWNER_INDEX, controller.metadata.uid ?? "");
      const siblingsPerNode = new Map<string, number>();
      for (const pod of members) if (isPodActive(pod)) siblingsPerNode.set(pod.spec.nodeName ?? "", (siblingsPerNode.get(pod.spec.nodeName ?? "") ?? 0) + 1);
      return {
        set: asReplicaSet(controller),
        pods: [...members, ...pods.byIndex(ORPHAN_INDEX, namespace)],
        siblingsPerNode,
        writtenAs: { resource: replicationControllerResource, convert: asReplicationController },
      };
    },
    plan: planReplicaSet,
    conclude: concludeReplicaSet,
  };
}

/** One without labels selects nothing, where that of a ReplicaSet would select everything. */
function selectorOf({ spec }: ReplicationController): LabelSelector | undefined {
  return Object.keys(spec?.selector ?? {}).length === 0 ? undefined : { matchLabels: spec?.selector ?? {} };
}

/** The same wish in the newer shape; it keeps its own kind, so that pods name the right owner. */
function asReplicaSet(controller: ReplicationController): ReplicaSet {
  const { selector, template, ...spec } = controller.spec ?? {};
  return { ...controller, spec: { ...spec, selector: { matchLabels: selector ?? {} }, ...(template === undefined ? {} : { template }) } } as ReplicaSet; // the rest of the two shapes is the same
}

/** And back. It says nothing of pods that are ending. */
function asReplicationController(set: ReplicaSet): ReplicationController {
  const { selector, ...spec } = set.spec;
  const { terminatingReplicas: _unsaid, ...status } = set.status ?? { replicas: 0 };
  return { ...set, spec: { ...spec, selector: selector.matchLabels ?? {} }, status } as ReplicationController; // as above
}
