import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { labelSelectorPredicate, type LabelSelector } from "../../apimachinery/selectors.ts";
import type { PodTemplateSpec } from "../types.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";

/** A workload's selector must choose something, be well-formed, and match the pods that the workload makes. */
export function validateSelector(selector: LabelSelector | undefined, template: PodTemplateSpec, kind = "deployment"): FieldError[] {
  if (selector === undefined) return [requiredField("spec.selector")];
  const isEmpty = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
  if (isEmpty) return [invalidField("spec.selector", selector, `empty selector is invalid for ${kind}`)];
  const errors = validateLabelSelector(selector, "spec.selector");
  const labels = template.metadata?.labels;
  if (errors.length === 0 && !labelSelectorPredicate(selector)(labels)) errors.push(invalidField("spec.template.metadata.labels", labels ?? {}, "`selector` does not match template `labels`"));
  return errors;
}
