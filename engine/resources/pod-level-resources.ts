import { compareQuantities, formatQuantity } from "../apimachinery/quantity.ts";
import { forbiddenField, invalidField, unsupportedValue, type FieldError } from "../apimachinery/field-error.ts";
import { containerRequests } from "./pod-requests.ts";
import type { PodSpec } from "./types.ts";
import { anyResourceNameErrors, validateRequirements } from "./validation/resource-requirements.ts";
import { HUGE_PAGES, isHugePages } from "./huge-pages.ts";

/** What can be asked for by a pod as a whole. */
const isPodLevel = (name: string) => name === "cpu" || name === "memory" || isHugePages(name);

/**
 * A pod that bounds itself as a whole asks, where it does not say for how much, for what its containers ask for together, else for its
 * bound. Containers must have their own defaults by then.
 */
export function withPodLevelRequests(spec: PodSpec): PodSpec {
  const limits = spec.resources?.limits ?? {};
  if (Object.keys(limits).length === 0) return spec;
  const asked = Object.entries(containerQuantities(spec)).filter(([name]) => name === "cpu" || name === "memory");
  const requests = {
    ...Object.fromEntries(Object.entries(limits).filter(([name]) => isPodLevel(name))),
    ...Object.fromEntries(asked),
    ...spec.resources?.requests,
  };
  return { ...spec, resources: { ...spec.resources, requests } };
}

/** A pod as a whole asks for what can be given to a whole, for no less than its containers do, and none of them may use more than it. */
export function validatePodLevel(spec: PodSpec, path: string, claims: ReadonlySet<string>): FieldError[] {
  const { resources } = spec;
  if (resources === undefined) return [];
  if (spec.os?.name === "windows") return [forbiddenField(path, "may not be set for a windows pod")];
  const { requests = {}, limits = {} } = resources;
  const tooLow = Object.entries(containerQuantities(spec)).flatMap(([name, sum]) => {
    const whole = requests[name];
    return whole === undefined || compareQuantities(sum, whole) <= 0
      ? []
      : [invalidField(`${path}.requests[${name}]`, whole, `must be greater than or equal to aggregate container requests of ${sum}`)];
  });
  const tooHigh = spec.containers.flatMap((container, index) =>
    Object.entries(container.resources?.limits ?? {}).flatMap(([name, limit]) => {
      const whole = limits[name];
      return whole === undefined || compareQuantities(limit, whole) <= 0
        ? []
        : [invalidField(`${path}.containers[${index}][${name}].limits`, limit, `must be less than or equal to pod limits of ${whole}`)];
    }),
  );
  return [
    ...(resources.claims === undefined ? [] : [forbiddenField(`${path}.claims`, "claims may not be set for Resources at pod-level")]),
    ...validateWholeRequirements(spec, path, claims),
    ...tooLow,
    ...tooHigh,
  ];
}

const WHOLE_RESOURCES = ["cpu", HUGE_PAGES, "memory"];

/** Upstream tells of a name that is none for a whole pod as of a value out of a list. */
function validateWholeRequirements({ resources }: PodSpec, path: string, claims: ReadonlySet<string>): FieldError[] {
  const names = (["limits", "requests"] as const).flatMap((list) =>
    Object.keys(resources?.[list] ?? {}).flatMap((name) =>
      isPodLevel(name) || anyResourceNameErrors(name).length > 0 ? [] : [unsupportedValue(`${path}.${list}[${name}]`, name, WHOLE_RESOURCES)],
    ),
  );
  return [...names, ...validateRequirements(resources, path, claims, anyResourceNameErrors)];
}

/** What the containers of a pod ask for together, as quantities. */
function containerQuantities(spec: PodSpec): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(containerRequests(spec)).map(([name, amount]) => [
      name,
      name === "cpu" ? formatQuantity(amount / 1000, "DecimalSI") : formatQuantity(amount, "BinarySI"),
    ]),
  );
}
