import { webcrypto } from "node:crypto";
import { PURPOSE } from "../../engine/auth/certificate-form.ts";
import { loadX509 } from "../../engine/lib/late-modules.ts";

export interface Namesakes {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export interface NamesakeOptions {
  readonly notAfterMs?: number;
  readonly authorityNotAfterMs?: number;
  /** The certificate is not for servers. */
  readonly isForClients?: boolean;
  /** Whether the authority says that it is one. */
  readonly isAuthority?: boolean;
}

/** Two certificates of one name, as Knative's webhooks make them: an authority and what it has signed, which does not say by which key. PEM. */
export async function makeNamesakes(name: string, options: NamesakeOptions = {}): Promise<Namesakes> {
  const { notAfterMs = Date.now() + 3_600_000, authorityNotAfterMs = notAfterMs, isForClients = false, isAuthority = true } = options;
  const x509 = loadX509();
  const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const [ours, theirs] = [await webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]), await webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"])];
  const subject = `CN=${name}`;
  const common = { notBefore: new Date(Date.now() - 7_200_000), signingAlgorithm };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    notAfter: new Date(authorityNotAfterMs),
    serialNumber: "01",
    name: subject,
    keys: ours,
    extensions: [new x509.BasicConstraintsExtension(isAuthority, undefined, true), await x509.SubjectKeyIdentifierExtension.create(ours.publicKey)],
  });
  const extensions = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }]),
    ...(isForClients ? [new x509.ExtendedKeyUsageExtension([PURPOSE.clientAuth])] : []),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    ...common,
    notAfter: new Date(notAfterMs),
    serialNumber: "02",
    subject,
    issuer: subject,
    signingKey: ours.privateKey,
    publicKey: theirs.publicKey,
    extensions,
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", theirs.privateKey)).toString("base64");
  return { authority: authority.toString("pem"), certificate: certificate.toString("pem"), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
}
