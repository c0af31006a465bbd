import { duplicateField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { pathSegmentNameError } from "../../apimachinery/names.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type { MatchResources, NamedRuleWithOperations, RuleWithOperations } from "../types.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";

export const FAILURE_POLICIES = ["Fail", "Ignore"];
export const MATCH_POLICIES = ["Equivalent", "Exact"];
export const REINVOCATION_POLICIES = ["IfNeeded", "Never"];
const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES = ["*", "Cluster", "Namespaced"];

/** The rules that webhooks and policies name resources with; sentences are upstream's. */
export function validateRule(rule: RuleWithOperations, at: string): FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  return [
    ...validateWildcardList(operations, `${at}.operations`, "operations"),
    ...operations.flatMap((operation, index) =>
      OPERATIONS.includes(operation) ? [] : [unsupportedValue(`${at}.operations[${index}]`, operation, OPERATIONS)],
    ),
    ...validateWildcardList(apiGroups, `${at}.apiGroups`, "API groups"),
    ...validateWildcardList(apiVersions, `${at}.apiVersions`, "API versions"),
    ...apiVersions.flatMap((version, index) => (version === "" ? [requiredField(`${at}.apiVersions[${index}]`)] : [])),
    ...validateResources(resources, `${at}.resources`),
    ...(scope === undefined || SCOPES.includes(scope) ? [] : [unsupportedValue(`${at}.scope`, scope, SCOPES)]),
  ];
}

function validateWildcardList(values: readonly string[], at: string, what: string): FieldError[] {
  if (values.length === 0) return [requiredField(at)];
  return values.length > 1 && values.includes("*") ? [invalidField(at, values, `if '*' is present, must not specify other ${what}`)] : [];
}

function validateResources(resources: readonly string[], at: string): FieldError[] {
  if (resources.length === 0) return [requiredField(at)];
  const errors: FieldError[] = [];
  const coveredResources = new Set<string>();
  const coveredSubresources = new Set<string>();
  for (const [index, text] of resources.entries()) {
    if (text === "") errors.push(requiredField(`${at}[${index}]`));
    const slash = text.indexOf("/");
    if (slash < 0) continue;
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    if (coveredResources.has(resource)) errors.push(invalidField(`${at}[${index}]`, text, `if '${resource}/*' is present, must not specify ${text}`));
    if (coveredSubresources.has(subresource)) errors.push(invalidField(`${at}[${index}]`, text, `if '*/${subresource}' is present, must not specify ${text}`));
    if (subresource === "*") coveredResources.add(resource);
    if (resource === "*") coveredSubresources.add(subresource);
  }
  if (resources.length > 1 && resources.includes("*/*")) errors.push(invalidField(at, resources, "if '*/*' is present, must not specify other resources"));
  const plain = resources.filter((text) => text !== "" && !text.includes("/"));
  if (plain.includes("*") && plain.at(-1) !== "*")
    errors.push(invalidField(at, resources, "if '*' is present, must not specify other resources without subresources"));
  return errors;
}

/** Which requests a policy or a binding is about. */
export function validateMatchResources(match: MatchResources, at: string): FieldError[] {
  const { matchPolicy = "", namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = match;
  return [
    ...(MATCH_POLICIES.includes(matchPolicy) ? [] : [unsupportedValue(`${at}.matchPolicy`, matchPolicy, MATCH_POLICIES)]),
    ...(namespaceSelector === undefined ? [requiredField(`${at}.namespaceSelector`)] : validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`)),
    ...(objectSelector === undefined ? [requiredField(`${at}.objectSelector`)] : validateLabelSelector(objectSelector, `${at}.objectSelector`)),
    ...resourceRules.flatMap((rule, index) => validateNamedRule(rule, `${at}.resourceRules[${index}]`)),
    ...excludeResourceRules.flatMap((rule, index) => validateNamedRule(rule, `${at}.excludeResourceRules[${index}]`)),
  ];
}

function validateNamedRule(rule: NamedRuleWithOperations, at: string): FieldError[] {
  const names = rule.resourceNames ?? [];
  const repeats = repeatsOf(names);
  const nameErrors = names.flatMap((name, index) => {
    const problem = pathSegmentNameError(name);
    return [
      ...(problem === undefined ? [] : [invalidField(`${at}.resourceNames[${index}]`, name, problem)]),
      ...(repeats[index] === true ? [duplicateField(`${at}.resourceNames[${index}]`, name)] : []),
    ];
  });
  return [...nameErrors, ...validateRule(rule, at)];
}

/** One of a few words. */
export function validateChoice(value: string | undefined, choices: readonly string[], at: string): FieldError[] {
  if (value === undefined) return [requiredField(at)];
  return choices.includes(value) ? [] : [unsupportedValue(at, value, choices)];
}
