import { choiceErrors, duplicateField, invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { storageClassWarnings } from "../warnings/kind-warnings.ts";
import type { StorageClass, TopologySelectorTerm } from "../types.ts";
import { parameterErrors, provisionerErrors } from "./parameters.ts";

const DEFAULT_ANNOTATIONS = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

export const storageClassResource = defineResource<StorageClass>({
  group: "storage.k8s.io",
  version: "v1",
  resource: "storageclasses",
  kind: "StorageClass",
  namespaced: false,
  shortNames: ["sc"],
  schema: () => loadSchema("storage.k8s.io/v1/storage-class.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    validate: (storageClass) => [
      ...provisionerErrors(storageClass.provisioner, "provisioner"),
      ...parameterErrors(storageClass.parameters, "parameters"),
      ...(storageClass.reclaimPolicy ? choiceErrors("reclaimPolicy", storageClass.reclaimPolicy, ["Delete", "Retain"]) : []),
      ...topologyErrors(storageClass.allowedTopologies ?? []),
    ],
    validateUpdate,
    warnings: storageClassWarnings,
  },
  columns: [
    { ...nameColumn, cell: (storageClass) => `${storageClass.metadata.name ?? ""}${isDefaultClass(storageClass) ? " (default)" : ""}` },
    { name: "Provisioner", type: "string", description: "Who makes its volumes.", cell: (storageClass) => storageClass.provisioner },
    { name: "ReclaimPolicy", type: "string", description: "What becomes of its volumes.", cell: (storageClass) => storageClass.reclaimPolicy ?? "Delete" },
    {
      name: "VolumeBindingMode",
      type: "string",
      description: "When a volume is found.",
      cell: (storageClass) => storageClass.volumeBindingMode ?? "Immediate",
    },
    {
      name: "AllowVolumeExpansion",
      type: "string",
      description: "Whether volumes can grow.",
      cell: (storageClass) => storageClass.allowVolumeExpansion ?? false,
    },
    ageColumn,
  ],
});

/** Whether claims that name no class get this one. */
export function isDefaultClass(storageClass: StorageClass): boolean {
  return DEFAULT_ANNOTATIONS.some((annotation) => storageClass.metadata.annotations?.[annotation] === "true");
}

/** Of several defaults the newest, so that who sets a new one need not unset the old one first; of equally new ones the first by name. Pure. */
export function chooseDefaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const rank = ({ metadata }: StorageClass) => metadata.creationTimestamp ?? "";
  return classes
    .filter(isDefaultClass)
    .sort((a, b) => (rank(a) === rank(b) ? ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1) : rank(a) > rank(b) ? -1 : 1))[0];
}

/** What volumes were made by stays true of them. */
function validateUpdate(storageClass: StorageClass, old: StorageClass): FieldError[] {
  return (["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] as const).flatMap((field) =>
    jsonEqual(storageClass[field] ?? {}, old[field] ?? {}) ? [] : [invalidField(field, storageClass[field] ?? null, "field is immutable")],
  );
}

function topologyErrors(terms: readonly TopologySelectorTerm[]): FieldError[] {
  const repeats = repeatsOf(terms, (term) => JSON.stringify(topologySets(term)));
  return terms.flatMap((term, index) => {
    const keys = new Set<string>();
    // A term without rules repeats what is there already without any term.
    const isRepeated = (term.matchLabelExpressions ?? []).length === 0 || repeats[index] === true;
    const repeated = isRepeated ? [duplicateField(`allowedTopologies[${index}].matchLabelExpressions`, "")] : [];
    return (term.matchLabelExpressions ?? [])
      .flatMap(({ key, values }, position) => {
        const at = `allowedTopologies[${index}].matchLabelExpressions[${position}]`;
        const errors: FieldError[] = [];
        errors.push(...invalidFields(`${at}.key`, key, qualifiedNameProblems(key)));
        if (keys.has(key)) errors.push(duplicateField(`${at}.key`, key));
        keys.add(key);
        if (values.length === 0) errors.push(requiredField(`${at}.values`));
        const twice = repeatsOf(values);
        for (const [number, value] of values.entries()) {
          if (twice[number] === true) errors.push(duplicateField(`${at}.values[${number}]`, value));
        }
        return errors;
      })
      .concat(repeated);
  });
}

/** What a term allows, whatever the order in which it says so. */
function topologySets({ matchLabelExpressions = [] }: TopologySelectorTerm): object {
  const sets = matchLabelExpressions.map(({ key, values }) => [key, [...new Set(values)].sort()] as const);
  return Object.fromEntries(sets.sort(([a], [b]) => (a < b ? -1 : 1)));
}
