import { forbiddenField, invalidField, requiredField, requiredName, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsLabelProblems, dnsSubdomainProblems } from "../../apimachinery/names.ts";
import type { FlowcontrolV1Subject, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, ServiceAccountSubject } from "../types.ts";

const ALL = "*";
const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];
const SUBJECT_FIELDS = { User: "user", Group: "group", ServiceAccount: "serviceAccount" } as const;
const SUBJECT_KINDS = Object.keys(SUBJECT_FIELDS).sort();

/** One rule of a FlowSchema: who, and what. */
export function validateRule({ subjects, resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, path: string): FieldError[] {
  return [
    ...(subjects.length === 0 ? [requiredField(`${path}.subjects`, "subjects must contain at least one value")] : []),
    ...subjects.flatMap((subject, index) => validateSubject(subject, `${path}.subjects[${index}]`)),
    ...(resourceRules.length + nonResourceRules.length === 0
      ? [requiredField(path, "at least one of resourceRules and nonResourceRules has to be non-empty")]
      : []),
    ...resourceRules.flatMap((rule, index) => validateResourceRule(rule, `${path}.resourceRules[${index}]`)),
    ...nonResourceRules.flatMap((rule, index) => validatePathRule(rule, `${path}.nonResourceRules[${index}]`)),
  ];
}

function validateSubject(subject: FlowcontrolV1Subject, path: string): FieldError[] {
  const kind = Object.keys(SUBJECT_FIELDS).find((known) => known === subject.kind) as keyof typeof SUBJECT_FIELDS | undefined; // a key of the object
  if (kind === undefined) return [unsupportedValue(`${path}.kind`, subject.kind, SUBJECT_KINDS)];
  const own = SUBJECT_FIELDS[kind];
  const errors: FieldError[] = [];
  if (subject[own] === undefined) errors.push(requiredField(`${path}.${own}`, `${own} is required when subject kind is '${kind}'`));
  else if (subject.kind === "ServiceAccount" && subject.serviceAccount !== undefined)
    errors.push(...validateAccount(subject.serviceAccount, `${path}.serviceAccount`));
  else if (subject[own]?.name === "") errors.push(requiredField(`${path}.${own}.name`));
  for (const [otherKind, other] of Object.entries(SUBJECT_FIELDS)) {
    if (other !== own && subject[other] !== undefined)
      errors.push(forbiddenField(`${path}.${other}`, `${other} is forbidden when subject kind is not '${otherKind}'`));
  }
  return errors;
}

function validateAccount({ namespace, name }: ServiceAccountSubject, path: string): FieldError[] {
  return [
    ...(name === ALL ? [] : requiredName(`${path}.name`, name, dnsSubdomainProblems)),
    ...requiredName(`${path}.namespace`, namespace, dnsLabelProblems, "must specify namespace for service account"),
  ];
}

function validateResourceRule({ verbs, apiGroups, resources, clusterScope = false, namespaces: given }: ResourcePolicyRule, path: string): FieldError[] {
  const namespaces = given ?? [];
  const errors = verbErrors(verbs, `${path}.verbs`);
  if (apiGroups.length === 0) errors.push(requiredField(`${path}.apiGroups`, "resource rules must supply at least one api group"));
  errors.push(...aloneErrors(apiGroups, `${path}.apiGroups`, "api groups"));
  if (resources.length === 0) errors.push(requiredField(`${path}.resources`, "resource rules must supply at least one resource"));
  errors.push(...aloneErrors(resources, `${path}.resources`, "resources"));
  if (namespaces.length === 0 && !clusterScope)
    errors.push(requiredField(`${path}.namespaces`, "resource rules that are not cluster scoped must supply at least one namespace"));
  if (namespaces.includes(ALL)) return [...errors, ...aloneErrors(namespaces, `${path}.namespaces`, "namespaces")];
  for (const [index, namespace] of namespaces.entries()) {
    const problem = dnsLabelError(namespace);
    if (problem !== undefined)
      errors.push(invalidField(`${path}.namespaces[${index}]`, namespace, `each member of this list must be '*' or a DNS-1123 label; ${problem}`));
  }
  return errors;
}

function validatePathRule({ verbs, nonResourceURLs: paths }: NonResourcePolicyRule, path: string): FieldError[] {
  const errors = verbErrors(verbs, `${path}.verbs`);
  if (paths.length === 0) errors.push(requiredField(`${path}.nonResourceURLs`, "nonResourceURLs must contain at least one value"));
  if (paths.includes(ALL)) return [...errors, ...aloneErrors(paths, `${path}.nonResourceURLs`, "non-resource URLs")];
  for (const [index, url] of paths.entries()) {
    const problem = pathProblem(url);
    if (problem !== undefined) errors.push(invalidField(`${path}.nonResourceURLs[${index}]`, url, problem));
  }
  return errors;
}

function verbErrors(verbs: readonly string[], path: string): FieldError[] {
  if (verbs.length === 0) return [requiredField(path, "verbs must contain at least one value")];
  if (verbs.includes(ALL)) return aloneErrors(verbs, path, "verbs");
  return verbs.every((verb) => VERBS.includes(verb)) ? [] : [unsupportedValue(path, verbs, VERBS)];
}

function aloneErrors(values: readonly string[], path: string, what: string): FieldError[] {
  return values.length > 1 && values.includes(ALL) ? [invalidField(path, values, `if '*' is present, must not specify other ${what}`)] : [];
}

function pathProblem(url: string): string | undefined {
  if (url === "") return "must not be empty";
  if (url === "/") return undefined;
  if (!url.startsWith("/")) return "must start with slash";
  if (url.includes(" ")) return "must not contain white-space";
  if (url.includes("//")) return "must not contain double slash";
  const stars = url.split(ALL).length - 1;
  return stars > 1 || (stars === 1 && !url.endsWith("/*")) ? "wildcard can only do suffix matching" : undefined;
}
