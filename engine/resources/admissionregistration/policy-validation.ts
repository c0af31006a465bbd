import { forbiddenField, invalidField, requiredField, requiredName, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../apimachinery/group-version.ts";
import { dns1035LabelError, dnsSubdomainError, dnsSubdomainProblems, pathSegmentNameError } from "../../apimachinery/names.ts";
import type { MatchResources, ParamKind, ParamRef } from "../types.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";
import { FAILURE_POLICIES, validateChoice, validateMatchResources } from "./rule-validation.ts";

const MUTABLE_OPERATIONS = ["*", "CONNECT", "CREATE", "UPDATE"];
const NOT_FOUND_ACTIONS = ["Deny", "Allow"];

interface CommonSpec {
  readonly failurePolicy?: string;
  readonly paramKind?: ParamKind;
  readonly matchConstraints?: MatchResources;
}

/** What both kinds of policies say about themselves before their expressions; sentences are upstream's. */
export function validatePolicySpec({ failurePolicy, paramKind, matchConstraints }: CommonSpec): FieldError[] {
  return [
    ...validateChoice(failurePolicy, FAILURE_POLICIES, "spec.failurePolicy"),
    ...(paramKind === undefined ? [] : validateParamKind(paramKind, "spec.paramKind")),
    ...(matchConstraints === undefined ? [requiredField("spec.matchConstraints")] : validateMatchResources(matchConstraints, "spec.matchConstraints")),
    ...(matchConstraints !== undefined && (matchConstraints.resourceRules ?? []).length === 0 ? [requiredField("spec.matchConstraints.resourceRules")] : []),
  ];
}

/** What is deleted cannot be changed on its way. */
export function validateMutableOperations(match: MatchResources | undefined, at: string): FieldError[] {
  const operations = (match?.resourceRules ?? []).flatMap((rule) => rule.operations ?? []);
  return operations
    .filter((operation) => !MUTABLE_OPERATIONS.includes(operation))
    .map((operation) => unsupportedValue(`${at}.resourceRules.operations`, operation, MUTABLE_OPERATIONS));
}

interface BindingSpec {
  readonly policyName?: string;
  readonly paramRef?: ParamRef;
  readonly matchResources?: MatchResources;
}

/** What both kinds of bindings have in common. */
export function validateBindingSpec({ policyName = "", paramRef, matchResources }: BindingSpec): FieldError[] {
  return [
    ...requiredName("spec.policyName", policyName, dnsSubdomainProblems),
    ...(paramRef === undefined ? [] : validateParamRef(paramRef, "spec.paramRef")),
    ...(matchResources === undefined ? [] : validateMatchResources(matchResources, "spec.matchResources")),
  ];
}

function validateParamKind({ apiVersion = "", kind = "" }: ParamKind, at: string): FieldError[] {
  const kindProblem = dns1035LabelError(kind.toLowerCase());
  return [
    ...validateParamVersion(apiVersion, `${at}.apiVersion`),
    ...(kind === ""
      ? [requiredField(`${at}.kind`)]
      : kindProblem === undefined
        ? []
        : [invalidField(`${at}.kind`, kind, `may have mixed case, but should otherwise match: ${kindProblem}`)]),
  ];
}

function validateParamVersion(text: string, at: string): FieldError[] {
  if (text === "") return [requiredField(at)];
  if (text.split("/").length > 2) return [invalidField(at, text, `unexpected GroupVersion string: ${text}`)];
  const { group, version } = parseApiVersion(text);
  const groupProblem = group === "" ? undefined : dnsSubdomainError(group);
  const versionProblem = dns1035LabelError(version);
  return [
    ...(groupProblem === undefined ? [] : [invalidField(at, group, groupProblem)]),
    ...(version === ""
      ? [invalidField(at, text, "version must be specified")]
      : versionProblem === undefined
        ? []
        : [invalidField(at, version, versionProblem)]),
  ];
}

function validateParamRef({ name = "", selector, parameterNotFoundAction = "" }: ParamRef, at: string): FieldError[] {
  const problem = name === "" ? undefined : pathSegmentNameError(name);
  const isBoth = name !== "" && selector !== undefined;
  return [
    ...(problem === undefined ? [] : [invalidField(`${at}.name`, name, problem)]),
    ...(isBoth ? [forbiddenField(`${at}.name`, "name and selector are mutually exclusive")] : []),
    ...(selector === undefined ? [] : validateLabelSelector(selector, `${at}.selector`)),
    ...(isBoth ? [forbiddenField(`${at}.selector`, "name and selector are mutually exclusive")] : []),
    ...(name === "" && selector === undefined ? [requiredField(at, "one of name or selector must be specified")] : []),
    ...(parameterNotFoundAction === ""
      ? [requiredField(`${at}.parameterNotFoundAction`)]
      : NOT_FOUND_ACTIONS.includes(parameterNotFoundAction)
        ? []
        : [unsupportedValue(`${at}.parameterNotFoundAction`, parameterNotFoundAction, NOT_FOUND_ACTIONS)]),
  ];
}
