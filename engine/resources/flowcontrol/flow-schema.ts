import { invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainError } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { FlowSchema, FlowSchemaSpec } from "../types.ts";
import { conditionErrors } from "./condition-validation.ts";
import { validateRule } from "./rule-validation.ts";
import { MANDATORY_SCHEMAS } from "./suggested.ts";

const PRECEDENCE_MAX = 10_000;
const DISTINGUISHERS = ["ByNamespace", "ByUser"];

export const flowSchemaResource = defineResource<FlowSchema>({
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  resource: "flowschemas",
  kind: "FlowSchema",
  namespaced: false,
  schema: () => loadSchema("flowcontrol.apiserver.k8s.io/v1/flow-schema.yaml"),
  strategy: {
    metadataOnUpdate: "new",
    hasGeneration: true,
    prepareForCreate: (schema) => ({ ...schema, status: {} }),
    validate: (schema) => [...validateSpec(schema), ...conditionErrors(schema.status?.conditions ?? [])],
    validateStatusUpdate: ({ status }) => conditionErrors(status?.conditions ?? []),
  },
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  rowOrder: (left, right) =>
    (left.spec?.matchingPrecedence ?? 0) - (right.spec?.matchingPrecedence ?? 0) || ((left.metadata.name ?? "") < (right.metadata.name ?? "") ? -1 : 1),
  columns: [
    nameColumn,
    { name: "PriorityLevel", type: "string", description: "The level its requests have.", cell: ({ spec }) => spec?.priorityLevelConfiguration.name ?? "" },
    { name: "MatchingPrecedence", type: "string", description: "Its place among the schemas.", cell: ({ spec }) => spec?.matchingPrecedence ?? 0 },
    {
      name: "DistinguisherMethod",
      type: "string",
      description: "By what flows are told apart.",
      cell: ({ spec }) => spec?.distinguisherMethod?.type ?? "<none>",
    },
    ageColumn,
    {
      name: "MissingPL",
      type: "string",
      description: "Whether its level is missing.",
      cell: ({ status }) => status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?",
    },
  ],
});

function validateSpec({ metadata: { name = "" }, spec }: FlowSchema): FieldError[] {
  if (spec === undefined)
    return [
      invalidField("spec.matchingPrecedence", 0, "must be a positive value"),
      requiredField("spec.priorityLevelConfiguration.name", "must reference a priority level"),
    ];
  const errors = [...precedenceErrors(name, spec), ...(spec.rules ?? []).flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`))];
  const fixed = MANDATORY_SCHEMAS[name];
  if (fixed !== undefined && !jsonEqual(fixed, spec)) errors.push(invalidField("spec", spec, `spec of '${name}' must equal the fixed value`));
  return errors;
}

function precedenceErrors(
  name: string,
  { matchingPrecedence: precedence = 0, distinguisherMethod, priorityLevelConfiguration: level }: FlowSchemaSpec,
): FieldError[] {
  const at = "spec.matchingPrecedence";
  const errors: FieldError[] = [];
  if (precedence <= 0) errors.push(invalidField(at, precedence, "must be a positive value"));
  if (precedence > PRECEDENCE_MAX) errors.push(invalidField(at, precedence, `must not be greater than ${PRECEDENCE_MAX}`));
  if (precedence === 1 && name !== "exempt") errors.push(invalidField(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  if (distinguisherMethod !== undefined && !DISTINGUISHERS.includes(distinguisherMethod.type))
    errors.push(unsupportedValue("spec.distinguisherMethod.type", { Type: distinguisherMethod.type }, DISTINGUISHERS));
  const problem = level.name === "" ? undefined : dnsSubdomainError(level.name);
  if (level.name === "") errors.push(requiredField("spec.priorityLevelConfiguration.name", "must reference a priority level"));
  else if (problem !== undefined) errors.push(invalidField("spec.priorityLevelConfiguration.name", level.name, problem));
  return errors;
}
