import type { Pod } from "../../engine/resources/types.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { isTerminal } from "../pods/compute-pod-actions.ts";

/**
 * The containers whose disk space may be given back when there is too little: what has ended of pods that are over or gone. Those of a pod that
 * goes on say what of it is done, such as its init containers, and would be started again without. Pure.
 */
export function chooseDeadContainers(containers: readonly ContainerState[], pods: readonly Pod[]): readonly ContainerState[] {
  const going = new Set(pods.filter((pod) => !isTerminal(pod)).map(({ metadata }) => metadata.uid));
  return containers.filter(({ state, podUid }) => state === "exited" && !going.has(podUid));
}
