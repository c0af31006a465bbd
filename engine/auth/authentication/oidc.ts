import type { createLocalJWKSet, JSONWebKeySet, JWTPayload } from "jose";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { Clock } from "../../lib/clock.ts";
import { loadJose } from "../../lib/late-modules.ts";
import type { Logger } from "../../lib/log.ts";
import type { CelProgram } from "../../cel/compile.ts";
import { checkClaimRules, checkUserRules, claimValue, type ExpressionRule } from "./claim-expressions.ts";
import { fetchRemoteJson } from "../remote-json.ts";

/** One identity provider that signs tokens of people, and how its claims become users of ours. */
export interface OidcProvider {
  readonly issuer: string;
  /** Where its description is, when not below the issuer's own address. */
  readonly discoveryUrl?: string;
  /** One of these must be in the token's `aud`. */
  readonly audiences: readonly string[];
  /** PEM of the authority that has signed its certificate; the system's ones when absent. */
  readonly ca?: string;
  readonly username: ClaimMapping | CelProgram;
  readonly groups?: ClaimMapping | CelProgram;
  readonly uid?: ClaimMapping | CelProgram;
  /** By the extra's key. */
  readonly extra?: Readonly<Record<string, CelProgram>>;
  readonly requiredClaims: Readonly<Record<string, string>>;
  /** What must hold of the claims, and of the user that they make. */
  readonly claimRules?: readonly ExpressionRule[];
  readonly userRules?: readonly ExpressionRule[];
  readonly algorithms: readonly string[];
}

/** The value of one claim. */
export interface ClaimMapping {
  readonly claim: string;
  readonly prefix: string;
}

const TIMEOUT_MS = 10_000;
/** A token may begin to be good this much later: the provider's clock is not ours. None is good after its end. */
const BEGIN_LEEWAY_SECONDS = 300;
/** A provider changes keys rarely, and a key nobody knows makes us ask it earlier. */
const KEYS_TTL_MS = 3_600_000;
/** Tokens of unknown keys cannot make us ask more often than this. */
const REFETCH_MIN_MS = 10_000;

type KeyLookup = ReturnType<typeof createLocalJWKSet>;

/** Checks OpenID Connect ID tokens of one provider; its keys are fetched when first needed and kept. */
export class OidcAuthenticator {
  readonly #provider: OidcProvider;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #keys: KeyLookup | undefined;
  #fetchedMs = -Infinity;
  #fetching: Promise<KeyLookup> | undefined;

  constructor(provider: OidcProvider, clock: Clock, logger: Logger) {
    if (!provider.issuer.startsWith("https://")) throw new Error(`the OpenID Connect issuer ${provider.issuer} must be an https address`);
    this.#provider = provider;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Undefined for tokens that are not of this provider, not for us, or not good. */
  async authenticate(token: string): Promise<UserInfo | undefined> {
    if (issuerOf(token) !== this.#provider.issuer) return undefined;
    try {
      return userOfClaims(this.#provider, await this.#verify(token));
    } catch (error) {
      this.#logger.debug("an OpenID Connect token was refused", { issuer: this.#provider.issuer, error });
      return undefined;
    }
  }

  /** Resolves once its keys are known, and rejects with why they are not. */
  async prepare(): Promise<void> {
    await this.#currentKeys(KEYS_TTL_MS);
  }

  async #verify(token: string): Promise<JWTPayload> {
    const payload = await this.#verifySignature(token);
    if (payload.exp === undefined || payload.exp * 1000 < this.#clock.now()) throw new Error("the token has expired");
    return payload;
  }

  async #verifySignature(token: string): Promise<JWTPayload> {
    const { issuer, audiences, algorithms } = this.#provider;
    const options = { issuer, audience: [...audiences], algorithms: [...algorithms], currentDate: new Date(this.#clock.now()), clockTolerance: BEGIN_LEEWAY_SECONDS };
    try {
      return (await loadJose().jwtVerify(token, await this.#currentKeys(KEYS_TTL_MS), options)).payload;
    } catch (error) {
      if (!(error instanceof loadJose().errors.JWKSNoMatchingKey)) throw error;
      return (await loadJose().jwtVerify(token, await this.#currentKeys(REFETCH_MIN_MS), options)).payload;
    }
  }

  async #currentKeys(ageMaxMs: number): Promise<KeyLookup> {
    if (this.#keys !== undefined && this.#clock.monotonic() - this.#fetchedMs < ageMaxMs) return this.#keys;
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    try {
      return await this.#fetching;
    } catch (error) {
      // Old keys are better than shutting everybody out while the provider is away.
      if (this.#keys === undefined) throw error;
      this.#logger.warn("the keys of an OpenID Connect provider could not be fetched, going on with the old ones", { issuer: this.#provider.issuer, error });
      return this.#keys;
    }
  }

  async #fetch(): Promise<KeyLookup> {
    const { issuer, discoveryUrl, ca } = this.#provider;
    const common = { timeoutMs: TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) };
    const description = (await fetchRemoteJson({ ...common, url: discoveryUrl ?? `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration` })) as { readonly issuer?: unknown; readonly jwks_uri?: unknown }; // both are checked
    if (description.issuer !== issuer) throw new Error(`the provider calls itself ${String(description.issuer)}, not ${issuer}`);
    if (typeof description.jwks_uri !== "string") throw new Error("the provider does not say where its keys are (jwks_uri)");
    const keys = loadJose().createLocalJWKSet((await fetchRemoteJson({ ...common, url: description.jwks_uri })) as JSONWebKeySet); // jose checks its shape and throws
    this.#keys = keys;
    this.#fetchedMs = this.#clock.monotonic();
    return keys;
  }
}

/** The user that a token's claims describe; undefined when they do not say enough, or not what is required. Throws when an expression fails. Pure. */
export function userOfClaims(provider: OidcProvider, claims: Readonly<Record<string, unknown>>): UserInfo | undefined {
  for (const [claim, value] of Object.entries(provider.requiredClaims)) if (claims[claim] !== value) return undefined;
  checkClaimRules(provider.claimRules ?? [], claims);
  const username = textOf(provider.username, claims);
  if (username === undefined || username === "") return undefined;
  // Whoever could choose his own address unchecked would be whom he likes.
  if ("claim" in provider.username && provider.username.claim === "email" && claims["email_verified"] !== undefined && claims["email_verified"] !== true) return undefined;
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

function issuerOf(token: string): string | undefined {
  try {
    return loadJose().decodeJwt(token).iss;
  } catch {
    return undefined; // not a JSON web token
  }
}
