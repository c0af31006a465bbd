import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { labelSelectorPredicate, type LabelSelector } from "../../apimachinery/selectors.ts";
import type { PodTemplateSpec } from "../types.ts";

/** A workload's selector must choose something, be well-formed, and match the pods that the workload makes. */
export function validateSelector(selector: LabelSelector | undefined, template: PodTemplateSpec): FieldError[] {
  if (selector === undefined) return [requiredField("spec.selector")];
  const isEmpty = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
  if (isEmpty) return [invalidField("spec.selector", selector, "empty selector is invalid for deployment")];
  const errors: FieldError[] = [];
  for (const [index, { operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `spec.selector.matchExpressions[${index}].values`;
    const needsValues = operator === "In" || operator === "NotIn";
    if (needsValues && values.length === 0) errors.push(requiredField(at, "must be specified when `operator` is 'In' or 'NotIn'"));
    if (!needsValues && values.length > 0) errors.push(forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  }
  const labels = template.metadata?.labels;
  if (errors.length === 0 && !labelSelectorPredicate(selector)(labels)) errors.push(invalidField("spec.template.metadata.labels", labels ?? {}, "`selector` does not match template `labels`"));
  return errors;
}
