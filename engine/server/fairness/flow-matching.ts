import type { UserInfo } from "../../apimachinery/api-request.ts";
import { serviceAccountUsername } from "../../apimachinery/known-users.ts";
import type { FlowSchema, FlowcontrolV1Subject, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule } from "../../resources/types.ts";

/** A request as far as its place in the order of service depends on it. */
export type RequestDigest =
  | {
      readonly is: "resource";
      readonly user: UserInfo;
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace: string;
    }
  | { readonly is: "path"; readonly user: UserInfo; readonly verb: string; readonly path: string };

const ALL = "*";

/** Schemas in the order in which they are asked: the lowest precedence first, then by name. */
export function sortSchemas(schemas: readonly FlowSchema[]): readonly FlowSchema[] {
  return [...schemas].sort(
    (a, b) => (a.spec?.matchingPrecedence ?? 0) - (b.spec?.matchingPrecedence ?? 0) || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1),
  );
}

/** Whether any rule of the schema is about this request. */
export function matchesSchema({ spec }: FlowSchema, digest: RequestDigest): boolean {
  return (spec?.rules ?? []).some((rule) => matchesRule(rule, digest));
}

/** What tells requests of one schema apart: those with the same answer are one flow. */
export function distinguish({ spec }: FlowSchema, digest: RequestDigest): string {
  const method = spec?.distinguisherMethod?.type;
  if (method === "ByUser") return digest.user.username;
  return method === "ByNamespace" && digest.is === "resource" ? digest.namespace : "";
}

function matchesRule({ subjects, resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, digest: RequestDigest): boolean {
  if (!subjects.some((subject) => matchesSubject(subject, digest.user))) return false;
  return digest.is === "resource" ? resourceRules.some((rule) => matchesResource(rule, digest)) : nonResourceRules.some((rule) => matchesPath(rule, digest));
}

function matchesSubject({ kind, user, group, serviceAccount }: FlowcontrolV1Subject, { username, groups }: UserInfo): boolean {
  if (kind === "User") return user !== undefined && (user.name === ALL || user.name === username);
  if (kind === "Group") return group !== undefined && (group.name === ALL || groups.includes(group.name));
  if (kind !== "ServiceAccount" || serviceAccount === undefined) return false;
  const prefix = serviceAccountUsername(serviceAccount.namespace, "");
  return serviceAccount.name === ALL ? username.startsWith(prefix) : username === `${prefix}${serviceAccount.name}`;
}

function matchesResource(
  { verbs, apiGroups, resources, clusterScope = false, namespaces }: ResourcePolicyRule,
  digest: Extract<RequestDigest, { readonly is: "resource" }>,
): boolean {
  const resource = digest.subresource === undefined ? digest.resource : `${digest.resource}/${digest.subresource}`;
  if (!holds(verbs, digest.verb) || !holds(apiGroups, digest.group) || !holds(resources, resource)) return false;
  return digest.namespace === "" ? clusterScope : holds(namespaces ?? [], digest.namespace);
}

function matchesPath({ verbs, nonResourceURLs }: NonResourcePolicyRule, { verb, path }: Extract<RequestDigest, { readonly is: "path" }>): boolean {
  // As upstream's, an address is about all below it, with an asterisk or without.
  return holds(verbs, verb) && nonResourceURLs.some((url) => url === ALL || url === path || path.startsWith(url.replace(/\*$/, "").replace(/\/?$/, "/")));
}

function holds(values: readonly string[], value: string): boolean {
  return values.includes(ALL) || values.includes(value);
}
