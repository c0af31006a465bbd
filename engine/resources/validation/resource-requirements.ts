import { duplicateField, forbiddenField, invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { canonicalQuantity, compareQuantities, parseQuantity } from "../../apimachinery/quantity.ts";
import { ownValue } from "../../lib/own-value.ts";
import { isCountedResource, isStandardQuotaResource } from "../quota/quota-resources.ts";
import type { ResourceRequirements } from "../types.ts";
import { isHugePages } from "../huge-pages.ts";

/** Requests and limits of a container: known names, sensible amounts, no request above its limit. `claims` are the pod's resource claims. */
export function validateResources(requirements: ResourceRequirements | undefined, path: string, claims: ReadonlySet<string>): FieldError[] {
  return validateRequirements(requirements, path, claims, resourceNameErrors);
}

/** `nameErrors` says which resources may be asked for here. */
export function validateRequirements(
  requirements: ResourceRequirements | undefined,
  path: string,
  claims: ReadonlySet<string>,
  nameErrors: (name: string) => readonly string[],
): FieldError[] {
  const { limits = {}, requests = {} } = requirements ?? {};
  const errors = Object.entries(limits).flatMap(([name, amount]) => [
    ...amountErrors(name, amount, `${path}.limits[${name}]`, nameErrors),
    ...pageErrors(name, amount, `${path}.limits[${name}]`),
  ]);
  for (const [name, amount] of Object.entries(requests)) {
    errors.push(
      ...amountErrors(name, amount, `${path}.requests[${name}]`, nameErrors),
      ...compareWithLimit(name, amount, ownValue(limits, name), path),
      ...pageErrors(name, amount, `${path}.requests[${name}]`),
    );
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.some((name) => name === "cpu" || name === "memory"))
    errors.push(forbiddenField(path, "HugePages require cpu or memory"));
  return [...errors, ...claimErrors(requirements?.claims ?? [], `${path}.claims`, claims)];
}

function amountErrors(name: string, amount: string, at: string, nameErrors: (name: string) => readonly string[]): FieldError[] {
  return [...invalidFields(at, name, nameErrors(name)), ...resourceAmountErrors(name, amount, at)];
}

/** None is negative, and what counts things counts whole ones. */
export function resourceAmountErrors(name: string, amount: string, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (parseQuantity(amount) < 0) errors.push(invalidField(at, canonicalQuantity(amount), "must be greater than or equal to 0"));
  if ((isExtendedResource(name) || isCountedResource(name)) && !Number.isInteger(parseQuantity(amount)))
    errors.push(invalidField(at, canonicalQuantity(amount), "must be an integer"));
  return errors;
}

/** Huge pages come in pages of the size that their name says. */
function pageErrors(name: string, amount: string, at: string): FieldError[] {
  if (!isHugePages(name)) return [];
  const size = /^hugepages-(\d+(?:\.\d+)?(?:[kMGTPE]i?)?)$/.exec(name)?.[1];
  const bytes = size === undefined ? 0 : parseQuantity(size);
  const isWhole = bytes > 0 && Number.isInteger(bytes) && Math.ceil(parseQuantity(amount)) % bytes === 0;
  return isWhole ? [] : [invalidField(at, canonicalQuantity(amount), `${canonicalQuantity(amount)} is not positive integer multiple of ${name}`)];
}

/** Devices and huge pages are handed out whole, so that for them request and limit must be the same. */
function compareWithLimit(name: string, request: string, limit: string | undefined, path: string): FieldError[] {
  const mayDiffer = isNative(name) && !isHugePages(name);
  if (limit === undefined) return mayDiffer ? [] : [requiredField(`${path}.limits`, "Limit must be set for non overcommitable resources")];
  const order = compareQuantities(request, limit);
  if (order > 0 && mayDiffer)
    return [invalidField(`${path}.requests`, canonicalQuantity(request), `must be less than or equal to ${name} limit of ${canonicalQuantity(limit)}`)];
  if (order !== 0 && !mayDiffer)
    return [invalidField(`${path}.requests`, canonicalQuantity(request), `must be equal to ${name} limit of ${canonicalQuantity(limit)}`)];
  return [];
}

/** A container uses a claim as a whole, or requests of it one by one. */
function claimErrors(used: NonNullable<ResourceRequirements["claims"]>, path: string, claims: ReadonlySet<string>): FieldError[] {
  const seen = new Set<string>();
  const inParts = new Set<string>();
  const known = knownClaims(claims);
  return used.flatMap(({ name, request }, index) => {
    const at = `${path}[${index}]`;
    if (name === "") return [requiredField(at)];
    const errors: FieldError[] = [];
    const key = request ? `${name}/${request}` : name;
    if (seen.has(name)) errors.push(duplicateField(at, name));
    else {
      if (request) errors.push(...invalidFields(`${at}.request`, request, dnsLabelProblems(request)));
      const isTaken = seen.has(key) || (!request && inParts.has(name));
      if (isTaken) errors.push(duplicateField(at, key));
      seen.add(key);
      if (request) inParts.add(name);
    }
    if (!claims.has(name))
      errors.push({
        type: "FieldValueNotFound",
        field: at,
        message: `Not found: ${JSON.stringify(name)}: must be one of the names in pod.spec.resourceClaims${known}`,
      });
    return errors;
  });
}

function knownClaims(claims: ReadonlySet<string>): string {
  return claims.size === 0 ? " which is empty" : `: ${[...claims].sort().join(", ")}`;
}

const CONTAINER_RESOURCES = new Set(["cpu", "memory", "ephemeral-storage"]);

/** Why something cannot be a resource at all: without a domain it means what a quota knows, or the size of a volume. */
export function anyResourceNameErrors(name: string): string[] {
  const problems = qualifiedNameProblems(name);
  if (problems.length > 0) return problems;
  return name.includes("/") || name === "storage" || isStandardQuotaResource(name) ? [] : ["must be a standard resource type or fully qualified"];
}

/** Why a container cannot ask for it. */
export function resourceNameErrors(name: string): string[] {
  const errors = anyResourceNameErrors(name);
  const slashes = name.split("/").length - 1;
  if (slashes === 0) return CONTAINER_RESOURCES.has(name) || isHugePages(name) ? errors : [...errors, "must be a standard resource for containers"];
  return isNative(name) || isExtendedResource(name) ? errors : [...errors, "doesn't follow extended resource name standard"];
}

const isNative = (name: string) => !name.includes("/") || name.includes("kubernetes.io/");

/** Resources of somebody else's domain, such as example.com/gpu. */
export const isExtendedResource = (name: string): boolean =>
  !isNative(name) && !name.startsWith("requests.") && qualifiedNameProblems(`requests.${name}`).length === 0;
