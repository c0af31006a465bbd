import { isCreateOf, type AdmissionPlugin } from "../../admission/admission.ts";
import { isSelfSigned, parseCertificateRequest } from "../../apimachinery/certificate-request.ts";
import { invalid, invalidField } from "../../apimachinery/field-error.ts";
import { certificateSigningRequestResource } from "../../resources/certificates/certificate-signing-request.ts";
import type { CertificateSigningRequest } from "../../resources/types.ts";

const GROUP = "certificates.k8s.io";

/** Writes into a new signing request who has made it, whatever it says itself, and refuses what is no request. No choice either. */
export const signingRequestor: AdmissionPlugin = {
  name: "CertificateSigningRequestor",
  async mutate(attributes) {
    if (!isCreateOf(attributes, GROUP, "certificatesigningrequests")) return attributes.object;
    const request = attributes.object as CertificateSigningRequest; // isCreateOf
    const problem = await problemOf(request.spec.request);
    if (problem !== undefined) {
      const { validate, validateNew } = certificateSigningRequestResource.strategy;
      const errors = [invalidField("spec.request", request.spec.request || null, problem), ...(validate?.(request) ?? []), ...(validateNew?.(request) ?? [])];
      throw invalid(GROUP, "CertificateSigningRequest", request.metadata.name ?? "", errors);
    }
    const { username, uid, groups, extra } = attributes.user;
    const { username: _username, uid: _uid, groups: _groups, extra: _extra, ...asked } = request.spec;
    const requestor = { username, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
    return { ...request, spec: { ...asked, ...requestor } };
  },
};

async function problemOf(base64: string): Promise<string | undefined> {
  try {
    return (await isSelfSigned(parseCertificateRequest(Buffer.from(base64, "base64").toString("latin1"))))
      ? undefined
      : "the request is not signed by its own key";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
