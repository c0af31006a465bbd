import type { Random } from "../lib/random.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { persistentVolumeClaimResize } from "./claim-resize.ts";
import { defaultStorageClass } from "./default-storage-class.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { podSecurity } from "./pod-security/pod-security.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import { priority } from "./priority.ts";
import { serviceAccountPlugin } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-object-in-use.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";

/** Every rule of admission, in upstream's order: whoever stands later sees what the earlier ones made of the object. */
export function admissionPlugins(random: Random): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle,
    limitRanger,
    serviceAccountPlugin(random),
    nodeRestriction,
    taintNodesByCondition,
    podSecurity,
    priority,
    defaultTolerationSeconds,
    defaultStorageClass,
    storageObjectInUseProtection,
    persistentVolumeClaimResize,
    podTopologyLabels,
  ];
}
