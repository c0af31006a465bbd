import { REGION_LABEL, ZONE_LABEL } from "../apimachinery/known-labels.ts";
import { withLabels } from "../apimachinery/object-copy.ts";
import { nodeResource } from "../resources/core/node.ts";
import type { Binding } from "../resources/types.ts";
import { isKind, type AdmissionPlugin } from "./admission.ts";

const TOPOLOGY_LABELS = [REGION_LABEL, ZONE_LABEL];

/** A pod learns the zone and region of its node when it is bound: the binding's labels become the pod's. */
export const podTopologyLabels: AdmissionPlugin = {
  name: "PodTopologyLabels",
  async mutate(attributes, reader) {
    if (attributes.subresource !== "binding" || !isKind(attributes, "", "pods")) return attributes.object;
    const binding = attributes.object as Binding; // the body of pods/binding
    const node = await reader.get(nodeResource, "", binding.target.name ?? "");
    const labels = Object.fromEntries(TOPOLOGY_LABELS.flatMap((label) => (node?.metadata.labels?.[label] === undefined ? [] : [[label, node.metadata.labels[label]]])));
    return Object.keys(labels).length === 0 ? binding : withLabels(binding, labels);
  },
};
