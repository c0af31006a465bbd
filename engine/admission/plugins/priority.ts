import { forbidden } from "../../apimachinery/status-error.ts";
import { podResource } from "../../resources/core/pod.ts";
import { priorityClassResource, systemPriorityClasses } from "../../resources/scheduling/priority-class.ts";
import type { Pod, PriorityClass } from "../../resources/types.ts";
import { isCreateOf, isKind, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";

/** Turns the name of a priority class into the number the scheduler compares, and keeps the default class the only one. */
export const priority: AdmissionPlugin = {
  name: "Priority",
  async mutate(attributes, reader) {
    if (attributes.operation === "UPDATE" && attributes.subresource === undefined && isKind(attributes, "", "pods"))
      return keepPriority(attributes.object as Pod, attributes.old as Pod | undefined); // isKind
    if (!isCreateOf(attributes, "", "pods")) return attributes.object;
    const pod = attributes.object as Pod; // isCreateOf
    const chosen = await classOf(pod, attributes.name, reader);
    const value = chosen?.value ?? 0;
    if (pod.spec.priority !== undefined && pod.spec.priority !== value) {
      throw forbidden(
        podResource,
        attributes.name,
        `the integer value of priority (${pod.spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    }
    const policy = chosen?.preemptionPolicy ?? "PreemptLowerPriority";
    if (pod.spec.preemptionPolicy !== undefined && pod.spec.preemptionPolicy !== policy) {
      throw forbidden(
        podResource,
        attributes.name,
        `the string value of PreemptionPolicy (${pod.spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    }
    const className = chosen?.metadata.name;
    return { ...pod, spec: { ...pod.spec, ...(className === undefined ? {} : { priorityClassName: className }), priority: value, preemptionPolicy: policy } };
  },
  async validate(attributes, reader) {
    if (attributes.operation === "DELETE" || !isKind(attributes, priorityClassResource.group, priorityClassResource.resource)) return;
    const next = attributes.object as PriorityClass; // isKind
    if (next.globalDefault !== true) return;
    const other = (await reader.list(priorityClassResource, "")).find((known) => known.globalDefault === true && known.metadata.name !== next.metadata.name);
    if (other !== undefined)
      throw forbidden(priorityClassResource, attributes.name, `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`);
  },
};

/** What was filled in when the pod was made holds for writers who leave it out, such as `kubectl replace` with the pod's first manifest. */
function keepPriority(pod: Pod, old: Pod | undefined): Pod {
  const { priority = old?.spec.priority, preemptionPolicy = old?.spec.preemptionPolicy } = pod.spec;
  return { ...pod, spec: { ...pod.spec, ...(priority === undefined ? {} : { priority }), ...(preemptionPolicy === undefined ? {} : { preemptionPolicy }) } };
}

/** The class that the pod names, or else the default one. Two defaults can only come from a race; then the lower one counts, as upstream. */
async function classOf(pod: Pod, name: string, reader: AdmissionReader): Promise<PriorityClass | undefined> {
  const className = pod.spec.priorityClassName ?? "";
  if (className === "") {
    const defaults = (await reader.list(priorityClassResource, "")).filter((known) => known.globalDefault === true);
    return defaults.reduce<PriorityClass | undefined>((lowest, known) => (lowest === undefined || known.value < lowest.value ? known : lowest), undefined);
  }
  // The system's own classes never change, and pods that need them may come before they are stored.
  const system = systemPriorityClasses.find((known) => known.metadata.name === className);
  const found = system ?? (await reader.get(priorityClassResource, "", className)) ?? (await reader.get(priorityClassResource, "", className, { fresh: true }));
  if (found === undefined) throw forbidden(podResource, name, `no PriorityClass with name ${className} was found`);
  return found;
}
