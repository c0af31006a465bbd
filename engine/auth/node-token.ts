import { createHash } from "node:crypto";

const PREFIX = "K10";

/** What a machine needs to join: the hash of the authority that it shall trust, and the secret that lets it in. */
export function formatNodeToken(ca: string, secret: string): string {
  return `${PREFIX}${hashOfAuthority(ca)}::${secret}`;
}

/** A token without a hash is the secret alone. */
export function parseNodeToken(token: string): { readonly caHash: string | undefined; readonly secret: string } {
  const match = /^K10([0-9a-f]{64})::(.+)$/.exec(token.trim());
  return match === null ? { caHash: undefined, secret: token.trim() } : { caHash: match[1], secret: match[2] ?? "" };
}

/** SHA-256 of the PEM text as the server hands it out. */
export function hashOfAuthority(ca: string): string {
  return createHash("sha256").update(ca).digest("hex");
}
