import { exactQuantity, formatExactQuantity, wholeValue } from "../../apimachinery/quantity.ts";
import { forbiddenField, invalidField, invalidFields, requiredField, tooLong, tooMany, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { parseSemver } from "../../cel/library/semver.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type {
  CapacityRequestPolicy,
  Counter,
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  NodeSelector,
  NodeSelectorTerm,
  ResourceSliceSpec,
} from "../types.ts";
import { driverNameErrors } from "../validation/driver-name.ts";
import { validateNodeSelector } from "../validation/scheduling.ts";
import { bindingErrors, deviceNameErrors, exactlyOne, factNameErrors, listErrors, poolNameErrors, setErrors, taintErrors } from "./device-validation.ts";

const DEVICES_MAX = 128;
/** Of devices with taints or counters. */
const RICH_DEVICES_MAX = 64;
const FACTS_MAX = 32;
const COUNTER_SETS_MAX = 8;
const COUNTERS_MAX = 32;
const CONSUMPTIONS_MAX = 2;
const TAINTS_MAX = 16;
const VALUE_LENGTH_MAX = 64;
const VALID_VALUES_MAX = 10;
const PLACES = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"] as const;
const DEVICE_PLACES = ["nodeName", "nodeSelector", "allNodes"] as const;

/** Rules for what a driver offers; `old` is what it offered before. */
export function validateSliceSpec(spec: ResourceSliceSpec, old?: ResourceSliceSpec): FieldError[] {
  const { pool, devices = [], sharedCounters = [] } = spec;
  const errors = [...driverNameErrors(spec.driver, "spec.driver"), ...poolNameErrors(pool.name, "spec.pool.name")];
  if (pool.resourceSliceCount <= 0) errors.push(invalidField("spec.pool.resourceSliceCount", pool.resourceSliceCount, "must be greater than zero"));
  if ((pool.generation ?? 0) < 0) errors.push(invalidField("spec.pool.generation", pool.generation, "must be greater than or equal to zero"));
  errors.push(...movedErrors(spec, old));
  if (spec.nodeName === "") errors.push(invalidField("spec.nodeName", "", "must be either unset or set to a non-empty string"));
  else if (spec.nodeName !== undefined) errors.push(...invalidFields("spec.nodeName", spec.nodeName, dnsSubdomainProblems(spec.nodeName)));
  if (spec.nodeSelector !== undefined) errors.push(...oneTermErrors(spec.nodeSelector, "spec.nodeSelector"));
  for (const field of ["allNodes", "perDeviceNodeSelection"] as const)
    if (spec[field] === false) errors.push(invalidField(`spec.${field}`, false, "must be either unset or set to true"));
  errors.push(
    ...exactlyOne(
      PLACES.filter((field) => Boolean(spec[field])),
      "`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`",
      "spec",
    ),
  );
  if (spec.sharedCounters !== undefined && spec.devices !== undefined)
    errors.push(invalidField("spec", "", "only one of `sharedCounters` or `devices` is allowed"));
  const isRich = devices.some(({ taints = [], consumesCounters = [] }) => taints.length + consumesCounters.length > 0);
  const nameOf = ({ name }: { readonly name: string }) => name;
  const ofDevice = (device: Device, at: string) =>
    deviceErrors(
      device,
      old?.devices?.find(({ name }) => name === device.name),
      at,
      spec.perDeviceNodeSelection === true,
    );
  return [
    ...errors,
    ...setErrors(devices, isRich ? RICH_DEVICES_MAX : DEVICES_MAX, "spec.devices", nameOf, ofDevice),
    ...setErrors(sharedCounters, COUNTER_SETS_MAX, "spec.sharedCounters", nameOf, counterSetErrors),
  ];
}

/** Whose devices a slice is about is said once. */
function movedErrors(spec: ResourceSliceSpec, old: ResourceSliceSpec | undefined): FieldError[] {
  if (old === undefined) return [];
  return [
    ...(spec.pool.name === old.pool.name ? [] : [invalidField("spec.pool.name", spec.pool.name, "field is immutable")]),
    ...(spec.driver === old.driver ? [] : [invalidField("spec.driver", spec.driver, "field is immutable")]),
    ...(spec.nodeName === old.nodeName ? [] : [invalidField("spec.nodeName", spec.nodeName, "field is immutable")]),
  ];
}

/** Selectors of several slices are put together, and only those of one term can be. */
function oneTermErrors(selector: NodeSelector, at: string): FieldError[] {
  const terms = selector.nodeSelectorTerms as readonly NodeSelectorTerm[] | undefined; // absent in bodies that the schema has not finished with
  const errors = validateNodeSelector(selector, at);
  if (terms?.length === 1) return errors;
  return [...errors, invalidField(`${at}.nodeSelectorTerms`, terms?.length === 0 ? null : terms, "must have exactly one node selector term")];
}

/** Taints that are as they were are not looked at again. */
function deviceErrors(device: Device, old: Device | undefined, at: string, saysWhere: boolean): FieldError[] {
  const { attributes = {}, capacity = {}, taints = [], consumesCounters = [] } = device;
  const errors = deviceNameErrors(device.name, `${at}.name`);
  const facts = Object.keys(attributes).length + Object.keys(capacity).length;
  if (facts > FACTS_MAX) errors.push(invalidField(at, facts, `the total number of attributes and capacities must not exceed ${FACTS_MAX}`));
  for (const [name, attribute] of Object.entries(attributes))
    errors.push(...factNameErrors(name, `${at}.attributes`), ...attributeErrors(attribute, `${at}.attributes[${name}]`));
  for (const [name, offered] of Object.entries(capacity))
    errors.push(...factNameErrors(name, `${at}.capacity`), ...capacityErrors(offered, device.allowMultipleAllocations === true, `${at}.capacity[${name}]`));
  if (old === undefined || !jsonEqual(old.taints ?? [], taints)) errors.push(...listErrors(taints, TAINTS_MAX, `${at}.taints`, taintErrors));
  errors.push(...setErrors(consumesCounters, CONSUMPTIONS_MAX, `${at}.consumesCounters`, ({ counterSet }) => counterSet, consumptionErrors));
  return [...errors, ...placeErrors(device, at, saysWhere), ...bindingErrors(device.bindingConditions, device.bindingFailureConditions, at)];
}

function placeErrors(device: Device, at: string, saysWhere: boolean): FieldError[] {
  if (!saysWhere)
    return DEVICE_PLACES.some((field) => device[field] !== undefined)
      ? [
          invalidField(
            at,
            null,
            "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
          ),
        ]
      : [];
  const given = DEVICE_PLACES.filter((field) => Boolean(device[field]));
  const why = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
  return [
    ...(device.nodeName === undefined
      ? []
      : device.nodeName === ""
        ? [invalidField(`${at}.nodeName`, "", "must not be empty")]
        : invalidFields(`${at}.nodeName`, device.nodeName, dnsSubdomainProblems(device.nodeName))),
    ...(device.nodeSelector === undefined ? [] : validateNodeSelector(device.nodeSelector, `${at}.nodeSelector`)),
    ...(device.allNodes === false ? [invalidField(`${at}.allNodes`, false, "must be either unset or set to true")] : []),
    ...(given.length === 1
      ? []
      : given.length === 0
        ? [requiredField(at, why)]
        : [invalidField(at, `{${given.map((field) => `\`${field}\``).join(", ")}}`, why)]),
  ];
}

function attributeErrors(attribute: DeviceAttribute, at: string): FieldError[] {
  const { string, version, ints, bools, strings, versions } = attribute;
  const lists = Object.entries({ ints, bools, strings, versions }).flatMap(([field, list]) =>
    list !== undefined && list.length === 0 ? [invalidField(`${at}.${field}`, list, "must not be empty if specified")] : [],
  );
  const texts = [
    ...(string === undefined ? [] : [[string, `${at}.string`] as const]),
    ...(strings ?? []).map((text, index) => [text, `${at}.strings[${index}]`] as const),
  ];
  const numbers = [
    ...(version === undefined ? [] : [[version, `${at}.version`] as const]),
    ...(versions ?? []).map((text, index) => [text, `${at}.versions[${index}]`] as const),
  ];
  const lengthErrors = (text: string, path: string) => (Buffer.byteLength(text) > VALUE_LENGTH_MAX ? [tooLong(path, VALUE_LENGTH_MAX)] : []);
  const count = Object.keys(attribute).length;
  return [
    ...lists,
    ...texts.flatMap(([text, path]) => lengthErrors(text, path)),
    ...numbers.flatMap(([text, path]) => [
      ...(parseSemver(text) !== undefined ? [] : [invalidField(path, text, "must be a string compatible with semver.org spec 2.0.0")]),
      ...lengthErrors(text, path),
    ]),
    ...(count === 1 ? [] : [invalidField(at, count === 0 ? "" : attribute, "exactly one value must be specified")]),
  ];
}

function capacityErrors({ value, requestPolicy: policy }: DeviceCapacity, isShared: boolean, at: string): FieldError[] {
  const path = `${at}.requestPolicy`;
  if (policy === undefined) return [];
  if (!isShared) return [forbiddenField(path, "allowMultipleAllocations must be true")];
  const { validValues = [], validRange } = policy;
  if (validValues.length > 0 && validRange !== undefined)
    return [forbiddenField(path, 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time')];
  if (validValues.length === 0 && validRange === undefined) return [];
  if (policy.default === undefined)
    return [requiredField(`${path}.default`, `required when ${validRange === undefined ? "validValues" : "validRange"} is defined`)];
  return validRange === undefined
    ? valueErrors(value, policy.default, validValues, `${path}.validValues`)
    : rangeErrors(value, policy.default, validRange, `${path}.validRange`);
}

const nanos = (quantity: string) => exactQuantity(quantity).nanos;

function valueErrors(value: string, usual: string, values: readonly string[], at: string): FieldError[] {
  return [
    ...values.flatMap((option, index) =>
      index > 0 && nanos(values[index - 1] ?? option) > nanos(option)
        ? [invalidField(`${at}[${index}]`, option, "values must be sorted in ascending order")]
        : [],
    ),
    ...setErrors(
      values,
      VALID_VALUES_MAX,
      at,
      (option) => String(wholeValue(option)),
      (option, path) => (nanos(option) > nanos(value) ? [invalidField(path, option, `option is larger than capacity value: ${value}`)] : []),
    ),
    ...(values.some((option) => nanos(option) === nanos(usual)) ? [] : [invalidField(at, usual, "default value is not valid according to the requestPolicy")]),
  ];
}

function rangeErrors(value: string, usual: string, { min, max, step }: NonNullable<CapacityRequestPolicy["validRange"]>, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (nanos(min) > nanos(value)) errors.push(invalidField(`${at}.min`, min, `min is larger than capacity value: ${value}`));
  if (nanos(usual) < nanos(min)) errors.push(invalidField(`${at}.min`, usual, `default is less than min: ${min}`));
  if (max !== undefined) {
    if (nanos(min) > nanos(max)) errors.push(invalidField(`${at}.max`, min, `min is larger than max: ${max}`));
    if (nanos(max) > nanos(value)) errors.push(invalidField(`${at}.max`, max, `max is larger than capacity value: ${value}`));
    if (nanos(usual) > nanos(max)) errors.push(invalidField(`${at}.max`, usual, `default is more than max: ${max}`));
  }
  if (step === undefined) return errors;
  if (nanos(step) <= 0n) return [...errors, invalidField(`${at}.step`, step, "must be greater than zero")];
  const one = formatExactQuantity({ ...exactQuantity(nanos(min) === 0n ? step : min), nanos: nanos(min) + nanos(step) });
  if (nanos(one) > nanos(value)) errors.push(invalidField(`${at}.step`, step, `one step ${one} is larger than capacity value: ${value}`));
  const isStep = (amount: string) => (nanos(amount) - nanos(min)) % nanos(step) === 0n;
  for (const amount of max === undefined ? [usual] : [usual, max])
    if (!isStep(amount)) errors.push(invalidField(`${at}.step`, amount, `value is not a multiple of a given step (${step}) from (${min})`));
  return errors;
}

function counterSetErrors({ name, counters }: CounterSet, at: string): FieldError[] {
  return [...deviceNameErrors(name, `${at}.name`), ...counterErrors(counters, `${at}.counters`)];
}

function consumptionErrors({ counterSet, counters }: DeviceCounterConsumption, at: string): FieldError[] {
  return [...deviceNameErrors(counterSet, `${at}.counterSet`), ...counterErrors(counters, `${at}.counters`)];
}

function counterErrors(counters: Readonly<Record<string, Counter>>, at: string): FieldError[] {
  const names = Object.keys(counters);
  if (names.length === 0) return [requiredField(at)];
  if (names.length > COUNTERS_MAX) return [tooMany(at, names.length, COUNTERS_MAX)];
  return names.flatMap((name) => {
    const problem = dnsLabelError(name);
    return problem === undefined ? [] : [invalidField(at, name, problem)];
  });
}
