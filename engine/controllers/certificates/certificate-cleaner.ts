import { X509Certificate } from "node:crypto";
import { certificateSigningRequestResource } from "../../resources/certificates/certificate-signing-request.ts";
import type { CertificateSigningRequest } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { read, type Action, type ControllerDefinition } from "../define-controller.ts";

const HOUR_MS = 3_600_000;
const PERIOD_MS = HOUR_MS;
/** How long requests are kept after what was last decided about them; upstream's times. */
const DECIDED_KEPT_MS = HOUR_MS;
const PENDING_KEPT_MS = 24 * HOUR_MS;

/**
 * Requests that nobody needs any more: answered, denied or failed ones after an hour, forgotten ones after a day, and those whose
 * certificate is over. Pure.
 */
function planCertificateCleanup(requests: readonly CertificateSigningRequest[], nowMs: number): readonly Action[] {
  return requests
    .filter((request) => isOver(request, nowMs))
    .map((request) => ({ do: "delete", resource: certificateSigningRequestResource, object: request }));
}

function isOver({ metadata, status = {} }: CertificateSigningRequest, nowMs: number): boolean {
  const olderThan = (time: string | undefined, ms: number) => time !== undefined && Date.parse(time) + ms < nowMs;
  const conditions = status.conditions ?? [];
  const decided =
    conditions.find(({ type }) => type === "Denied" || type === "Failed") ??
    (status.certificate ? conditions.find(({ type }) => type === "Approved") : undefined);
  if (decided !== undefined && olderThan(decided.lastUpdateTime ?? metadata.creationTimestamp, DECIDED_KEPT_MS)) return true;
  // Approved and never signed counts like never decided.
  if (!status.certificate && decided === undefined) return olderThan(metadata.creationTimestamp, PENDING_KEPT_MS);
  return status.certificate !== undefined && endsMs(status.certificate) < nowMs;
}

function endsMs(base64: string): number {
  try {
    return Date.parse(new X509Certificate(Buffer.from(base64, "base64")).validTo);
  } catch {
    return Infinity; // of a signer with a form of its own: the hour decides
  }
}

export function certificateCleaner({ informers }: ControllerContext): ControllerDefinition<readonly CertificateSigningRequest[]> {
  const requests = informers.informer(certificateSigningRequestResource);
  return {
    name: "certificate-cleaner",
    workers: 1,
    watches: [],
    reads: [read(requests)],
    initialKeys: ["requests"],
    observe: () => requests.list(),
    plan: (observed, nowMs) => [
      { do: "wait", forMs: PERIOD_MS },
      { do: "together", actions: planCertificateCleanup(observed, nowMs) },
    ],
  };
}
