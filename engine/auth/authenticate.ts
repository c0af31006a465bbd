import type { UserInfo } from "../apimachinery/api-request.ts";
import type { RequestNotes } from "../apimachinery/request-notes.ts";
import { unauthorized } from "../apimachinery/status-error.ts";
import type { Clock } from "../lib/clock.ts";
import type { Secret } from "../resources/types.ts";
import type { AuthenticationMetrics } from "./auth-metrics.ts";
import { bootstrapSecretName, BOOTSTRAP_TOKEN_NAMESPACE, parseBootstrapToken, userOfBootstrapToken } from "./authentication/bootstrap-token.ts";
import type { CertificateVerifier } from "./authentication/client-certificate.ts";
import { userOfProxy, type FrontProxy, type Headers } from "./authentication/request-header.ts";
import { hashOfToken, isSameSecret } from "./authentication/static-tokens.ts";
import { AUTHORITY_PATH } from "./join-paths.ts";
import { ANONYMOUS_USER, AUTHENTICATED_GROUP, JOINERS_GROUP, SERVERS_GROUP, UNAUTHENTICATED_GROUP } from "../apimachinery/known-users.ts";
import type { ServiceAccountTokens, TokenLookup } from "./service-account-token.ts";

/** What a transport knows about who is calling. */
export interface Credentials {
  /** Of the client, when it showed one. */
  readonly certificate?: ClientCertificate;
  /** Of `Authorization: Bearer`. */
  readonly bearer?: string;
  /** Of a WebSocket's protocols, to be asked when the other is not good; empty for one that cannot be read. */
  readonly protocolToken?: string;
  readonly headers?: Headers;
  /** Where the request goes; anonymous requests may be limited to some paths. */
  readonly path?: string;
  /** Takes what is to be said of them. */
  readonly notes?: RequestNotes;
}

/** A certificate as it was shown; whether it means anything is for the authenticator to say. */
export interface ClientCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** At most one means anything. */
  readonly uids?: readonly string[];
  /** SHA-256 of the certificate, as hexadecimal digits. */
  readonly fingerprint: string;
  /** The certificate and those that were shown with it, DER. */
  readonly chain: readonly Buffer[];
}

/** One more way of finding the user of a token, which is for this server. */
export interface TokenAuthenticator {
  authenticate(token: string): Promise<UserInfo | undefined>;
}

/** The same, which knows for whom a token is: for at least one of the audiences in question. */
export interface AudienceAuthenticator {
  authenticateFor(token: string, audiences: readonly string[]): Promise<AuthenticatedToken | undefined>;
}

export interface AnonymousPolicy {
  readonly isEnabled: boolean;
  /** All when absent. */
  readonly paths?: readonly string[];
}

/** How callers prove who they are; whatever is absent is not taken. */
export interface AuthenticationOptions {
  readonly clientAuthority?: CertificateVerifier;
  readonly frontProxy?: FrontProxy;
  /** Lets machines ask for a certificate, and nothing else. */
  readonly joinToken?: string;
  /** Lets servers join the control plane, and nothing else. */
  readonly serverToken?: string;
  /** Fixed bearer tokens of people and programs. */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
  /** Asked in this order, after our own kinds of tokens. */
  readonly tokenAuthenticators?: readonly (TokenAuthenticator | AudienceAuthenticator)[];
  /** Whether tokens in Secrets of type bootstrap.kubernetes.io/token are good; they are when absent. */
  readonly takesBootstrapTokens?: boolean;
  /** Allowed everywhere when absent. */
  readonly anonymous?: AnonymousPolicy;
}

export interface AuthenticatorParts extends AuthenticationOptions {
  readonly tokens: ServiceAccountTokens;
  readonly lookup: TokenLookup & { secretObject(namespace: string, name: string): Promise<Secret | undefined> };
  readonly clock: Clock;
  readonly metrics?: AuthenticationMetrics;
}

const ANONYMOUS: UserInfo = { username: ANONYMOUS_USER, groups: [UNAUTHENTICATED_GROUP] };

export interface AuthenticatedToken {
  readonly user: UserInfo;
  /** Which of the audiences in question the token is for. */
  readonly audiences: readonly string[];
}

/** Who is calling: as a proxy says, by certificate, by token, else nobody in particular. Throws 401 for credentials that are not good. */
export class Authenticator {
  readonly #parts: AuthenticatorParts;
  /** By hash: looking one up tells nothing about the others, however many there are. */
  readonly #staticTokens: ReadonlyMap<string, UserInfo>;

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
    this.#staticTokens = new Map([...(parts.staticTokens ?? [])].map(([token, user]) => [hashOfToken(token), user]));
  }

  async authenticate(credentials: Credentials): Promise<UserInfo> {
    const end = this.#parts.metrics?.begin();
    try {
      const user = await this.#authenticate(credentials);
      end?.({ is: "success", user });
      return user;
    } catch (error) {
      end?.({ is: credentials.certificate === undefined && tokensOf(credentials).length === 0 ? "failure" : "error" });
      throw error;
    }
  }

  async #authenticate(credentials: Credentials): Promise<UserInfo> {
    const { certificate, headers = {}, path, notes } = credentials;
    const shown = tokensOf(credentials);
    const { frontProxy, clientAuthority, clock, anonymous, tokens } = this.#parts;
    if (certificate !== undefined) {
      const proxied = frontProxy && userOfProxy(frontProxy, certificate, headers, clock.now());
      if (proxied !== undefined) return withAuthenticatedGroup(proxied);
      if (namesUser(certificate) && clientAuthority?.isTrusted(certificate, clock.now()) === true)
        return withAuthenticatedGroup(userOfCertificate(certificate));
      // A certificate of somebody else's authority may come along with a token of ours.
      if (shown.length === 0) throw unauthorized();
    }
    if (shown.length === 0) {
      if (
        path === AUTHORITY_PATH ||
        anonymous === undefined ||
        (anonymous.isEnabled && (anonymous.paths === undefined || anonymous.paths.includes(path ?? "")))
      )
        return ANONYMOUS;
      throw unauthorized();
    }
    for (const token of shown) {
      const found = await this.authenticateToken(token, tokens.audiences, notes);
      if (found !== undefined) return found.user;
    }
    throw unauthorized();
  }

  /** Whose token it is, when it is for one of the audiences; undefined when nobody knows it. */
  async authenticateToken(token: string, audiences: readonly string[], notes?: RequestNotes): Promise<AuthenticatedToken | undefined> {
    const { tokens, lookup, tokenAuthenticators = [] } = this.#parts;
    const verified = await tokens.verify(token, audiences, lookup, notes);
    if (verified !== undefined) return verified;
    // Tokens that name no audience are for this server.
    const ours = audiences.filter((audience) => tokens.audiences.includes(audience));
    const known = ours.length === 0 ? undefined : await this.#userOfKnownToken(token);
    if (known !== undefined) return { user: withAuthenticatedGroup(known), audiences: ours };
    for (const one of tokenAuthenticators) {
      const found =
        "authenticateFor" in one
          ? await one.authenticateFor(token, audiences)
          : ours.length === 0
            ? undefined
            : forAudiences(await one.authenticate(token), ours);
      if (found !== undefined) return { ...found, user: withAuthenticatedGroup(found.user) };
    }
    return undefined;
  }

  async #userOfKnownToken(token: string): Promise<UserInfo | undefined> {
    const { joinToken, serverToken, takesBootstrapTokens = true, lookup, clock } = this.#parts;
    if (joinToken !== undefined && isSameSecret(joinToken, token)) return { username: "system:bootstrap:mainstay", groups: [JOINERS_GROUP] };
    if (serverToken !== undefined && isSameSecret(serverToken, token)) return { username: "system:bootstrap:mainstay-server", groups: [SERVERS_GROUP] };
    const fixed = this.#staticTokens.get(hashOfToken(token));
    if (fixed !== undefined) return fixed;
    const bootstrap = parseBootstrapToken(token);
    if (bootstrap === undefined || !takesBootstrapTokens) return undefined;
    const secret = await lookup.secretObject(BOOTSTRAP_TOKEN_NAMESPACE, bootstrapSecretName(bootstrap.id));
    return secret && userOfBootstrapToken(secret, bootstrap, clock.now());
  }
}

function tokensOf({ bearer, protocolToken }: Credentials): readonly string[] {
  return [bearer, protocolToken].filter((token) => token !== undefined);
}

function forAudiences(user: UserInfo | undefined, audiences: readonly string[]): AuthenticatedToken | undefined {
  return user === undefined ? undefined : { user, audiences };
}

function namesUser({ commonName, uids = [] }: ClientCertificate): boolean {
  return commonName !== "" && uids.length <= 1 && uids[0] !== "";
}

function userOfCertificate({ commonName, organizations, uids: [uid] = [], fingerprint }: ClientCertificate): UserInfo {
  return {
    username: commonName,
    ...(uid === undefined ? {} : { uid }),
    groups: organizations,
    extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] },
  };
}

/** A user that is to be somebody else; the caller has checked that it may. */
function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.username === ANONYMOUS_USER || user.groups.includes(AUTHENTICATED_GROUP) || user.groups.includes(UNAUTHENTICATED_GROUP)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}
