import { isIP } from "node:net";
import { invalidField, requiredField, requiredName, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainError, pathSegmentNameProblems, wildcardSubdomainError } from "../../apimachinery/names.ts";
import type { HTTPIngressPath, IngressBackend, IngressRule, IngressSpec, TypedLocalObjectReference } from "../types.ts";
import { portNameErrors } from "./port-name.ts";

/** Kept working where they were stored before the rule was made. */
export interface IngressAllowances {
  readonly wildcardRules: boolean;
  readonly secretNames: boolean;
}

const PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"];
const FORBIDDEN_PARTS = ["//", "/./", "/../", "%2f", "%2F"];
const FORBIDDEN_ENDS = ["/..", "/."];

/** Rules of an Ingress beyond its schema. */
export function validateIngressSpec(spec: IngressSpec, allow: IngressAllowances = { wildcardRules: false, secretNames: false }): FieldError[] {
  const rules = spec.rules ?? [];
  const errors: FieldError[] = [];
  if (rules.length === 0 && spec.defaultBackend === undefined)
    errors.push(invalidField("spec", spec.rules, "either `defaultBackend` or `rules` must be specified"));
  if (spec.defaultBackend !== undefined) errors.push(...validateBackend(spec.defaultBackend, "spec.defaultBackend"));
  for (const [index, rule] of rules.entries()) {
    const at = `spec.rules[${index}]`;
    const isWildcard = (rule.host ?? "").includes("*");
    if (rule.host) {
      if (isIP(rule.host) !== 0) errors.push(invalidField(`${at}.host`, rule.host, "must be a DNS name, not an IP address"));
      errors.push(...hostErrors(rule.host, `${at}.host`));
    }
    if (!isWildcard || !allow.wildcardRules) errors.push(...validateRule(rule, at));
  }
  for (const [index, { hosts = [], secretName = "" }] of (spec.tls ?? []).entries()) {
    const at = `spec.tls[${index}]`;
    errors.push(...hosts.flatMap((host, h) => hostErrors(host, `${at}.hosts[${h}]`)));
    const problem = secretName === "" || allow.secretNames ? undefined : dnsSubdomainError(secretName);
    if (problem !== undefined) errors.push(invalidField(`${at}.secretName`, secretName, problem));
  }
  const classProblem = spec.ingressClassName === undefined ? undefined : dnsSubdomainError(spec.ingressClassName);
  if (classProblem !== undefined) errors.push(invalidField("spec.ingressClassName", spec.ingressClassName, classProblem));
  return errors;
}

/** What is behind a rule's host. */
export function validateRule(rule: IngressRule, path: string): FieldError[] {
  if (rule.http === undefined) return [];
  const { paths } = rule.http;
  if (paths.length === 0) return [requiredField(`${path}.http.paths`)];
  return paths.flatMap((one, index) => validatePath(one, `${path}.http.paths[${index}]`));
}

/** A host name, whose first label may be a star. */
export function hostErrors(host: string, path: string): FieldError[] {
  const problem = host.includes("*") ? wildcardSubdomainError(host) : dnsSubdomainError(host);
  return problem === undefined ? [] : [invalidField(path, host, problem)];
}

function validatePath({ path: text = "", pathType, backend }: HTTPIngressPath, path: string): FieldError[] {
  if (pathType === undefined) return [requiredField(`${path}.pathType`, "pathType must be specified")];
  const errors: FieldError[] = [];
  const isAbsolute = text.startsWith("/");
  if (!PATH_TYPES.includes(pathType)) errors.push(unsupportedValue(`${path}.pathType`, pathType, PATH_TYPES));
  else if (pathType === "ImplementationSpecific") {
    if (text !== "" && !isAbsolute) errors.push(invalidField(`${path}.path`, text, "must be an absolute path"));
  } else {
    if (!isAbsolute) errors.push(invalidField(`${path}.path`, text, "must be an absolute path"));
    for (const part of FORBIDDEN_PARTS) if (text.includes(part)) errors.push(invalidField(`${path}.path`, text, `must not contain '${part}'`));
    for (const end of FORBIDDEN_ENDS) if (text.endsWith(end)) errors.push(invalidField(`${path}.path`, text, `cannot end with '${end}'`));
  }
  return [...errors, ...validateBackend(backend, `${path}.backend`)];
}

function validateBackend({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service !== undefined && resource !== undefined) return [invalidField(path, "", "cannot set both resource and service backends")];
  if (resource !== undefined) return validateReference(resource, `${path}.resource`);
  if (service === undefined) return [invalidField(path, "", "resource or service backend is required")];
  const errors = requiredName(`${path}.service.name`, service.name, dnsLabelProblems);
  const { name = "", number = 0 } = service.port ?? {};
  if (name !== "" && number !== 0) errors.push(invalidField(path, "", "cannot set both port name & port number"));
  else if (name !== "") errors.push(...portNameErrors(name).map((why) => invalidField(`${path}.service.port.name`, name, why)));
  else if (number === 0) errors.push(requiredField(path, "port name or number is required"));
  else if (number < 1 || number > 65_535) errors.push(invalidField(`${path}.service.port.number`, number, "must be between 1 and 65535, inclusive"));
  return errors;
}

function validateReference({ apiGroup, kind, name }: TypedLocalObjectReference, path: string): FieldError[] {
  return [...groupErrors(apiGroup, `${path}.apiGroup`), ...segmentErrors(kind, `${path}.kind`), ...segmentErrors(name, `${path}.name`)];
}

export function groupErrors(group: string | null | undefined, path: string): FieldError[] {
  const problem = group === undefined || group === null ? undefined : dnsSubdomainError(group);
  return problem === undefined ? [] : [invalidField(path, group, problem)];
}

/** A text that has to be there and fit into a URL. */
export function segmentErrors(text: string, path: string): FieldError[] {
  return requiredName(path, text, pathSegmentNameProblems);
}
