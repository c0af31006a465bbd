import type { UserInfo } from "../../apimachinery/api-request.ts";
import { badRequest, StatusError } from "../../apimachinery/status-error.ts";
import { readHeaderText } from "../../lib/header-text.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import type { ImpersonationMetrics } from "../auth-metrics.ts";
import { accessDenied, type AuthorizationAttributes, type Authorizer, type Decision } from "../authorize.ts";
import {
  ANONYMOUS_USER,
  AUTHENTICATED_GROUP,
  serviceAccountGroups,
  splitServiceAccountUsername,
  UNAUTHENTICATED_GROUP,
} from "../../apimachinery/known-users.ts";
import { extraProblem, groupProblem, impersonationModes, type ImpersonationMode } from "./impersonation-modes.ts";
import { decodeKey, type Headers } from "./request-header.ts";

const EXTRA_PREFIX = "impersonate-extra-";
const AUTHENTICATION_GROUP = "authentication.k8s.io";
/** As many callers as upstream remembers. */
const CALLERS_MAX = 10_000;
/** From so many groups or extra values on, the right to all of them is asked for before the right to each. */
const MANY = 4;

/** Whom a caller acts as. */
export interface Impersonated {
  readonly user: UserInfo;
  /** The verb of the mode that allowed it; undefined for the caller himself, and for those who may act as the user in everything. */
  readonly constraint?: string;
}

type ResourceAttributes = Extract<AuthorizationAttributes, { readonly is: "resource" }>;

/** Finds out whom callers act as. */
export class Impersonator {
  readonly #authorizer: Authorizer;
  readonly #metrics: ImpersonationMetrics;
  /** Who has one kind of these rights mostly uses that: the mode by which each caller came through last is tried first. */
  readonly #lastModes = new BoundedCache<ImpersonationMode>(CALLERS_MAX);

  constructor(authorizer: Authorizer, metrics: ImpersonationMetrics) {
    this.#authorizer = authorizer;
    this.#metrics = metrics;
  }

  /**
   * The user that `Impersonate-*` headers ask for, when the caller may be that user; else the caller. Either he has upstream's older
   * right, `impersonate`, and may do as that user whatever the user may; or he has the rights `impersonate:<mode>`, to be him, and
   * `impersonate-on:<mode>:<verb>`, to do as him what `request` says (KEP 5284). Throws a 403 with the first reason, a 400 for headers without a user.
   */
  async userOf(caller: UserInfo, headers: Headers, request: () => AuthorizationAttributes): Promise<Impersonated> {
    if (!asksForSomebody(headers)) return { user: caller };
    const wanted = readHeaders(headers);
    if (wanted === undefined) return { user: caller };
    const end = this.#metrics.attempt();
    try {
      const mode = await this.#findMode(wanted, caller, request());
      end("allowed", labelOf(mode));
      return { user: completed(wanted, mode), ...(mode.name === undefined ? {} : { constraint: `impersonate:${mode.name}` }) };
    } catch (error) {
      end("denied", "");
      throw error;
    }
  }

  /** The first mode that lets the caller be the user. Throws the first refusal. */
  async #findMode(wanted: UserInfo, caller: UserInfo, asked: AuthorizationAttributes): Promise<ImpersonationMode> {
    const last = this.#lastModes.get(caller.username);
    let refusal: unknown;
    for (const mode of last === undefined ? impersonationModes : [last, ...impersonationModes.filter((other) => other !== last)]) {
      if (!mode.covers(wanted, caller)) continue;
      try {
        if (mode.name !== undefined) await this.#require(mode, mode.seen({ ...asked, verb: `impersonate-on:${mode.name}:${asked.verb}` }));
        await this.#requireParts(wanted, caller, mode);
        this.#lastModes.set(caller.username, mode);
        return mode;
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        refusal ??= error;
      }
    }
    throw refusal;
  }

  /** Whether the caller may be the user in every respect. */
  async #requireParts({ username, uid, groups, extra = {} }: UserInfo, caller: UserInfo, mode: ImpersonationMode): Promise<void> {
    const isConstrained = mode.name !== undefined;
    const verb = isConstrained ? `impersonate:${mode.name}` : "impersonate";
    const part = (resource: string, name: string, more: Partial<ResourceAttributes> = {}): AuthorizationAttributes =>
      mode.seen({ is: "resource", user: caller, verb, group: AUTHENTICATION_GROUP, version: "v1", resource, namespace: "", name, ...more });
    const named = isConstrained ? {} : { group: "" }; // users, accounts and groups, since before there was that group

    const account = splitServiceAccountUsername(username);
    await this.#require(
      mode,
      account !== undefined
        ? part("serviceaccounts", account.name, { ...named, namespace: account.namespace })
        : mode.nodeName !== undefined
          ? part("nodes", mode.nodeName(username))
          : part("users", username, named),
    );
    if (uid !== undefined) await this.#require(mode, part("uids", uid));

    const badGroup = isConstrained ? groupProblem(groups) : undefined;
    if (badGroup !== undefined) throw accessDenied(part("groups", badGroup.name), badGroup.why);
    if (!(isConstrained && groups.length >= MANY && (await this.#mayAll(mode, part("groups", "*"))))) {
      for (const group of groups) await this.#require(mode, part("groups", group, named));
    }

    const badExtra = isConstrained ? extraProblem(extra) : undefined;
    if (badExtra !== undefined) throw accessDenied(part("userextras", ""), badExtra);
    const values = Object.entries(extra).flatMap(([key, list]) => list.map((value) => ({ key, value })));
    if (isConstrained && values.length >= MANY && (await this.#mayAll(mode, part("userextras", "*", { subresource: "*" })))) return;
    for (const { key, value } of values) await this.#require(mode, part("userextras", value, key === "" ? {} : { subresource: key }));
  }

  async #require(mode: ImpersonationMode, attributes: AuthorizationAttributes): Promise<void> {
    const { is, reason } = await this.#decide(mode, attributes);
    if (is !== "allow") throw accessDenied(attributes, reason);
  }

  async #mayAll(mode: ImpersonationMode, attributes: AuthorizationAttributes): Promise<boolean> {
    return (await this.#decide(mode, attributes)).is === "allow";
  }

  /** These questions are counted apart from those that requests ask for themselves, as upstream does. */
  async #decide(mode: ImpersonationMode, attributes: AuthorizationAttributes): Promise<Decision> {
    const end = this.#metrics.question();
    const decision = await this.#authorizer.decide(attributes);
    end(decision.is === "allow" ? "allowed" : "denied", labelOf(mode));
    return decision;
  }
}

function labelOf({ name }: ImpersonationMode): string {
  return name ?? "legacy";
}

/** Most callers are themselves: they pay for one look at the names of their headers. */
function asksForSomebody(headers: Headers): boolean {
  for (const name in headers) if (name.startsWith("impersonate-")) return true;
  return false;
}

/** Undefined where nobody is named and nothing of him. */
function readHeaders(headers: Headers): UserInfo | undefined {
  const all = (value: Headers[string]) => [value ?? []].flat().map(readHeaderText);
  const first = (name: string) => all(headers[name])[0] ?? "";
  const [username, uid, groups] = [first("impersonate-user"), first("impersonate-uid"), all(headers["impersonate-group"])];
  // One key may be written in several ways.
  const extra = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(EXTRA_PREFIX)) continue;
    const key = decodeKey(name.slice(EXTRA_PREFIX.length));
    extra.set(key, [...(extra.get(key) ?? []), ...all(value)]);
  }
  if (username !== "") return { username, groups, ...(uid === "" ? {} : { uid }), ...(extra.size === 0 ? {} : { extra: Object.fromEntries(extra) }) };
  if (groups.length === 0 && uid === "" && extra.size === 0) return undefined;
  throw badRequest("requested impersonation of groups, uid or extra without impersonating a user name");
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
