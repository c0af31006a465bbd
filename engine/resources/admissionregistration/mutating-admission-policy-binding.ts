import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { staticNameWarnings } from "../warnings/kind-warnings.ts";
import type { MutatingAdmissionPolicyBinding } from "../types.ts";
import { paramRefText } from "./policy-columns.ts";
import { validateBindingSpec, validateMutableOperations } from "./policy-validation.ts";

export const mutatingAdmissionPolicyBindingResource = defineResource<MutatingAdmissionPolicyBinding>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "mutatingadmissionpolicybindings",
  kind: "MutatingAdmissionPolicyBinding",
  namespaced: false,
  categories: ["api-extensions"],
  schema: () => loadSchema("admissionregistration.k8s.io/v1/mutating-admission-policy-binding.yaml"),
  strategy: {
    anyFinalizers: true,
    metadataOnUpdate: "new",
    unconditionalUpdate: false,
    warnings: staticNameWarnings,
    hasGeneration: true,
    validate: ({ spec }) => [...validateBindingSpec(spec), ...validateMutableOperations(spec.matchResources, "spec.matchResources")],
  },
  columns: [
    nameColumn,
    { name: "PolicyName", type: "string", description: "Policy that is put into effect.", cell: ({ spec }) => spec.policyName ?? "" },
    { name: "ParamRef", type: "string", description: "Objects that parametrise it.", cell: ({ spec }) => paramRefText(spec.paramRef) },
    ageColumn,
  ],
});
