import { duplicateField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { staticNameWarnings } from "../warnings/kind-warnings.ts";
import type { AuditAnnotation, ExpressionWarning, ValidatingAdmissionPolicy, Validation } from "../types.ts";
import { compileError, validateMatchConditions, validateVariables } from "./expression-validation.ts";
import { paramKindText } from "./policy-columns.ts";
import { validatingExpressions } from "./policy-expressions.ts";
import { validateConditions } from "../validation/conditions.ts";
import { validatePolicySpec } from "./policy-validation.ts";

const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const AUDIT_ANNOTATIONS_MAX = 20;
const AUDIT_EXPRESSION_BYTES_MAX = 5 * 1024;

export const validatingAdmissionPolicyResource = defineResource<ValidatingAdmissionPolicy>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "validatingadmissionpolicies",
  kind: "ValidatingAdmissionPolicy",
  listKind: "ValidatingAdmissionPolicyList",
  namespaced: false,
  categories: ["api-extensions"],
  schema: () => loadSchema("admissionregistration.k8s.io/v1/validating-admission-policy.yaml"),
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  strategy: {
    anyFinalizers: true,
    metadataOnUpdate: "new",
    unconditionalUpdate: false,
    warnings: staticNameWarnings,
    hasGeneration: true,
    prepareForCreate: ({ status: _status, ...policy }) => ({ ...policy, status: {} }),
    validate: validatePolicy,
    validateStatusUpdate: ({ status }) => [
      ...(status?.typeChecking?.expressionWarnings ?? []).flatMap((warning, index) =>
        validateWarning(warning, `status.typeChecking.expressionWarnings[${index}]`),
      ),
      ...validateConditions(status?.conditions ?? [], "status.conditions"),
    ],
  },
  columns: [
    nameColumn,
    { name: "Validations", type: "integer", description: "How many validations the policy has.", cell: ({ spec }) => (spec.validations ?? []).length },
    { name: "ParamKind", type: "string", description: "Kind of the policy's parameters.", cell: ({ spec }) => paramKindText(spec.paramKind) },
    ageColumn,
  ],
});

function validatePolicy({ metadata, spec }: ValidatingAdmissionPolicy): FieldError[] {
  const { validations = [], auditAnnotations = [] } = spec;
  const scope = { hasParams: spec.paramKind !== undefined };
  const compiled = validatingExpressions(spec);
  const isEmpty = validations.length === 0 && auditAnnotations.length === 0;
  const nothing = "validations or auditAnnotations must contain at least one item";
  const repeats = repeatsOf(auditAnnotations, ({ key }) => key);
  return [
    ...validatePolicySpec(spec),
    ...validateMatchConditions(spec.matchConditions ?? [], scope, "spec.matchConditions"),
    ...validateVariables(spec.variables ?? [], compiled.variables, "spec.variables"),
    ...(isEmpty ? [requiredField("spec.validations", nothing), requiredField("spec.auditAnnotations", nothing)] : []),
    ...validations.flatMap((validation, index) => [
      ...validateValidation(validation, `spec.validations[${index}]`),
      ...(validation.expression.trim() === "" ? [] : compileError(compiled.validations[index]?.expression, `spec.validations[${index}].expression`)),
      ...((validation.messageExpression ?? "").trim() === ""
        ? []
        : compileError(compiled.validations[index]?.message, `spec.validations[${index}].messageExpression`)),
    ]),
    ...(auditAnnotations.length > AUDIT_ANNOTATIONS_MAX
      ? [invalidField("spec.auditAnnotations", auditAnnotations, `must not have more than ${AUDIT_ANNOTATIONS_MAX} auditAnnotations`)]
      : []),
    ...auditAnnotations.flatMap((annotation, index) => [
      ...validateAuditAnnotation(annotation, metadata.name ?? "", `spec.auditAnnotations[${index}]`),
      ...(annotation.valueExpression.trim() === "" ? [] : compileError(compiled.annotations[index]?.value, `spec.auditAnnotations[${index}].valueExpression`)),
      ...(repeats[index] === true ? [duplicateField(`spec.auditAnnotations[${index}].key`, annotation.key)] : []),
    ]),
  ];
}

function validateValidation({ expression, message = "", messageExpression = "", reason }: Validation, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (expression.trim() === "") errors.push(requiredField(`${at}.expression`, "expression is not specified"));
  if (messageExpression !== "" && messageExpression.trim() === "")
    errors.push(invalidField(`${at}.messageExpression`, messageExpression, "must be non-empty if specified"));
  if (message !== "" && message.trim() === "") errors.push(invalidField(`${at}.message`, message, "message must be non-empty if specified"));
  else if (/[\n\r]/.test(message.trim())) errors.push(invalidField(`${at}.message`, message, "must not contain line breaks"));
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(unsupportedValue(`${at}.reason`, reason, REASONS));
  return errors;
}

function validateAuditAnnotation({ key, valueExpression }: AuditAnnotation, policyName: string, at: string): FieldError[] {
  const problem = policyName === "" ? "requires metadata.name be non-empty" : qualifiedNameError(`${policyName}/${key}`);
  const expression = valueExpression.trim();
  return [
    ...(problem === undefined ? [] : [invalidField(`${at}.key`, policyName === "" ? key : `${policyName}/${key}`, problem)]),
    ...(expression === "" ? [requiredField(`${at}.valueExpression`, "valueExpression is not specified")] : []),
    ...(Buffer.byteLength(expression) > AUDIT_EXPRESSION_BYTES_MAX
      ? [requiredField(`${at}.valueExpression`, `must not exceed ${AUDIT_EXPRESSION_BYTES_MAX} bytes in length`)]
      : []),
  ];
}

function validateWarning({ fieldRef, warning }: ExpressionWarning, at: string): FieldError[] {
  return [...(warning === "" ? [requiredField(`${at}.warning`)] : []), ...(fieldRef.trim() === "" ? [requiredField(`${at}.fieldRef`)] : [])];
}
