import { createHash, timingSafeEqual } from "node:crypto";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Client } from "../../client/client.ts";
import { secretResource } from "../../resources/core/secret.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { Secret, SubjectAccessReview, TokenReview } from "../../resources/types.ts";
import { ANONYMOUS } from "../git/hosted-repository.ts";
import { rightsWith, TOKEN_ACCESS, type GitRight } from "./git-rights.ts";

/** Who is at the other end of a Git connection. */
export interface GitIdentity {
  readonly name: string;
  /** Whether a right on a repository is theirs; `repository` is the name of its Repository object. Rejects when the API cannot be asked. */
  may(right: GitRight, repository: string): Promise<boolean>;
}

export type GitAuthentication =
  | { readonly is: "known"; readonly identity: GitIdentity }
  /** `why` is for the person, and ends up as `remote:` lines. */
  | { readonly is: "refused"; readonly why: string };

/** Tells who a request comes from. Rejects when that cannot be found out now. */
export interface GitAccess {
  authenticate(authorization: string | undefined): Promise<GitAuthentication>;
}

/** Secrets of this type in this namespace are tokens for Git alone: deploy keys. */
const GIT_TOKEN_TYPE = "mainstay.dev/git-token";
const GIT_TOKEN_NAMESPACE = "mainstay-system";

const tokenReviews: ResourceReference<TokenReview & KubeObject> = {
  group: "authentication.k8s.io",
  version: "v1",
  resource: "tokenreviews",
  kind: "TokenReview",
  namespaced: false,
};
const accessReviews: ResourceReference<SubjectAccessReview & KubeObject> = {
  group: "authorization.k8s.io",
  version: "v1",
  resource: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
};

const HOW =
  "log in with any user name and, as password, a token of the cluster (kubectl create token NAME) or of a deploy key (a Secret of type mainstay.dev/git-token)";

/** Whoever reaches the loopback of this machine without saying who they are: what the owner of the machine may, but for what is asked for by name. */
export const LOCAL_IDENTITY: GitIdentity = { name: ANONYMOUS, may: async (right) => right !== "force" };

/**
 * Users of the hosted repositories are those of the API: a password or bearer token is reviewed by it, and RBAC on `repositories` of
 * mainstay.dev says what they may. Deploy keys bring their rights with them.
 */
export function createGitAccess(client: Client, allowsAnonymous: boolean): GitAccess {
  return {
    async authenticate(authorization) {
      if (authorization === undefined)
        return allowsAnonymous ? { is: "known", identity: LOCAL_IDENTITY } : { is: "refused", why: `this repository is not open to everyone: ${HOW}` };
      const token = readToken(authorization);
      if (token === undefined) return { is: "refused", why: `neither Basic nor Bearer: ${HOW}` };
      const deployKey = chooseDeployKey(await deployKeys(client), token);
      if (deployKey !== undefined) return { is: "known", identity: identityOfKey(deployKey) };
      const identity = await reviewToken(client, token);
      return identity === undefined
        ? { is: "refused", why: `the password is no token that this cluster knows, or it has expired: ${HOW}` }
        : { is: "known", identity };
    },
  };
}

/** The secret part of an Authorization header; undefined when there is none to be found. */
export function readToken(authorization: string): string | undefined {
  const [, scheme = "", value = ""] = /^(\S+) +(.*)$/.exec(authorization.trim()) ?? [];
  if (/^bearer$/i.test(scheme)) return value.trim() || undefined;
  if (!/^basic$/i.test(scheme)) return undefined;
  const text = Buffer.from(value, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : text.slice(colon + 1) || undefined;
}

/** The deploy key whose token this is. Takes as long for a wrong token as for a right one. */
export function chooseDeployKey(secrets: readonly Secret[], token: string): Secret | undefined {
  const digest = (text: string | Buffer) => createHash("sha256").update(text).digest();
  const given = digest(token);
  let found: Secret | undefined;
  for (const secret of secrets) {
    const own = textOf(secret, "token");
    if (timingSafeEqual(given, digest(own ?? "")) && own !== undefined && own !== "") found ??= secret;
  }
  return found;
}

/** What a deploy key may: its `access` (read, propose, push or force; read when absent) on its `repository` (several separated by commas, * for all). */
export function deployKeyMay(secret: Secret, right: GitRight, repository: string): boolean {
  const repositories = (textOf(secret, "repository") ?? "").split(",").map((name) => name.trim());
  const highest = TOKEN_ACCESS.get(textOf(secret, "access") ?? "read");
  return highest !== undefined && rightsWith(right).includes(highest) && repositories.some((name) => name === "*" || name === repository);
}

function identityOfKey(secret: Secret): GitIdentity {
  return { name: `mainstay:git-token:${secret.metadata.name ?? ""}`, may: async (right, repository) => deployKeyMay(secret, right, repository) };
}

async function deployKeys(client: Client): Promise<readonly Secret[]> {
  const { items } = await client.for(secretResource).list(GIT_TOKEN_NAMESPACE, { fieldSelector: `type=${GIT_TOKEN_TYPE}` });
  return items;
}

async function reviewToken(client: Client, token: string): Promise<GitIdentity | undefined> {
  const { status } = await client.for(tokenReviews).create({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec: { token } });
  const user = status?.authenticated === true ? status.user : undefined;
  if (user?.username === undefined) return undefined;
  const { username, groups, uid, extra } = user;
  const asker = {
    user: username,
    ...(groups === undefined ? {} : { groups }),
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  };
  const isAllowed = async (verb: GitRight, name: string) => {
    const spec = { ...asker, resourceAttributes: { group: "mainstay.dev", resource: "repositories", verb, name } };
    const answer = await client.for(accessReviews).create({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec });
    return answer.status?.allowed === true;
  };
  return {
    name: username,
    async may(right, repository) {
      for (const verb of rightsWith(right)) if (await isAllowed(verb, repository)) return true;
      return false;
    },
  };
}

function textOf(secret: Secret, key: string): string | undefined {
  const value = secret.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8").trim();
}
