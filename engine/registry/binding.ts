import { findCondition, withCondition } from "../apimachinery/conditions.ts";
import { invalid, invalidField, requiredField, unsupportedValue, type FieldError } from "../apimachinery/field-error.ts";
import { withAnnotations, withLabels } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { conflict } from "../apimachinery/status-error.ts";
import type { Binding, Pod } from "../resources/types.ts";
import { bodyKind } from "./decode-object.ts";

/** The body of pods/binding: the scheduler's decision. */
export const bindingKind = bodyKind<Binding & KubeObject>("", "v1", "Binding", "core/v1/binding.yaml");

export function validateBinding(binding: Binding): void {
  const errors: FieldError[] = [];
  const { kind, name } = binding.target;
  if (kind !== undefined && kind !== "" && kind !== "Node") errors.push(unsupportedValue("target.kind", kind, ["Node", "<empty>"]));
  if (!name) errors.push(requiredField("target.name"));
  if (errors.length > 0) throw invalid("", "Binding", binding.metadata.name ?? "", errors);
}

/** The pod on its node. Throws 409 when it is bound, ending or not to be placed yet. */
export function bindPod(pod: Pod, binding: Binding, nowText: string): Pod {
  const name = pod.metadata.name ?? "";
  const refuse = (why: string): never => {
    throw conflict({ group: "", resource: "pods/binding" }, name, why);
  };
  if (binding.metadata.uid && binding.metadata.uid !== pod.metadata.uid) refuse(`Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in object meta: ${pod.metadata.uid ?? ""}`);
  if (pod.metadata.deletionTimestamp !== undefined) refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName) refuse(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  if ((pod.spec.schedulingGates ?? []).length > 0) refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const scheduled = { ...findCondition(pod.status?.conditions, "PodScheduled"), type: "PodScheduled", status: "True", reason: undefined, message: undefined, observedGeneration: pod.metadata.generation ?? 1 };
  const conditions = withCondition(pod.status?.conditions, scheduled, nowText).map(withoutEmpty);
  const annotated = withAnnotations(withLabels(pod, binding.metadata.labels ?? {}), binding.metadata.annotations ?? {});
  const metadata = { ...annotated.metadata };
  for (const field of ["labels", "annotations"] as const) if (Object.keys(metadata[field] ?? {}).length === 0) delete metadata[field];
  return { ...annotated, metadata, spec: { ...pod.spec, nodeName: binding.target.name ?? "" }, status: { ...pod.status, conditions } };
}

/** The rules about names in the path and in the body. */
export function checkBindingName(binding: Binding, name: string): void {
  if (binding.metadata.name && binding.metadata.name !== name) throw invalid("", "Binding", binding.metadata.name, [invalidField("metadata.name", binding.metadata.name, "name in URL does not match name in Binding object")]);
}

function withoutEmpty<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // only optional fields are undefined
}
