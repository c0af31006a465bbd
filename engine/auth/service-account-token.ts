import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, timingSafeEqual, type KeyObject } from "node:crypto";
import type { JWTPayload } from "jose";
import type { UserInfo } from "../apimachinery/api-request.ts";
import type { RequestNotes } from "../apimachinery/request-notes.ts";
import type { Clock } from "../lib/clock.ts";
import { loadJose } from "../lib/late-modules.ts";
import type { Random } from "../lib/random.ts";
import { INVALID_SINCE_LABEL } from "../resources/core/token-secrets.ts";
import { AUTHENTICATED_GROUP, serviceAccountGroups, serviceAccountUsername } from "./known-users.ts";

/** Who issues tokens unless told otherwise. */
export const DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local";

/** The issuer in tokens of Secrets: they are as old as service accounts and have no end. */
const LEGACY_ISSUER = "kubernetes/serviceaccount";
/** What the audit log says of them begins so. */
const NOTE_PREFIX = "authentication.k8s.io/legacy-token-";
/** A token stays good this long after its pod was deleted, so that the pod can finish. */
const DELETED_LEEWAY_MS = 60_000;
/** Signatures that were found good; checking one costs more than the rest of most requests. */
const CHECKED_MAX = 2_000;

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
  serviceAccount(namespace: string, name: string): Promise<(Existing & { readonly secrets?: readonly { readonly name?: string }[] }) | undefined>;
  pod(namespace: string, name: string): Promise<Existing | undefined>;
  secret(namespace: string, name: string): Promise<LegacyTokenSecret | undefined>;
  /** Told of each Secret whose token has just been shown. */
  noteUse?(secret: LegacyTokenSecret): Promise<void>;
  node(name: string): Promise<Existing | undefined>;
}

/** A Secret as far as the token in it is concerned. */
export interface LegacyTokenSecret {
  readonly metadata: Existing["metadata"] & { readonly name?: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
}

interface Existing {
  readonly metadata: { readonly uid?: string; readonly deletionTimestamp?: string };
}

export interface TokenSettings {
  /** The first one issues; tokens of the others stay good. */
  readonly issuers?: readonly string[];
  /** Who tokens are for unless somebody says otherwise, and for whom the API takes them; the issuers when absent. */
  readonly audiences?: readonly string[];
  /** Further keys (PEM, public or private) whose signatures are good, for the time of a change of keys. */
  readonly verificationKeys?: readonly string[];
  readonly secondsMax?: number;
  /** Whether a token without an end is good only while its account and Secret are there; true when absent. Others are always looked up. */
  readonly looksUpLegacy?: boolean;
}

export interface VerifiedToken {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/** The cluster's signing key as PEM (PKCS #8). */
export function generateTokenKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Issues and checks the JSON web tokens by which pods speak to the API. */
export class ServiceAccountTokens {
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly secondsMax: number | undefined;
  readonly #looksUpLegacy: boolean;
  readonly #signingKey: KeyObject;
  readonly #signer: PublicKey;
  readonly #keys: readonly PublicKey[];
  readonly #checked = new Map<string, JWTPayload>();
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(privateKeyPem: string, clock: Clock, random: Random, settings: TokenSettings = {}) {
    this.issuers = settings.issuers ?? [DEFAULT_ISSUER];
    this.audiences = settings.audiences ?? this.issuers;
    this.secondsMax = settings.secondsMax;
    this.#looksUpLegacy = settings.looksUpLegacy ?? true;
    this.#signingKey = createPrivateKey(privateKeyPem);
    this.#signer = publicKeyOf(createPublicKey(this.#signingKey));
    const known = [this.#signer, ...(settings.verificationKeys ?? []).map((pem) => publicKeyOf(createPublicKey(pem)))];
    this.#keys = known.filter((key, index) => known.findIndex(({ id }) => id === key.id) === index);
    this.#clock = clock;
    this.#random = random;
  }

  get issuer(): string {
    return this.issuers[0] ?? DEFAULT_ISSUER;
  }

  /** The token and when it ends, in milliseconds since the epoch. */
  async issue(subject: TokenSubject, audiences: readonly string[], seconds: number): Promise<{ readonly token: string; readonly expiresMs: number }> {
    const now = Math.floor(this.#clock.now() / 1000);
    const expires = now + seconds;
    const token = await new (loadJose().SignJWT)({ "kubernetes.io": subject })
      .setProtectedHeader({ alg: this.#signer.algorithm, kid: this.#signer.id })
      .setIssuer(this.issuer)
      .setSubject(usernameOf(subject))
      .setAudience([...audiences])
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(expires)
      .setJti(this.#random.uuid())
      .sign(this.#signingKey);
    return { token, expiresMs: expires * 1000 };
  }

  /** A token without an end, to be kept in the Secret that it is bound to. */
  issueLegacy(namespace: string, account: BoundReference, secretName: string): Promise<string> {
    const claims = { namespace, "secret.name": secretName, "service-account.name": account.name, "service-account.uid": account.uid };
    return new (loadJose().SignJWT)(Object.fromEntries(Object.entries(claims).map(([name, value]) => [`${LEGACY_ISSUER.replace("kubernetes/", "kubernetes.io/")}/${name}`, value])))
      .setProtectedHeader({ alg: this.#signer.algorithm, kid: this.#signer.id })
      .setIssuer(LEGACY_ISSUER)
      .setSubject(serviceAccountUsername(namespace, account.name))
      .sign(this.#signingKey);
  }

  /**
   * Whose token it is and for which of the audiences; undefined when it is not ours, not valid any more, or bound to what is gone. Of a
   * token without an end the notes tell, whether it is good or not.
   */
  async verify(token: string, audiences: readonly string[], lookup: TokenLookup, notes?: RequestNotes): Promise<VerifiedToken | undefined> {
    const issuer = issuerOf(token);
    if (issuer === undefined || (issuer !== LEGACY_ISSUER && !this.issuers.includes(issuer))) return undefined;
    const payload = await this.#payloadOf(token);
    if (payload === undefined) return undefined;
    if (issuer === LEGACY_ISSUER) return this.#verifyLegacy(token, payload, audiences, lookup, notes);
    const given = payload.aud === undefined ? [] : [payload.aud].flat();
    const accepted = audiences.filter((audience) => given.includes(audience));
    const subject = payload["kubernetes.io"] as TokenSubject | undefined; // our own signature vouches for its shape
    if (accepted.length === 0 || subject === undefined || payload.exp === undefined || !(await this.#isBoundToLiving(subject, lookup))) return undefined;
    return { user: userOf(subject, payload.jti), audiences: accepted };
  }

  /** The public keys for others who check our tokens (`/openid/v1/jwks`). */
  async keySet(): Promise<{ readonly keys: readonly object[] }> {
    return { keys: await Promise.all(this.#keys.map(async ({ id, algorithm, key }) => ({ use: "sig", kid: id, alg: algorithm, ...(await loadJose().exportJWK(key)) }))) };
  }

  get algorithms(): readonly string[] {
    return [...new Set(this.#keys.map(({ algorithm }) => algorithm))];
  }

  /** The claims of a token that one of our keys has signed and whose time is now. */
  async #payloadOf(token: string): Promise<JWTPayload | undefined> {
    const known = this.#checked.get(token);
    if (known !== undefined) return this.#isTimely(known) ? known : undefined;
    const { kid } = loadJose().decodeProtectedHeader(token);
    // A token that names a key of ours is tried with it alone; others, of keys under other names, with all.
    const named = this.#keys.filter(({ id }) => id === kid);
    for (const { key, algorithm } of named.length > 0 ? named : this.#keys) {
      try {
        const { payload } = await loadJose().jwtVerify(token, key, { algorithms: [algorithm], currentDate: new Date(this.#clock.now()) });
        if (this.#checked.size >= CHECKED_MAX) this.#checked.clear();
        this.#checked.set(token, payload);
        return payload;
      } catch {
        continue; // a wrong signature, a wrong time: all the same to the caller
      }
    }
    return undefined;
  }

  #isTimely({ exp, nbf }: JWTPayload): boolean {
    const now = Math.floor(this.#clock.now() / 1000);
    return (exp === undefined || exp > now) && (nbf === undefined || nbf <= now);
  }

  async #verifyLegacy(token: string, payload: JWTPayload, audiences: readonly string[], lookup: TokenLookup, notes: RequestNotes | undefined): Promise<VerifiedToken | undefined> {
    const claim = (name: string) => String(payload[`kubernetes.io/serviceaccount/${name}`] ?? "");
    const [namespace, secretName, name, uid] = ["namespace", "secret.name", "service-account.name", "service-account.uid"].map(claim);
    if (!namespace || !secretName || !name || !uid || payload.sub !== serviceAccountUsername(namespace, name)) return undefined;
    const accepted = audiences.filter((audience) => this.audiences.includes(audience));
    const verified: VerifiedToken | undefined = accepted.length === 0 ? undefined : { user: userOf({ namespace, serviceaccount: { name, uid } }, undefined), audiences: accepted };
    if (verified === undefined || !this.#looksUpLegacy) return verified;
    const secret = await lookup.secret(namespace, secretName);
    const account = await lookup.serviceAccount(namespace, name);
    if (account?.metadata.uid !== uid || account.metadata.deletionTimestamp !== undefined || secret === undefined || secret.metadata.deletionTimestamp !== undefined) return undefined;
    const kept = Buffer.from(secret.data?.["token"] ?? "", "base64");
    const given = Buffer.from(token);
    if (kept.length !== given.length || !timingSafeEqual(kept, given)) return undefined;
    await lookup.noteUse?.(secret);
    const isInvalid = Boolean(secret.metadata.labels?.[INVALID_SINCE_LABEL]);
    const isMadeForAll = account.secrets?.some((reference) => reference.name === secretName) === true;
    if (isInvalid) notes?.annotate(`${NOTE_PREFIX}invalidated`, `${secretName}/${namespace}`);
    else notes?.annotate(`${NOTE_PREFIX}${isMadeForAll ? "autogenerated" : "manual"}-secret`, secretName);
    if (isMadeForAll && !isInvalid) notes?.warn("Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.");
    return isInvalid ? undefined : verified;
  }

  async #isBoundToLiving({ namespace, serviceaccount, pod, secret, node }: TokenSubject, lookup: TokenLookup): Promise<boolean> {
    const nowMs = this.#clock.now();
    const lives = (found: Existing | undefined, uid: string) => {
      const ends = found?.metadata.deletionTimestamp;
      return found?.metadata.uid === uid && (ends === undefined || Date.parse(ends) + DELETED_LEEWAY_MS > nowMs);
    };
    if (!lives(await lookup.serviceAccount(namespace, serviceaccount.name), serviceaccount.uid)) return false;
    if (pod !== undefined) return lives(await lookup.pod(namespace, pod.name), pod.uid); // its node is told, not bound to
    if (node !== undefined && !lives(await lookup.node(node.name), node.uid)) return false;
    return secret === undefined || lives(await lookup.secret(namespace, secret.name), secret.uid);
  }
}

interface PublicKey {
  readonly id: string;
  readonly algorithm: string;
  readonly key: KeyObject;
}

function publicKeyOf(key: KeyObject): PublicKey {
  const curves: Readonly<Record<string, string>> = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" };
  const algorithm = key.asymmetricKeyType === "rsa" ? "RS256" : curves[key.asymmetricKeyDetails?.namedCurve ?? ""];
  if (algorithm === undefined) throw new Error("keys of service account tokens must be RSA, or ECDSA over P-256, P-384 or P-521");
  return { id: createHash("sha256").update(key.export({ type: "spki", format: "der" })).digest("base64url"), algorithm, key };
}

function usernameOf({ namespace, serviceaccount }: TokenSubject): string {
  return serviceAccountUsername(namespace, serviceaccount.name);
}

function userOf(subject: TokenSubject, id: string | undefined): UserInfo {
  const { namespace, serviceaccount, pod, node } = subject;
  const extra: Record<string, readonly string[]> = {};
  if (id !== undefined) extra["authentication.kubernetes.io/credential-id"] = [`JTI=${id}`];
  if (node !== undefined) Object.assign(extra, { "authentication.kubernetes.io/node-name": [node.name], ...(node.uid === "" ? {} : { "authentication.kubernetes.io/node-uid": [node.uid] }) });
  if (pod !== undefined) Object.assign(extra, { "authentication.kubernetes.io/pod-name": [pod.name], "authentication.kubernetes.io/pod-uid": [pod.uid] });
  const groups = [...serviceAccountGroups(namespace), AUTHENTICATED_GROUP];
  return { username: usernameOf(subject), uid: serviceaccount.uid, groups, ...(Object.keys(extra).length === 0 ? {} : { extra }) };
}

function issuerOf(token: string): string | undefined {
  try {
    return loadJose().decodeJwt(token).iss;
  } catch {
    return undefined; // not a JSON web token
  }
}
