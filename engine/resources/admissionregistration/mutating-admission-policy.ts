import { invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { staticNameWarnings } from "../warnings/kind-warnings.ts";
import type { MutatingAdmissionPolicy, Mutation } from "../types.ts";
import { compileError, validateMatchConditions, validateVariables } from "./expression-validation.ts";
import { paramKindText } from "./policy-columns.ts";
import { mutatingExpressions, type Compiled } from "./policy-expressions.ts";
import { validateMutableOperations, validatePolicySpec } from "./policy-validation.ts";
import { REINVOCATION_POLICIES, validateChoice } from "./rule-validation.ts";

const PATCH_TYPES = ["ApplyConfiguration", "JSONPatch"];

export const mutatingAdmissionPolicyResource = defineResource<MutatingAdmissionPolicy>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "mutatingadmissionpolicies",
  kind: "MutatingAdmissionPolicy",
  listKind: "MutatingAdmissionPolicyList",
  namespaced: false,
  categories: ["api-extensions"],
  schema: () => loadSchema("admissionregistration.k8s.io/v1/mutating-admission-policy.yaml"),
  strategy: {
    metadataOnUpdate: "new",
    anyFinalizers: true,
    hasGeneration: true,
    unconditionalUpdate: false,
    validate: validatePolicy,
    warnings: staticNameWarnings,
  },
  columns: [
    nameColumn,
    { name: "Mutations", type: "integer", description: "How many changes the policy makes.", cell: ({ spec }) => (spec.mutations ?? []).length },
    { name: "ParamKind", type: "string", description: "Kind of the policy's parameters.", cell: ({ spec }) => paramKindText(spec.paramKind) },
    ageColumn,
  ],
});

function validatePolicy({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const { mutations = [] } = spec;
  const compiled = mutatingExpressions(spec);
  const scope = { hasParams: spec.paramKind !== undefined };
  return [
    ...validatePolicySpec(spec),
    ...validateMutableOperations(spec.matchConstraints, "spec.matchConstraints"),
    ...validateMatchConditions(spec.matchConditions ?? [], scope, "spec.matchConditions"),
    ...validateVariables(spec.variables ?? [], compiled.variables, "spec.variables"),
    ...(mutations.length === 0 ? [requiredField("spec.mutations", "mutations must contain at least one item")] : []),
    ...mutations.flatMap((mutation, index) => [
      ...validateMutation(mutation, `spec.mutations[${index}]`),
      ...patchError(mutation, compiled.mutations[index]?.patch, `spec.mutations[${index}]`),
    ]),
    ...validateChoice(spec.reinvocationPolicy || undefined, REINVOCATION_POLICIES, "spec.reinvocationPolicy"),
  ];
}

function patchError({ patchType, applyConfiguration, jsonPatch }: Mutation, compiled: Compiled | undefined, at: string): FieldError[] {
  const [part, field] = patchType === "JSONPatch" ? [jsonPatch, "jsonPatch"] : [applyConfiguration, "applyConfiguration"];
  return (part?.expression ?? "").trim() === "" ? [] : compileError(compiled, `${at}.${field}.expression`);
}

function validateMutation({ patchType, applyConfiguration, jsonPatch }: Mutation, at: string): FieldError[] {
  if (patchType === "") return [requiredField(`${at}.patchType`)];
  if (!PATCH_TYPES.includes(patchType)) return [unsupportedValue(`${at}.patchType`, patchType, PATCH_TYPES)];
  const isApply = patchType === "ApplyConfiguration";
  const [wanted, field] = isApply ? [applyConfiguration, "applyConfiguration"] : [jsonPatch, "jsonPatch"];
  const [other, otherField] = isApply ? [jsonPatch, "jsonPatch"] : [applyConfiguration, "applyConfiguration"];
  return [
    ...(wanted === undefined
      ? [requiredField(`${at}.${field}`, `must be specified when patchType is ${patchType}`)]
      : (wanted.expression ?? "").trim() === ""
        ? [requiredField(`${at}.${field}.expression`)]
        : []),
    ...(other === undefined ? [] : [invalidField(`${at}.${otherField}`, `{${otherField}}`, `must not be specified when patchType is ${patchType}`)]),
  ];
}
