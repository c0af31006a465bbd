import { controllerOf, objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { replicaSetResource } from "../../resources/apps/replica-set.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ReplicaSet } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { watch, type ControllerDefinition } from "../define-controller.ts";
import { ownerKeys } from "../owner-keys.ts";
import { isPodActive, ORPHAN_INDEX, orphanIndex, OWNER_INDEX, ownerIndex } from "../pods.ts";
import { concludeReplicaSet, planReplicaSet, type ReplicaSetInputs } from "./replica-set-plan.ts";

const WORKLOAD_INDEX = "workloadUid";

/** Keeps each ReplicaSet's number of pods. */
export function replicaSetController({ informers }: ControllerContext): ControllerDefinition<ReplicaSetInputs> {
  const sets = informers.informer(replicaSetResource);
  const pods = informers.informer(podResource);
  pods.addIndex(OWNER_INDEX, ownerIndex);
  pods.addIndex(ORPHAN_INDEX, orphanIndex);
  sets.addIndex(WORKLOAD_INDEX, (set) => [controllerOf(set)?.uid ?? set.metadata.uid ?? ""]);

  const ownersOf = ownerKeys(sets, ({ spec }) => spec.selector);
  const membersOf = (set: ReplicaSet) => pods.byIndex(OWNER_INDEX, set.metadata.uid ?? "");

  return {
    name: "replicaset-controller",
    watches: [watch(sets, (set) => [objectKey(set)]), watch(pods, ownersOf)],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const set = sets.get(namespace, name);
      if (set === undefined) return undefined;
      const siblingsPerNode = new Map<string, number>();
      for (const sibling of sets.byIndex(WORKLOAD_INDEX, controllerOf(set)?.uid ?? set.metadata.uid ?? "")) {
        for (const pod of membersOf(sibling))
          if (isPodActive(pod)) siblingsPerNode.set(pod.spec.nodeName ?? "", (siblingsPerNode.get(pod.spec.nodeName ?? "") ?? 0) + 1);
      }
      return { set, pods: [...membersOf(set), ...pods.byIndex(ORPHAN_INDEX, namespace)], siblingsPerNode };
    },
    plan: planReplicaSet,
    conclude: concludeReplicaSet,
  };
}
