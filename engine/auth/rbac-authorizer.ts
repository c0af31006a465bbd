import type { UserInfo } from "../apimachinery/api-request.ts";
import { joinProblems } from "../apimachinery/status-error.ts";
import type { AuthorizationMode, Decision, KnownRules } from "./authorize.ts";
import { ruleAllows } from "./policy-rules.ts";
import type { Grant, RbacIndex } from "./rbac-index.ts";

/**
 * Allows what roles allow to whom bindings bind them. Before it says no, `catchUp` brings the index up with the store: a right that
 * was granted a moment ago, perhaps at another server, counts.
 */
export function rbacMode(index: RbacIndex, catchUp: () => Promise<void>): AuthorizationMode {
  const decide = (attributes: Parameters<AuthorizationMode["decide"]>[0]): Decision => {
    const missing: string[] = [];
    for (const grant of index.grantsOf(attributes.user, attributes.is === "resource" ? attributes.namespace : "")) {
      if (grant.rules === undefined) missing.push(missingRole(grant));
      else if (grant.rules.some((rule) => ruleAllows(rule, attributes))) return { is: "allow", reason: `RBAC: allowed by ${describeGrant(grant)}` };
    }
    return { is: "none", reason: missing.length === 0 ? "" : `RBAC: ${joinProblems(missing)}` };
  };
  return {
    type: "RBAC",
    async decide(attributes) {
      const decision = decide(attributes);
      if (decision.is === "allow") return decision;
      await catchUp();
      return decide(attributes);
    },
    async rulesFor(user, namespace) {
      await catchUp();
      return knownRules(index, user, namespace);
    },
  };
}

/** All rules that apply to a user in a namespace, and what is wrong with their roles. */
export function knownRules(index: RbacIndex, user: UserInfo, namespace: string): KnownRules {
  const grants = [...index.grantsOf(user, namespace)];
  return { rules: grants.flatMap(({ rules = [] }) => rules), incomplete: false, errors: grants.filter(({ rules }) => rules === undefined).map(missingRole) };
}

function missingRole({ binding: { roleRef } }: Grant): string {
  return `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(roleRef.name)} not found`;
}

function describeGrant({ binding: { kind, metadata, roleRef }, subject }: Grant): string {
  const { name = "", namespace } = metadata;
  const who = subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace || (namespace ?? "")}` : subject.name;
  return `${kind} ${JSON.stringify(namespace === undefined ? name : `${name}/${namespace}`)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}
