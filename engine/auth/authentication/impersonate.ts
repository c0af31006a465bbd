import type { UserInfo } from "../../apimachinery/api-request.ts";
import { badRequest, StatusError } from "../../apimachinery/status-error.ts";
import { accessDenied, requireAllowed, type AuthorizationAttributes, type Authorizer } from "../authorize.ts";
import { ANONYMOUS_USER, AUTHENTICATED_GROUP, serviceAccountGroups, splitServiceAccountUsername, UNAUTHENTICATED_GROUP } from "../../apimachinery/known-users.ts";
import { impersonationModes, type ImpersonationMode } from "./impersonation-modes.ts";
import { decodeKey, valuesOf, type Headers } from "./request-header.ts";

const EXTRA_PREFIX = "impersonate-extra-";
const AUTHENTICATION_GROUP = "authentication.k8s.io";
/** From so many groups or extra values on, the right to all of them is asked for before the right to each. */
const MANY = 4;

/** Whom a caller acts as. */
export interface Impersonated {
  readonly user: UserInfo;
  /** The verb of the mode that allowed it; undefined for the caller himself, and for those who may act as the user in everything. */
  readonly constraint?: string;
}

type ResourceAttributes = Extract<AuthorizationAttributes, { readonly is: "resource" }>;

/**
 * The user that `Impersonate-*` headers ask for, when the caller may be that user; else the caller. Either he has upstream's older
 * right, `impersonate`, and may do as that user whatever the user may; or he has the rights `impersonate:<mode>`, to be him, and
 * `impersonate-on:<mode>:<verb>`, to do as him what `request` says (KEP 5284). Throws a 403 with the first reason, a 400 for headers without a user.
 */
export async function impersonate(caller: UserInfo, headers: Headers, authorizer: Authorizer, request: () => AuthorizationAttributes): Promise<Impersonated> {
  if (!asksForSomebody(headers)) return { user: caller };
  const wanted = readHeaders(headers);
  if (wanted === undefined) return { user: caller };
  let refusal: unknown;
  for (const mode of impersonationModes) {
    if (!mode.covers(wanted, caller)) continue;
    try {
      if (mode.name !== undefined) await requireAllowed(authorizer, mode.seen(onBehalf(request(), mode.name)));
      await requireParts(wanted, caller, authorizer, mode);
      return { user: completed(wanted, mode), ...(mode.name === undefined ? {} : { constraint: `impersonate:${mode.name}` }) };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

/** Most callers are themselves: they pay for one look at the names of their headers. */
function asksForSomebody(headers: Headers): boolean {
  for (const name in headers) if (name.startsWith("impersonate-")) return true;
  return false;
}

/** Undefined where nobody is named and nothing of him. */
function readHeaders(headers: Headers): UserInfo | undefined {
  const first = (name: string) => [headers[name] ?? []].flat()[0] ?? "";
  const [username, uid, groups] = [first("impersonate-user"), first("impersonate-uid"), valuesOf(headers["impersonate-group"])];
  const extra = Object.entries(headers).filter(([name]) => name.startsWith(EXTRA_PREFIX)).map(([name, value]) => [decodeKey(name.slice(EXTRA_PREFIX.length)), valuesOf(value)] as const);
  if (username !== "") return { username, groups, ...(uid === "" ? {} : { uid }), ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }) };
  if (groups.length === 0 && uid === "" && extra.length === 0) return undefined;
  throw badRequest("requested impersonation of groups, uid or extra without impersonating a user name");
}

const onBehalf = (asked: AuthorizationAttributes, mode: string): AuthorizationAttributes => ({ ...asked, verb: `impersonate-on:${mode}:${asked.verb}` });

/** Whether the caller may be the user in every respect. */
async function requireParts(wanted: UserInfo, caller: UserInfo, authorizer: Authorizer, mode: ImpersonationMode): Promise<void> {
  const { username, uid, groups, extra = {} } = wanted;
  const isConstrained = mode.name !== undefined;
  const verb = isConstrained ? `impersonate:${mode.name}` : "impersonate";
  const part = (resource: string, name: string, more: Partial<ResourceAttributes> = {}): AuthorizationAttributes =>
    mode.seen({ is: "resource", user: caller, verb, group: AUTHENTICATION_GROUP, version: "v1", resource, namespace: "", name, ...more });
  const named = isConstrained ? {} : { group: "" }; // users, accounts and groups, since before there was that group
  const require = (attributes: AuthorizationAttributes) => requireAllowed(authorizer, attributes);

  const account = splitServiceAccountUsername(username);
  await require(account !== undefined ? part("serviceaccounts", account.name, { ...named, namespace: account.namespace }) : mode.nodeName !== undefined ? part("nodes", mode.nodeName(username)) : part("users", username, named));
  if (uid !== undefined) await require(part("uids", uid));

  const problem = isConstrained ? mode.problem(wanted) : undefined;
  if (problem !== undefined) throw accessDenied(part(problem.of, problem.name), problem.why);
  if (!(isConstrained && groups.length >= MANY && (await authorizer.allows(part("groups", "*", named))))) {
    for (const group of groups) await require(part("groups", group, named));
  }
  const values = Object.entries(extra).flatMap(([key, list]) => list.map((value) => ({ key, value })));
  if (isConstrained && values.length >= MANY && (await authorizer.allows(part("userextras", "*", { subresource: "*" })))) return;
  for (const { key, value } of values) await require(part("userextras", value, { subresource: key }));
}

/** With the groups that follow from who he is. */
function completed(wanted: UserInfo, mode: ImpersonationMode): UserInfo {
  const account = splitServiceAccountUsername(wanted.username);
  const groups = mode.groups ?? (wanted.groups.length > 0 || account === undefined ? wanted.groups : serviceAccountGroups(account.namespace));
  return { ...wanted, groups: completeGroups(wanted.username, groups) };
}

/** Everyone is either authenticated or not, also somebody else. */
function completeGroups(username: string, groups: readonly string[]): readonly string[] {
  if (username === ANONYMOUS_USER) return groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, UNAUTHENTICATED_GROUP];
  return groups.includes(AUTHENTICATED_GROUP) || groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, AUTHENTICATED_GROUP];
}
