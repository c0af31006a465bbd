import type { UserInfo } from "./api-request.ts";

/** Names of users and groups that the system itself gives a meaning. */
export const SCHEDULER_USER = "system:kube-scheduler";
export const CONTROLLER_USER = "system:kube-controller-manager";
export const GITOPS_USER = "mainstay:gitops";
export const ANONYMOUS_USER = "system:anonymous";

/** Its members may do everything, whatever roles and bindings say. */
export const MASTERS_GROUP = "system:masters";
/** Its members may read what is said about the health of the server. */
export const MONITORING_GROUP = "system:monitoring";
export const NODES_GROUP = "system:nodes";
export const JOINERS_GROUP = "system:bootstrappers";
/** Servers that join the control plane; they get its keys. */
export const SERVERS_GROUP = "mainstay:servers";
export const AUTHENTICATED_GROUP = "system:authenticated";
export const UNAUTHENTICATED_GROUP = "system:unauthenticated";
export const SERVICE_ACCOUNTS_GROUP = "system:serviceaccounts";

/** Before a node's name in that of its agent. */
export const NODE_USER_PREFIX = "system:node:";
const ACCOUNT_PREFIX = "system:serviceaccount:";

/** Under this key of a user's extra values stands the node of the pod whose token he showed. */
export const NODE_NAME_EXTRA = "authentication.kubernetes.io/node-name";

export function nodeUsername(nodeName: string): string {
  return `${NODE_USER_PREFIX}${nodeName}`;
}

/** The name of the node whose credentials these are; undefined for all other users. */
export function nodeNameOf(user: { readonly username: string; readonly groups: readonly string[] }): string | undefined {
  return user.username.startsWith(NODE_USER_PREFIX) && user.groups.includes(NODES_GROUP) ? user.username.slice(NODE_USER_PREFIX.length) : undefined;
}

export function serviceAccountUsername(namespace: string, name: string): string {
  return `${ACCOUNT_PREFIX}${namespace}:${name}`;
}

/** The groups of every service account of a namespace, as its tokens give them. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return [SERVICE_ACCOUNTS_GROUP, `${SERVICE_ACCOUNTS_GROUP}:${namespace}`];
}

/** A service account as it is authenticated, as far as that follows from its name. */
export function serviceAccountUser({ namespace, name }: { readonly namespace: string; readonly name: string }): UserInfo {
  return { username: serviceAccountUsername(namespace, name), groups: [...serviceAccountGroups(namespace), AUTHENTICATED_GROUP] };
}

/** The account behind a username; undefined for other users. */
export function splitServiceAccountUsername(username: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!username.startsWith(ACCOUNT_PREFIX)) return undefined;
  const [namespace = "", name = "", ...more] = username.slice(ACCOUNT_PREFIX.length).split(":");
  return namespace === "" || name === "" || more.length > 0 ? undefined : { namespace, name };
}

/** The server's own identity. */
export const API_SERVER_USER = { username: "system:apiserver", groups: [MASTERS_GROUP, AUTHENTICATED_GROUP] };
