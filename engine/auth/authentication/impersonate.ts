import type { UserInfo } from "../../apimachinery/api-request.ts";
import { internalError } from "../../apimachinery/status-error.ts";
import { requireAllowed, type Authorizer } from "../authorize.ts";
import { ANONYMOUS_USER, AUTHENTICATED_GROUP, serviceAccountGroups, splitServiceAccountUsername, UNAUTHENTICATED_GROUP } from "../known-users.ts";
import { decodeKey, valuesOf, type Headers } from "./request-header.ts";

const EXTRA_PREFIX = "impersonate-extra-";
const AUTHENTICATION_GROUP = "authentication.k8s.io";

/** The user that `Impersonate-*` headers ask for, when the caller may be that user in every respect; else the caller. Throws a 403. */
export async function impersonate(caller: UserInfo, headers: Headers, authorizer: Authorizer): Promise<UserInfo> {
  if (!asksForSomebody(headers)) return caller;
  const [username] = [headers["impersonate-user"] ?? []].flat();
  const groups = valuesOf(headers["impersonate-group"]);
  const [uid] = [headers["impersonate-uid"] ?? []].flat();
  const extra = Object.entries(headers).filter(([name]) => name.startsWith(EXTRA_PREFIX)).map(([name, value]) => [decodeKey(name.slice(EXTRA_PREFIX.length)), valuesOf(value)] as const);
  if (username === undefined || username === "") {
    if (groups.length === 0 && uid === undefined && extra.length === 0) return caller;
    throw internalError("requested impersonation of groups, uid or extra without impersonating a user");
  }
  const account = splitServiceAccountUsername(username);
  const asked = [
    account === undefined ? { group: "", resource: "users", namespace: "", name: username } : { group: "", resource: "serviceaccounts", ...account },
    ...groups.map((name) => ({ group: "", resource: "groups", namespace: "", name })),
    ...extra.flatMap(([key, values]) => values.map((name) => ({ group: AUTHENTICATION_GROUP, resource: "userextras", subresource: key, namespace: "", name }))),
    ...(uid === undefined ? [] : [{ group: AUTHENTICATION_GROUP, resource: "uids", namespace: "", name: uid }]),
  ];
  for (const what of asked) await requireAllowed(authorizer, { is: "resource", user: caller, verb: "impersonate", ...what });
  const given = groups.length > 0 || account === undefined ? groups : serviceAccountGroups(account.namespace);
  return { username, groups: completeGroups(username, given), ...(uid === undefined ? {} : { uid }), ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }) };
}

/** Most callers are themselves: they pay for one look at the names of their headers. */
function asksForSomebody(headers: Headers): boolean {
  for (const name in headers) if (name.startsWith("impersonate-")) return true;
  return false;
}

/** Everyone is either authenticated or not, also somebody else. */
function completeGroups(username: string, groups: readonly string[]): readonly string[] {
  if (username === ANONYMOUS_USER) return groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, UNAUTHENTICATED_GROUP];
  return groups.includes(AUTHENTICATED_GROUP) || groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, AUTHENTICATED_GROUP];
}
