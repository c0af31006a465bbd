import {
  duplicateField,
  forbiddenField,
  invalidField,
  invalidFields,
  requiredField,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { dnsLabelProblems, dnsSubdomainProblems, labelValueError, labelValueProblems, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type { LabelKeys } from "../label-key-selectors.ts";
import type {
  Affinity,
  LabelSelector,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from "../types.ts";

export function validateTolerations(tolerations: readonly Toleration[], path: string): FieldError[] {
  return tolerations.flatMap((toleration, index) => {
    const at = `${path}[${index}]`;
    const { key = "", operator = "", value = "", effect = "" } = toleration;
    const errors = key === "" ? [] : keyErrors(key, `${at}.key`);
    if (key === "" && operator !== "Exists")
      errors.push(invalidField(`${at}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'));
    if (toleration.tolerationSeconds !== undefined && effect !== "NoExecute")
      errors.push(invalidField(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    if (operator === "Exists" && value !== "") errors.push(invalidField(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    const problem = operator === "Equal" || operator === "" ? labelValueError(value) : undefined;
    if (problem !== undefined) errors.push(invalidField(`${at}.operator`, value, problem.replace("; ", ";")));
    if (operator === "Lt" || operator === "Gt") errors.push(unsupportedValue(`${at}.operator`, operator, ["Equal", "Exists", "Lt", "Gt"]));
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
    if (!needsValues && operator !== "Exists" && operator !== "DoesNotExist")
      errors.push(invalidField(`${at}.operator`, operator, "not a valid selector operator"));
    else if (!needsValues && values.length > 0)
      errors.push(forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    errors.push(...keyErrors(key, `${at}.key`));
    for (const [v, value] of values.entries()) errors.push(...invalidFields(`${at}.values[${v}]`, value, labelValueProblems(value)));
  }
  return errors;
}

export function validateAffinity({ nodeAffinity, podAffinity, podAntiAffinity }: Affinity, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const nodeAt = `${path}.nodeAffinity`;
  const required = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required !== undefined) errors.push(...validateNodeSelector(required, `${nodeAt}.requiredDuringSchedulingIgnoredDuringExecution`));
  for (const [index, { weight, preference }] of (nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const preferredAt = `${nodeAt}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    // A wish that no node can fulfil does no harm, so its values are anything.
    errors.push(...weightErrors(weight, preferredAt), ...validateNodeTerm(preference, `${preferredAt}.preference`, true));
  }
  for (const [field, affinity] of [
    ["podAffinity", podAffinity],
    ["podAntiAffinity", podAntiAffinity],
  ] as const) {
    const at = `${path}.${field}`;
    errors.push(
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) =>
        validatePodTerm(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`),
      ),
    );
    errors.push(
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ weight, podAffinityTerm }, index) => {
        const preferredAt = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
        return [...weightErrors(weight, preferredAt), ...validatePodTerm(podAffinityTerm, `${preferredAt}.podAffinityTerm`)];
      }),
    );
  }
  return errors;
}

const WEIGHT_MAX = 100;

function weightErrors(weight: number, at: string): FieldError[] {
  return weight >= 1 && weight <= WEIGHT_MAX ? [] : [invalidField(`${at}.weight`, weight, `must be in the range 1-${WEIGHT_MAX}`)];
}

/** A selector of nodes chooses none without a term. */
export function validateNodeSelector(selector: NodeSelector, path: string): FieldError[] {
  const terms = selector.nodeSelectorTerms as readonly NodeSelectorTerm[] | undefined; // absent in bodies that the schema has not finished with
  const at = `${path}.nodeSelectorTerms`;
  if (terms === undefined || terms.length === 0) return [requiredField(at, "must have at least one node selector term")];
  return terms.flatMap((term, index) => validateNodeTerm(term, `${at}[${index}]`));
}

/** `takesAnyValue` leaves values that no label can have. */
function validateNodeTerm(term: NodeSelectorTerm, path: string, takesAnyValue = false): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, index) => validateRequirement(requirement, `${path}.matchExpressions[${index}]`, takesAnyValue)),
    ...(term.matchFields ?? []).flatMap((requirement, index) => validateFieldRequirement(requirement, `${path}.matchFields[${index}]`)),
  ];
}

function validateRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string, takesAnyValue: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if ((operator === "In" || operator === "NotIn") && values.length === 0)
    errors.push(requiredField(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0)
    errors.push(forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  if ((operator === "Gt" || operator === "Lt") && values.length !== 1)
    errors.push(requiredField(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  errors.push(...keyErrors(key, `${path}.key`));
  return takesAnyValue ? errors : [...errors, ...values.flatMap((value, index) => invalidFields(`${path}.values[${index}]`, value, labelValueProblems(value)))];
}

/** Nodes can be chosen by one field only: their name. */
function validateFieldRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== "In" && operator !== "NotIn") errors.push(invalidField(`${path}.operator`, operator, "not a valid selector operator"));
  else if (values.length !== 1)
    errors.push(requiredField(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
  if (key !== "metadata.name") return [...errors, invalidField(`${path}.key`, key, "not a valid field selector key")];
  return [...errors, ...values.flatMap((name, index) => invalidFields(`${path}.values[${index}]`, name, dnsSubdomainProblems(name)))];
}

function validatePodTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey } = term;
  return [
    ...(labelSelector === undefined ? [] : validateLabelSelector(labelSelector, `${path}.labelSelector`)),
    ...(namespaceSelector === undefined ? [] : validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`)),
    ...namespaces.flatMap((name) => invalidFields(`${path}.namespace`, name, dnsLabelProblems(name))),
    ...labelKeyErrors(term, path),
    ...(topologyKey === "" ? [requiredField(`${path}.topologyKey`, "can not be empty")] : []),
    ...keyErrors(topologyKey, `${path}.topologyKey`),
  ];
}

const SPREAD_ACTIONS = ["DoNotSchedule", "ScheduleAnyway"];

/** No two constraints are about the same places in the same way. */
export function validateSpreads(constraints: readonly TopologySpreadConstraint[], path: string): FieldError[] {
  // The last one of its kind is the one that counts.
  const repeats = repeatsOf(constraints.toReversed(), ({ topologyKey, whenUnsatisfiable }) => JSON.stringify([topologyKey, whenUnsatisfiable])).toReversed();
  return constraints.flatMap((constraint, index) => validateSpread(constraint, `${path}[${index}]`, repeats[index] === true));
}

function validateSpread(constraint: TopologySpreadConstraint, path: string, isRepeated: boolean): FieldError[] {
  const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint;
  const errors: FieldError[] = [];
  if (maxSkew <= 0) errors.push(invalidField(`${path}.maxSkew`, maxSkew, "must be greater than zero"));
  if (topologyKey === "") errors.push(requiredField(`${path}.topologyKey`, "can not be empty"));
  if (!SPREAD_ACTIONS.includes(whenUnsatisfiable)) errors.push(unsupportedValue(`${path}.whenUnsatisfiable`, whenUnsatisfiable, SPREAD_ACTIONS));
  if (isRepeated) errors.push(duplicateField(`${path}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`));
  if (minDomains !== undefined) {
    if (minDomains <= 0) errors.push(invalidField(`${path}.minDomains`, minDomains, "must be greater than zero"));
    if (whenUnsatisfiable !== "DoNotSchedule")
      errors.push(invalidField(`${path}.minDomains`, minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`));
  }
  return [
    ...errors,
    ...labelKeyErrors(constraint, path),
    ...(labelSelector === undefined ? [] : validateLabelSelector(labelSelector, `${path}.labelSelector`)),
  ];
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
  const both = matchLabelKeys.flatMap((key, index) =>
    mismatchLabelKeys.includes(key) ? [invalidField(`${path}.matchLabelKeys[${index}]`, key, "exists in both matchLabelKeys and mismatchLabelKeys")] : [],
  );
  return [...names, ...twice, ...both];
}

export function keyErrors(key: string, path: string): FieldError[] {
  return invalidFields(path, key, qualifiedNameProblems(key));
}
