import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Pod, Toleration } from "../../resources/types.ts";
import { isExtendedResource } from "../../resources/validation/resource-requirements.ts";
import { isKind, type AdmissionPlugin } from "../admission.ts";

/** Nodes with rare devices may be tainted with the devices' names: pods that ask for such a device tolerate it. */
export const extendedResourceToleration: AdmissionPlugin = {
  name: "ExtendedResourceToleration",
  mutate(attributes) {
    const { operation, subresource, object } = attributes;
    if (!isKind(attributes, "", "pods") || subresource !== undefined || (operation !== "CREATE" && operation !== "UPDATE")) return object;
    const pod = object as Pod; // isKind
    const names = new Set(
      [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
        .flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
        .filter(isExtendedResource),
    );
    let tolerations: readonly Toleration[] = pod.spec.tolerations ?? [];
    for (const key of [...names].sort()) {
      if (!tolerations.some((one) => isOf(key, one))) tolerations = [...tolerations, { key, operator: "Exists", effect: "NoSchedule" }];
    }
    return tolerations.length === (pod.spec.tolerations ?? []).length ? object : ({ ...pod, spec: { ...pod.spec, tolerations } } as Pod & KubeObject);
  },
};

/** The very toleration that would be added. */
function isOf(name: string, { key, operator, effect, value = "" }: Toleration): boolean {
  return key === name && operator === "Exists" && effect === "NoSchedule" && value === "";
}
