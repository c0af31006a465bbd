import type { UserInfo } from "../../apimachinery/api-request.ts";
import { domainPrefixedPathErrors } from "../../apimachinery/domain-prefixed-path.ts";
import { MASTERS_GROUP, NODE_NAME_EXTRA, NODE_USER_PREFIX, NODES_GROUP, splitServiceAccountUsername } from "../../apimachinery/known-users.ts";
import { dnsSubdomainError } from "../../apimachinery/names.ts";
import { joinProblems } from "../../apimachinery/status-error.ts";
import type { AuthorizationAttributes } from "../authorize.ts";

const NODE_KEYS_EXTRA = "authentication.kubernetes.io/associated-node-keys";

/** One way of acting as somebody else: for whom it is meant, and what is asked of the authorizer. */
export interface ImpersonationMode {
  /** As it stands in the verbs of the rights; undefined for the older right to act as somebody in everything. */
  readonly name?: "associated-node" | "arbitrary-node" | "serviceaccount" | "user-info";
  covers(wanted: UserInfo, caller: UserInfo): boolean;
  /** Of modes that are for nodes. */
  nodeName?(username: string): string;
  /** Those of everyone whom the mode covers, where they are the same. */
  readonly groups?: readonly string[];
  /** A question to the authorizer, as this mode puts it. */
  seen(attributes: AuthorizationAttributes): AuthorizationAttributes;
}

const nodeNameOf = (username: string): string | undefined => {
  const name = username.startsWith(NODE_USER_PREFIX) ? username.slice(NODE_USER_PREFIX.length) : "";
  return name === "" || dnsSubdomainError(name) !== undefined ? undefined : name;
};
const isNameAlone = ({ uid, groups, extra }: UserInfo): boolean => uid === undefined && groups.length === 0 && extra === undefined;
const asAsked = { seen: (attributes: AuthorizationAttributes) => attributes };
const ofNodes = { nodeName: (username: string) => nodeNameOf(username) ?? "", groups: [NODES_GROUP] };

/** In the order in which they are tried: the narrower right first. */
export const impersonationModes: readonly ImpersonationMode[] = [
  {
    ...asAsked,
    ...ofNodes,
    name: "associated-node",
    covers: (wanted, caller) => {
      const node = nodeNameOf(wanted.username);
      const own = caller.extra?.[NODE_NAME_EXTRA] ?? [];
      return node !== undefined && isNameAlone(wanted) && splitServiceAccountUsername(caller.username) !== undefined && own.length === 1 && own[0] === node;
    },
    // That the account's pod is on the node has been seen to: the right is to be one's own node, whichever that is.
    seen: (attributes) => {
      const user = { ...attributes.user, extra: { [NODE_KEYS_EXTRA]: Object.keys(attributes.user.extra ?? {}).sort() } };
      return attributes.is === "resource" && attributes.verb === "impersonate:associated-node" ? { ...attributes, user, name: "*" } : { ...attributes, user };
    },
  },
  { ...asAsked, ...ofNodes, name: "arbitrary-node", covers: (wanted) => isNameAlone(wanted) && nodeNameOf(wanted.username) !== undefined },
  { ...asAsked, name: "serviceaccount", covers: (wanted) => isNameAlone(wanted) && splitServiceAccountUsername(wanted.username) !== undefined },
  { ...asAsked, name: "user-info", covers: ({ username }) => nodeNameOf(username) === undefined && splitServiceAccountUsername(username) === undefined },
  { ...asAsked, covers: () => true },
];

/** Which of the groups nobody may have by a right for some verbs only, and why. */
export function groupProblem(groups: readonly string[]): { readonly name: string; readonly why: string } | undefined {
  if (groups.includes("")) return { name: "", why: "impersonating the empty string group is not allowed" };
  return groups.includes(MASTERS_GROUP) ? { name: MASTERS_GROUP, why: `impersonating the ${MASTERS_GROUP} group is not allowed` } : undefined;
}

/** The same of extra values. */
export function extraProblem(extra: Readonly<Record<string, readonly string[]>>): string | undefined {
  for (const [key, values] of Object.entries(extra)) {
    if (key === "") return "impersonating the empty string key in extra is not allowed";
    const errors = domainPrefixedPathErrors(key, "extra.key").map(({ field, message }) => `${field}: ${message}`);
    if (errors.length > 0) return `impersonating an invalid key in extra is not allowed: ${joinProblems(errors)}`;
    if (key !== key.toLowerCase()) return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
    if (values.length === 0) return "impersonating empty values in extra is not allowed";
    if (values.includes("")) return "impersonating the empty string value in extra is not allowed";
  }
  return undefined;
}
