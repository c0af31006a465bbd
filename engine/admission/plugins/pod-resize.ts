import { forbidden } from "../../apimachinery/status-error.ts";
import { milliValue, wholeValue } from "../../apimachinery/quantity.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podRequests } from "../../resources/pod-requests.ts";
import type { Node, Pod } from "../../resources/types.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { isKind, requestName, type AdmissionPlugin } from "../admission.ts";

/** A pod does not grow beyond what its node could ever give it. */
export const podResizeValidator: AdmissionPlugin = {
  name: "PodResizeValidator",
  async validate(attributes, reader) {
    if (attributes.operation !== "UPDATE" || attributes.subresource !== "resize" || !isKind(attributes, "", "pods")) return;
    const [pod, old] = [attributes.object as unknown as Pod, attributes.old as unknown as Pod]; // isKind, an update
    if (!pod.spec.nodeName || jsonEqual(pod.spec, old.spec)) return;
    const refuse = (why: string, cause?: string): never => {
      throw forbidden(attributes.definition, requestName(attributes), why, cause === undefined ? undefined : [{ reason: cause }]);
    };
    const node = await reader.get(nodeResource, "", pod.spec.nodeName);
    if (node === undefined) return refuse(`node ${JSON.stringify(pod.spec.nodeName)} not found`);
    const system = node.metadata.labels?.["kubernetes.io/os"] ?? "linux";
    if (system !== "linux")
      refuse(`pod resize is only supported on linux nodes, node ${JSON.stringify(node.metadata.name)} is ${JSON.stringify(system)}`, "UnsupportedPlatform");
    const excess = excessOf(pod, node);
    if (excess.length > 0) refuse(`node didn't have enough allocatable resources: ${excess.join("; ")}`, "NodeCapacity");
  },
};

function excessOf({ spec }: Pod, { status }: Node): readonly string[] {
  const { cpu = 0, memory = 0 } = podRequests(spec);
  const [cpuMax, memoryMax] = [milliValue(status?.allocatable?.["cpu"] ?? "0"), wholeValue(status?.allocatable?.["memory"] ?? "0")];
  return [
    ...(cpu > cpuMax ? [`cpu, requested: ${cpu}, allocatable: ${cpuMax}`] : []),
    ...(memory > memoryMax ? [`memory, requested: ${memory}, allocatable: ${memoryMax}`] : []),
  ];
}
