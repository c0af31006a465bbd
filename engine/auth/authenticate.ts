import { createHash, timingSafeEqual } from "node:crypto";
import type { UserInfo } from "../apimachinery/api-request.ts";
import { unauthorized } from "../apimachinery/status-error.ts";
import { AUTHENTICATED_GROUP, JOINERS_GROUP, UNAUTHENTICATED_GROUP } from "./known-users.ts";
import { ISSUER, type ServiceAccountTokens, type TokenLookup } from "./service-account-token.ts";

/** What a transport knows about who is calling. */
export interface Credentials {
  /** Of the client's certificate, when it showed one. */
  readonly certificate?: ClientCertificate;
  /** Of `Authorization: Bearer`. */
  readonly bearer?: string;
}

export interface ClientCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** SHA-256 of the certificate, as hexadecimal digits. */
  readonly fingerprint: string;
  /** Whether the cluster's authority has signed it and it is valid now. */
  readonly isTrusted: boolean;
}

export interface AuthenticatorOptions {
  readonly tokens: ServiceAccountTokens;
  readonly lookup: TokenLookup;
  /** Lets machines ask for a certificate, and nothing else. */
  readonly joinToken?: string;
  /** Fixed bearer tokens of people and programs. */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
}

export const ANONYMOUS: UserInfo = { username: "system:anonymous", groups: [UNAUTHENTICATED_GROUP] };

/** Who is calling: by certificate, else by token, else nobody in particular. Throws 401 for credentials that are not good. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  async authenticate({ certificate, bearer }: Credentials): Promise<UserInfo> {
    if (certificate !== undefined) {
      if (certificate.isTrusted && certificate.commonName !== "") return userOfCertificate(certificate);
      // A certificate of somebody else's authority may come along with a token of ours.
      if (bearer === undefined) throw unauthorized();
    }
    if (bearer === undefined) return ANONYMOUS;
    const user = await this.#userOfToken(bearer);
    if (user === undefined) throw unauthorized();
    return user;
  }

  async #userOfToken(token: string): Promise<UserInfo | undefined> {
    const { joinToken, staticTokens, tokens, lookup } = this.#options;
    if (joinToken !== undefined && isSameSecret(joinToken, token)) return { username: "system:bootstrap:mainstay", groups: [JOINERS_GROUP, AUTHENTICATED_GROUP] };
    for (const [known, user] of staticTokens ?? []) if (isSameSecret(known, token)) return withAuthenticatedGroup(user);
    return (await tokens.verify(token, [ISSUER], lookup))?.user;
  }
}

function userOfCertificate({ commonName, organizations, fingerprint }: ClientCertificate): UserInfo {
  return { username: commonName, groups: [...organizations, AUTHENTICATED_GROUP], extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] } };
}

/** A user that is to be somebody else; the caller has checked that it may. */
export function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.username === ANONYMOUS.username || user.groups.includes(AUTHENTICATED_GROUP)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}

/** Takes the same time for every wrong guess. */
function isSameSecret(known: string, given: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(known), digest(given));
}
