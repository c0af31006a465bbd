import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import { pemBlocks } from "../lib/pem.ts";

/** OpenSSL's names of the curves that Go knows. */
const CURVES: ReadonlySet<string> = new Set(["secp224r1", "prime256v1", "secp384r1", "secp521r1"]);

/** Why a server could not show this certificate with this key, both PEM, in the words of Go's TLS; undefined when it can. */
export function keyPairProblem(certificate: string, key: string): string | undefined {
  const certificates = pemBlocks(certificate);
  const leaf = certificates.find(({ type }) => type === "CERTIFICATE");
  if (leaf === undefined) return withoutCertificate(certificates.map(({ type }) => type));
  const keys = pemBlocks(key);
  const secret = keys.find(({ type }) => type === "PRIVATE KEY" || type.endsWith(" PRIVATE KEY"));
  if (secret === undefined) return withoutKey(keys.map(({ type }) => type));
  const shown = publicKeyOf(leaf.pem);
  if (shown === undefined) return "x509: malformed certificate";
  if (shown.asymmetricKeyType === "ec" && !isKnownCurve(shown)) return "x509: unsupported elliptic curve";
  const held = privateKeyOf(secret.pem);
  if (held === undefined || (held.asymmetricKeyType === "ec" && !isKnownCurve(held))) return "tls: failed to parse private key";
  if (!["rsa", "ec", "ed25519"].includes(shown.asymmetricKeyType ?? "")) return "tls: unknown public key algorithm";
  if (shown.asymmetricKeyType !== held.asymmetricKeyType) return "tls: private key type does not match public key type";
  return createPublicKey(held).equals(shown) ? undefined : "tls: private key does not match public key";
}

function withoutCertificate(types: readonly string[]): string {
  const [only = ""] = types;
  if (types.length === 0) return "tls: failed to find any PEM data in certificate input";
  return types.length === 1 && only.endsWith("PRIVATE KEY")
    ? "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
    : `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${types.join(" ")}]`;
}

function withoutKey(types: readonly string[]): string {
  if (types.length === 0) return "tls: failed to find any PEM data in key input";
  return types.length === 1 && types[0] === "CERTIFICATE"
    ? "tls: found a certificate rather than a key in the PEM for the private key"
    : `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${types.join(" ")}]`;
}

function publicKeyOf(pem: string): KeyObject | undefined {
  try {
    return new X509Certificate(pem).publicKey;
  } catch {
    return undefined; // the caller says so
  }
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined; // as above
  }
}

function isKnownCurve({ asymmetricKeyDetails }: KeyObject): boolean {
  return CURVES.has(asymmetricKeyDetails?.namedCurve ?? "");
}
