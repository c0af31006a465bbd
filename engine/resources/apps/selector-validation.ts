import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { labelSelectorPredicate, type LabelSelector } from "../../apimachinery/selectors.ts";
import { withSortedKeys } from "../../lib/sorted-keys.ts";
import type { PodTemplateSpec } from "../types.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";

/** A workload's selector must choose something, be well-formed, and match the pods that the workload makes. */
export function validateSelector(selector: LabelSelector | undefined, template: PodTemplateSpec, kind = "deployment"): FieldError[] {
  const malformed = malformedErrors(selector);
  return malformed.length > 0 ? malformed : choiceErrors(selector, template, kind);
}

/** The selector, and what `judge` finds in the template unless a malformed selector leaves open which pods are meant. */
export function validateSelected(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  kind: "deployment" | "statefulset",
  judge: () => readonly FieldError[],
): FieldError[] {
  const malformed = malformedErrors(selector);
  if (malformed.length > 0) return [...malformed, invalidField("spec.selector", selector, kind === "statefulset" ? "" : "invalid label selector")];
  return [...choiceErrors(selector, template, kind), ...judge()];
}

function malformedErrors(selector: LabelSelector | undefined): FieldError[] {
  return selector === undefined ? [] : validateLabelSelector(selector, "spec.selector");
}

/** Of a selector that is well-formed: what it chooses. */
function choiceErrors(selector: LabelSelector | undefined, template: PodTemplateSpec, kind: string): FieldError[] {
  if (selector === undefined) return [...(kind === "daemonset" ? [] : [requiredField("spec.selector")]), mismatch(template)];
  if (isEmpty(selector)) return [invalidField("spec.selector", selector, `empty selector is invalid for ${kind}`)];
  return labelSelectorPredicate(selector)(template.metadata?.labels) ? [] : [mismatch(template)];
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

function mismatch(template: PodTemplateSpec): FieldError {
  return invalidField("spec.template.metadata.labels", withSortedKeys(template.metadata?.labels) ?? null, "`selector` does not match template `labels`");
}
