import type { UserInfo } from "../../apimachinery/api-request.ts";
import { CLIENT_SIGNER, contentOf, parseCertificateRequest } from "../../apimachinery/certificate-request.ts";
import { MASTERS_GROUP } from "../../apimachinery/known-users.ts";
import { forbidden } from "../../apimachinery/status-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { CertificateSigningRequest } from "../../resources/types.ts";
import { isCreateOf, isKind, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";

const GROUP = "certificates.k8s.io";
const RESOURCE = "certificatesigningrequests";

/** Whether a user may use a verb on a signer of this name. */
export type SignerCheck = (user: UserInfo, verb: "approve" | "sign", name: string) => Promise<boolean>;

/** Who may decide about requests, who may answer them, and what nobody may ask for. */
export function certificatePlugins(mayDo: SignerCheck): readonly AdmissionPlugin[] {
  return [certificateApproval(mayDo), certificateSigning(mayDo), certificateSubjectRestriction];
}

/** Approving or denying needs a right on the signer, not only on requests. */
function certificateApproval(mayDo: SignerCheck): AdmissionPlugin {
  return {
    name: "CertificateApproval",
    async validate(attributes) {
      if (!isUpdateOf(attributes, "approval") || (await isAllowed(mayDo, attributes, "approve"))) return;
      throw forbidden(attributes.definition, attributes.name, `user not permitted to approve requests with signerName ${JSON.stringify(signerOf(attributes))}`);
    },
  };
}

/** So does answering them. */
function certificateSigning(mayDo: SignerCheck): AdmissionPlugin {
  return {
    name: "CertificateSigning",
    async validate(attributes) {
      if (!isUpdateOf(attributes, "status")) return;
      const [status, old] = [attributes.object, attributes.old].map((object) => (object as CertificateSigningRequest | undefined)?.status); // isKind
      if ((status?.certificate ?? "") === (old?.certificate ?? "") && jsonEqual(status?.conditions ?? [], old?.conditions ?? [])) return;
      if (await isAllowed(mayDo, attributes, "sign")) return;
      throw forbidden(attributes.definition, attributes.name, `user not permitted to sign requests with signerName ${JSON.stringify(signerOf(attributes))}`);
    },
  };
}

/** No certificate makes somebody a master. */
const certificateSubjectRestriction: AdmissionPlugin = {
  name: "CertificateSubjectRestriction",
  validate(attributes) {
    if (!isCreateOf(attributes, GROUP, RESOURCE)) return;
    const { spec } = attributes.object as CertificateSigningRequest; // isCreateOf
    if (spec.signerName !== CLIENT_SIGNER) return;
    const { organizations } = contentOf(parseCertificateRequest(Buffer.from(spec.request, "base64").toString("latin1")));
    if (organizations.includes(MASTERS_GROUP))
      throw forbidden(attributes.definition, attributes.name, `use of ${CLIENT_SIGNER} signer with ${MASTERS_GROUP} group is not allowed`);
  },
};

function isUpdateOf(attributes: AdmissionAttributes, subresource: string): boolean {
  return attributes.operation === "UPDATE" && attributes.subresource === subresource && isKind(attributes, GROUP, RESOURCE);
}

/** The signer cannot be changed, so the stored one counts. */
function signerOf({ old }: AdmissionAttributes): string {
  return (old as CertificateSigningRequest | undefined)?.spec.signerName ?? ""; // isKind
}

/** On this signer, or on all of its domain. */
async function isAllowed(mayDo: SignerCheck, attributes: AdmissionAttributes, verb: "approve" | "sign"): Promise<boolean> {
  const name = signerOf(attributes);
  return (await mayDo(attributes.user, verb, name)) || mayDo(attributes.user, verb, `${name.split("/")[0] ?? ""}/*`);
}
