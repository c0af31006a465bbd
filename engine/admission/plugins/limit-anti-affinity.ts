import { forbidden } from "../../apimachinery/status-error.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Pod } from "../../resources/types.ts";
import { isKind, requestName, type AdmissionPlugin } from "../admission.ts";

const HOST_KEY = "kubernetes.io/hostname";

/** A pod may keep others off its node, not off a whole zone. */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: "LimitPodHardAntiAffinityTopology",
  validate(attributes) {
    const { operation, subresource, object } = attributes;
    if (!isKind(attributes, "", "pods") || subresource !== undefined || (operation !== "CREATE" && operation !== "UPDATE")) return;
    const terms = (object as unknown as Pod).spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []; // isKind
    const wide = terms.find(({ topologyKey }) => topologyKey !== HOST_KEY);
    if (wide !== undefined)
      throw forbidden(
        podResource,
        requestName(attributes),
        `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wide.topologyKey} but only key ${HOST_KEY} is allowed`,
      );
  },
};
