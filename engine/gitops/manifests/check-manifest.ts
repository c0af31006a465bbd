import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { deepFreeze } from "../../lib/freeze.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { plainMessage, unknownFieldMessage } from "./explain-error.ts";
import { structuralPathOf } from "../../apimachinery/field-path.ts";
import { HOOK_ANNOTATIONS } from "./object-order.ts";
import type { ServedKinds } from "./served-kinds.ts";

/** Something wrong with a manifest, at the field that `steps` lead to; no steps mean the object as a whole. */
export interface ManifestFault {
  readonly steps: readonly (string | number)[];
  readonly field?: string;
  readonly message: string;
}

export type ManifestCheck =
  | { readonly is: "object"; readonly object: KubeObject; readonly resource: ResourceDefinition }
  | { readonly is: "faulty"; readonly faults: readonly ManifestFault[] }
  /** No manifest, and not meant as one. */
  | { readonly is: "other"; readonly what: string };

/** Set by the server or by exports such as `kubectl get -o yaml`; never part of what a file asks for. */
const SERVER_METADATA = [
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "selfLink",
];

/** Checks a value of a file against its kind's schema. The object is what the file asks for, without what only the server may set, frozen. */
export function checkManifest(value: unknown, kinds: ServedKinds): ManifestCheck {
  if (!isRecord(value)) return { is: "other", what: "not an object, left out" };
  const { apiVersion, kind, metadata } = value;
  const faulty = (...faults: readonly ManifestFault[]): ManifestCheck => ({ is: "faulty", faults });
  if (typeof kind !== "string" || typeof apiVersion !== "string") {
    // Other programs keep YAML too. Only what also has metadata was surely meant as a manifest.
    if (metadata !== undefined && (kind !== undefined || apiVersion !== undefined))
      return faulty({ steps: [], field: typeof kind === "string" ? "apiVersion" : "kind", message: "is required and must be text" });
    return { is: "other", what: "no apiVersion and kind, left out" };
  }
  if (/^kustomize\.config\.k8s\.io\//.test(apiVersion))
    return faulty({ steps: [], message: "a kustomization must be called kustomization.yaml; otherwise nothing builds it" });
  const refusal = kinds.refusal(apiVersion, kind);
  const resource = kinds.find(apiVersion, kind);
  // Nothing here can be applied without a name: it is another program's file.
  if (resource === undefined && metadata === undefined)
    return { is: "other", what: `${kind} of ${apiVersion} is no kind of this cluster and has no name, left out` };
  if (refusal !== undefined || resource === undefined) return faulty({ steps: ["kind"], message: refusal ?? `no kind ${kind} in ${apiVersion}` });
  return checkObject(withHookName(stripServerFields(value), resource), resource);
}

/** Jobs and Pods that are hooks get a name from what they hold anyway; here is the beginning of it, where a file leaves all of it to the server. */
function withHookName(value: Record<string, unknown>, { group, kind }: ResourceDefinition): Record<string, unknown> {
  const { metadata } = value;
  if (!(group === "batch" && kind === "Job") && !(group === "" && kind === "Pod")) return value;
  if (!isRecord(metadata) || !isRecord(metadata["annotations"])) return value;
  const { generateName, name, ...rest } = metadata;
  const isHook = HOOK_ANNOTATIONS.some((key) => isRecord(metadata["annotations"]) && metadata["annotations"][key] !== undefined);
  if (!isHook || typeof generateName !== "string" || (name !== undefined && name !== "")) return value;
  return { ...value, metadata: { ...rest, name: generateName.replace(/[^a-z0-9]+$/, "") } };
}

function checkObject(value: Record<string, unknown>, resource: ResourceDefinition): ManifestCheck {
  const faults: ManifestFault[] = [];
  const report = (field: string, message: string) => void faults.push({ steps: structuralPathOf(field), field, message });
  const checked = conform(resource.schema, value, { defaults: false, prune: false });
  for (const field of checked.unknown) report(field, unknownFieldMessage(field, resource.schema));
  for (const error of checked.errors) report(error.field, plainMessage(error.message, error.field, resource.content !== undefined));
  const metadata = isRecord(value["metadata"]) ? value["metadata"] : {};
  if (metadata["name"] === undefined || metadata["name"] === "") {
    report(
      "metadata.name",
      metadata["generateName"] === undefined ? "is required" : "is required: an object in Git needs a fixed name, generateName makes a new one each time",
    );
  }
  if (faults.length > 0) return { is: "faulty", faults };
  // The schema was just found to hold, and every kind's schema is that of a KubeObject.
  return { is: "object", object: deepFreeze(checked.value as KubeObject), resource };
}

function stripServerFields(value: Record<string, unknown>): Record<string, unknown> {
  const { status: _status, ...rest } = value;
  if (!isRecord(rest["metadata"])) return rest;
  const metadata = Object.fromEntries(Object.entries(rest["metadata"]).filter(([name]) => !SERVER_METADATA.includes(name)));
  return { ...rest, metadata };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
