import {
  CLIENT_SIGNER,
  contentOf,
  KUBELET_CLIENT_SIGNER,
  KUBELET_SERVING_SIGNER,
  parseCertificateRequest,
  type CertificateRequestContent,
} from "../../apimachinery/certificate-request.ts";
import { NODE_USER_PREFIX, NODES_GROUP } from "../../apimachinery/known-users.ts";
import { formatTime } from "../../lib/clock.ts";
import { certificateSigningRequestResource } from "../../resources/certificates/certificate-signing-request.ts";
import type { CertificateSigningRequest } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { update, watch, type Action, type ControllerDefinition } from "../define-controller.ts";

const LEGACY_SIGNER = "kubernetes.io/legacy-unknown";

/** Signs a request as it is, PEM to PEM, for so many seconds or less; without a number as long as certificates last here. */
export type SignApproved = (requestPem: string, usages: readonly string[], seconds: number | undefined) => Promise<string>;

type Rule = (content: CertificateRequestContent, usages: readonly string[]) => string | undefined;

/** What each of the cluster's signers refuses to sign, in upstream's words; undefined when there is nothing against it. */
const rules: Readonly<Record<string, Rule>> = {
  [CLIENT_SIGNER]: clientProblem,
  [KUBELET_CLIENT_SIGNER]: kubeletClientProblem,
  [KUBELET_SERVING_SIGNER]: kubeletServingProblem,
  [LEGACY_SIGNER]: () => undefined,
};

function clientProblem(_content: CertificateRequestContent, usages: readonly string[]): string | undefined {
  const other = usages.find((usage) => !["digital signature", "key encipherment", "client auth"].includes(usage));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes("client auth") ? undefined : "missing required usage for client certificate: client auth";
}

export function kubeletClientProblem(content: CertificateRequestContent, usages: readonly string[]): string | undefined {
  if (!isOnlyNodes(content)) return `subject organization is not ${NODES_GROUP}`;
  if (content.dnsNames.length > 0) return "DNS subjectAltNames are not allowed";
  if (content.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
  if (content.ipAddresses.length > 0) return "IP subjectAltNames are not allowed";
  if (content.uris.length > 0) return "URI subjectAltNames are not allowed";
  if (!content.commonName.startsWith(NODE_USER_PREFIX)) return `subject common name does not begin with ${NODE_USER_PREFIX}`;
  return hasUsages(usages, "client auth") ? undefined : "usages did not match [client auth digital signature key encipherment]";
}

function kubeletServingProblem(content: CertificateRequestContent, usages: readonly string[]): string | undefined {
  if (!isOnlyNodes(content)) return `subject organization is not ${NODES_GROUP}`;
  if (content.dnsNames.length + content.ipAddresses.length === 0) return "DNS or IP subjectAltName is required";
  if (content.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
  if (content.uris.length > 0) return "URI subjectAltNames are not allowed";
  if (!hasUsages(usages, "server auth")) return "usages did not match [digital signature key encipherment server auth]";
  return content.commonName.startsWith(NODE_USER_PREFIX) ? undefined : `subject common name does not begin with ${NODE_USER_PREFIX}`;
}

function isOnlyNodes({ organizations }: CertificateRequestContent): boolean {
  return organizations.length === 1 && organizations[0] === NODES_GROUP;
}

/** Exactly this purpose and a signature; encipherment belongs to RSA keys only and may be left out. */
function hasUsages(usages: readonly string[], purpose: string): boolean {
  const sorted = usages.filter((usage) => usage !== "key encipherment").sort();
  return sorted.join() === [purpose, "digital signature"].sort().join();
}

export type Signed = { readonly is: "signed"; readonly certificate: string } | { readonly is: "refused"; readonly why: string };

/** What there is to say about an approved request that waits for its signer. */
export interface SigningInputs {
  readonly request: CertificateSigningRequest;
  readonly outcome: Signed;
}

/** Pure. */
function planSigning({ request, outcome }: SigningInputs, nowMs: number): readonly Action[] {
  const { status = {} } = request;
  const now = formatTime(nowMs);
  const failed =
    outcome.is === "signed"
      ? []
      : [{ type: "Failed", status: "True", reason: "SignerValidationFailure", message: outcome.why, lastUpdateTime: now, lastTransitionTime: now }];
  const next = {
    ...status,
    conditions: [...(status.conditions ?? []), ...failed],
    ...(outcome.is === "signed" ? { certificate: Buffer.from(outcome.certificate).toString("base64") } : {}),
  };
  return [update(certificateSigningRequestResource, { ...request, status: next }, "status")];
}

/** Whether somebody has approved the request, and its signer has not answered yet. */
function isToBeSigned({ spec, status = {} }: CertificateSigningRequest): boolean {
  const types = (status.conditions ?? []).map(({ type }) => type);
  return rules[spec.signerName] !== undefined && !status.certificate && types.includes("Approved") && !types.includes("Denied") && !types.includes("Failed");
}

/** The cluster's own signers: approved requests get a certificate of the cluster's authority, if their signer's rules allow what they ask for. */
export function certificateSigner({ informers }: ControllerContext, sign: SignApproved): ControllerDefinition<SigningInputs> {
  const requests = informers.informer(certificateSigningRequestResource);
  return {
    name: "certificate-signer",
    watches: [watch(requests, ({ metadata }) => [metadata.name ?? ""])],
    async observe(name) {
      const request = requests.get("", name);
      if (request === undefined || !isToBeSigned(request)) return undefined;
      const pem = Buffer.from(request.spec.request, "base64").toString("latin1");
      const { signerName, usages = [], expirationSeconds } = request.spec;
      const why = rules[signerName]?.(contentOf(parseCertificateRequest(pem)), usages);
      return { request, outcome: why === undefined ? { is: "signed", certificate: await sign(pem, usages, expirationSeconds) } : { is: "refused", why } };
    },
    plan: planSigning,
  };
}
