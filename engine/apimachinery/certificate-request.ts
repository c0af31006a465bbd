import "reflect-metadata"; // the ASN.1 decorators of @peculiar/x509 register themselves through it
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** What a PKCS #10 request asks to be written into a certificate. */
export interface CertificateRequestContent {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** The request in PEM text. Throws an Error that says what it is instead. */
export function parseCertificateRequest(pem: string): x509.Pkcs10CertificateRequest {
  if (!/-----BEGIN CERTIFICATE REQUEST-----/.test(pem)) throw new Error("PEM block type must be CERTIFICATE REQUEST");
  try {
    return new x509.Pkcs10CertificateRequest(pem);
  } catch (error) {
    throw new Error("the certificate request is not a PEM encoded PKCS #10 request", { cause: error });
  }
}

/** Whether the request was signed with the very key that it is for. */
export async function isSelfSigned(request: x509.Pkcs10CertificateRequest): Promise<boolean> {
  return request.verify(webcrypto).catch(() => false); // a key or signature that nobody can read proves nothing
}

/** The names beside the common one, as they stand in the request. */
export function alternativeNames(request: x509.Pkcs10CertificateRequest): x509.SubjectAlternativeNameExtension | undefined {
  return request.extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension);
}

export function contentOf(request: x509.Pkcs10CertificateRequest): CertificateRequestContent {
  const names = alternativeNames(request)?.names.items ?? [];
  const ofType = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    commonName: request.subjectName.getField("CN")[0] ?? "",
    organizations: request.subjectName.getField("O"),
    dnsNames: ofType("dns"),
    ipAddresses: ofType("ip"),
    emailAddresses: ofType("email"),
    uris: ofType("url"),
  };
}
