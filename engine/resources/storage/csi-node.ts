import { duplicateField, invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { CSINode, CSINodeDriver } from "../types.ts";
import { driverNameErrors } from "../validation/driver-name.ts";

const NODE_ID_BYTES_MAX = 256;

export const csiNodeResource = defineResource<CSINode>({
  group: "storage.k8s.io",
  version: "v1",
  resource: "csinodes",
  kind: "CSINode",
  namespaced: false,
  schema: () => loadSchema("storage.k8s.io/v1/csi-node.yaml"),
  strategy: {
    metadataOnUpdate: "new",
    unconditionalUpdate: false,
    validate: (node) => (node.spec.drivers ?? []).flatMap((driver, index) => driverErrors(driver, `spec.drivers[${index}]`)),
    validateUpdate: (node, old) =>
      (old.spec.drivers ?? []).flatMap((before) => {
        const driver = node.spec.drivers?.find((candidate) => candidate.name === before.name);
        // How many volumes fit may become known later, or change.
        const isSame = driver === undefined || jsonEqual({ ...driver, allocatable: undefined }, { ...before, allocatable: undefined });
        return isSame ? [] : [invalidField("CSINodeDriver", driver, "field is immutable")];
      }),
  },
  columns: [nameColumn, { name: "Drivers", type: "integer", description: "Number of drivers.", cell: (node) => (node.spec.drivers ?? []).length }, ageColumn],
});

function driverErrors(driver: CSINodeDriver, at: string): FieldError[] {
  const errors = driverNameErrors(driver.name, `${at}.name`);
  if (driver.nodeID === "") errors.push(requiredField(`${at}.nodeID`));
  if (Buffer.byteLength(driver.nodeID) > NODE_ID_BYTES_MAX)
    errors.push(invalidField(`${at}.nodeID`, driver.nodeID, `must be ${NODE_ID_BYTES_MAX} characters or less`));
  const keys = new Set<string>();
  for (const key of driver.topologyKeys ?? []) {
    // Upstream tells of a key as of the whole driver.
    if (keys.has(key)) errors.push(duplicateField(at, key));
    keys.add(key);
    if (key === "") errors.push(requiredField(at));
    errors.push(...invalidFields(at, key, qualifiedNameProblems(key)));
  }
  const count = driver.allocatable?.count;
  if (count !== undefined && count < 0) errors.push(invalidField(`${at}.allocatable.count`, count, "must be greater than or equal to 0"));
  return errors;
}
