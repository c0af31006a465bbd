import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { JWTPayload } from "jose";
import { loadJose } from "../lib/late-modules.ts";

/** A key whose signatures on service account tokens are good. */
export interface TokenKey {
  readonly id: string;
  /** By which it signs. */
  readonly algorithm: string;
  /** By which its signatures are good. */
  readonly verifies: readonly string[];
  readonly key: KeyObject;
}

/** Who signs service account tokens, and by which keys their signatures are known. */
export interface TokenSigner {
  /** The token that makes these claims. */
  sign(claims: JWTPayload): Promise<string>;
  /** The keys of this name; of a token that names none, all. */
  keysOf(id: string | undefined): Promise<readonly TokenKey[]>;
  /** What others are told who check tokens. */
  readonly published: readonly TokenKey[];
  /** How long they may remember it. */
  readonly publishedForSeconds: number;
  /** Grows whenever keys change: signatures that were good before may be so no more. */
  readonly generation: number;
}

/** Upstream's. */
const PUBLISHED_SECONDS = 3600;

/** Others sign with their keys as they like. */
const RSA_ALGORITHMS: readonly string[] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/** Signs with a private key (PEM) of this server; signatures of the further keys (PEM, public or private) are good as well. */
export function ownTokenSigner(privateKeyPem: string, further: readonly string[]): TokenSigner {
  const signingKey = createPrivateKey(privateKeyPem);
  const signer = tokenKey(createPublicKey(signingKey));
  const known = [signer, ...further.map((pem) => tokenKey(createPublicKey(pem)))];
  const keys = known.filter((key, index) => known.findIndex(({ id }) => id === key.id) === index);
  return {
    sign: (claims) => new (loadJose().SignJWT)(claims).setProtectedHeader({ alg: signer.algorithm, kid: signer.id }).sign(signingKey),
    keysOf: async (id) => (id ? keys.filter((key) => key.id === id) : keys),
    published: keys,
    publishedForSeconds: PUBLISHED_SECONDS,
    generation: 0,
  };
}

/** A public key with its algorithm, under a name or else under upstream's, a hash of it. Throws for keys that sign no tokens. */
export function tokenKey(
  key: KeyObject,
  id = createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64url"),
): TokenKey {
  const curves: Readonly<Record<string, string>> = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" };
  const algorithm = key.asymmetricKeyType === "rsa" ? "RS256" : curves[key.asymmetricKeyDetails?.namedCurve ?? ""];
  if (algorithm === undefined) throw new Error("keys of service account tokens must be RSA, or ECDSA over P-256, P-384 or P-521");
  return { id, algorithm, verifies: algorithm === "RS256" ? RSA_ALGORITHMS : [algorithm], key };
}
