import { webcrypto } from "node:crypto";
import type { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { loadX509 } from "../lib/late-modules.ts";

/** Signers of certificates by which clients are known to the API, and nodes' agents as clients and as servers. */
export const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";
export const KUBELET_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
export const KUBELET_SERVING_SIGNER = "kubernetes.io/kubelet-serving";

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
  try {
    return new (loadX509().Pkcs10CertificateRequest)(pem);
  } catch (error) {
    throw new Error("the certificate request is not a PEM encoded PKCS #10 request", { cause: error });
  }
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
    commonName: request.subjectName.getField("CN")[0] ?? "",
    organizations: request.subjectName.getField("O"),
    dnsNames: ofType("dns"),
    ipAddresses: ofType("ip"),
    emailAddresses: ofType("email"),
    uris: ofType("url"),
  };
}
