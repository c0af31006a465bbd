import { contentOf, KUBELET_CLIENT_SIGNER, parseCertificateRequest, type CertificateRequestContent } from "../../apimachinery/certificate-request.ts";
import { NODE_USER_PREFIX } from "../../apimachinery/known-users.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { formatTime } from "../../lib/clock.ts";
import { certificateSigningRequestResource } from "../../resources/certificates/certificate-signing-request.ts";
import { nodeResource } from "../../resources/core/node.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { CertificateSigningRequest, CertificateSigningRequestSpec, SubjectAccessReview } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { update, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { kubeletClientProblem } from "./certificate-signers.ts";

const reviews: ResourceReference<SubjectAccessReview & KubeObject> = {
  group: "authorization.k8s.io",
  version: "v1",
  resource: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
};

/** A right that stands for the approval of one sort of request. */
type ApprovalRight = "selfnodeclient" | "nodeclient";

export interface Approvable {
  readonly request: CertificateSigningRequest;
  /** The first of the rights in question that the requestor has. */
  readonly right: ApprovalRight | undefined;
}

/** The rights by which a request for a node's certificate may be approved unseen; none for all others. Pure. */
function approvalRights({ signerName, username, usages = [] }: CertificateSigningRequestSpec, content: CertificateRequestContent): readonly ApprovalRight[] {
  if (signerName !== KUBELET_CLIENT_SIGNER || kubeletClientProblem(content, usages) !== undefined) return [];
  return username === content.commonName ? ["selfnodeclient", "nodeclient"] : ["nodeclient"];
}

/** Pure. */
function planApproval({ request, right }: Approvable, nowMs: number): readonly Action[] {
  if (right === undefined) return [];
  const message = right === "selfnodeclient" ? "The node asks for its own next certificate, and may." : "Who asks may have certificates of nodes.";
  const now = formatTime(nowMs);
  const condition = { type: "Approved", status: "True", reason: "AutoApproved", message, lastUpdateTime: now, lastTransitionTime: now };
  return [
    update(
      certificateSigningRequestResource,
      { ...request, status: { ...request.status, conditions: [...(request.status?.conditions ?? []), condition] } },
      "approval",
    ),
  ];
}

/** Approves nodes' requests for client certificates when whoever asks was given the right to have them; everything else waits for people. */
export function certificateApprover({ informers, client }: ControllerContext): ControllerDefinition<Approvable> {
  const requests = informers.informer(certificateSigningRequestResource);
  // Whoever may have certificates of nodes may not have that of a machine that is here already.
  const isTaken = async (nodeName: string) => (await unlessGone(client.for(nodeResource).get("", nodeName))) !== undefined;
  const isAllowed = async ({ username = "", uid, groups, extra }: CertificateSigningRequestSpec, subresource: ApprovalRight) => {
    const spec = {
      user: username,
      ...(uid === undefined ? {} : { uid }),
      ...(groups === undefined ? {} : { groups }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: { group: "certificates.k8s.io", resource: "certificatesigningrequests", verb: "create", subresource },
    };
    const answer = await client.for(reviews).create({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec });
    return answer.status?.allowed === true;
  };
  return {
    name: "certificate-approver",
    watches: [watch(requests, ({ metadata }) => [metadata.name ?? ""])],
    async observe(name) {
      const request = requests.get("", name);
      if (request === undefined || (request.status?.conditions ?? []).length > 0 || request.status?.certificate) return undefined;
      const content = readContent(request.spec.request);
      for (const right of approvalRights(request.spec, content)) {
        if (!(await isAllowed(request.spec, right))) continue;
        return right === "nodeclient" && (await isTaken(content.commonName.slice(NODE_USER_PREFIX.length))) ? undefined : { request, right };
      }
      return undefined;
    },
    plan: planApproval,
  };
}

function readContent(base64: string): CertificateRequestContent {
  try {
    return contentOf(parseCertificateRequest(Buffer.from(base64, "base64").toString("latin1")));
  } catch {
    // Written past the API, which takes only what can be read: nothing that could be recognized.
    return { commonName: "", organizations: [], dnsNames: [], ipAddresses: [], emailAddresses: [], uris: [] };
  }
}
