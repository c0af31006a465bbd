import { forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { dnsLabelError, labelValueError, qualifiedNameError } from "../../apimachinery/names.ts";
import type { LabelKeys } from "../label-key-selectors.ts";
import type { Affinity, LabelSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, PodSpec, Toleration, TopologySpreadConstraint } from "../types.ts";

/** Everything in a pod's spec that says where it may run. */
export function validateScheduling(spec: PodSpec, path: string): FieldError[] {
  return [
    ...labelErrors(spec.nodeSelector ?? {}, `${path}.nodeSelector`),
    ...(spec.affinity === undefined ? [] : validateAffinity(spec.affinity, `${path}.affinity`)),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...(spec.topologySpreadConstraints ?? []).flatMap((constraint, index) => validateSpread(constraint, `${path}.topologySpreadConstraints[${index}]`)),
    ...(spec.schedulingGates ?? []).flatMap((gate, index) => keyErrors(gate.name, `${path}.schedulingGates[${index}].name`)),
    ...(spec.readinessGates ?? []).flatMap((gate, index) => keyErrors(gate.conditionType, `${path}.readinessGates[${index}].conditionType`)),
  ];
}

export function validateTolerations(tolerations: readonly Toleration[], path: string): FieldError[] {
  return tolerations.flatMap((toleration, index) => {
    const at = `${path}[${index}]`;
    const { key = "", operator = "", value = "", effect = "" } = toleration;
    const errors = key === "" ? [] : keyErrors(key, `${at}.key`);
    if (key === "" && operator !== "Exists") errors.push(invalidField(`${at}.operator`, operator, "operator must be Exists when `key` is empty, which means \"match all values and all keys\""));
    if (toleration.tolerationSeconds !== undefined && effect !== "NoExecute") errors.push(invalidField(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    if (operator === "Exists" && value !== "") errors.push(invalidField(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    const problem = operator === "Equal" || operator === "" ? labelValueError(value) : undefined;
    if (problem !== undefined) errors.push(invalidField(`${at}.operator`, value, problem));
    return errors;
  });
}

/** A selector as it stands in an object: well-formed keys and values, and values exactly where the operator takes them. */
export function validateLabelSelector(selector: LabelSelector, path: string): FieldError[] {
  const errors = labelErrors(selector.matchLabels ?? {}, `${path}.matchLabels`);
  for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    const needsValues = operator === "In" || operator === "NotIn";
    if (needsValues && values.length === 0) errors.push(requiredField(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    if (!needsValues && values.length > 0) errors.push(forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    errors.push(...keyErrors(key, `${at}.key`));
    for (const [v, value] of values.entries()) {
      const problem = labelValueError(value);
      if (problem !== undefined) errors.push(invalidField(`${at}.values[${v}]`, value, problem));
    }
  }
  return errors;
}

function validateAffinity({ nodeAffinity, podAffinity, podAntiAffinity }: Affinity, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const nodeAt = `${path}.nodeAffinity`;
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const termsAt = `${nodeAt}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
  if (terms?.length === 0) errors.push(requiredField(termsAt, "must have at least one node selector term"));
  errors.push(...(terms ?? []).flatMap((term, index) => validateNodeTerm(term, `${termsAt}[${index}]`)));
  for (const [index, preferred] of (nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    errors.push(...validateNodeTerm(preferred.preference, `${nodeAt}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`));
  }
  for (const [field, affinity] of [["podAffinity", podAffinity], ["podAntiAffinity", podAntiAffinity]] as const) {
    const at = `${path}.${field}`;
    errors.push(...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) => validatePodTerm(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`)));
    errors.push(
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((wish, index) => validatePodTerm(wish.podAffinityTerm, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`)),
    );
  }
  return errors;
}

export function validateNodeTerm(term: NodeSelectorTerm, path: string): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, index) => validateRequirement(requirement, `${path}.matchExpressions[${index}]`)),
    ...(term.matchFields ?? []).flatMap((requirement, index) => validateFieldRequirement(requirement, `${path}.matchFields[${index}]`)),
  ];
}

function validateRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((operator === "In" || operator === "NotIn") && values.length === 0) errors.push(requiredField(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) errors.push(forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  if ((operator === "Gt" || operator === "Lt") && values.length !== 1) errors.push(requiredField(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  return [...errors, ...keyErrors(key, `${path}.key`)];
}

/** Nodes can be chosen by one field only: their name. */
function validateFieldRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== "In" && operator !== "NotIn") errors.push(invalidField(`${path}.operator`, operator, "not a valid selector operator"));
  else if (values.length !== 1) errors.push(requiredField(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
  if (key !== "metadata.name") errors.push(invalidField(`${path}.key`, key, "not a valid field selector key"));
  return errors;
}

function validatePodTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (term.labelSelector !== undefined) errors.push(...validateLabelSelector(term.labelSelector, `${path}.labelSelector`));
  if (term.namespaceSelector !== undefined) errors.push(...validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`));
  for (const name of term.namespaces ?? []) {
    const problem = dnsLabelError(name);
    if (problem !== undefined) errors.push(invalidField(`${path}.namespace`, name, problem));
  }
  errors.push(...labelKeyErrors(term, path));
  if (term.topologyKey === "") return [...errors, requiredField(`${path}.topologyKey`, "can not be empty")];
  return [...errors, ...keyErrors(term.topologyKey, `${path}.topologyKey`)];
}

function validateSpread(constraint: TopologySpreadConstraint, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (constraint.maxSkew <= 0) errors.push(invalidField(`${path}.maxSkew`, constraint.maxSkew, "must be greater than zero"));
  if (constraint.topologyKey === "") errors.push(requiredField(`${path}.topologyKey`, "can not be empty"));
  else errors.push(...keyErrors(constraint.topologyKey, `${path}.topologyKey`));
  if (constraint.whenUnsatisfiable === "") errors.push(unsupportedValue(`${path}.whenUnsatisfiable`, "", ["DoNotSchedule", "ScheduleAnyway"]));
  if (constraint.minDomains !== undefined) {
    if (constraint.minDomains <= 0) errors.push(invalidField(`${path}.minDomains`, constraint.minDomains, "must be greater than zero"));
    if (constraint.whenUnsatisfiable !== "DoNotSchedule") errors.push(invalidField(`${path}.minDomains`, constraint.minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${constraint.whenUnsatisfiable}`));
  }
  if (constraint.labelSelector !== undefined) errors.push(...validateLabelSelector(constraint.labelSelector, `${path}.labelSelector`));
  return [...errors, ...labelKeyErrors(constraint, path)];
}

/** Keys of labels whose values a pod brings itself. Of a pod, the selector holds an expression for each of them already: a second one would be the user's. */
function labelKeyErrors({ labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: LabelKeys, path: string): FieldError[] {
  const names = (["matchLabelKeys", "mismatchLabelKeys"] as const).flatMap((list) => {
    const keys = list === "matchLabelKeys" ? matchLabelKeys : mismatchLabelKeys;
    if (keys.length > 0 && labelSelector === undefined) return [forbiddenField(`${path}.${list}`, "must not be specified when labelSelector is not set")];
    return keys.flatMap((key, index) => keyErrors(key, `${path}.${list}[${index}]`));
  });
  const selected = [...Object.keys(labelSelector?.matchLabels ?? {}), ...(labelSelector?.matchExpressions ?? []).map(({ key }) => key)];
  const twice = matchLabelKeys.flatMap((key, index) => {
    const isTwice = (labelSelector?.matchExpressions ?? []).some((expression) => expression.key === key) && selected.filter((each) => each === key).length > 1;
    return isTwice ? [invalidField(`${path}[${index}]`, key, "exists in both matchLabelKeys and labelSelector")] : [];
  });
  const both = matchLabelKeys.flatMap((key, index) => (mismatchLabelKeys.includes(key) ? [invalidField(`${path}.matchLabelKeys[${index}]`, key, "exists in both matchLabelKeys and mismatchLabelKeys")] : []));
  return [...names, ...twice, ...both];
}

function keyErrors(key: string, path: string): FieldError[] {
  const problem = qualifiedNameError(key);
  return problem === undefined ? [] : [invalidField(path, key, problem)];
}
