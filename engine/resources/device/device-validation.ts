import { duplicateField, forbiddenField, invalidField, requiredField, tooLong, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import type { DeviceClaim, DeviceClaimConfiguration, DeviceClassConfiguration, DeviceSelector, DeviceToleration, ExactDeviceRequest } from "../types.ts";
import { driverNameErrors } from "../validation/persistent-volume.ts";

export const LIST_MAX = 32;
const EXPRESSION_BYTES_MAX = 10 * 1024;
const PARAMETER_BYTES_MAX = 10 * 1024;
const ALTERNATIVES_MAX = 8;
const TOLERATIONS_MAX = 16;
const ALLOCATION_MODES = ["All", "ExactCount"];

/** Rules for a wish for devices, in a claim or in a template. */
export function validateDeviceClaim(claim: DeviceClaim | undefined, at: string): FieldError[] {
  if (claim === undefined) return [];
  const { requests = [], constraints = [], config = [] } = claim;
  const names = new Set(requests.flatMap((request) => [request.name, ...(request.firstAvailable ?? []).map((sub) => `${request.name}/${sub.name}`)]));
  const errors = [...countErrors(requests, LIST_MAX, `${at}.requests`), ...countErrors(constraints, LIST_MAX, `${at}.constraints`), ...countErrors(config, LIST_MAX, `${at}.config`)];
  errors.push(...uniqueNames(requests, `${at}.requests`));
  for (const [index, request] of requests.entries()) {
    const path = `${at}.requests[${index}]`;
    const { exactly, firstAvailable = [] } = request;
    if (exactly === undefined && firstAvailable.length === 0) errors.push(requiredField(path, "exactly one of `exactly` or `firstAvailable` is required"));
    else if (exactly !== undefined && firstAvailable.length > 0) errors.push(invalidField(path, null, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"));
    if (exactly !== undefined) errors.push(...wishErrors(exactly, `${path}.exactly`));
    errors.push(...countErrors(firstAvailable, ALTERNATIVES_MAX, `${path}.firstAvailable`), ...uniqueNames(firstAvailable, `${path}.firstAvailable`));
    for (const [position, sub] of firstAvailable.entries()) errors.push(...wishErrors(sub, `${path}.firstAvailable[${position}]`));
  }
  for (const [index, constraint] of constraints.entries()) {
    const path = `${at}.constraints[${index}]`;
    errors.push(...referenceErrors(constraint.requests ?? [], names, `${path}.requests`));
    if (constraint.matchAttribute === undefined && constraint.distinctAttribute === undefined) errors.push(requiredField(`${path}.matchAttribute`));
    if (constraint.matchAttribute !== undefined && !constraint.matchAttribute.includes("/")) errors.push(invalidField(`${path}.matchAttribute`, constraint.matchAttribute, "must include a domain"));
  }
  for (const [index, entry] of config.entries()) errors.push(...configErrors(entry, names, `${at}.config[${index}]`));
  return errors;
}

export function selectorErrors(selectors: readonly DeviceSelector[], at: string): FieldError[] {
  return [
    ...countErrors(selectors, LIST_MAX, at),
    ...selectors.flatMap(({ cel }, index) => {
      const path = `${at}[${index}].cel`;
      if (cel === undefined) return [requiredField(path)];
      if (cel.expression === "") return [requiredField(`${path}.expression`)];
      return Buffer.byteLength(cel.expression) > EXPRESSION_BYTES_MAX ? [tooLong(`${path}.expression`, EXPRESSION_BYTES_MAX)] : [];
    }),
  ];
}

/** Settings must be meant for a driver and be an object that it can read. */
export function configurationErrors({ opaque }: DeviceClassConfiguration, at: string): FieldError[] {
  if (opaque === undefined) return [requiredField(`${at}.opaque`)];
  const errors = driverNameErrors(opaque.driver, `${at}.opaque.driver`);
  if ((opaque.parameters as unknown) === undefined) return [...errors, requiredField(`${at}.opaque.parameters`)];
  return Buffer.byteLength(JSON.stringify(opaque.parameters)) > PARAMETER_BYTES_MAX ? [...errors, tooLong(`${at}.opaque.parameters`, PARAMETER_BYTES_MAX)] : errors;
}

export function countErrors(list: readonly unknown[], max: number, at: string): FieldError[] {
  return list.length > max ? [{ type: "FieldValueTooMany", field: at, message: `Too many: ${list.length}: must have at most ${max} items` }] : [];
}

export function uniqueNames(items: readonly { readonly name: string }[], at: string): FieldError[] {
  const seen = new Set<string>();
  return items.flatMap(({ name }, index) => {
    const path = `${at}[${index}]`;
    const problem = name === "" ? undefined : dnsLabelError(name);
    const errors = name === "" ? [requiredField(`${path}.name`)] : problem === undefined ? [] : [invalidField(`${path}.name`, name, problem)];
    if (seen.has(name)) errors.push(duplicateField(path, name));
    seen.add(name);
    return errors;
  });
}

function configErrors(entry: DeviceClaimConfiguration, names: ReadonlySet<string>, at: string): FieldError[] {
  return [...referenceErrors(entry.requests ?? [], names, `${at}.requests`), ...configurationErrors(entry, at)];
}

function referenceErrors(references: readonly string[], names: ReadonlySet<string>, at: string): FieldError[] {
  return references.flatMap((name, index) => (names.has(name) ? [] : [invalidField(`${at}[${index}]`, name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'")]));
}

function wishErrors(wish: ExactDeviceRequest, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const problem = wish.deviceClassName === "" ? undefined : dnsSubdomainError(wish.deviceClassName);
  if (wish.deviceClassName === "") errors.push(requiredField(`${at}.deviceClassName`));
  if (problem !== undefined) errors.push(invalidField(`${at}.deviceClassName`, wish.deviceClassName, problem));
  errors.push(...selectorErrors(wish.selectors ?? [], `${at}.selectors`));
  const mode = wish.allocationMode ?? "ExactCount";
  if (!ALLOCATION_MODES.includes(mode)) errors.push(unsupportedValue(`${at}.allocationMode`, mode, ALLOCATION_MODES));
  if (mode === "All" && (wish.count ?? 0) !== 0) errors.push(invalidField(`${at}.count`, wish.count, "must not be specified when allocationMode is 'All'"));
  if (mode === "ExactCount" && (wish.count ?? 1) <= 0) errors.push(invalidField(`${at}.count`, wish.count, "must be greater than zero"));
  const tolerations = wish.tolerations ?? [];
  errors.push(...countErrors(tolerations, TOLERATIONS_MAX, `${at}.tolerations`), ...tolerations.flatMap((toleration, index) => tolerationErrors(toleration, `${at}.tolerations[${index}]`)));
  return errors;
}

function tolerationErrors({ key = "", operator = "Equal", value = "", effect = "" }: DeviceToleration, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (key === "" && operator === "Equal") errors.push(requiredField(`${at}.key`));
  if (operator === "Exists" && value !== "") errors.push(invalidField(`${at}.value`, value, "must be empty for operator `Exists`"));
  if (effect !== "" && effect !== "NoExecute" && effect !== "NoSchedule") errors.push(unsupportedValue(`${at}.effect`, effect, ["NoExecute", "NoSchedule"]));
  return errors;
}

/** Exactly one of several ways to say where devices can be used. */
export function exactlyOne(given: readonly string[], choices: string, at: string): FieldError[] {
  if (given.length === 0) return [requiredField(at, `exactly one of ${choices} is required`)];
  return given.length === 1 ? [] : [forbiddenField(at, `exactly one of ${choices} is required, but multiple fields are set`)];
}
