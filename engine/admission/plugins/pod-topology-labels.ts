import { REGION_LABEL, ZONE_LABEL } from "../../apimachinery/known-labels.ts";
import { withLabels } from "../../apimachinery/object-copy.ts";
import { nodeResource } from "../../resources/core/node.ts";
import type { Binding, Pod } from "../../resources/types.ts";
import { isKind, type AdmissionPlugin } from "../admission.ts";

const TOPOLOGY_LABELS = [REGION_LABEL, ZONE_LABEL];

/** A pod learns the zone and region of its node when it is bound, for the binding's labels become the pod's, or when it comes with its node. */
export const podTopologyLabels: AdmissionPlugin = {
  name: "PodTopologyLabels",
  async mutate(attributes, reader) {
    const { object, operation, subresource } = attributes;
    if (operation !== "CREATE" || object === undefined || !isKind(attributes, "", "pods") || (subresource !== undefined && subresource !== "binding"))
      return object;
    // The body of pods/binding, or else a pod.
    const name = subresource === "binding" ? (object as Binding).target.name : (object as Pod).spec.nodeName;
    if (!name) return object;
    const node = await reader.get(nodeResource, "", name);
    const labels = Object.fromEntries(
      TOPOLOGY_LABELS.flatMap((label) => (node?.metadata.labels?.[label] === undefined ? [] : [[label, node.metadata.labels[label]]])),
    );
    return Object.keys(labels).length === 0 ? object : withLabels(object, labels);
  },
};
