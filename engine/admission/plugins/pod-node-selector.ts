import type { ConfigFields } from "../../apimachinery/config-fields.ts";
import { labelValueError, qualifiedNameError } from "../../apimachinery/names.ts";
import { forbidden, withoutReason, type StatusError } from "../../apimachinery/status-error.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Pod } from "../../resources/types.ts";
import { isCreateOf, requestName, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import { requireNamespace } from "../request-matching.ts";

type Labels = Readonly<Record<string, string>>;

const ANNOTATION = "scheduler.alpha.kubernetes.io/node-selector";
const DEFAULT_KEY = "clusterDefaultNodeSelector";

/**
 * The labels that pods of a namespace may ask of nodes, by namespace; and under `clusterDefaultNodeSelector` those that are asked for where
 * no namespace says others.
 */
export type NodeSelectorSettings = Readonly<Record<string, Labels>>;

/** Reads the plugin's file, which has no kind. Throws with the field for what is wrong. */
export function nodeSelectorSettingsOf(fields: ConfigFields): NodeSelectorSettings {
  fields.refuseOthers(["podNodeSelectorPluginConfig"]);
  return fields.part("podNodeSelectorPluginConfig")?.parsedEntries(parseLabels) ?? {};
}

/** `a=b,c=d`. Throws what is wrong, in upstream's words. */
function parseLabels(text: string): Labels {
  if (text === "") return {};
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const parts = pair.split("=");
      if (parts.length !== 2) throw new Error(`invalid selector: [${parts.join(" ")}]`);
      const [key = "", value = ""] = parts.map((part) => part.trim());
      const [badKey, badValue] = [qualifiedNameError(key), labelValueError(value)];
      if (badKey !== undefined) throw new Error(`<nil>: Invalid value: ${JSON.stringify(key)}: ${badKey}`);
      if (badValue !== undefined) throw new Error(`[${key}]: Invalid value: ${JSON.stringify(value)}: ${badValue}`);
      return [key, value];
    }),
  );
}

/** Pods go to the nodes of their namespace. */
export function podNodeSelector(settings: NodeSelectorSettings): AdmissionPlugin {
  const judge = (attributes: AdmissionAttributes, own: Labels, { spec: { nodeSelector = {} } }: Pod): void => {
    if (Object.entries(own).some(([key, value]) => nodeSelector[key] !== undefined && nodeSelector[key] !== value))
      throw refusal(attributes, "pod node label selector conflicts with its namespace node label selector");
    const whitelist = settings[attributes.namespace] ?? {};
    if (Object.keys(whitelist).length > 0 && Object.entries(nodeSelector).some(([key, value]) => whitelist[key] !== value))
      throw refusal(attributes, "pod node label selector labels conflict with its namespace whitelist");
  };
  return {
    name: "PodNodeSelector",
    async mutate(attributes, reader) {
      if (!isCreateOf(attributes, "", "pods")) return attributes.object;
      const pod = attributes.object as Pod; // isCreateOf
      const own = await selectorOf(attributes, settings, reader);
      // What the pod says itself is judged before anything is added to it, and with what was added.
      const nodeSelector = { ...own, ...pod.spec.nodeSelector };
      judge(attributes, own, pod);
      const next = Object.keys(nodeSelector).length === 0 ? pod : { ...pod, spec: { ...pod.spec, nodeSelector } };
      judge(attributes, own, next);
      return next as typeof attributes.object; // the pod, with a field more
    },
    async validate(attributes, reader) {
      if (isCreateOf(attributes, "", "pods")) judge(attributes, await selectorOf(attributes, settings, reader), attributes.object as Pod); // isCreateOf
    },
  };
}

async function selectorOf(attributes: AdmissionAttributes, settings: NodeSelectorSettings, reader: AdmissionReader): Promise<Labels> {
  const text = (await requireNamespace(attributes, reader))?.metadata.annotations?.[ANNOTATION];
  if (text === undefined) return settings[DEFAULT_KEY] ?? {};
  try {
    return parseLabels(text);
  } catch (error) {
    throw withoutReason(error instanceof Error ? error.message : String(error)); // as upstream answers it
  }
}

function refusal(attributes: AdmissionAttributes, why: string): StatusError {
  return forbidden(podResource, requestName(attributes), why);
}
