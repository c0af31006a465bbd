import type { UserInfo } from "../apimachinery/api-request.ts";
import { formatGroupResource } from "../apimachinery/group-version.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import { policies, type Policy, type Rule } from "./rbac-rules.ts";

/** One request as the authorizer sees it. */
export type AuthorizationAttributes =
  | {
      readonly is: "resource";
      readonly user: UserInfo;
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      /** Empty for cluster-scoped resources and for requests over all namespaces. */
      readonly namespace: string;
      /** Empty for lists, watches and creates. */
      readonly name: string;
      readonly fieldSelector?: string;
    }
  | { readonly is: "path"; readonly user: UserInfo; readonly verb: string; readonly path: string };

/** Decides whether a request may be made; says nothing about its content. */
export interface Authorizer {
  allows(attributes: AuthorizationAttributes): Promise<boolean> | boolean;
}

/** Allows what any of the authorizers allows. */
export function anyAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    async allows(attributes) {
      for (const authorizer of authorizers) if (await authorizer.allows(attributes)) return true;
      return false;
    },
  };
}

/** The members of this group may do everything. */
const MASTERS = "system:masters";

/** Rights by fixed policies, in the shape of RBAC rules (rbac-rules.ts). */
export function policyAuthorizer(list: readonly Policy[] = policies): Authorizer {
  return {
    allows(attributes) {
      const { user } = attributes;
      if (user.groups.includes(MASTERS)) return true;
      return list.some((policy) => appliesTo(policy, user) && policy.rules.some((rule) => covers(rule, attributes)));
    },
  };
}

/** A 403 in upstream's words. */
export function accessDenied(attributes: AuthorizationAttributes): StatusError {
  const user = `User ${JSON.stringify(attributes.user.username)} cannot`;
  if (attributes.is === "path") return new StatusError("Forbidden", `forbidden: ${user} ${attributes.verb} path ${JSON.stringify(attributes.path)}`, {});
  const { verb, group, resource, subresource, namespace, name } = attributes;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const what = formatGroupResource({ group, resource });
  const subject = name === "" ? what : `${what} ${JSON.stringify(name)}`;
  return new StatusError("Forbidden", `${subject} is forbidden: ${user} ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`, {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: resource,
  });
}

function appliesTo(policy: Policy, user: UserInfo): boolean {
  return policy.subjects.some((subject) => (subject.kind === "User" ? subject.name === user.username : user.groups.includes(subject.name)));
}

function covers(rule: Rule, attributes: AuthorizationAttributes): boolean {
  if (!matches(rule.verbs, attributes.verb)) return false;
  if (attributes.is === "path") {
    return (rule.nonResourceURLs ?? []).some((pattern) => pattern === attributes.path || (pattern.endsWith("*") && attributes.path.startsWith(pattern.slice(0, -1))));
  }
  const { group, resource, subresource, namespace, name } = attributes;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  if (!matches(rule.apiGroups ?? [], group)) return false;
  if (!matches(rule.resources ?? [], full) && !(subresource !== undefined && (rule.resources ?? []).includes(`*/${subresource}`))) return false;
  if (rule.resourceNames !== undefined && !rule.resourceNames.includes(name)) return false;
  return rule.namespaces === undefined || rule.namespaces.includes(namespace);
}

function matches(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}
