import type { KubeObject } from "../apimachinery/object-meta.ts";
import { POD_SPECS, valueAt } from "../resources/pod-places.ts";
import type { PodSpec } from "../resources/types.ts";
import { isKind, type AdmissionAttributes } from "./admission.ts";

/** Where a kind that makes pods says what they are; undefined for other kinds. */
export function templatePlace({ definition }: Pick<AdmissionAttributes, "definition">): readonly string[] | undefined {
  const kind = `${definition.group}/${definition.resource}`;
  return kind === "/pods" ? undefined : POD_SPECS[kind]?.slice(0, -1);
}

/** The spec of the pod that is written, or of those that the object will make, and where it stands; undefined for what makes none. */
export function podTemplateOf(attributes: AdmissionAttributes, object: KubeObject | undefined): { readonly path: string; readonly spec: PodSpec } | undefined {
  const isPod = isKind(attributes, "", "pods") && (attributes.subresource === undefined || attributes.subresource === "ephemeralcontainers");
  const place = isPod ? [] : attributes.subresource === undefined ? templatePlace(attributes) : undefined;
  const spec = place === undefined ? undefined : (valueAt(object, [...place, "spec"]) as PodSpec | undefined); // the kind says so
  return spec === undefined || place === undefined ? undefined : { path: [...place, "spec"].join("."), spec };
}
