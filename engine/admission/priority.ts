import { forbidden } from "../apimachinery/status-error.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Pod } from "../resources/types.ts";
import { isCreateOf, type AdmissionPlugin } from "./admission.ts";

/** The two classes every cluster has. There are no PriorityClass objects yet, so there are no others. */
const SYSTEM_CLASSES: Readonly<Record<string, number>> = { "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000 };

/** Turns the name of a priority class into the number the scheduler compares. */
export const priority: AdmissionPlugin = {
  name: "Priority",
  mutate(attributes) {
    if (!isCreateOf(attributes, "", "pods")) return attributes.object;
    const pod = attributes.object as Pod; // isCreateOf
    const className = pod.spec.priorityClassName ?? "";
    const value = className === "" ? 0 : SYSTEM_CLASSES[className];
    if (value === undefined) throw forbidden(podResource, attributes.name, `no PriorityClass with name ${className} was found`);
    if (pod.spec.priority !== undefined && pod.spec.priority !== value) {
      throw forbidden(podResource, attributes.name, `the integer value of priority (${pod.spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`);
    }
    return { ...pod, spec: { ...pod.spec, priority: value, preemptionPolicy: pod.spec.preemptionPolicy ?? "PreemptLowerPriority" } };
  },
};
