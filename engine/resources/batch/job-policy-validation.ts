import { choiceErrors, duplicateField, invalidField, invalidFields, requiredField, tooLong, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameProblems } from "../../apimachinery/names.ts";
import type { JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicyRule } from "../types.ts";
import { indexCount, parseIndexSet } from "./index-set.ts";

const ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS = ["In", "NotIn"];
const STATUSES = ["False", "True", "Unknown"];
const RULES_MAX = 20;
const PATTERNS_MAX = 20;
const EXIT_CODES_MAX = 255;
const INDEXES_LENGTH_MAX = 65_536;

export function validatePodFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const names = new Set([...(spec.template.spec?.containers ?? []), ...(spec.template.spec?.initContainers ?? [])].map((container) => container.name));
  return [
    ...tooMany(rules.length, RULES_MAX, `${path}.rules`),
    ...rules.flatMap((rule, index) => failureRuleErrors(rule, `${path}.rules[${index}]`, names, spec.backoffLimitPerIndex !== undefined)),
  ];
}

function failureRuleErrors(rule: PodFailurePolicyRule, path: string, names: ReadonlySet<string>, isPerIndex: boolean): FieldError[] {
  const errors: FieldError[] = [];
  errors.push(...choiceErrors(`${path}.action`, rule.action, ACTIONS, oneOf(ACTIONS)));
  if (rule.action === "FailIndex" && !isPerIndex) errors.push(invalidField(`${path}.action`, rule.action, "requires the backoffLimitPerIndex to be set"));
  if (rule.onExitCodes !== undefined) errors.push(...exitCodeErrors(rule.onExitCodes, `${path}.onExitCodes`, names));
  const patterns = rule.onPodConditions ?? [];
  errors.push(...tooMany(patterns.length, PATTERNS_MAX, `${path}.onPodConditions`));
  for (const [index, pattern] of patterns.entries()) {
    const at = `${path}.onPodConditions[${index}]`;
    errors.push(
      ...invalidFields(`${at}.type`, pattern.type, qualifiedNameProblems(pattern.type)),
      ...choiceErrors(`${at}.status`, pattern.status ?? "", STATUSES, oneOf(STATUSES)),
    );
  }
  if (rule.onExitCodes !== undefined && patterns.length > 0) errors.push(invalidRule(path, "specifying both OnExitCodes and OnPodConditions is not supported"));
  if (rule.onExitCodes === undefined && patterns.length === 0) errors.push(invalidRule(path, "specifying one of OnExitCodes and OnPodConditions is required"));
  return errors;
}

function exitCodeErrors(requirement: PodFailurePolicyOnExitCodesRequirement, path: string, names: ReadonlySet<string>): FieldError[] {
  const { containerName, operator, values } = requirement;
  const errors = choiceErrors(`${path}.operator`, operator, OPERATORS, oneOf(OPERATORS));
  if (containerName !== undefined && !names.has(containerName))
    errors.push(invalidField(`${path}.containerName`, containerName, "must be one of the container or initContainer names in the pod template"));
  if (values.length === 0) errors.push(invalidField(`${path}.values`, null, "at least one value is required"));
  errors.push(...tooMany(values.length, EXIT_CODES_MAX, `${path}.values`));
  const seen = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (operator === "In" && value === 0) errors.push(invalidField(`${path}.values[${index}]`, value, "must not be 0 for the In operator"));
    if (seen.has(value)) errors.push(duplicateField(`${path}.values[${index}]`, value));
    seen.add(value);
  }
  const isOrdered = values.every((value, index) => index === 0 || (values[index - 1] ?? 0) <= value);
  return isOrdered ? errors : [...errors, invalidField(`${path}.values`, values, "must be ordered")];
}

export function validateSuccessPolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.successPolicy?.rules ?? [];
  const errors = rules.length === 0 ? [requiredField(`${path}.rules`, "at least one rules must be specified when the successPolicy is specified")] : [];
  return [
    ...errors,
    ...tooMany(rules.length, RULES_MAX, `${path}.rules`),
    ...rules.flatMap((rule, index) => successRuleErrors(rule, `${path}.rules[${index}]`, spec.completions ?? 0)),
  ];
}

function successRuleErrors(rule: SuccessPolicyRule, path: string, completions: number): FieldError[] {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined) errors.push(requiredField(path, "at least one of succeededCount or succeededIndexes must be specified"));
  let total = 0;
  if (indexes !== undefined) {
    if (indexes.length > INDEXES_LENGTH_MAX) errors.push(tooLong(`${path}.succeededIndexes`, INDEXES_LENGTH_MAX));
    try {
      total = indexCount(parseIndexSet(indexes, completions));
    } catch (error) {
      errors.push(invalidField(`${path}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${(error as Error).message}`)); // parseIndexSet throws Errors only
    }
  }
  if (count === undefined) return errors;
  const at = `${path}.succeededCount`;
  if (count < 0) errors.push(invalidField(at, count, "must be greater than or equal to 0"));
  if (count > completions) errors.push(invalidField(at, count, `must be less than or equal to ${completions} (the number of specified completions)`));
  if (indexes !== undefined && count > total)
    errors.push(invalidField(at, count, `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`));
  return errors;
}

function oneOf(choices: readonly string[]): string {
  return `valid values: [${choices.map((choice) => JSON.stringify(choice)).join(" ")}]`;
}

function tooMany(count: number, max: number, path: string): FieldError[] {
  return count <= max ? [] : [{ type: "FieldValueTooMany", field: path, message: `Too many: ${count}: must have at most ${max} items` }];
}

/** Upstream leaves the value out of these two. */
function invalidRule(path: string, detail: string): FieldError {
  return { type: "FieldValueInvalid", field: path, message: `Invalid value: ${detail}` };
}
