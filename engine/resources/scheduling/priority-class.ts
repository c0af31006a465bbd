import { choiceErrors, forbiddenField, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { PriorityClass } from "../types.ts";
import { PREEMPTION_POLICIES } from "../validation/pod-spec.ts";

/** What users may ask for; above it is the system's own. */
const USER_PRIORITY_MAX = 1_000_000_000;
const SYSTEM_PREFIX = "system-";

/** The classes that every cluster has, for what it cannot do without. Their names and numbers are fixed. */
export const systemPriorityClasses: readonly PriorityClass[] = [
  systemClass("system-cluster-critical", 2 * USER_PRIORITY_MAX, "For pods that the cluster cannot do without, but that may run on another node."),
  systemClass("system-node-critical", 2 * USER_PRIORITY_MAX + 1000, "For pods that their node cannot do without."),
];

export const priorityClassResource = defineResource<PriorityClass>({
  group: "scheduling.k8s.io",
  version: "v1",
  resource: "priorityclasses",
  kind: "PriorityClass",
  namespaced: false,
  shortNames: ["pc"],
  schema: () => loadSchema("scheduling.k8s.io/v1/priority-class.yaml"),
  strategy: {
    // It has a generation, as upstream's have, though nothing in it that matters can change.
    prepareForCreate: (priority) => withMetadata(priority, { generation: 1 }),
    validate: validateClass,
    validateUpdate,
    refuseDelete: (name) =>
      systemPriorityClasses.some(({ metadata }) => metadata.name === name) ? "this is a system priority class and cannot be deleted" : undefined,
  },
  columns: [
    nameColumn,
    { name: "Value", type: "integer", description: "The priority of its pods.", cell: (priority) => priority.value },
    { name: "Global-Default", type: "boolean", description: "Whether pods without a class get it.", cell: (priority) => priority.globalDefault ?? false },
    ageColumn,
    {
      name: "PreemptionPolicy",
      type: "string",
      description: "Whether its pods may push others off a node.",
      cell: (priority) => priority.preemptionPolicy ?? "",
    },
  ],
});

function systemClass(name: string, value: number, description: string): PriorityClass {
  return { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value, description };
}

function validateClass(priority: PriorityClass): FieldError[] {
  const name = priority.metadata.name ?? "";
  if (name.startsWith(SYSTEM_PREFIX)) {
    const known = systemPriorityClasses.find((candidate) => candidate.metadata.name === name);
    const problem = known === undefined ? `${name} is not a known system priority class` : systemProblem(priority, known);
    return problem === undefined
      ? policyErrors(priority)
      : [
          forbiddenField("metadata.name", `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`),
          ...policyErrors(priority),
        ];
  }
  return [
    ...(priority.value > USER_PRIORITY_MAX ? [forbiddenField("value", `maximum allowed value of a user defined priority is ${USER_PRIORITY_MAX}`)] : []),
    ...policyErrors(priority),
  ];
}

function policyErrors({ preemptionPolicy }: PriorityClass): FieldError[] {
  return preemptionPolicy === undefined ? [] : choiceErrors("preemptionPolicy", preemptionPolicy, PREEMPTION_POLICIES);
}

function systemProblem(priority: PriorityClass, known: PriorityClass): string | undefined {
  const name = known.metadata.name ?? "";
  if (priority.value !== known.value) return `value of ${name} PriorityClass must be ${known.value}`;
  return (priority.globalDefault ?? false) ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

function validateUpdate(priority: PriorityClass, old: PriorityClass): FieldError[] {
  const errors = priority.value === old.value ? [] : [forbiddenField("value", "may not be changed in an update.")];
  return jsonEqual(priority.preemptionPolicy, old.preemptionPolicy)
    ? errors
    : [...errors, invalidField("preemptionPolicy", priority.preemptionPolicy, "field is immutable")];
}
