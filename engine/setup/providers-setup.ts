import { isDeepStrictEqual } from "node:util";
import type { AnonymousPolicy, TokenAuthenticator } from "../auth/authenticate.ts";
import { checkedIssuer, parseAuthenticationConfig } from "../auth/authentication/authentication-config.ts";
import { checkedAuthorities } from "../auth/authentication/client-certificate.ts";
import { JwtMetrics } from "../auth/authentication/jwt-metrics.ts";
import { OidcAuthenticator, type OidcProvider } from "../auth/authentication/oidc.ts";
import type { Egress } from "../apimachinery/egress.ts";
import type { Dial } from "../lib/net/dial.ts";
import type { Service } from "../lib/service.ts";
import type { AuthConfig } from "../options/auth-options.ts";
import { UsageError } from "../options/config.ts";
import { readOption } from "../options/option-files.ts";
import { followFile, type FollowingParts } from "./followed-file.ts";

export interface ProvidersParts extends FollowingParts {
  readonly egress?: Egress | undefined;
}

export interface ProvidersSetup {
  /** Asks the identity providers of the moment, in their order. */
  readonly authenticator: TokenAuthenticator;
  readonly anonymous: AnonymousPolicy;
  /** Follows the file that may change; none where there is none. */
  readonly services: readonly Service[];
}

/**
 * Which identity providers' tokens are taken, and who may come without any, as the switches or their file say. Throws a UsageError with the
 * switch for what cannot be.
 */
export function setUpProviders(config: AuthConfig, parts: ProvidersParts): ProvidersSetup {
  const file = config.authenticationConfig;
  const parse = (text: string) => parseAuthenticationConfig(text, config.serviceAccountIssuer);
  const metrics = new JwtMetrics(parts.metrics, parts.clock, parts.serverName);
  const authenticatorsOf = (providers: readonly OidcProvider[]) =>
    providers.map((provider) => new OidcAuthenticator(provider, parts.clock, parts.logger, dialOf(provider, parts.egress), metrics.of(provider.issuer)));
  const structured = readOption("--authentication-config", file, (text) => {
    const { providers, anonymous } = parse(text);
    return { text, anonymous, authenticators: authenticatorsOf(providers) };
  });
  if (structured !== undefined && config.oidcIssuerUrl !== undefined)
    throw new UsageError("--authentication-config and --oidc-issuer-url exclude each other: the file can name the provider");
  let current = structured?.authenticators ?? authenticatorsOf(oidcProviderOf(config));
  const authenticator = { authenticate: (token: string) => firstUser(current, token) };
  const anonymous = structured?.anonymous ?? anonymousBySwitch(config, parts);
  if (file === undefined || structured === undefined) return { authenticator, anonymous, services: [] };
  const follower = followFile(
    {
      what: "authentication",
      file,
      text: structured.text,
      parse: (text) => {
        const next = parse(text);
        if (!isDeepStrictEqual(next.anonymous, structured.anonymous)) throw new Error("anonymous: changed from initial configuration file");
        return next.providers;
      },
      // As upstream: nobody is shut out for a provider that cannot be asked yet.
      apply: async (providers) => {
        const next = authenticatorsOf(providers);
        await Promise.all(next.map((one) => one.prepare()));
        current = next;
        metrics.keep(providers.map(({ issuer }) => issuer));
      },
    },
    parts,
  );
  return { authenticator, anonymous, services: [follower] };
}

/** The way that a provider's configuration names. Throws where there is none, as upstream: whoever chooses one means it. */
function dialOf({ issuer, egress: name }: OidcProvider, egress: Egress | undefined): Dial | undefined {
  if (name === undefined) return undefined;
  if (egress === undefined)
    throw new Error(`${issuer}: egress lookup required with egress selector type ${JSON.stringify(name)}: there is no --egress-selector-config-file`);
  if (!egress.has(name)) throw new Error(`${issuer}: egress lookup for ${JSON.stringify(name)} is not configured`);
  return egress.get(name);
}

async function firstUser(authenticators: readonly TokenAuthenticator[], token: string): ReturnType<TokenAuthenticator["authenticate"]> {
  for (const authenticator of authenticators) {
    const user = await authenticator.authenticate(token);
    if (user !== undefined) return user;
  }
  return undefined;
}

/** Where everything is allowed to everybody, everybody must at least be somebody: upstream's rule. */
function anonymousBySwitch({ anonymousAuth, authorizationMode }: AuthConfig, { logger }: FollowingParts): AnonymousPolicy {
  const isForbidden = anonymousAuth && authorizationMode.includes("AlwaysAllow");
  if (isForbidden) logger.warn("--anonymous-auth is not allowed with --authorization-mode AlwaysAllow: requests without credentials are refused");
  return { isEnabled: anonymousAuth && !isForbidden };
}

function oidcProviderOf(config: AuthConfig): readonly OidcProvider[] {
  const { oidcIssuerUrl: issuer, oidcClientId, oidcUsernameClaim, oidcUsernamePrefix, oidcGroupsClaim } = config;
  if (issuer === undefined && oidcClientId === undefined) return [];
  if (issuer === undefined || oidcClientId === undefined)
    throw new UsageError("--oidc-issuer-url and --oidc-client-id belong together: one of them is missing");
  refuseIssuer(issuer, config.serviceAccountIssuer);
  const ca = readOption("--oidc-ca-file", config.oidcCaFile, checkedAuthorities);
  // As upstream: an address is a name of its own, other claims are told apart by their issuer.
  const prefix = oidcUsernamePrefix === "-" ? "" : (oidcUsernamePrefix ?? (oidcUsernameClaim === "email" ? "" : `${issuer}#`));
  const requiredClaims = Object.fromEntries(config.oidcRequiredClaim.map((pair) => [pair.split("=")[0] ?? "", pair.split("=").slice(1).join("=")]));
  return [
    {
      issuer,
      audiences: [oidcClientId],
      ...(ca === undefined ? {} : { ca }),
      username: { claim: oidcUsernameClaim, prefix },
      ...(oidcGroupsClaim === undefined ? {} : { groups: { claim: oidcGroupsClaim, prefix: config.oidcGroupsPrefix } }),
      requiredClaims,
      algorithms: config.oidcSigningAlgs,
    },
  ];
}

function refuseIssuer(issuer: string, ownIssuers: readonly string[]): void {
  try {
    checkedIssuer(issuer, ownIssuers);
  } catch (error) {
    throw new UsageError(`--oidc-issuer-url "${issuer}": ${error instanceof Error ? error.message : String(error)}`);
  }
}
