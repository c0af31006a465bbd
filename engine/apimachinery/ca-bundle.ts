import { X509Certificate } from "node:crypto";
import { pemBlocks } from "../lib/pem.ts";

/** Why these certificates (PEM in base64) cannot be trusted as authorities, in the words of upstream's TLS client; undefined when one can. */
export function caBundleError(base64: string): string | undefined {
  const text = Buffer.from(base64, "base64").toString("latin1");
  const blocks = pemBlocks(text);
  const failed = "unable to load root certificates: ";
  if (blocks.length === 0) return `${failed}unable to parse bytes as PEM block`;
  const certificates = blocks.filter(({ type }) => type === "CERTIFICATE");
  if (certificates.length === 0) return `${failed}no valid certificate authority data seen`;
  if (certificates.some(({ pem }) => isCertificate(pem))) return undefined;
  return `${failed}failed to parse certificate: x509: malformed certificate`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
