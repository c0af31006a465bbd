import type { GeneratorArgs, GeneratorOptions } from "./kustomization.ts";
import type { JsonMap } from "./json-value.ts";
import { decodeUtf8, encodeBase64, type KeyValue } from "./key-values.ts";
import { BuildFault } from "./kustomize-error.ts";
import { Resource, type Behavior, type SourceDocument } from "./resource.ts";

/** A ConfigMap or Secret made of keys and contents. `document` is the row that asks for it. */
export function generate(kind: "ConfigMap" | "Secret", args: GeneratorArgs, pairs: readonly KeyValue[], document: SourceDocument): Resource {
  if (args.name === undefined || args.name === "") throw new BuildFault(`a generated ${kind} needs a name`);
  const value: JsonMap = { apiVersion: "v1", kind, metadata: { name: args.name, ...(args.namespace ? { namespace: args.namespace } : {}) } };
  if (kind === "Secret") {
    value["type"] = args.type || "Opaque";
    value["data"] = {};
  }
  const seen = new Set<string>();
  for (const [key] of pairs) {
    if (seen.has(key)) throw new BuildFault(`${kind} ${args.name}: the key ${key} comes from two sources`);
    seen.add(key);
  }
  for (const [key, content] of [...pairs].sort(([a], [b]) => (a < b ? -1 : 1))) putContent(value, kind, key, content);
  const resource = new Resource(value, [document]);
  const { options } = args;
  resource.setMetadata("labels", { ...options?.labels });
  resource.setMetadata("annotations", { ...options?.annotations });
  if (options?.immutable === true) value["immutable"] = true;
  resource.behavior = behaviorOf(args.behavior);
  resource.needsHash = options?.disableNameSuffixHash !== true;
  return resource;
}

function putContent(value: JsonMap, kind: "ConfigMap" | "Secret", key: string, content: Buffer): void {
  const text = kind === "Secret" ? undefined : decodeUtf8(content);
  const field = kind === "ConfigMap" && text === undefined ? "binaryData" : "data";
  value[field] = { ...(value[field] as JsonMap | undefined), [key]: text ?? encodeBase64(content) }; // only ever set here
}

function behaviorOf(text: string | undefined): Behavior {
  return text === "create" || text === "replace" || text === "merge" ? text : "unspecified";
}

/** The options of all generators under those of one: its own labels and annotations win, a switch that is on stays on. */
export function mergeOptions(own: GeneratorOptions | undefined, all: GeneratorOptions | undefined): GeneratorOptions | undefined {
  if (all === undefined) return own;
  return {
    labels: { ...all.labels, ...own?.labels },
    annotations: { ...all.annotations, ...own?.annotations },
    disableNameSuffixHash: all.disableNameSuffixHash === true || own?.disableNameSuffixHash === true,
    immutable: all.immutable === true || own?.immutable === true,
  };
}
