import { exactQuantity } from "../../apimachinery/quantity.ts";
import {
  duplicateField,
  forbiddenField,
  invalidField,
  invalidFields,
  requiredField,
  tooLong,
  tooMany,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { parseSemver } from "../../cel/library/semver.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type {
  CapacityRequestPolicy,
  Counter,
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  ResourceSliceSpec,
} from "../types.ts";
import { driverNameErrors } from "../validation/driver-name.ts";
import { validateNodeTerm } from "../validation/scheduling.ts";
import { bindingErrors, countErrors, deviceNameErrors, exactlyOne, factNameErrors, poolNameErrors, taintErrors } from "./device-validation.ts";

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

/** Rules for what a driver offers. */
export function validateSliceSpec(spec: ResourceSliceSpec): FieldError[] {
  const { pool, devices = [], sharedCounters = [] } = spec;
  const errors = [...driverNameErrors(spec.driver, "spec.driver"), ...poolNameErrors(pool.name, "spec.pool.name")];
  if (pool.resourceSliceCount <= 0) errors.push(invalidField("spec.pool.resourceSliceCount", pool.resourceSliceCount, "must be greater than zero"));
  if ((pool.generation ?? 0) < 0) errors.push(invalidField("spec.pool.generation", pool.generation, "must be greater than or equal to zero"));
  if (spec.nodeName === "") errors.push(invalidField("spec.nodeName", "", "must be either unset or set to a non-empty string"));
  else if (spec.nodeName !== undefined) errors.push(...invalidFields("spec.nodeName", spec.nodeName, dnsSubdomainProblems(spec.nodeName)));
  errors.push(
    ...(spec.nodeSelector?.nodeSelectorTerms ?? []).flatMap((term, index) => validateNodeTerm(term, `spec.nodeSelector.nodeSelectorTerms[${index}]`)),
  );
  for (const field of ["allNodes", "perDeviceNodeSelection"] as const)
    if (spec[field] === false) errors.push(invalidField(`spec.${field}`, false, "must be either unset or set to true"));
  errors.push(
    ...exactlyOne(
      PLACES.filter((field) => Boolean(spec[field])),
      "`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`",
      "spec",
    ),
  );
  if (spec.nodeSelector !== undefined && spec.nodeSelector.nodeSelectorTerms.length !== 1)
    errors.push(invalidField("spec.nodeSelector.nodeSelectorTerms", spec.nodeSelector.nodeSelectorTerms, "must have exactly one node selector term"));
  if (spec.sharedCounters !== undefined && spec.devices !== undefined)
    errors.push(invalidField("spec", "", "only one of `sharedCounters` or `devices` is allowed"));
  const isRich = devices.some(({ taints = [], consumesCounters = [] }) => taints.length + consumesCounters.length > 0);
  errors.push(
    ...countErrors(devices, isRich ? RICH_DEVICES_MAX : DEVICES_MAX, "spec.devices"),
    ...countErrors(sharedCounters, COUNTER_SETS_MAX, "spec.sharedCounters"),
  );
  errors.push(
    ...duplicates(
      devices.map(({ name }) => name),
      "spec.devices",
    ),
    ...duplicates(
      sharedCounters.map(({ name }) => name),
      "spec.sharedCounters",
    ),
  );
  for (const [index, device] of devices.entries()) errors.push(...deviceErrors(device, `spec.devices[${index}]`, spec.perDeviceNodeSelection === true));
  for (const [index, set] of sharedCounters.entries()) errors.push(...counterSetErrors(set, `spec.sharedCounters[${index}]`));
  return errors;
}

function duplicates(names: readonly string[], at: string): FieldError[] {
  const repeats = repeatsOf(names);
  return names.flatMap((name, index) => (repeats[index] === true ? [duplicateField(`${at}[${index}]`, name)] : []));
}

function deviceErrors(device: Device, at: string, saysWhere: boolean): FieldError[] {
  const { attributes = {}, capacity = {}, taints = [], consumesCounters = [] } = device;
  const errors = deviceNameErrors(device.name, `${at}.name`);
  const facts = Object.keys(attributes).length + Object.keys(capacity).length;
  if (facts > FACTS_MAX) errors.push(invalidField(at, facts, `the total number of attributes and capacities must not exceed ${FACTS_MAX}`));
  for (const [name, attribute] of Object.entries(attributes))
    errors.push(...factNameErrors(name, `${at}.attributes`), ...attributeErrors(attribute, `${at}.attributes[${name}]`));
  for (const [name, offered] of Object.entries(capacity))
    errors.push(...factNameErrors(name, `${at}.capacity`), ...capacityErrors(offered, device.allowMultipleAllocations === true, `${at}.capacity[${name}]`));
  errors.push(...countErrors(taints, TAINTS_MAX, `${at}.taints`), ...taints.flatMap((taint, index) => taintErrors(taint, `${at}.taints[${index}]`)));
  errors.push(
    ...countErrors(consumesCounters, CONSUMPTIONS_MAX, `${at}.consumesCounters`),
    ...duplicates(
      consumesCounters.map(({ counterSet }) => counterSet),
      `${at}.consumesCounters`,
    ),
  );
  for (const [index, consumption] of consumesCounters.entries()) errors.push(...consumptionErrors(consumption, `${at}.consumesCounters[${index}]`));
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
    ...(device.nodeName === "" ? [invalidField(`${at}.nodeName`, "", "must not be empty")] : []),
    ...(device.allNodes === false ? [invalidField(`${at}.allNodes`, false, "must be either unset or set to true")] : []),
    ...(given.length === 1
      ? []
      : given.length === 0
        ? [requiredField(at, why)]
        : [invalidField(at, `{${given.map((field) => `\`${field}\``).join(", ")}}`, why)]),
  ];
}

function attributeErrors(attribute: DeviceAttribute, at: string): FieldError[] {
  const values = Object.keys(attribute).length;
  if (values !== 1) return [invalidField(at, values === 0 ? "" : attribute, "exactly one value must be specified")];
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
  return [
    ...lists,
    ...numbers.flatMap(([text, path]) =>
      parseSemver(text) !== undefined ? [] : [invalidField(path, text, "must be a string compatible with semver.org spec 2.0.0")],
    ),
    ...[...texts, ...numbers].flatMap(([text, path]) => (Buffer.byteLength(text) > VALUE_LENGTH_MAX ? [tooLong(path, VALUE_LENGTH_MAX)] : [])),
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
    ...countErrors(values, VALID_VALUES_MAX, at),
    ...values.flatMap((option, index) =>
      nanos(option) > nanos(value) ? [invalidField(`${at}[${index}]`, option, `option is larger than capacity value: ${value}`)] : [],
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
  const isStep = (amount: string) => (nanos(amount) - nanos(min)) % nanos(step) === 0n;
  for (const amount of max === undefined ? [usual] : [usual, max])
    if (!isStep(amount)) errors.push(invalidField(`${at}.step`, amount, `value is not a multiple of a given step (${step}) from (${min})`));
  if (nanos(min) + nanos(step) > nanos(value)) errors.push(invalidField(`${at}.step`, step, `one step ${step} is larger than capacity value: ${value}`));
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
