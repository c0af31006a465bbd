import { compareQuantities } from "../../apimachinery/quantity.ts";
import { forbiddenField, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { Container, Pod, ResourceRequirements } from "../types.ts";
import { validatePod } from "./pod-spec.ts";
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
    if (now === undefined)
      return [forbiddenField("spec.ephemeralContainers", `existing ephemeral containers ${JSON.stringify(container.name)} may not be removed\n`)];
    return jsonEqual(now, container)
      ? []
      : [forbiddenField("spec.ephemeralContainers", `existing ephemeral containers ${JSON.stringify(container.name)} may not be changed`)];
  });
  return [...errors, ...validatePod(pod)];
}

type Resized = Pick<Container, "name" | "resources" | "resizePolicy">;

/**
 * What a write to `resize` covers: what the pod and its containers ask for, and how they take a change of it. Other containers than before
 * are the validation's to refuse.
 */
export function withResources(pod: Pod, old: Pod): Pod {
  if (orderErrors(pod, old).length > 0) return { ...old, spec: pod.spec };
  const resized = <T extends Resized>(container: T, wanted: readonly Resized[] | undefined): T => {
    const found = wanted?.find((candidate) => candidate.name === container.name);
    if (found === undefined) return container;
    const { resources: _resources, resizePolicy: _policy, ...rest } = container;
    return {
      ...rest,
      ...(found.resources === undefined ? {} : { resources: found.resources }),
      ...(found.resizePolicy === undefined ? {} : { resizePolicy: found.resizePolicy }),
    } as T; // the same container with two fields replaced
  };
  const { resources: _whole, ...spec } = old.spec;
  const { initContainers } = spec;
  return {
    ...old,
    spec: {
      ...spec,
      ...(pod.spec.resources === undefined ? {} : { resources: pod.spec.resources }),
      containers: old.spec.containers.map((container) => resized(container, pod.spec.containers)),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map((container) => resized(container, pod.spec.initContainers)) }),
    },
  };
}

/**
 * A resize changes how much of processor and memory a container gets, never how the pod is classed. `qosOf` classes it. What takes a limit
 * away is told of that too, and not of the class alone.
 */
export function validateResize(pod: Pod, old: Pod, qosOf: (spec: Pod["spec"]) => string): FieldError[] {
  const misplaced = orderErrors(pod, old);
  if (misplaced.length > 0) return misplaced;
  const isReclassed = qosOf(pod.spec) !== (old.status?.qosClass ?? qosOf(old.spec));
  const classErrors = isReclassed
    ? [invalidField("spec", old.status?.qosClass ?? qosOf(old.spec), "Pod QOS Class may not change as a result of resizing")]
    : [];
  if (old.spec.resources !== undefined && pod.spec.resources === undefined)
    return [...classErrors, forbiddenField(WHOLE_POD, "pod-level resources cannot be removed")];
  const errors = (["initContainers", "containers"] as const).flatMap((list) =>
    (pod.spec[list] ?? []).flatMap((container, index) =>
      resourceErrors(container.resources, old.spec[list]?.[index]?.resources, `spec.${list}[${index}].resources`),
    ),
  );
  return [
    ...classErrors,
    ...errors,
    ...resourceErrors(pod.spec.resources, old.spec.resources, WHOLE_POD),
    ...initErrors(pod, old),
    ...validatePod(pod),
    ...validatePodUpdate(withResources(old, pod), old),
    ...(arePoliciesKept(pod, old) ? [] : [forbiddenField("spec", "only cpu and memory resources are mutable")]),
  ];
}

function arePoliciesKept(pod: Pod, old: Pod): boolean {
  return (["initContainers", "containers"] as const).every((list) =>
    (pod.spec[list] ?? []).every(({ resizePolicy }, index) => jsonEqual(resizePolicy ?? [], old.spec[list]?.[index]?.resizePolicy ?? [])),
  );
}

/** The containers of a pod, and their order, are what they were. */
function orderErrors(pod: Pod, old: Pod): FieldError[] {
  return (["containers", "initContainers"] as const).flatMap((list) => {
    const [now, before] = [pod.spec[list] ?? [], old.spec[list] ?? []];
    if (now.length !== before.length) return [forbiddenField(`spec.${list}`, `${list} may not be added or removed on resize`)];
    return now.flatMap(({ name }, index) =>
      name === before[index]?.name ? [] : [forbiddenField(`spec.${list}[${index}].name`, `${list} may not be renamed or reordered on resize`)],
    );
  });
}

/** An ordinary init container runs once, so it cannot be started again for a resize. */
function initErrors(pod: Pod, old: Pod): FieldError[] {
  return (pod.spec.initContainers ?? []).flatMap((container, index) => {
    const isResized = !jsonEqual(container.resources ?? {}, old.spec.initContainers?.[index]?.resources ?? {});
    const restarts = container.resizePolicy?.some(({ restartPolicy }) => restartPolicy === "RestartContainer") === true;
    return isResized && restarts && container.restartPolicy !== "Always"
      ? [forbiddenField(`spec.initContainers[${index}]`, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized")]
      : [];
  });
}

/** Where a pod says what all its containers together ask for. */
const WHOLE_POD = "spec.resources";

const RESIZABLE: ReadonlySet<string> = new Set(["cpu", "memory"]);

function resourceErrors(now: ResourceRequirements | undefined, old: ResourceRequirements | undefined, path: string): FieldError[] {
  return (["requests", "limits"] as const).flatMap((list) => {
    const [wanted, known] = [now?.[list] ?? {}, old?.[list] ?? {}];
    const isWhole = path === WHOLE_POD;
    return [...new Set([...Object.keys(wanted), ...Object.keys(known)])].flatMap((name) => {
      const [amount, before] = [wanted[name], known[name]];
      if (RESIZABLE.has(name))
        return amount === undefined ? [forbiddenField(`${path}.${list}`, `${isWhole ? "pod-level " : ""}resource ${list} cannot be removed`)] : [];
      const isSame = amount !== undefined && before !== undefined && compareQuantities(amount, before) === 0;
      return isSame ? [] : [forbiddenField(`${path}.${list}`, `only cpu and memory resources are mutable${isWhole ? " at pod-level" : ""}`)];
    });
  });
}
