import { X509Certificate } from "node:crypto";
import { findRepeatedFields } from "../apimachinery/json-duplicates.ts";

/**
 * Whether a token whose signature is good also has one meaning only. As upstream, what names a key twice is none, nor what says that its
 * claims were signed in another form than they are sent in, or brings certificates that nobody can read.
 */
export function isWellFormedToken(token: string, { b64, x5c }: { readonly b64?: unknown; readonly x5c?: unknown }): boolean {
  const parts = token.split(".", 2).map((part) => Buffer.from(part, "base64url").toString("utf8"));
  return (b64 ?? true) === true && [x5c ?? []].flat().every(isCertificate) && parts.every((text) => findRepeatedFields(text) === undefined);
}

function isCertificate(value: unknown): boolean {
  try {
    return typeof value === "string" && new X509Certificate(Buffer.from(value, "base64")).raw.length > 0;
  } catch {
    return false;
  }
}
