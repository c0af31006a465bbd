import { findCondition, withCondition } from "../apimachinery/conditions.ts";
import { requiredField, unsupportedValue, type FieldError } from "../apimachinery/field-error.ts";
import { withAnnotations, withLabels } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { badRequest, conflict, joinProblems, withoutReason } from "../apimachinery/status-error.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Binding, Pod } from "../resources/types.ts";
import { failedPrecondition } from "./before-update.ts";
import { bodyKind } from "./decode-object.ts";

/** The body of pods/binding: the scheduler's decision. */
export const bindingKind = bodyKind<Binding & KubeObject>("", "v1", "Binding", "core/v1/binding.yaml");

/** Throws a 400 for a binding of another pod than the address names, and what upstream answers to one that says no node. */
export function checkBinding(binding: Binding, name: string): void {
  if (binding.metadata.name !== name) throw badRequest("name in URL does not match name in Binding object");
  const errors: FieldError[] = [];
  const { kind, name: node } = binding.target;
  if (kind !== undefined && kind !== "" && kind !== "Node") errors.push(unsupportedValue("target.kind", kind, ["Node", "<empty>"]));
  if (!node) errors.push(requiredField("target.name"));
  if (errors.length > 0) throw withoutReason(joinProblems(errors.map(({ field, message }) => `${field}: ${message}`)));
}

/** The pod on its node, and nominated for none any more. Throws 409 when it is bound, ending or not to be placed yet. */
export function bindPod(pod: Pod, binding: Binding, nowText: string): Pod {
  const name = pod.metadata.name ?? "";
  const refuse = (why: string): never => {
    throw conflict({ group: "", resource: "pods/binding" }, name, why);
  };
  const { uid, resourceVersion } = binding.metadata;
  if (uid && uid !== pod.metadata.uid) throw failedPrecondition(podResource, pod, "UID", uid);
  if (resourceVersion && resourceVersion !== pod.metadata.resourceVersion) throw failedPrecondition(podResource, pod, "ResourceVersion", resourceVersion);
  if (pod.metadata.deletionTimestamp !== undefined) refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName) refuse(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  if ((pod.spec.schedulingGates ?? []).length > 0) refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const scheduled = {
    ...findCondition(pod.status?.conditions, "PodScheduled"),
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    reason: undefined,
    message: undefined,
    observedGeneration: undefined,
  };
  const conditions = withCondition(pod.status?.conditions, scheduled, nowText).map(withoutEmpty);
  const annotated = withAnnotations(withLabels(pod, binding.metadata.labels ?? {}), binding.metadata.annotations ?? {});
  const metadata = { ...annotated.metadata };
  for (const field of ["labels", "annotations"] as const) if (Object.keys(metadata[field] ?? {}).length === 0) delete metadata[field];
  const { nominatedNodeName: _nominated, ...status } = pod.status ?? {};
  return { ...annotated, metadata, spec: { ...pod.spec, nodeName: binding.target.name ?? "" }, status: { ...status, conditions } };
}

function withoutEmpty<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // only optional fields are undefined
}
