import { fieldNotFound, forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";
import { canonicalQuantity, compareQuantities, parseQuantity } from "../../apimachinery/quantity.ts";
import type { ResourceRequirements } from "../types.ts";

type Amounts = Readonly<Record<string, string>>;

const STANDARD = new Set(["cpu", "memory", "ephemeral-storage"]);

/** Requests and limits of a container: known names, sensible amounts, no request above its limit. `claims` are the pod's resource claims. */
export function validateResources(requirements: ResourceRequirements | undefined, path: string, claims: ReadonlySet<string>): FieldError[] {
  const { limits = {}, requests = {} } = requirements ?? {};
  const errors = [...validateAmounts(limits, `${path}.limits`), ...validateAmounts(requests, `${path}.requests`)];
  for (const [name, request] of Object.entries(requests)) errors.push(...compareWithLimit(name, request, limits[name], path));
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.some((name) => name === "cpu" || name === "memory")) errors.push(forbiddenField(path, "HugePages require cpu or memory"));
  for (const [index, claim] of (requirements?.claims ?? []).entries()) {
    if (claim.name === "") errors.push(requiredField(`${path}.claims[${index}]`));
    else if (!claims.has(claim.name)) errors.push(fieldNotFound(`${path}.claims[${index}]`, claim.name));
  }
  return errors;
}

/** Amounts by resource, as containers, pods and nodes state them: none is negative, and what counts things counts whole ones. */
export function validateAmounts(list: Amounts, path: string): FieldError[] {
  return Object.entries(list).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    const errors = resourceNameErrors(name).map((problem) => invalidField(at, name, problem));
    if (parseQuantity(amount) < 0) errors.push(invalidField(at, amount, "must be greater than or equal to 0"));
    else if (isExtendedResource(name) && !Number.isInteger(parseQuantity(amount))) errors.push(invalidField(at, amount, "must be an integer"));
    return errors;
  });
}

/** Devices and huge pages are handed out whole, so that for them request and limit must be the same. */
function compareWithLimit(name: string, request: string, limit: string | undefined, path: string): FieldError[] {
  const mayDiffer = !isExtendedResource(name) && !isHugePages(name);
  if (limit === undefined) return mayDiffer ? [] : [requiredField(`${path}.limits`, "Limit must be set for non overcommitable resources")];
  const order = compareQuantities(request, limit);
  if (order > 0 && mayDiffer) return [invalidField(`${path}.requests`, canonicalQuantity(request), `must be less than or equal to ${name} limit of ${canonicalQuantity(limit)}`)];
  if (order !== 0 && !mayDiffer) return [invalidField(`${path}.requests`, canonicalQuantity(request), `must be equal to ${name} limit of ${canonicalQuantity(limit)}`)];
  return [];
}

export function resourceNameErrors(name: string): string[] {
  const problem = qualifiedNameError(name);
  if (problem !== undefined) return [problem];
  if (name.includes("/") || STANDARD.has(name) || isHugePages(name)) return [];
  return ["must be a standard resource type or fully qualified", "must be a standard resource for containers"];
}

const isHugePages = (name: string) => name.startsWith("hugepages-");

/** Resources of somebody else's domain, such as example.com/gpu. */
export const isExtendedResource = (name: string): boolean => name.includes("/") && !/(^|\.)kubernetes\.io\//.test(name);
