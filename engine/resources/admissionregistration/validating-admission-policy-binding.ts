import { invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { staticNameWarnings } from "../warnings/kind-warnings.ts";
import type { ValidatingAdmissionPolicyBinding } from "../types.ts";
import { paramRefText } from "./policy-columns.ts";
import { validateBindingSpec } from "./policy-validation.ts";

const ACTIONS = ["Audit", "Deny", "Warn"];

export const validatingAdmissionPolicyBindingResource = defineResource<ValidatingAdmissionPolicyBinding>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "validatingadmissionpolicybindings",
  kind: "ValidatingAdmissionPolicyBinding",
  namespaced: false,
  categories: ["api-extensions"],
  schema: () => loadSchema("admissionregistration.k8s.io/v1/validating-admission-policy-binding.yaml"),
  strategy: {
    anyFinalizers: true,
    metadataOnUpdate: "new",
    unconditionalUpdate: false,
    warnings: staticNameWarnings,
    hasGeneration: true,
    validate: ({ spec }) => [...validateBindingSpec(spec), ...validateActions(spec.validationActions)],
  },
  columns: [
    nameColumn,
    { name: "PolicyName", type: "string", description: "Policy that is put into effect.", cell: ({ spec }) => spec.policyName },
    { name: "ParamRef", type: "string", description: "Objects that parametrise it.", cell: ({ spec }) => paramRefText(spec.paramRef) },
    ageColumn,
  ],
});

/** That no action is named twice is the schema's to say. */
function validateActions(actions: readonly string[]): FieldError[] {
  const at = "spec.validationActions";
  return [
    ...actions.flatMap((action, index) => (ACTIONS.includes(action) ? [] : [unsupportedValue(`${at}[${index}]`, action, ACTIONS)])),
    ...(actions.includes("Deny") && actions.includes("Warn")
      ? [
          invalidField(
            at,
            actions,
            "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
          ),
        ]
      : []),
    ...(actions.length === 0 ? [requiredField(at, "at least one validation action is required")] : []),
  ];
}
