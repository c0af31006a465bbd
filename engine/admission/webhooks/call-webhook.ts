import type { RequestNotes } from "../../apimachinery/request-notes.ts";
import { badRequest, internalError, StatusError, type Status } from "../../apimachinery/status-error.ts";
import type { WebhookTransport } from "../../apimachinery/webhook-call.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Attributes } from "../../lib/tracing/span.ts";
import { measured, type Tracer } from "../../lib/tracing/tracer.ts";
import type { MatchedObjects } from "../request-matching.ts";
import { admissionReview, chooseReviewVersion, readVerdict, reviewProblem, type Verdict } from "./admission-review.ts";
import type { WebhookMatch } from "./match-webhook.ts";

/** The webhook could not be asked, or did not answer as it must: its failure policy decides what that means. */
export class WebhookCallError extends Error {
  /** As which it is counted. */
  readonly code: number;
  constructor(webhook: string, reason: string, cause?: unknown, code = 503) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${reason}`, { cause });
    this.name = "WebhookCallError";
    this.code = code;
  }
}

export interface WebhookCaller {
  readonly transport: WebhookTransport;
  readonly tracer?: Tracer | undefined;
  readonly random: Random;
  readonly clock: Clock;
}

const DEFAULT_TIMEOUT_SECONDS = 10;

/**
 * Asks a webhook about a request, and keeps what it remarks. Throws a WebhookCallError when it could not be asked, and a StatusError
 * when it refuses the request or must not be asked about it.
 */
export async function callWebhook(
  { transport, tracer, random, clock }: WebhookCaller,
  { hook, request, objects }: WebhookMatch & { readonly objects: MatchedObjects },
  isMutating: boolean,
): Promise<Verdict> {
  const { name, sideEffects, admissionReviewVersions, clientConfig } = hook.webhook;
  const { isDryRun, signal, untilMs = Infinity, notes } = request.attributes;
  const timeoutSeconds = Math.min(hook.webhook.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS, secondsLeft(untilMs - clock.monotonic()));
  if (isDryRun === true && sideEffects !== "None" && sideEffects !== "NoneOnDryRun")
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  const version = chooseReviewVersion(admissionReviewVersions);
  if (version === undefined)
    throw new WebhookCallError(
      name,
      "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)",
      undefined,
      400,
    );
  const uid = random.uuid();
  return measured(
    tracer,
    `Call ${isMutating ? "mutating" : "validating"} webhook`,
    () => spanAttributes(hook, request, uid),
    async (span) => {
      const answer = await transport
        .post({ endpoint: clientConfig, body: admissionReview(version, uid, request, objects), timeoutSeconds, ...(signal === undefined ? {} : { signal }) })
        .catch((error: unknown) => {
          throw new WebhookCallError(name, `failed to call webhook: ${messageOf(error)}`, error);
        });
      span?.event("Request completed");
      const problem = reviewProblem(version, answer);
      if (problem !== undefined) throw new WebhookCallError(name, `failed to call webhook: ${problem}`);
      const verdict = read(name, () => readVerdict(version, uid, isMutating, answer));
      remark(name, verdict, notes);
      if (!verdict.allowed) throw refusal(name, verdict.status ?? {});
      return verdict;
    },
  );
}

/**
 * What is left of the request's time, in whole seconds, as a webhook is told: begun ones count, and one at least. When that time is over,
 * the request's signal ends the call.
 */
function secondsLeft(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

function spanAttributes(
  { configuration, webhook }: WebhookMatch["hook"],
  { attributes, definition: { group, version, resource } }: WebhookMatch["request"],
  uid: string,
): Attributes {
  return {
    configuration,
    webhook: webhook.name,
    resource: `${group}/${version}, Resource=${resource}`,
    subresource: attributes.subresource ?? "",
    operation: attributes.operation,
    UID: uid,
  };
}

function read(name: string, reading: () => Verdict): Verdict {
  try {
    return reading();
  } catch (error) {
    throw new WebhookCallError(name, `received invalid webhook response: ${messageOf(error)}`, error);
  }
}

function remark(name: string, { warnings, auditAnnotations }: Verdict, notes: RequestNotes | undefined): void {
  for (const [key, value] of Object.entries(auditAnnotations)) notes?.annotate(`${name}/${key}`, value);
  for (const warning of warnings) notes?.warn(warning);
}

/** The webhook's own Status with its name in front; one that forgot to be a failure is made one. */
function refusal(name: string, { message = "", reason, code = 0, details, metadata }: Partial<Status>): StatusError {
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`;
  return StatusError.from({
    kind: "Status",
    apiVersion: "v1",
    metadata: metadata ?? {},
    status: "Failure",
    message: message !== "" ? `${denied}: ${message}` : reason ? `${denied}: ${reason}` : `${denied} without explanation`,
    ...(reason ? { reason } : {}),
    ...(details === undefined ? {} : { details }),
    code: code < 400 ? 400 : code,
  });
}

/** What the writer is told when a webhook that must be asked could not be. */
export function failedClosed(error: WebhookCallError): StatusError {
  return internalError(error.message);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
