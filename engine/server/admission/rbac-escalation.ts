import type { AdmissionAttributes, AdmissionPlugin } from "../../admission/admission.ts";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, notFound } from "../../apimachinery/status-error.ts";
import type { Authorizer } from "../../auth/authorize.ts";
import { MASTERS_GROUP } from "../../apimachinery/known-users.ts";
import { missingRights } from "../../auth/missing-rights.ts";
import { compactRules, describeRule, quoteList } from "../../auth/policy-rules.ts";
import { knownRules } from "../../auth/rbac-authorizer.ts";
import type { RbacIndex } from "../../auth/rbac-index.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { RBAC_GROUP } from "../../resources/rbac/rule-validation.ts";
import type { AggregationRule, PolicyRule, RoleRef, Subject } from "../../resources/types.ts";

export interface EscalationParts {
  readonly index: RbacIndex;
  readonly authorizer: Authorizer;
  /** Brings the index up with the store. */
  readonly catchUp: () => Promise<void>;
}

type RoleLike = KubeObject & { readonly rules?: readonly PolicyRule[]; readonly aggregationRule?: AggregationRule };
type BindingLike = KubeObject & { readonly roleRef: RoleRef; readonly subjects?: readonly Subject[] };

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/**
 * Nobody grants what he does not hold himself, unless he was given the verbs `escalate` or `bind`. It stands in the chain as a
 * plugin so that it sees what mutation made of the object, but it is no choice: it cannot be switched off.
 */
export function rbacEscalation(parts: EscalationParts): AdmissionPlugin {
  return {
    name: "RBACEscalation",
    async mutate(attributes) {
      const { definition, object, subresource, user } = attributes;
      if (definition.group !== RBAC_GROUP || subresource !== undefined || user.groups.includes(MASTERS_GROUP)) return object;
      if (definition.resource === "roles" || definition.resource === "clusterroles")
        await checkRole(parts, attributes, object as RoleLike); // of those kinds
      else await checkBinding(parts, attributes, object as BindingLike); // the two other kinds of the group
      return object;
    },
  };
}

async function checkRole(parts: EscalationParts, attributes: AdmissionAttributes, role: RoleLike): Promise<void> {
  const old = attributes.old as RoleLike | undefined; // of the same kind as the new one
  if (old !== undefined && jsonEqual(facts(old), facts(role))) return;
  // As upstream: what is created at the address of its kind has no name yet.
  if (await mayDo(parts, attributes, "escalate", attributes.definition.resource, attributes.addressName ?? "")) return;
  await parts.catchUp();
  const problem = escalation(parts.index, attributes.user, attributes.namespace, role.rules ?? []);
  if (problem !== undefined) throw forbidden(attributes.definition, role.metadata.name ?? "", problem);
  // What an aggregated role will hold is decided by labels that others set, and what it holds may not be made less either.
  const isAggregated = [old, role].some((one) => (one?.aggregationRule?.clusterRoleSelectors ?? []).length > 0);
  if (isAggregated && escalation(parts.index, attributes.user, "", EVERYTHING) !== undefined)
    throw forbidden(attributes.definition, role.metadata.name ?? "", "must have cluster-admin privileges to use the aggregationRule");
}

async function checkBinding(parts: EscalationParts, attributes: AdmissionAttributes, binding: BindingLike): Promise<void> {
  const old = attributes.old as BindingLike | undefined; // of the same kind as the new one
  const { roleRef, metadata } = binding;
  if (old !== undefined && jsonEqual(facts(old), facts(binding))) return;
  const resource = roleRef?.kind === "Role" ? "roles" : "clusterroles";
  if (await mayDo(parts, attributes, "bind", resource, roleRef?.name ?? "")) return;
  await parts.catchUp();
  const rules = parts.index.rulesOf(roleRef, attributes.namespace);
  // A reference that is malformed is validation's to refuse.
  if (rules === undefined) {
    if (roleRef?.name && (roleRef.kind === "Role" || roleRef.kind === "ClusterRole")) throw notFound({ group: RBAC_GROUP, resource }, roleRef.name);
    return;
  }
  const problem = escalation(parts.index, attributes.user, attributes.namespace, rules);
  if (problem !== undefined) throw forbidden(attributes.definition, metadata.name ?? "", problem);
}

/** All that is of a writer but what the garbage collector may take away. Labels are rights as well: they choose what is aggregated. */
function facts({ metadata, rules = [], aggregationRule, roleRef, subjects = [] }: RoleLike & Partial<BindingLike>): readonly unknown[] {
  return [metadata.labels ?? {}, metadata.annotations ?? {}, rules, aggregationRule, roleRef, subjects];
}

function mayDo({ authorizer }: EscalationParts, { user, namespace }: AdmissionAttributes, verb: string, resource: string, name: string): Promise<boolean> {
  return authorizer.allows({ is: "resource", user, verb, group: RBAC_GROUP, version: "*", resource, namespace, name });
}

/** Why the user may not hand out these rules, in upstream's words; undefined when they are his own. */
function escalation(index: RbacIndex, user: UserInfo, namespace: string, rules: readonly PolicyRule[]): string | undefined {
  const held = knownRules(index, user, namespace);
  const missing = missingRights(held.rules, rules);
  if (missing.length === 0) return undefined;
  const lines = [...new Set(compactRules(missing).map(describeRule))].sort();
  const unresolved = held.errors.length === 0 ? "" : `; resolution errors: [${held.errors.join(", ")}]`;
  return `user ${JSON.stringify(user.username)} (groups=${quoteList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${lines.join("\n")}${unresolved}`;
}
