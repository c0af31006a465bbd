import { forbidden } from "../../apimachinery/status-error.ts";
import { compareQuantities } from "../../apimachinery/quantity.ts";
import { podResource } from "../../resources/core/pod.ts";
import { runtimeClassResource } from "../../resources/node/runtime-class.ts";
import type { Pod, RuntimeClass } from "../../resources/types.ts";
import { isCreateOf, requestName, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import { mergeTolerations } from "./merge-tolerations.ts";

type Amounts = Readonly<Record<string, string>>;

/** A pod of a RuntimeClass gets what the class says of all of its pods: what they use beside their containers, and which nodes they can run on. */
export const runtimeClass: AdmissionPlugin = {
  name: "RuntimeClass",
  async mutate(attributes, reader) {
    if (!isCreateOf(attributes, "", "pods")) return attributes.object;
    const pod = attributes.object as Pod; // isCreateOf
    const chosen = await classOf(attributes, pod, reader);
    return chosen === undefined ? pod : withScheduling(attributes, withOverhead(attributes, pod, chosen), chosen);
  },
  async validate(attributes, reader) {
    if (!isCreateOf(attributes, "", "pods") || attributes.object === undefined) return;
    const pod = attributes.object as unknown as Pod; // isCreateOf
    const wanted = (await classOf(attributes, pod, reader))?.overhead?.podFixed;
    const { overhead } = pod.spec;
    if (wanted !== undefined && !areEqual(overhead ?? {}, wanted)) throw refusal(attributes, "Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    if (wanted === undefined && overhead !== undefined && Object.keys(overhead).length > 0)
      throw refusal(attributes, "Pod Overhead set without corresponding RuntimeClass defined Overhead");
  },
};

async function classOf(attributes: AdmissionAttributes, { spec }: Pod, reader: AdmissionReader): Promise<RuntimeClass | undefined> {
  const name = spec.runtimeClassName;
  if (name === undefined) return undefined;
  const found = (await reader.get(runtimeClassResource, "", name)) ?? (await reader.get(runtimeClassResource, "", name, { fresh: true }));
  if (found === undefined) throw refusal(attributes, `RuntimeClass ${JSON.stringify(name)} not found`);
  return found;
}

function withOverhead(attributes: AdmissionAttributes, pod: Pod, { overhead }: RuntimeClass): Pod {
  if (overhead?.podFixed === undefined) return pod;
  const given = pod.spec.overhead ?? {};
  if (Object.keys(given).length > 0 && !areEqual(given, overhead.podFixed))
    throw refusal(attributes, "Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  return { ...pod, spec: { ...pod.spec, overhead: overhead.podFixed } };
}

function withScheduling(attributes: AdmissionAttributes, pod: Pod, { scheduling }: RuntimeClass): Pod {
  if (scheduling === undefined) return pod;
  const nodeSelector: Record<string, string> = { ...pod.spec.nodeSelector };
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = nodeSelector[key];
    if (own !== undefined && own !== value)
      throw refusal(attributes, `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`);
    nodeSelector[key] = value;
  }
  const tolerations = mergeTolerations(pod.spec.tolerations ?? [], scheduling.tolerations ?? []);
  return {
    ...pod,
    spec: { ...pod.spec, ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }), ...(tolerations.length === 0 ? {} : { tolerations }) },
  };
}

function areEqual(left: Amounts, right: Amounts): boolean {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => left[name] !== undefined && right[name] !== undefined && compareQuantities(left[name], right[name]) === 0);
}

function refusal(attributes: AdmissionAttributes, why: string) {
  return forbidden(podResource, requestName(attributes), `pod rejected: ${why}`);
}
