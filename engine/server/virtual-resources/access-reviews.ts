import type { UserInfo } from "../../apimachinery/api-request.ts";
import { invalid, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { escapeFieldValue } from "../../apimachinery/selectors.ts";
import { badRequest, joinProblems } from "../../apimachinery/status-error.ts";
import type { AuthorizationAttributes } from "../../auth/authorize.ts";
import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from "../../resources/types.ts";
import type { ServerParts } from "../exchange.ts";

const GROUP = "authorization.k8s.io";

/** May the one who asks do it? */
export function reviewSelf(parts: ServerParts, user: UserInfo, { metadata, spec }: SelfSubjectAccessReview): Promise<object> {
  refuse([...targetErrors(spec), ...metadataErrors(metadata)]);
  return decide(parts, user, spec);
}

/** May somebody do it? */
export function reviewSubject(parts: ServerParts, { metadata, spec }: SubjectAccessReview): Promise<object> {
  refuse([...targetErrors(spec), ...subjectErrors(spec), ...metadataErrors(metadata)]);
  return decide(parts, userOf(spec), spec);
}

/** May somebody do it in the namespace that the request went to? */
export function reviewLocally(parts: ServerParts, namespace: string, { metadata = {}, spec }: LocalSubjectAccessReview): Promise<object> {
  const { namespace: _placed, ...others } = metadata;
  refuse([
    ...targetErrors(spec),
    ...subjectErrors(spec),
    ...metadataErrors(others, " except for namespace", metadata),
    ...(spec.resourceAttributes !== undefined && (spec.resourceAttributes.namespace ?? "") !== namespace
      ? [invalidField("spec.resourceAttributes.namespace", spec.resourceAttributes.namespace ?? "", "must match metadata.namespace")]
      : []),
    ...(spec.nonResourceAttributes === undefined
      ? []
      : [invalidField("spec.nonResourceAttributes", spec.nonResourceAttributes, "disallowed on this kind of request")]),
  ]);
  return decide(parts, userOf(spec), spec);
}

/** Everything that the one who asks may do in a namespace, as far as authorizers can list it. */
export async function reviewRules({ authorizer }: ServerParts, user: UserInfo, { spec }: SelfSubjectRulesReview): Promise<object> {
  if (!spec.namespace) throw badRequest("no namespace on request");
  const { rules, incomplete, errors } = await authorizer.rulesFor(user, spec.namespace);
  return {
    resourceRules: rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames.length === 0 ? {} : { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
    incomplete,
    ...(errors.length === 0 ? {} : { evaluationError: joinProblems(errors) }),
  };
}

async function decide({ authorizer }: ServerParts, user: UserInfo, target: Target): Promise<object> {
  const { is, reason } = await authorizer.decide(attributesOf(user, target));
  return { allowed: is === "allow", ...(is === "deny" ? { denied: true } : {}), ...(reason === "" ? {} : { reason }) };
}

interface Target {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

function attributesOf(user: UserInfo, { resourceAttributes: asked, nonResourceAttributes: path }: Target): AuthorizationAttributes {
  if (asked === undefined) return { is: "path", user, verb: path?.verb ?? "", path: path?.path ?? "" };
  const { verb = "", group = "", version = "", resource = "", subresource, namespace = "", name = "", fieldSelector, labelSelector } = asked;
  const fields = fieldSelector?.rawSelector ?? fieldText(fieldSelector?.requirements ?? []);
  const labels = labelSelector?.rawSelector ?? labelText(labelSelector?.requirements ?? []);
  return {
    is: "resource",
    user,
    verb,
    group,
    version,
    resource,
    namespace,
    name,
    ...(subresource ? { subresource } : {}),
    ...(fields === "" ? {} : { fieldSelector: fields }),
    ...(labels === "" ? {} : { labelSelector: labels }),
  };
}

interface SelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Requirements as they would stand in a query. What a field selector cannot say is left out, which asks for more. */
function fieldText(requirements: readonly SelectorRequirement[]): string {
  return requirements
    .filter(({ operator, values = [] }) => (operator === "In" || operator === "NotIn") && values.length === 1)
    .map(({ key, operator, values = [] }) => `${key}${operator === "In" ? "=" : "!="}${escapeFieldValue(values[0] ?? "")}`)
    .join(",");
}

function labelText(requirements: readonly SelectorRequirement[]): string {
  const one = ({ key, operator, values = [] }: SelectorRequirement) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
  };
  return requirements.map(one).join(",");
}

function userOf({ user = "", groups = [], uid, extra }: SubjectAccessReviewSpec): UserInfo {
  return { username: user, groups, ...(uid ? { uid } : {}), ...(extra === undefined ? {} : { extra }) };
}

function targetErrors({ resourceAttributes: asked, nonResourceAttributes: path }: Target): FieldError[] {
  if (asked !== undefined && path !== undefined)
    return [invalidField("spec.nonResourceAttributes", path, "cannot be specified in combination with resourceAttributes")];
  if (asked === undefined && path === undefined)
    return [invalidField("spec.resourceAttributes", null, "exactly one of nonResourceAttributes or resourceAttributes must be specified")];
  return (["fieldSelector", "labelSelector"] as const).flatMap((name) => {
    const selector = asked?.[name];
    if (selector === undefined) return [];
    const at = `spec.resourceAttributes.${name}`;
    const hasRequirements = (selector.requirements ?? []).length > 0;
    if (!selector.rawSelector && !hasRequirements)
      return [requiredField(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`)];
    if (!selector.rawSelector || !hasRequirements) return [];
    return [invalidField(`${at}.rawSelector`, selector.rawSelector, "may not specified at the same time as requirements")];
  });
}

function subjectErrors({ user = "", groups = [] }: SubjectAccessReviewSpec): FieldError[] {
  return user === "" && groups.length === 0 ? [invalidField("spec.user", user, "at least one of user or group must be specified")] : [];
}

/** A question has no name and no marks: it is not kept. */
function metadataErrors(metadata: object = {}, except = "", shown = metadata): FieldError[] {
  const isEmpty = Object.entries(metadata).every(([name, value]) => name === "managedFields" || value === undefined);
  return isEmpty ? [] : [invalidField("metadata", shown, `must be empty${except}`)];
}

/** Upstream leaves the kind out. */
function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(GROUP, "", "", errors);
}
