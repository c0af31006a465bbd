import type { Random } from "../lib/random.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import { priority } from "./priority.ts";
import { serviceAccountPlugin } from "./service-account.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";

/** Every rule of admission, in upstream's order: whoever stands later sees what the earlier ones made of the object. */
export function admissionPlugins(random: Random): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle,
    serviceAccountPlugin(random),
    nodeRestriction,
    taintNodesByCondition,
    priority,
    defaultTolerationSeconds,
    podTopologyLabels,
  ];
}
