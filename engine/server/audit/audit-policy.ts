import { ConfigFields } from "../../apimachinery/config-fields.ts";
import { invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainError } from "../../apimachinery/names.ts";
import { parseYamlDocuments } from "../../apimachinery/yaml/yaml.ts";
import type { UserInfo } from "../../apimachinery/api-request.ts";

const AUDIT_LEVELS = ["None", "Metadata", "Request", "RequestResponse"] as const;
const AUDIT_STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type AuditLevel = (typeof AUDIT_LEVELS)[number];
export type AuditStage = (typeof AUDIT_STAGES)[number];

/** `audit.k8s.io/v1` Policy: the first rule that matches a request says what is recorded of it. */
export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly { readonly group?: string; readonly resources?: readonly string[]; readonly resourceNames?: readonly string[] }[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

/** A request as a policy sees it. */
export interface AuditedRequest {
  readonly user: UserInfo | undefined;
  readonly verb: string;
  /** Undefined for paths that are no resources. */
  readonly resource:
    | {
        readonly group: string;
        readonly version: string;
        readonly resource: string;
        readonly subresource: string;
        readonly namespace: string;
        readonly name: string;
      }
    | undefined;
  readonly path: string;
}

export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

/** What is recorded of a request; nothing when no rule is about it. */
export function decideAudit(policy: AuditPolicy, request: AuditedRequest): AuditDecision {
  const rule = policy.rules.find((candidate) => matchesRule(candidate, request));
  return {
    level: rule?.level ?? "None",
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function matchesRule(rule: AuditRule, { user, verb, resource, path }: AuditedRequest): boolean {
  const { users = [], userGroups = [], verbs = [], namespaces = [], resources = [], nonResourceURLs = [] } = rule;
  if (users.length > 0 && !users.includes(user?.username ?? "")) return false;
  if (userGroups.length > 0 && !(user?.groups ?? []).some((group) => userGroups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) {
    if (resource === undefined || (namespaces.length > 0 && !namespaces.includes(resource.namespace))) return false;
    return resources.length === 0 || resources.some((group) => matchesResource(group, resource));
  }
  return nonResourceURLs.length === 0 || (resource === undefined && nonResourceURLs.some((url) => matchesPath(url, path)));
}

function matchesResource(
  { group = "", resources = [], resourceNames = [] }: NonNullable<AuditRule["resources"]>[number],
  asked: NonNullable<AuditedRequest["resource"]>,
): boolean {
  if (group !== "*" && group !== asked.group) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(asked.name)) return false;
  const full = asked.subresource === "" ? asked.resource : `${asked.resource}/${asked.subresource}`;
  return resources.some(
    (pattern) => pattern === "*" || pattern === full || pattern === `${asked.resource}/*` || (asked.subresource !== "" && pattern === `*/${asked.subresource}`),
  );
}

function matchesPath(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1)));
}

const RULE_FIELDS = ["level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages", "omitManagedFields"];

/** Reads a policy file. Throws with every problem for what is none; fields that nobody knows are told and mean nothing, as upstream has it. */
export function parseAuditPolicy(text: string, warn: (text: string) => void = () => {}): AuditPolicy {
  const root = new ConfigFields(parseYamlDocuments(text)[0]?.value, "");
  root.requireKind("Policy", ["audit.k8s.io/v1"]);
  const knownOf = (fields: ConfigFields, known: readonly string[]): ConfigFields => {
    try {
      fields.refuseOthers(known);
    } catch (error) {
      warn(error instanceof Error ? error.message : String(error));
    }
    return fields;
  };
  const policy: AuditPolicy = {
    rules: knownOf(root, ["apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"])
      .list("rules")
      .map((rule) => ruleOf(knownOf(rule, RULE_FIELDS), knownOf)),
    omitStages: root.texts("omitStages") as readonly AuditStage[], // checked below
    omitManagedFields: root.flag("omitManagedFields"),
  };
  if (policy.rules.length === 0) throw new Error("loaded illegal policy with 0 rules");
  const errors = policyErrors(policy);
  if (errors.length > 0) throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join(", "));
  return policy;
}

function ruleOf(fields: ConfigFields, knownOf: (fields: ConfigFields, known: readonly string[]) => ConfigFields): AuditRule {
  const resources = fields.list("resources").map((one) => knownOf(one, ["group", "resources", "resourceNames"]));
  return {
    level: (fields.text("level") ?? "") as AuditLevel, // checked by the caller, as the stages are
    users: fields.texts("users"),
    userGroups: fields.texts("userGroups"),
    verbs: fields.texts("verbs"),
    resources: resources.map((one) => ({ group: one.text("group") ?? "", resources: one.texts("resources"), resourceNames: one.texts("resourceNames") })),
    namespaces: fields.texts("namespaces"),
    nonResourceURLs: fields.texts("nonResourceURLs"),
    omitStages: fields.texts("omitStages") as readonly AuditStage[],
    ...((fields.value("omitManagedFields") ?? undefined) === undefined ? {} : { omitManagedFields: fields.flag("omitManagedFields") }),
  };
}

function policyErrors({ rules, omitStages = [] }: AuditPolicy): readonly FieldError[] {
  return [...stageErrors(omitStages, "omitStages"), ...rules.flatMap((rule, index) => ruleErrors(rule, `rules[${index}]`))];
}

function ruleErrors(rule: AuditRule, at: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  if ((rule.level as string) === "") errors.push(requiredField(`${at}.level`));
  else if (!AUDIT_LEVELS.includes(rule.level)) errors.push(unsupportedValue(`${at}.level`, rule.level, AUDIT_LEVELS));
  for (const [index, url] of (rule.nonResourceURLs ?? []).entries()) {
    if (url === "*") continue;
    if (!url.startsWith("/")) errors.push(invalidField(`${at}.nonResourceURLs[${index}]`, url, "non-resource URL rules must begin with a '/' character"));
    if (url.slice(0, -1).includes("*"))
      errors.push(invalidField(`${at}.nonResourceURLs[${index}]`, url, "non-resource URL wildcards '*' must be the final character of the rule"));
  }
  for (const { group = "", resources = [], resourceNames = [] } of rule.resources ?? []) {
    const problem = group === "" || group === "*" ? undefined : dnsSubdomainError(group);
    if (problem !== undefined || group.includes("/")) errors.push(invalidField(`${at}.resources.group`, group, problem ?? "must not name a version"));
    if (resourceNames.length > 0 && resources.length === 0)
      errors.push(invalidField(`${at}.resources.resourceNames`, resourceNames, "using resourceNames requires at least one resource"));
  }
  const isMixed = (rule.nonResourceURLs ?? []).length > 0 && (rule.resources ?? []).length + (rule.namespaces ?? []).length > 0;
  if (isMixed) errors.push(invalidField(`${at}.nonResourceURLs`, rule.nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"));
  return [...errors, ...stageErrors(rule.omitStages ?? [], `${at}.omitStages`)];
}

function stageErrors(stages: readonly AuditStage[], at: string): readonly FieldError[] {
  return stages.flatMap((stage, index) =>
    AUDIT_STAGES.includes(stage) ? [] : [invalidField(`${at}[${index}]`, stage, `allowed stages are ${AUDIT_STAGES.join(",")}`)],
  );
}
