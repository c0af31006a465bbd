import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { PodSpec } from "../resources/types.ts";
import { isKind, type AdmissionAttributes } from "./admission.ts";

/** Kinds that make pods, and where in them the pod is. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  "/replicationcontrollers": ["spec", "template"],
  "/podtemplates": ["template"],
  "apps/replicasets": ["spec", "template"],
  "apps/deployments": ["spec", "template"],
  "apps/statefulsets": ["spec", "template"],
  "apps/daemonsets": ["spec", "template"],
  "batch/jobs": ["spec", "template"],
  "batch/cronjobs": ["spec", "jobTemplate", "spec", "template"],
};

/** Where a kind that makes pods says what they are; undefined for other kinds. */
export function templatePlace({ definition }: Pick<AdmissionAttributes, "definition">): readonly string[] | undefined {
  return PLACES[`${definition.group}/${definition.resource}`];
}

export function valueAt(object: KubeObject | undefined, place: readonly string[]): unknown {
  let value: unknown = object;
  for (const field of place) value = (value as Readonly<Record<string, unknown>> | undefined)?.[field]; // a decoded object, whose schema has these
  return value;
}

/** The spec of the pod that is written, or of those that the object will make, and where it stands; undefined for what makes none. */
export function podTemplateOf(attributes: AdmissionAttributes, object: KubeObject | undefined): { readonly path: string; readonly spec: PodSpec } | undefined {
  const isPod = isKind(attributes, "", "pods") && (attributes.subresource === undefined || attributes.subresource === "ephemeralcontainers");
  const place = isPod ? [] : attributes.subresource === undefined ? templatePlace(attributes) : undefined;
  const spec = place === undefined ? undefined : (valueAt(object, [...place, "spec"]) as PodSpec | undefined); // the kind says so
  return spec === undefined || place === undefined ? undefined : { path: [...place, "spec"].join("."), spec };
}
