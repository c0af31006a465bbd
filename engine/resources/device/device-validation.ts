import {
  duplicateField,
  forbiddenField,
  invalidField,
  invalidFields,
  repeatErrors,
  requiredField,
  requiredName,
  tooLong,
  tooMany,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainError, labelValueError, qualifiedNameError } from "../../apimachinery/names.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type {
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceClassConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceTaint,
  DeviceToleration,
  ExactDeviceRequest,
} from "../types.ts";
import { driverNameErrors } from "../validation/driver-name.ts";
import { selectorProblem } from "./device-selector.ts";

export const LIST_MAX = 32;
const EXPRESSION_BYTES_MAX = 10 * 1024;
const PARAMETER_BYTES_MAX = 10 * 1024;
const ALTERNATIVES_MAX = 8;
const ID_MAX = 32;
const POOL_NAME_MAX = 253;
const BINDING_CONDITIONS_MAX = 4;
const TAINT_EFFECTS = ["NoExecute", "NoSchedule", "None"];
const ALLOCATION_MODES = ["All", "ExactCount"];

/** Rules for a wish for devices, in a claim or in a template. */
export function validateDeviceClaim(claim: DeviceClaim | undefined, at: string): FieldError[] {
  if (claim === undefined) return [];
  const { constraints = [], config = [] } = claim;
  const requests = claim.requests ?? [];
  const names = requestNames(claim);
  return [
    ...setErrors(requests, LIST_MAX, `${at}.requests`, ({ name }) => name, requestErrors),
    ...listErrors(constraints, LIST_MAX, `${at}.constraints`, (constraint, path) => constraintErrors(constraint, names, path)),
    ...listErrors(config, LIST_MAX, `${at}.config`, (entry, path) => configErrors(entry, names, path)),
  ];
}

function requestErrors({ name, exactly, firstAvailable = [] }: DeviceRequest, at: string): FieldError[] {
  const errors = deviceNameErrors(name, `${at}.name`);
  if (firstAvailable.length === 0)
    return exactly === undefined
      ? [...errors, requiredField(at, "exactly one of `exactly` or `firstAvailable` is required")]
      : [...errors, ...wishErrors(exactly, `${at}.exactly`)];
  if (exactly !== undefined)
    return [...errors, invalidField(at, null, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set")];
  const subErrors = (sub: DeviceSubRequest, path: string) => [...deviceNameErrors(sub.name, `${path}.name`), ...wishErrors(sub, path)];
  return [...errors, ...setErrors(firstAvailable, ALTERNATIVES_MAX, `${at}.firstAvailable`, (sub) => sub.name, subErrors)];
}

function constraintErrors({ requests, matchAttribute, distinctAttribute }: DeviceConstraint, names: ReadonlySet<string>, at: string): FieldError[] {
  const errors = referenceErrors(requests ?? [], names, `${at}.requests`);
  if (matchAttribute !== undefined) return [...errors, ...fullNameErrors(matchAttribute, `${at}.matchAttribute`)];
  if (distinctAttribute !== undefined) return [...errors, ...fullNameErrors(distinctAttribute, `${at}.distinctAttribute`)];
  return [...errors, requiredField(at, 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set')];
}

/** Names by which results and other parts of a claim may refer to its requests: also to one alternative, as `request/alternative`. */
export function requestNames({ requests }: DeviceClaim): ReadonlySet<string> {
  return new Set((requests ?? []).flatMap((request) => [request.name, ...(request.firstAvailable ?? []).map((sub) => `${request.name}/${sub.name}`)]));
}

/** A name of an attribute or a capacity: one that C allows, after a domain of at most 63 letters or without one. */
export function factNameErrors(name: string, at: string): FieldError[] {
  const [first = "", second, ...more] = name.split("/");
  if (more.length > 0) return [invalidField(at, name, "must be a name, or a domain and a name separated by a slash")];
  if (second === undefined) return idErrors(first, at);
  return [
    ...(first === "" ? [invalidField(at, "", "the domain must not be empty")] : driverNameErrors(first, at)),
    ...(second === "" ? [invalidField(at, "", "the name must not be empty")] : idErrors(second, at)),
  ];
}

function fullNameErrors(name: string, at: string): FieldError[] {
  return [
    ...factNameErrors(name, at),
    ...(name.includes("/") ? [] : [invalidField(at, name, "a fully qualified name must be a domain and a name separated by a slash")]),
  ];
}

function idErrors(id: string, at: string): FieldError[] {
  return [
    ...(id.length > ID_MAX ? [tooLong(at, ID_MAX)] : []),
    ...(/^[A-Za-z_][A-Za-z0-9_]*$/.test(id)
      ? []
      : [
          invalidField(
            at,
            id,
            "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
          ),
        ]),
  ];
}

/** The name of a pool: parts that could be names of domains, between slashes. */
export function poolNameErrors(name: string, at: string): FieldError[] {
  if (name === "") return [requiredField(at)];
  return [
    ...(name.length > POOL_NAME_MAX ? [tooLong(at, POOL_NAME_MAX)] : []),
    ...name.split("/").flatMap((part) => {
      const problem = dnsSubdomainError(part);
      return problem === undefined ? [] : [invalidField(at, name, problem)];
    }),
  ];
}

export function deviceNameErrors(name: string, at: string): FieldError[] {
  return requiredName(at, name, dnsLabelProblems);
}

/** Conditions to wait for, and those that mean failure: both or neither, none twice. */
export function bindingErrors(conditions: readonly string[] | undefined, failures: readonly string[] | undefined, at: string): FieldError[] {
  const [wanted, bad] = [conditions ?? [], failures ?? []];
  const repeats = repeatsOf(bad);
  const named = (name: string, path: string) => {
    const problem = qualifiedNameError(name);
    return problem === undefined ? [] : [invalidField(path, name, problem)];
  };
  return [
    ...listErrors(wanted, BINDING_CONDITIONS_MAX, `${at}.bindingConditions`, named),
    ...listErrors(bad, BINDING_CONDITIONS_MAX, `${at}.bindingFailureConditions`, named),
    ...repeatErrors(wanted, `${at}.bindingConditions`),
    ...bad.flatMap((name, index) => [
      ...(repeats[index] === true ? [duplicateField(`${at}.bindingFailureConditions[${index}]`, name)] : []),
      ...(wanted.includes(name)
        ? [invalidField(`${at}.bindingFailureConditions[${index}]`, name, "bindingFailureConditions must not overlap with bindingConditions")]
        : []),
    ]),
    ...(wanted.length === 0 && bad.length > 0
      ? [invalidField(`${at}.bindingConditions`, conditions, "bindingConditions are required to use bindingFailureConditions")]
      : []),
    ...(bad.length === 0 && wanted.length > 0
      ? [invalidField(`${at}.bindingFailureConditions`, failures, "bindingFailureConditions are required to use bindingConditions")]
      : []),
  ];
}

export function selectorErrors(selectors: readonly DeviceSelector[], at: string): FieldError[] {
  return listErrors(selectors, LIST_MAX, at, ({ cel }, path) => {
    if (cel === undefined) return [requiredField(`${path}.cel`)];
    const expressionAt = `${path}.cel.expression`;
    if (Buffer.byteLength(cel.expression) > EXPRESSION_BYTES_MAX) return [tooLong(expressionAt, EXPRESSION_BYTES_MAX)];
    const problem = selectorProblem(cel.expression);
    if (problem === undefined) return [];
    return [problem.is === "invalid" ? invalidField(expressionAt, cel.expression, problem.why) : forbiddenField(expressionAt, problem.why)];
  });
}

/** Settings must be meant for a driver and be an object that it can read. */
export function configurationErrors({ opaque }: DeviceClassConfiguration, at: string): FieldError[] {
  if (opaque === undefined) return [requiredField(`${at}.opaque`)];
  const errors = driverNameErrors(opaque.driver, `${at}.opaque.driver`);
  if ((opaque.parameters as unknown) === undefined) return [...errors, requiredField(`${at}.opaque.parameters`)];
  return Buffer.byteLength(JSON.stringify(opaque.parameters)) > PARAMETER_BYTES_MAX
    ? [...errors, tooLong(`${at}.opaque.parameters`, PARAMETER_BYTES_MAX)]
    : errors;
}

/** What is wrong with the items of a list; of one that is too long nothing else is told. */
export function listErrors<T>(list: readonly T[], max: number, at: string, errorsOf: (item: T, at: string) => readonly FieldError[]): FieldError[] {
  return list.length > max ? [tooMany(at, list.length, max)] : list.flatMap((item, index) => errorsOf(item, `${at}[${index}]`));
}

/** The same where no two items may have one key: those that do are told of last. */
export function setErrors<T>(
  list: readonly T[],
  max: number,
  at: string,
  keyOf: (item: T) => string,
  errorsOf: (item: T, at: string) => readonly FieldError[],
): FieldError[] {
  const errors = listErrors(list, max, at, errorsOf);
  return list.length > max ? errors : [...errors, ...repeatErrors(list, at, keyOf, keyOf)];
}

function configErrors(entry: DeviceClaimConfiguration, names: ReadonlySet<string>, at: string): FieldError[] {
  return [...referenceErrors(entry.requests ?? [], names, `${at}.requests`), ...configurationErrors(entry, at)];
}

export function referenceErrors(references: readonly string[], names: ReadonlySet<string>, at: string): FieldError[] {
  return setErrors(
    references,
    LIST_MAX,
    at,
    (name) => name,
    (name, path) => requestReferenceErrors(name, names, path),
  );
}

export function requestReferenceErrors(name: string, names: ReadonlySet<string>, at: string): FieldError[] {
  const parts = name.split("/");
  return [
    ...(parts.length > 2 ? [] : parts.flatMap((part) => invalidFields(at, part, dnsLabelProblems(part)))),
    ...(names.has(name)
      ? []
      : [invalidField(at, name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'")]),
  ];
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
  errors.push(...tolerations.flatMap((toleration, index) => tolerationErrors(toleration, `${at}.tolerations[${index}]`)));
  return errors;
}

function tolerationErrors({ key = "", operator = "Equal", value = "", effect = "" }: DeviceToleration, at: string): FieldError[] {
  const errors = labelErrors(key, operator === "Equal" ? value : "", at);
  if (operator === "Exists" && value !== "") errors.push(invalidField(`${at}.value`, value, "must be empty for operator `Exists`"));
  if (effect !== "" && !TAINT_EFFECTS.includes(effect)) errors.push(unsupportedValue(`${at}.effect`, effect, TAINT_EFFECTS));
  return errors;
}

export function taintErrors({ key, value = "", effect }: DeviceTaint, at: string): FieldError[] {
  const errors = [...(key === "" ? [requiredField(`${at}.key`)] : []), ...labelErrors(key, value, at)];
  if (effect === "") errors.push(requiredField(`${at}.effect`));
  else if (!TAINT_EFFECTS.includes(effect)) errors.push(unsupportedValue(`${at}.effect`, effect, TAINT_EFFECTS));
  return errors;
}

function labelErrors(key: string, value: string, at: string): FieldError[] {
  const [badKey, badValue] = [key === "" ? undefined : qualifiedNameError(key), labelValueError(value)];
  return [
    ...(badKey === undefined ? [] : [invalidField(`${at}.key`, key, badKey)]),
    ...(badValue === undefined ? [] : [invalidField(`${at}.value`, value, badValue)]),
  ];
}

/** Exactly one of several ways to say where devices can be used. */
export function exactlyOne(given: readonly string[], choices: string, at: string): FieldError[] {
  if (given.length === 0) return [requiredField(at, `exactly one of ${choices} is required`)];
  return given.length === 1
    ? []
    : [invalidField(at, `{${given.map((field) => `\`${field}\``).join(", ")}}`, `exactly one of ${choices} is required, but multiple fields are set`)];
}
