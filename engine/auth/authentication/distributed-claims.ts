import { createHash } from "node:crypto";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Dial } from "../../lib/net/dial.ts";
import { ExpiringCache } from "../../lib/expiring-cache.ts";
import type { Logger } from "../../lib/log.ts";
import { fetchRemoteText } from "../remote-json.ts";
import { claimedIssuer, OidcVerifier, PROVIDER_TIMEOUT_MS, type OidcIssuer } from "./oidc-verifier.ts";

type Claims = Readonly<Record<string, unknown>>;

/** Where the value of a claim can be had. */
export interface ClaimEndpoint {
  readonly url: string;
  /** Shown there as a bearer token; none when empty. */
  readonly accessToken: string;
}

export interface DistributedClaimParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How the provider and its endpoints are connected to; directly when undefined. */
  readonly dial: Dial | undefined;
}

/** As long as upstream remembers whose a token is. */
const REMEMBERED_MS = 10_000;
const REMEMBERED_MAX = 4_096;
/** Who answers for a provider's claims: the provider itself, or a handful of others. */
const ISSUERS_MAX = 16;

/**
 * Fetches a claim that a provider keeps at another address (OpenID Connect Core 1.0, section 5.6.2, distributed claims). The answer is a
 * token of its own, of the provider or of anybody else who is trusted by the provider's authority, for one of the same audiences and good now.
 */
export class DistributedClaim {
  readonly #claim: string;
  readonly #provider: OidcIssuer;
  readonly #parts: DistributedClaimParts;
  readonly #own: OidcVerifier;
  readonly #others = new BoundedCache<OidcVerifier>(ISSUERS_MAX);
  readonly #known: ExpiringCache<{ readonly value: unknown }>;
  readonly #asking = new Map<string, Promise<unknown>>();

  /** `verifier` is the provider's own. */
  constructor(claim: string, provider: OidcIssuer, verifier: OidcVerifier, parts: DistributedClaimParts) {
    this.#claim = claim;
    this.#provider = provider;
    this.#parts = parts;
    this.#own = verifier;
    this.#known = new ExpiringCache(parts.clock, REMEMBERED_MAX);
  }

  /** The claims of a token with the one that may be elsewhere. Throws when it is said to be somewhere and cannot be had there. */
  async expand(token: string, claims: Claims): Promise<Claims> {
    const endpoint = claimEndpoint(this.#claim, claims);
    if (endpoint === undefined) return claims;
    const key = createHash("sha256").update(token).digest("hex");
    const known = this.#known.get(key);
    return { ...claims, [this.#claim]: known === undefined ? await this.#ask(key, endpoint) : known.value };
  }

  /** Asks once for all who show the same token meanwhile. */
  async #ask(key: string, endpoint: ClaimEndpoint): Promise<unknown> {
    const asking = this.#asking.get(key) ?? this.#fetch(endpoint).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    const value = await asking;
    this.#known.set(key, { value }, REMEMBERED_MS);
    return value;
  }

  async #fetch({ url, accessToken }: ClaimEndpoint): Promise<unknown> {
    const { ca } = this.#provider;
    const token = (
      await fetchRemoteText({
        url,
        timeoutMs: PROVIDER_TIMEOUT_MS,
        dial: this.#parts.dial,
        ...(ca === undefined ? {} : { ca }),
        ...(accessToken === "" ? {} : { token: accessToken }),
      })
    ).trim();
    const issuer = claimedIssuer(token);
    if (issuer === undefined) throw new Error(`what ${url} answers for the claim ${this.#claim} is no token that names its issuer`);
    const found = await this.#verifierOf(issuer).verify(token);
    if (!Object.hasOwn(found, this.#claim)) throw new Error(`the token that ${url} answers has no claim ${this.#claim}`);
    return found[this.#claim];
  }

  #verifierOf(issuer: string): OidcVerifier {
    if (issuer === this.#provider.issuer) return this.#own;
    const known = this.#others.get(issuer);
    if (known !== undefined) return known;
    const { clock, logger, dial } = this.#parts;
    const { discoveryUrl: _, ...common } = this.#provider; // says where the provider's own description is
    const verifier = new OidcVerifier({ ...common, issuer }, clock, logger, dial);
    this.#others.set(issuer, verifier);
    return verifier;
  }
}

/**
 * Where a claim is that the token itself does not hold; undefined when it holds it, names no source for it, or one without an address (an
 * aggregated claim, which upstream does not read either). Throws for names and sources that do not belong together. Pure.
 */
export function claimEndpoint(claim: string, claims: Claims): ClaimEndpoint | undefined {
  if (Object.hasOwn(claims, claim) || !Object.hasOwn(claims, "_claim_names")) return undefined;
  if (!Object.hasOwn(claims, "_claim_sources")) throw new Error("no claim sources");
  return sourcesByClaim(claims).get(claim);
}

/** Throws for a token whose distributed claims make no sense: upstream takes none of these, whether anybody asks for the claims or not. Pure. */
export function checkClaimSources(claims: Claims): void {
  sourcesByClaim(claims);
}

function sourcesByClaim(claims: Claims): ReadonlyMap<string, ClaimEndpoint | undefined> {
  const names = mapOf("_claim_names", claims["_claim_names"]);
  const sources = new Map(Object.entries(mapOf("_claim_sources", claims["_claim_sources"])).map(([name, source]) => [name, endpointOf(name, source)]));
  return new Map(
    Object.entries(names).map(([claim, source]) => {
      if (typeof source !== "string" || !sources.has(source))
        throw new Error(`_claim_names names the source ${JSON.stringify(source)} for ${claim}, which is not among _claim_sources`);
      return [claim, sources.get(source)];
    }),
  );
}

function endpointOf(name: string, source: unknown): ClaimEndpoint | undefined {
  const { endpoint: url = "", access_token: accessToken = "", JWT = "" } = mapOf(`_claim_sources.${name}`, source);
  if (typeof url !== "string" || typeof accessToken !== "string" || typeof JWT !== "string")
    throw new Error(`_claim_sources.${name}: endpoint, access_token and JWT must be texts`);
  return url === "" ? undefined : { url, accessToken };
}

/** The map that a claim is; none for what is absent or null. */
function mapOf(where: string, value: unknown): Readonly<Record<string, unknown>> {
  const map = value ?? {};
  if (typeof map !== "object" || Array.isArray(map)) throw new Error(`${where}: must be a map`);
  return map as Readonly<Record<string, unknown>>; // just checked
}
