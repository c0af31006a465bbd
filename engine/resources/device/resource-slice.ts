import { duplicateField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Device, ResourceSlice, ResourceSliceSpec } from "../types.ts";
import { driverNameErrors } from "../validation/persistent-volume.ts";
import { countErrors, exactlyOne } from "./device-validation.ts";

const DEVICES_MAX = 128;
const FACTS_MAX = 32;
const COUNTER_SETS_MAX = 8;

export const resourceSliceResource = defineResource<ResourceSlice>({
  group: "resource.k8s.io",
  version: "v1",
  resource: "resourceslices",
  kind: "ResourceSlice",
  namespaced: false,
  schema: () => loadSchema("resource.k8s.io/v1/resource-slice.yaml"),
  strategy: { hasGeneration: true, validate: ({ spec }) => validateSpec(spec), validateUpdate },
  columns: [
    nameColumn,
    { name: "Node", type: "string", description: "The node that has the devices.", cell: (slice) => slice.spec.nodeName || "<unset>" },
    { name: "Driver", type: "string", description: "Driver that offers them.", cell: (slice) => slice.spec.driver },
    { name: "Pool", type: "string", description: "Pool they belong to.", cell: (slice) => slice.spec.pool.name },
    ageColumn,
  ],
  selectableFields: { "spec.nodeName": (slice) => slice.spec.nodeName ?? "", "spec.driver": (slice) => slice.spec.driver },
});

function validateSpec(spec: ResourceSliceSpec): FieldError[] {
  const { pool, devices = [], sharedCounters = [] } = spec;
  const errors = driverNameErrors(spec.driver, "spec.driver");
  if (pool.name === "") errors.push(requiredField("spec.pool.name"));
  for (const part of pool.name === "" ? [] : pool.name.split("/")) {
    const problem = dnsSubdomainError(part);
    if (problem !== undefined) errors.push(invalidField("spec.pool.name", pool.name, problem));
  }
  if (pool.resourceSliceCount <= 0) errors.push(invalidField("spec.pool.resourceSliceCount", pool.resourceSliceCount, "must be greater than zero"));
  if ((pool.generation ?? 0) < 0) errors.push(invalidField("spec.pool.generation", pool.generation, "must be greater than or equal to zero"));
  const places = (["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"] as const).filter((field) => spec[field] !== undefined && spec[field] !== false && spec[field] !== "");
  errors.push(...exactlyOne(places, "`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`", "spec"));
  if (spec.nodeSelector !== undefined && spec.nodeSelector.nodeSelectorTerms.length !== 1) errors.push(invalidField("spec.nodeSelector.nodeSelectorTerms", spec.nodeSelector.nodeSelectorTerms, "must have exactly one node selector term"));
  errors.push(...countErrors(devices, DEVICES_MAX, "spec.devices"), ...countErrors(sharedCounters, COUNTER_SETS_MAX, "spec.sharedCounters"));
  const names = new Set<string>();
  for (const [index, device] of devices.entries()) {
    const at = `spec.devices[${index}]`;
    if (names.has(device.name)) errors.push(duplicateField(`${at}.name`, device.name));
    names.add(device.name);
    errors.push(...deviceErrors(device, at, spec.perDeviceNodeSelection === true));
  }
  return errors;
}

function deviceErrors(device: Device, at: string, saysWhere: boolean): FieldError[] {
  const problem = device.name === "" ? undefined : dnsLabelError(device.name);
  const errors: FieldError[] = device.name === "" ? [requiredField(`${at}.name`)] : problem === undefined ? [] : [invalidField(`${at}.name`, device.name, problem)];
  const facts = Object.keys(device.attributes ?? {}).length + Object.keys(device.capacity ?? {}).length;
  if (facts > FACTS_MAX) errors.push(invalidField(at, facts, `the total number of attributes and capacities must not exceed ${FACTS_MAX}`));
  for (const [name, attribute] of Object.entries(device.attributes ?? {})) {
    const values = Object.keys(attribute);
    if (values.length !== 1) errors.push(values.length === 0 ? requiredField(`${at}.attributes[${name}]`, "exactly one value must be specified") : invalidField(`${at}.attributes[${name}]`, attribute, "exactly one value must be specified"));
  }
  const places = (["nodeName", "nodeSelector", "allNodes"] as const).filter((field) => device[field] !== undefined && device[field] !== false && device[field] !== "");
  if (saysWhere) errors.push(...exactlyOne(places, "`nodeName`, `nodeSelector`, or `allNodes`", at));
  else errors.push(...places.map((field) => invalidField(`${at}.${field}`, device[field], "field may only be set if `perDeviceNodeSelection` is true in the slice's spec")));
  return errors;
}

function validateUpdate({ spec }: ResourceSlice, { spec: old }: ResourceSlice): FieldError[] {
  return [
    ...(spec.driver === old.driver ? [] : [invalidField("spec.driver", spec.driver, "field is immutable")]),
    ...(spec.pool.name === old.pool.name ? [] : [invalidField("spec.pool.name", spec.pool.name, "field is immutable")]),
    ...((spec.nodeName ?? "") === (old.nodeName ?? "") ? [] : [invalidField("spec.nodeName", spec.nodeName, "field is immutable")]),
  ];
}
