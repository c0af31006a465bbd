import type { UserInfo } from "../apimachinery/api-request.ts";
import { formatGroupResource } from "../apimachinery/group-version.ts";
import type { RequestNotes } from "../apimachinery/request-notes.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import type { PolicyRule } from "../resources/types.ts";
import type { AuthorizationMetrics } from "./auth-metrics.ts";
import { MASTERS_GROUP } from "../apimachinery/known-users.ts";

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
      readonly version?: string;
      readonly fieldSelector?: string;
      readonly labelSelector?: string;
    }
  | { readonly is: "path"; readonly user: UserInfo; readonly verb: string; readonly path: string };

/** `none`: somebody else may know better. A reason is for people; of a denial it becomes part of the answer. */
export interface Decision {
  readonly is: "allow" | "deny" | "none";
  readonly reason: string;
}

export const NO_OPINION: Decision = { is: "none", reason: "" };

/** What an authorizer can say about a user's rights in a namespace without being asked about each. */
export interface KnownRules {
  readonly rules: readonly PolicyRule[];
  /** More may be allowed than is listed. */
  readonly incomplete: boolean;
  readonly errors: readonly string[];
}

/** Ways of deciding, as upstream's option names them. */
export const AUTHORIZER_TYPES = ["Node", "RBAC", "ABAC", "Webhook", "AlwaysAllow", "AlwaysDeny"] as const;

export type AuthorizerType = (typeof AUTHORIZER_TYPES)[number];

/** One way of deciding. */
export interface AuthorizationMode {
  /** What has none is not counted. */
  readonly type?: AuthorizerType;
  /** Tells several of one type apart; the type's when absent. */
  readonly name?: string;
  decide(attributes: AuthorizationAttributes): Promise<Decision> | Decision;
  rulesFor?(user: UserInfo, namespace: string): Promise<KnownRules> | KnownRules;
}

/** Decides whether a request may be made; says nothing about its content. */
export interface Authorizer {
  decide(attributes: AuthorizationAttributes): Promise<Decision>;
  allows(attributes: AuthorizationAttributes): Promise<boolean>;
  rulesFor(user: UserInfo, namespace: string): Promise<KnownRules>;
  readonly metrics?: AuthorizationMetrics | undefined;
}

/**
 * Asks the modes, those of the moment where they may change, in their order; the first that allows or denies decides. The reasons of all
 * that had no opinion are kept.
 */
export function createAuthorizer(modes: readonly AuthorizationMode[] | (() => readonly AuthorizationMode[]), metrics?: AuthorizationMetrics): Authorizer {
  const current = typeof modes === "function" ? modes : () => modes;
  const decide = async (attributes: AuthorizationAttributes): Promise<Decision> => {
    const reasons: string[] = [];
    const first = mastersMode.decide(attributes);
    if (first.is === "allow") return first;
    for (const mode of current()) {
      const deciding = mode.decide(attributes);
      const decision = deciding instanceof Promise ? await deciding : deciding;
      if (mode.type !== undefined) metrics?.decided(mode, decision);
      if (decision.is !== "none") return decision;
      if (decision.reason !== "") reasons.push(decision.reason);
    }
    return { is: "none", reason: reasons.join("\n") };
  };
  return {
    metrics,
    decide,
    allows: async (attributes) => (await decide(attributes)).is === "allow",
    async rulesFor(user, namespace) {
      const parts = await Promise.all(current().map((mode) => mode.rulesFor?.(user, namespace) ?? { rules: [], incomplete: false, errors: [] }));
      return {
        rules: parts.flatMap(({ rules }) => rules),
        incomplete: parts.some(({ incomplete }) => incomplete),
        errors: parts.flatMap(({ errors }) => errors),
      };
    },
  };
}

/** So that a cluster whose roles are broken can be repaired. */
const mastersMode = {
  decide: ({ user }: AuthorizationAttributes): Decision => (user.groups.includes(MASTERS_GROUP) ? { is: "allow", reason: "" } : NO_OPINION),
};

export const alwaysAllowMode: AuthorizationMode = {
  type: "AlwaysAllow",
  decide: () => ({ is: "allow", reason: "" }),
  rulesFor: () => ({
    rules: [
      { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
      { verbs: ["*"], nonResourceURLs: ["*"] },
    ],
    incomplete: false,
    errors: [],
  }),
};

export const alwaysDenyMode: AuthorizationMode = { type: "AlwaysDeny", decide: () => ({ is: "none", reason: "Everything is forbidden." }) };

/** Throws a 403 unless the request is allowed. What was decided, and why, is noted for the audit log. */
export async function requireAllowed(authorizer: Authorizer, attributes: AuthorizationAttributes, notes?: RequestNotes): Promise<void> {
  const end = authorizer.metrics?.begin();
  const { is, reason } = await authorizer.decide(attributes).catch((error: unknown) => {
    end?.("error");
    throw error;
  });
  end?.(is);
  notes?.annotate("authorization.k8s.io/decision", is === "allow" ? "allow" : "forbid");
  notes?.annotate("authorization.k8s.io/reason", reason);
  if (is !== "allow") throw accessDenied(attributes, reason);
}

/** A 403 in upstream's words. */
export function accessDenied(attributes: AuthorizationAttributes, reason = ""): StatusError {
  const user = `User ${JSON.stringify(attributes.user.username)} cannot`;
  const because = reason === "" ? "" : `: ${reason}`;
  if (attributes.is === "path")
    return new StatusError("Forbidden", `forbidden: ${user} ${attributes.verb} path ${JSON.stringify(attributes.path)}${because}`, {});
  const { verb, group, resource, subresource, namespace, name } = attributes;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const what = formatGroupResource({ group, resource });
  const subject = name === "" ? what : `${what} ${JSON.stringify(name)}`;
  return new StatusError(
    "Forbidden",
    `${subject} is forbidden: ${user} ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}${because}`,
    {
      ...(name === "" ? {} : { name }),
      ...(group === "" ? {} : { group }),
      kind: resource,
    },
  );
}
