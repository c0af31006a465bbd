import { duplicateField, fieldNotFound, forbiddenField, type FieldError } from "../../apimachinery/field-error.ts";
import { podContainers } from "../pod-containers.ts";
import type { Container, EphemeralContainer, PodSpec } from "../types.ts";
import { validateContainer, validateImage, type PodContext } from "./containers.ts";

/** What a debugging container may not have, for it lives outside the pod's plan. */
const FORBIDDEN = [
  "ports",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "lifecycle",
  "resizePolicy",
  "restartPolicy",
  "restartPolicyRules",
] as const satisfies readonly (keyof Container)[];
const BECAUSE = "cannot be set for an Ephemeral Container";

/** Debugging containers have names of their own, and look into containers that are there. */
export function validateEphemeral(spec: PodSpec, path: string, context: PodContext): FieldError[] {
  const others = new Set(podContainers(spec).map((container) => container.name));
  const names = new Set(others);
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const at = `${path}.ephemeralContainers[${index}]`;
    const { name, targetContainerName: target } = container;
    const errors = [...validateContainer(container, at, context), ...validateImage(container, at)];
    if (names.has(name)) errors.push(duplicateField(`${at}.name`, name));
    names.add(name);
    if (target && !others.has(target)) errors.push(fieldNotFound(`${at}.targetContainerName`, target));
    return [...errors, ...forbiddenFields(container, at)];
  });
}

/** Paths inside volumes are mounted in a way that only the pod's end undoes. */
function forbiddenFields(container: EphemeralContainer, at: string): FieldError[] {
  const hasResources = container.resources !== undefined && Object.keys(container.resources).length > 0;
  return [
    ...FORBIDDEN.filter((field) => container[field] !== undefined).map((field) => forbiddenField(`${at}.${field}`, BECAUSE)),
    ...(hasResources ? [forbiddenField(`${at}.resources`, BECAUSE)] : []),
    ...(container.volumeMounts ?? []).flatMap((mount, index) =>
      (["subPath", "subPathExpr"] as const).filter((field) => mount[field]).map((field) => forbiddenField(`${at}.volumeMounts[${index}].${field}`, BECAUSE)),
    ),
  ];
}
