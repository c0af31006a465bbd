import { X509Certificate } from "node:crypto";

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

/** Each beginning that is followed by its end, in one pass: an expression for both would look for the end of each from its place on. */
function pemBlocks(text: string): readonly { readonly type: string; readonly pem: string }[] {
  const blocks: { readonly type: string; readonly pem: string }[] = [];
  let begun: { readonly type: string; readonly index: number } | undefined;
  for (const { 0: line, 1: word, 2: type = "", index } of text.matchAll(/-----(BEGIN|END) ([^-\n]{1,100})-----/g)) {
    if (word === "BEGIN") begun = { type, index };
    else if (begun?.type === type) {
      blocks.push({ type, pem: text.slice(begun.index, index + line.length) });
      begun = undefined;
    }
  }
  return blocks;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
