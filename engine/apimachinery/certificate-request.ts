import { webcrypto } from "node:crypto";
import type { JsonAttributeObject, Name, Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { isPrintable } from "../lib/der.ts";
import { loadX509 } from "../lib/late-modules.ts";

/** Signers of certificates by which clients are known to the API, and nodes' agents as clients and as servers. */
export const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";
export const KUBELET_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
export const KUBELET_SERVING_SIGNER = "kubernetes.io/kubelet-serving";

/** How the library shows a value of a subject that is no text: by its bytes. A text that looks so is none either. */
const NO_TEXT = "#";

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
export function parseCertificateRequest(pem: string): Pkcs10CertificateRequest {
  if (!/-----BEGIN CERTIFICATE REQUEST-----/.test(pem)) throw new Error("PEM block type must be CERTIFICATE REQUEST");
  const request = readRequest(pem);
  // What is no text would be judged as if it were not there, and yet be in the certificate.
  if (
    request.subjectName.toJSON().some((names) =>
      Object.values(names)
        .flat()
        .some((value) => value.startsWith(NO_TEXT)),
    )
  )
    throw new Error("a value of the certificate request's subject is no text");
  return request;
}

function readRequest(pem: string): Pkcs10CertificateRequest {
  try {
    return new (loadX509().Pkcs10CertificateRequest)(pem);
  } catch (error) {
    throw new Error("the certificate request is not a PEM encoded PKCS #10 request", { cause: error });
  }
}

/**
 * The subject of a request, to be written into a certificate: word for word, for in a plain text the library gives a meaning to quotes,
 * backslashes and a hash.
 */
export function subjectOf(request: Pkcs10CertificateRequest): Name {
  const parts = request.subjectName.toJSON();
  return new (loadX509().Name)(parts.map((part) => Object.fromEntries(Object.entries(part).map(([type, values]) => [type, values.map(literal)]))));
}

function literal(text: string): JsonAttributeObject {
  return isPrintable(text) ? { printableString: text } : { utf8String: text };
}

/** Whether the request was signed with the very key that it is for. */
export async function isSelfSigned(request: Pkcs10CertificateRequest): Promise<boolean> {
  return request.verify(webcrypto).catch(() => false); // a key or signature that nobody can read proves nothing
}

/** The names beside the common one, as they stand in the request. */
export function alternativeNames(request: Pkcs10CertificateRequest): SubjectAlternativeNameExtension | undefined {
  return request.extensions.find((extension) => extension instanceof loadX509().SubjectAlternativeNameExtension);
}

export function contentOf(request: Pkcs10CertificateRequest): CertificateRequestContent {
  const names = alternativeNames(request)?.names.items ?? [];
  const ofType = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    // Of several the last one, as everybody reads it whom the certificate is shown to.
    commonName: request.subjectName.getField("CN").at(-1) ?? "",
    organizations: request.subjectName.getField("O"),
    dnsNames: ofType("dns"),
    ipAddresses: ofType("ip"),
    emailAddresses: ofType("email"),
    uris: ofType("url"),
  };
}
