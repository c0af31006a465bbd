import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Dial } from "../../lib/net/dial.ts";
import type { Logger } from "../../lib/log.ts";
import type { CelProgram } from "../../cel/compile.ts";
import { checkClaimRules, checkUserRules, claimValue, type ExpressionRule } from "./claim-expressions.ts";
import { checkClaimSources, DistributedClaim } from "./distributed-claims.ts";
import type { IssuerMetrics } from "./jwt-metrics.ts";
import { claimedIssuer, OidcVerifier, type OidcIssuer } from "./oidc-verifier.ts";

/** One identity provider that signs tokens of people, and how its claims become users of ours. */
export interface OidcProvider extends OidcIssuer {
  readonly username: ClaimMapping | CelProgram;
  readonly groups?: ClaimMapping | CelProgram;
  readonly uid?: ClaimMapping | CelProgram;
  /** By the extra's key. */
  readonly extra?: Readonly<Record<string, CelProgram>>;
  readonly requiredClaims: Readonly<Record<string, string>>;
  /** What must hold of the claims, and of the user that they make. */
  readonly claimRules?: readonly ExpressionRule[];
  readonly userRules?: readonly ExpressionRule[];
}

/** The value of one claim. */
export interface ClaimMapping {
  readonly claim: string;
  readonly prefix: string;
}

/** Checks OpenID Connect ID tokens of one provider, and makes users of them. */
export class OidcAuthenticator {
  readonly #provider: OidcProvider;
  readonly #logger: Logger;
  readonly #verifier: OidcVerifier;
  readonly #groups: DistributedClaim | undefined;
  readonly #metrics: IssuerMetrics | undefined;

  constructor(provider: OidcProvider, clock: Clock, logger: Logger, dial?: Dial, metrics?: IssuerMetrics) {
    this.#provider = provider;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#verifier = new OidcVerifier(provider, clock, logger, dial, metrics?.fetched);
    const { groups } = provider;
    // As upstream: an expression sees the token's own claims only.
    this.#groups =
      groups !== undefined && "claim" in groups ? new DistributedClaim(groups.claim, provider, this.#verifier, { clock, logger, dial }) : undefined;
  }

  /** Undefined for tokens that are not of this provider, not for us, or not good. */
  async authenticate(token: string): Promise<UserInfo | undefined> {
    if (claimedIssuer(token) !== this.#provider.issuer) return undefined;
    const end = this.#metrics?.judging();
    try {
      const claims = await this.#verifier.verify(token);
      checkClaimSources(claims);
      const user = userOfClaims(this.#provider, (await this.#groups?.expand(token, claims)) ?? claims);
      end?.(user === undefined ? "failure" : "success");
      return user;
    } catch (error) {
      end?.("failure");
      this.#logger.debug("an OpenID Connect token was refused", { issuer: this.#provider.issuer, error });
      return undefined;
    }
  }

  /** Resolves once its keys are known, and rejects with why they are not. */
  prepare(): Promise<void> {
    return this.#verifier.prepare();
  }
}

/** The user that a token's claims describe; undefined when they do not say enough, or not what is required. Throws when an expression fails. Pure. */
export function userOfClaims(provider: OidcProvider, claims: Readonly<Record<string, unknown>>): UserInfo | undefined {
  for (const [claim, value] of Object.entries(provider.requiredClaims)) if (claims[claim] !== value) return undefined;
  checkClaimRules(provider.claimRules ?? [], claims);
  const username = textOf(provider.username, claims);
  if (username === undefined || username === "") return undefined;
  // Whoever could choose his own address unchecked would be whom he likes.
  if ("claim" in provider.username && provider.username.claim === "email" && claims["email_verified"] !== undefined && claims["email_verified"] !== true)
    return undefined;
  const groups = provider.groups === undefined ? [] : textsOf(provider.groups, claims);
  const uid = provider.uid === undefined ? "" : textOf(provider.uid, claims);
  const extra = extraOf(provider, claims);
  if (groups === undefined || uid === undefined || extra === undefined) return undefined;
  const user: UserInfo = { username, groups, ...(uid === "" ? {} : { uid }), ...(Object.keys(extra).length === 0 ? {} : { extra }) };
  checkUserRules(provider.userRules ?? [], user);
  return user;
}

function extraOf(provider: OidcProvider, claims: Readonly<Record<string, unknown>>): Record<string, readonly string[]> | undefined {
  const extra: Record<string, readonly string[]> = {};
  for (const [key, source] of Object.entries(provider.extra ?? {})) {
    const values = textsOf(source, claims);
    if (values === undefined) return undefined;
    if (values.length > 0) extra[key] = values;
  }
  const jti = claims["jti"];
  if (typeof jti === "string" && jti !== "") extra["authentication.kubernetes.io/credential-id"] = [`JTI=${jti}`];
  return extra;
}

/** The text that a mapping finds, with its prefix; undefined for anything else. */
function textOf(mapping: ClaimMapping | CelProgram, claims: Readonly<Record<string, unknown>>): string | undefined {
  const value = "claim" in mapping ? claims[mapping.claim] : claimValue(mapping, claims);
  return typeof value !== "string" ? undefined : "claim" in mapping ? `${mapping.prefix}${value}` : value;
}

/** The texts that a mapping finds, none, one or many, each with its prefix; undefined for anything else. What is empty after an expression is no text. */
function textsOf(mapping: ClaimMapping | CelProgram, claims: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const value = ("claim" in mapping ? claims[mapping.claim] : claimValue(mapping, claims)) ?? [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((one): one is string => typeof one === "string")) return undefined;
  return "claim" in mapping ? list.map((text) => `${mapping.prefix}${text}`) : list.filter((text) => text !== "");
}
