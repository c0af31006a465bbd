import type { createLocalJWKSet, JSONWebKeySet, JWTPayload, JWTVerifyOptions } from "jose";
import type { Clock } from "../../lib/clock.ts";
import type { EgressName } from "../../apimachinery/egress.ts";
import type { Dial } from "../../lib/net/dial.ts";
import { loadJose } from "../../lib/late-modules.ts";
import type { Logger } from "../../lib/log.ts";
import { fetchRemoteJson, fetchRemoteText, type RemoteJson } from "../remote-json.ts";
import { unverifiedIssuer } from "../unverified-issuer.ts";

/** An issuer of tokens, and what its tokens must be to be taken. */
export interface OidcIssuer {
  readonly issuer: string;
  /** Where its description is, when not below the issuer's own address. */
  readonly discoveryUrl?: string;
  /** One of these must be in the token's `aud`. */
  readonly audiences: readonly string[];
  /** PEM of the authority that has signed its certificate; the system's ones when absent. */
  readonly ca?: string;
  readonly algorithms: readonly string[];
  /** By which way it is to be reached; directly when absent. */
  readonly egress?: EgressName;
}

/** How long each question to a provider may take, as upstream. */
export const PROVIDER_TIMEOUT_MS = 30_000;
/** A token may begin to be good this much later, as upstream: the provider's clock is not ours. None is good after its end. */
const BEGIN_LEEWAY_SECONDS = 60;
/** A provider changes keys rarely, and a key nobody knows makes us ask it earlier. */
const KEYS_TTL_MS = 3_600_000;
/** Tokens of unknown keys cannot make us ask more often than this. */
const REFETCH_MIN_MS = 10_000;

const GOOGLE = "https://accounts.google.com";
/** Google writes itself so in some tokens, as OpenID Connect Core 1.0, section 15.6.2, allows it and nobody else. */
const GOOGLE_WITHOUT_SCHEME = "accounts.google.com";

type KeyLookup = ReturnType<typeof createLocalJWKSet>;

/** Checks the tokens of one issuer, whose keys are fetched when first needed and kept. */
export class OidcVerifier {
  readonly #issuer: OidcIssuer;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #dial: Dial | undefined;
  readonly #fetched: (keys: string | undefined) => void;
  #keys: KeyLookup | undefined;
  #fetchedMs = -Infinity;
  #fetching: Promise<KeyLookup> | undefined;

  /** `fetched` hears of the keys whenever they have been asked for, as the text that came; of undefined when they could not be had. */
  constructor(issuer: OidcIssuer, clock: Clock, logger: Logger, dial: Dial | undefined, fetched: (keys: string | undefined) => void = () => {}) {
    if (!issuer.issuer.startsWith("https://")) throw new Error(`the OpenID Connect issuer ${issuer.issuer} must be an https address`);
    this.#issuer = issuer;
    this.#clock = clock;
    this.#logger = logger;
    this.#dial = dial;
    this.#fetched = fetched;
  }

  /** The claims of a token that is this issuer's, for us and good now. Throws with why it is not. */
  async verify(token: string): Promise<JWTPayload> {
    const payload = await this.#verifySignature(token);
    if (payload.exp === undefined || payload.exp * 1000 < this.#clock.now()) throw new Error("the token has expired");
    return payload;
  }

  /** Resolves once the keys are known, and rejects with why they are not. */
  async prepare(): Promise<void> {
    await this.#currentKeys(KEYS_TTL_MS);
  }

  async #verifySignature(token: string): Promise<JWTPayload> {
    const { issuer, audiences, algorithms } = this.#issuer;
    const written = issuer === GOOGLE ? [GOOGLE, GOOGLE_WITHOUT_SCHEME] : issuer;
    const options = {
      issuer: written,
      audience: [...audiences],
      algorithms: [...algorithms],
      currentDate: new Date(this.#clock.now()),
      clockTolerance: BEGIN_LEEWAY_SECONDS,
    };
    try {
      return await verifyWithOne(token, await this.#currentKeys(KEYS_TTL_MS), options);
    } catch (error) {
      if (!(error instanceof loadJose().errors.JWKSNoMatchingKey)) throw error;
      return await verifyWithOne(token, await this.#currentKeys(REFETCH_MIN_MS), options);
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
      this.#logger.warn("the keys of an OpenID Connect provider could not be fetched, going on with the old ones", { issuer: this.#issuer.issuer, error });
      return this.#keys;
    }
  }

  async #fetch(): Promise<KeyLookup> {
    const { issuer, discoveryUrl, ca } = this.#issuer;
    const common = { timeoutMs: PROVIDER_TIMEOUT_MS, dial: this.#dial, ...(ca === undefined ? {} : { ca }) };
    const description = (await fetchRemoteJson({ ...common, url: discoveryUrl ?? `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration` })) as {
      readonly issuer?: unknown;
      readonly jwks_uri?: unknown;
    }; // both are checked
    if (description.issuer !== issuer) throw new Error(`the provider calls itself ${String(description.issuer)}, not ${issuer}`);
    if (typeof description.jwks_uri !== "string") throw new Error("the provider does not say where its keys are (jwks_uri)");
    const keys = await this.#fetchKeys({ ...common, url: description.jwks_uri });
    this.#keys = keys;
    this.#fetchedMs = this.#clock.monotonic();
    return keys;
  }

  async #fetchKeys(remote: RemoteJson): Promise<KeyLookup> {
    try {
      const text = await fetchRemoteText(remote);
      const keys = loadJose().createLocalJWKSet(JSON.parse(text) as JSONWebKeySet); // jose checks its shape and throws
      this.#fetched(text);
      return keys;
    } catch (error) {
      this.#fetched(undefined);
      throw error;
    }
  }
}

/**
 * A token need not name its key, and providers may call several keys the same: as upstream's library, each that may be meant is tried. Throws a
 * JWKSNoMatchingKey when none of them has signed it, for a newer one may have.
 */
async function verifyWithOne(token: string, keys: KeyLookup, options: JWTVerifyOptions): Promise<JWTPayload> {
  const { jwtVerify, errors } = loadJose();
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (several) {
    if (!(several instanceof errors.JWKSMultipleMatchingKeys)) throw several;
    for await (const key of several) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      }
    }
    throw new errors.JWKSNoMatchingKey();
  }
}

/** Who says to have issued a token, which nobody has checked; undefined for what is no token. */
export function claimedIssuer(token: string): string | undefined {
  const issuer = unverifiedIssuer(token);
  return issuer === GOOGLE_WITHOUT_SCHEME ? GOOGLE : issuer;
}
