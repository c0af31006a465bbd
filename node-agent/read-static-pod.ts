import { apiReference } from "../engine/admission/plugins/pod-references.ts";
import { invalid } from "../engine/apimachinery/field-error.ts";
import { pathSegmentNameProblems } from "../engine/apimachinery/names.ts";
import { parseYamlDocuments } from "../engine/apimachinery/yaml/yaml.ts";
import { decodeObject } from "../engine/registry/decode-object.ts";
import { validateCreate } from "../engine/registry/validate-object.ts";
import { podResource } from "../engine/resources/core/pod.ts";
import type { Pod } from "../engine/resources/types.ts";
import { asStaticPod } from "./static-pods/static-pod.ts";

/**
 * A file's pod as it runs on this node, with the API's defaults and judged by its rules. Throws what is wrong with it; unknown fields are
 * dropped, as upstream does.
 */
export function readStaticPod(text: string, file: string, nodeName: string, nowText: string): Pod {
  const [document] = parseYamlDocuments(text);
  if (document === undefined || !isPod(document.value)) throw new Error("it must be a Pod of v1");
  const { object, schemaErrors } = decodeObject(podResource, document.value);
  if (!object.metadata.name) throw new Error("invalid pod: name is needed for the pod");
  if (schemaErrors.length > 0) throw invalid("", "Pod", object.metadata.name, schemaErrors);
  // It names folders and cgroups, which are taken away with the pod.
  for (const problem of pathSegmentNameProblems(object.metadata.uid ?? "")) throw new Error(`invalid pod: uid ${problem}`);
  const pod = asStaticPod(object, file, nodeName, nowText);
  validateCreate(podResource, pod);
  const reached = apiReference(pod.spec);
  if (reached !== undefined) throw new Error(`static pods may not reference ${reached}`);
  return pod;
}

function isPod(value: unknown): boolean {
  const { apiVersion, kind } = (typeof value === "object" && value !== null ? value : {}) as { readonly apiVersion?: unknown; readonly kind?: unknown }; // any mapping may have them
  return apiVersion === "v1" && kind === "Pod";
}
