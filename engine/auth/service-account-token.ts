import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { decodeJwt, exportJWK, jwtVerify, SignJWT, type JWTPayload } from "jose";
import type { UserInfo } from "../apimachinery/api-request.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";

/** Who issues tokens, and who they are for unless somebody says otherwise. */
export const ISSUER = "https://kubernetes.default.svc.cluster.local";

/** A token stays good this long after its pod was deleted, so that the pod can finish. */
const DELETED_POD_LEEWAY_MS = 60_000;
const ALGORITHM = "ES256";

export interface BoundReference {
  readonly name: string;
  readonly uid: string;
}

/** What a token says: the `kubernetes.io` claim of upstream's tokens. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceaccount: BoundReference;
  readonly pod?: BoundReference;
  readonly secret?: BoundReference;
  readonly node?: BoundReference;
}

/** Looks up whether what a token is bound to is still there. */
export interface TokenLookup {
  serviceAccount(namespace: string, name: string): Promise<Existing | undefined>;
  pod(namespace: string, name: string): Promise<Existing | undefined>;
  secret(namespace: string, name: string): Promise<Existing | undefined>;
}

interface Existing {
  readonly metadata: { readonly uid?: string; readonly deletionTimestamp?: string };
}

/** The cluster's signing key as PEM (PKCS #8). */
export function generateTokenKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Issues and checks the JSON web tokens by which pods speak to the API. */
export class ServiceAccountTokens {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(privateKeyPem: string, clock: Clock, random: Random) {
    this.#privateKey = createPrivateKey(privateKeyPem);
    this.#publicKey = createPublicKey(this.#privateKey);
    this.#keyId = createHash("sha256").update(this.#publicKey.export({ type: "spki", format: "der" })).digest("base64url");
    this.#clock = clock;
    this.#random = random;
  }

  /** The token and when it ends, in milliseconds since the epoch. */
  async issue(subject: TokenSubject, audiences: readonly string[], seconds: number): Promise<{ readonly token: string; readonly expiresMs: number }> {
    const now = Math.floor(this.#clock.now() / 1000);
    const expires = now + seconds;
    const token = await new SignJWT({ "kubernetes.io": subject })
      .setProtectedHeader({ alg: ALGORITHM, kid: this.#keyId })
      .setIssuer(ISSUER)
      .setSubject(usernameOf(subject))
      .setAudience([...audiences])
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(expires)
      .setJti(this.#random.uuid())
      .sign(this.#privateKey);
    return { token, expiresMs: expires * 1000 };
  }

  /** Whose token it is and for which of the audiences; undefined when it is not ours, not valid any more, or bound to what is gone. */
  async verify(token: string, audiences: readonly string[], lookup: TokenLookup): Promise<{ readonly user: UserInfo; readonly audiences: readonly string[] } | undefined> {
    if (issuerOf(token) !== ISSUER) return undefined;
    let payload: JWTPayload;
    try {
      payload = (await jwtVerify(token, this.#publicKey, { issuer: ISSUER, algorithms: [ALGORITHM], currentDate: new Date(this.#clock.now()) })).payload;
    } catch {
      return undefined; // a wrong signature, a wrong time: all the same to the caller
    }
    const given = payload.aud === undefined ? [] : [payload.aud].flat();
    const accepted = audiences.filter((audience) => given.includes(audience));
    const subject = payload["kubernetes.io"] as TokenSubject | undefined; // our own signature vouches for its shape
    if (accepted.length === 0 || subject === undefined || !(await this.#isBoundToLiving(subject, lookup))) return undefined;
    return { user: userOf(subject, payload.jti), audiences: accepted };
  }

  /** The public key for others who check our tokens (`/openid/v1/jwks`). */
  async keySet(): Promise<{ readonly keys: readonly object[] }> {
    return { keys: [{ use: "sig", kid: this.#keyId, alg: ALGORITHM, ...(await exportJWK(this.#publicKey)) }] };
  }

  async #isBoundToLiving({ namespace, serviceaccount, pod, secret }: TokenSubject, lookup: TokenLookup): Promise<boolean> {
    const nowMs = this.#clock.now();
    const lives = (found: Existing | undefined, uid: string) => {
      const ends = found?.metadata.deletionTimestamp;
      return found?.metadata.uid === uid && (ends === undefined || Date.parse(ends) + DELETED_POD_LEEWAY_MS > nowMs);
    };
    if (!lives(await lookup.serviceAccount(namespace, serviceaccount.name), serviceaccount.uid)) return false;
    if (pod !== undefined && !lives(await lookup.pod(namespace, pod.name), pod.uid)) return false;
    return secret === undefined || lives(await lookup.secret(namespace, secret.name), secret.uid);
  }
}

function usernameOf({ namespace, serviceaccount }: TokenSubject): string {
  return `system:serviceaccount:${namespace}:${serviceaccount.name}`;
}

function userOf(subject: TokenSubject, id: string | undefined): UserInfo {
  const { namespace, serviceaccount, pod, node } = subject;
  const extra: Record<string, readonly string[]> = {};
  if (id !== undefined) extra["authentication.kubernetes.io/credential-id"] = [`JTI=${id}`];
  if (node !== undefined) Object.assign(extra, { "authentication.kubernetes.io/node-name": [node.name], "authentication.kubernetes.io/node-uid": [node.uid] });
  if (pod !== undefined) Object.assign(extra, { "authentication.kubernetes.io/pod-name": [pod.name], "authentication.kubernetes.io/pod-uid": [pod.uid] });
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  return { username: usernameOf(subject), uid: serviceaccount.uid, groups, extra };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined; // not a JSON web token
  }
}
