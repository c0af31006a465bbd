import { compareQuantities } from "../../apimachinery/quantity.ts";
import { forbiddenField, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { Container, Pod, ResourceRequirements } from "../types.ts";
import { validatePodSpec } from "./pod-spec.ts";
import { validatePodUpdate } from "./pod-update.ts";

/** What a write to `ephemeralcontainers` covers. */
export function withEphemeralContainers(pod: Pod, old: Pod): Pod {
  const { ephemeralContainers: _old, ...spec } = old.spec;
  const { ephemeralContainers } = pod.spec;
  return { ...old, spec: ephemeralContainers === undefined ? spec : { ...spec, ephemeralContainers } };
}

/** Debugging containers can be added; what was added stays as it is, for it may have run already. */
export function validateEphemeralContainers(pod: Pod, old: Pod): FieldError[] {
  const added = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  const errors = (old.spec.ephemeralContainers ?? []).flatMap((container) => {
    const now = added.get(container.name);
    if (now === undefined) return [forbiddenField("spec.ephemeralContainers", `existing ephemeral containers ${JSON.stringify(container.name)} may not be removed`)];
    return jsonEqual(now, container) ? [] : [forbiddenField("spec.ephemeralContainers", `existing ephemeral containers ${JSON.stringify(container.name)} may not be changed`)];
  });
  return [...errors, ...validatePodSpec(pod.spec, "spec")];
}

type Resized = Pick<Container, "name" | "resources" | "resizePolicy">;

/** What a write to `resize` covers: what containers ask for, and how they take a change of it. */
export function withResources(pod: Pod, old: Pod): Pod {
  const resized = <T extends Resized>(container: T, wanted: readonly Resized[] | undefined): T => {
    const found = wanted?.find((candidate) => candidate.name === container.name);
    if (found === undefined) return container;
    const { resources: _resources, resizePolicy: _policy, ...rest } = container;
    return { ...rest, ...(found.resources === undefined ? {} : { resources: found.resources }), ...(found.resizePolicy === undefined ? {} : { resizePolicy: found.resizePolicy }) } as T; // the same container with two fields replaced
  };
  const { initContainers } = old.spec;
  return {
    ...old,
    spec: {
      ...old.spec,
      containers: old.spec.containers.map((container) => resized(container, pod.spec.containers)),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map((container) => (container.restartPolicy === "Always" ? resized(container, pod.spec.initContainers) : container)) }),
    },
  };
}

/** A resize changes how much of processor and memory a container gets, never how the pod is classed. `qosOf` classes it. */
export function validateResize(pod: Pod, old: Pod, qosOf: (spec: Pod["spec"]) => string): FieldError[] {
  if (qosOf(pod.spec) !== (old.status?.qosClass ?? qosOf(old.spec))) return [invalidField("spec", qosOf(pod.spec), "Pod QOS Class may not change as a result of resizing")];
  const errors = pod.spec.containers.flatMap((container, index) => resourceErrors(container.resources, old.spec.containers[index]?.resources, `spec.containers[${index}].resources`));
  return [...errors, ...validatePodSpec(pod.spec, "spec"), ...validatePodUpdate(withResources(old, pod), old)];
}

const RESIZABLE: ReadonlySet<string> = new Set(["cpu", "memory"]);

function resourceErrors(now: ResourceRequirements | undefined, old: ResourceRequirements | undefined, path: string): FieldError[] {
  return (["requests", "limits"] as const).flatMap((list) => {
    const [wanted, known] = [now?.[list] ?? {}, old?.[list] ?? {}];
    return [...new Set([...Object.keys(wanted), ...Object.keys(known)])].flatMap((name) => {
      const [amount, before] = [wanted[name], known[name]];
      if (RESIZABLE.has(name)) return amount === undefined ? [forbiddenField(`${path}.${list}`, `resource ${list} cannot be removed`)] : [];
      const isSame = amount !== undefined && before !== undefined && compareQuantities(amount, before) === 0;
      return isSame ? [] : [forbiddenField(`${path}.${list}`, "only cpu and memory resources are mutable")];
    });
  });
}
