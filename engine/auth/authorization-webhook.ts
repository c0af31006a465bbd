import type { CelProgram } from "../cel/compile.ts";
import type { Clock } from "../lib/clock.ts";
import { ExpiringCache } from "../lib/expiring-cache.ts";
import type { Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { SubjectAccessReviewSpec } from "../resources/types.ts";
import { accessReviewSpec, conditionView } from "./access-review-spec.ts";
import { NO_OPINION, type AuthorizationMode, type Decision } from "./authorize.ts";
import type { WebhookTarget } from "./authentication/token-webhook.ts";
import type { AuthorizationWebhookMetrics, WebhookResult } from "./authorization-webhook-metrics.ts";
import { reviewFlag, reviewStatus, reviewText } from "./review-answer.ts";
import { fetchRemoteJson, RemoteAnswerError, retried, REVIEW_RETRIES, type RemoteJson } from "./remote-json.ts";

export const WEBHOOK_TIMEOUT_MS = 30_000;
const CACHED_MAX = 8_192;
/** What a caller can make long as he likes is not remembered when it is. */
const CACHED_CHARS_MAX = 10_000;

/** What an operator says of one authorization webhook. */
export interface AuthorizationWebhookSettings {
  /** In the metrics. */
  readonly name: string;
  readonly version: "v1" | "v1beta1";
  readonly timeoutMs: number;
  readonly allowedTtlMs: number;
  readonly refusedTtlMs: number;
  /** Whether requests are refused while it cannot be asked; else others decide. */
  readonly deniesOnFailure: boolean;
  /** It is asked only where all hold. */
  readonly conditions: readonly CelProgram[];
}

export interface AuthorizationWebhookOptions extends AuthorizationWebhookSettings {
  readonly target: WebhookTarget;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: AuthorizationWebhookMetrics;
}

/** Asks another server by SubjectAccessReview. */
export function webhookMode(options: AuthorizationWebhookOptions): AuthorizationMode {
  const { target, name, version, timeoutMs, allowedTtlMs, refusedTtlMs, deniesOnFailure, clock, random, logger, metrics } = options;
  const cache = new ExpiringCache<Decision>(clock, CACHED_MAX);
  const ask = async (spec: SubjectAccessReviewSpec): Promise<Decision> => {
    const key = JSON.stringify(spec);
    const known = cache.get(key);
    if (known !== undefined) return known;
    let last: WebhookResult = "success";
    const askOnce = () =>
      askNoted(
        {
          ...target,
          method: "POST",
          body: { apiVersion: `authorization.k8s.io/${version}`, kind: "SubjectAccessReview", metadata: {}, spec: version === "v1" ? spec : olderSpec(spec) },
          timeoutMs,
        },
        metrics?.ask(name),
        (result) => (last = result),
      );
    let decision: Decision;
    try {
      decision = readDecision(await retried(askOnce, { ...REVIEW_RETRIES, clock, random }));
    } catch (error) {
      if (!deniesOnFailure) metrics?.failedOpen(name, last);
      throw error;
    }
    if (controlledChars(spec) < CACHED_CHARS_MAX) cache.set(key, decision, decision.is === "allow" ? allowedTtlMs : refusedTtlMs);
    return decision;
  };
  return {
    type: "Webhook",
    name,
    async decide(attributes) {
      const spec = accessReviewSpec(attributes);
      try {
        return isConcerned(options, spec) ? await ask(spec) : NO_OPINION;
      } catch (error) {
        logger.warn("the authorization webhook could not be asked", { url: target.url, error });
        return deniesOnFailure ? { is: "deny", reason: "" } : NO_OPINION;
      }
    },
    rulesFor: () => ({ rules: [], incomplete: true, errors: ["webhook authorizer does not support user rule resolution"] }),
  };
}

/** Asks once, and tells how that went. */
async function askNoted(remote: RemoteJson, ...told: readonly (((result: WebhookResult) => void) | undefined)[]): Promise<unknown> {
  const tell = (result: WebhookResult) => told.forEach((one) => one?.(result));
  try {
    const answer = await fetchRemoteJson(remote);
    tell("success");
    return answer;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    tell((cause instanceof Error && cause.name === "TimeoutError") || (cause instanceof RemoteAnswerError && cause.code === 504) ? "timeout" : "error");
    throw error;
  }
}

/** The length of all that the caller chooses by asking for it. */
function controlledChars({ resourceAttributes = {}, nonResourceAttributes = {} }: SubjectAccessReviewSpec): number {
  const { namespace = "", verb = "", group = "", version = "", resource = "", subresource = "", name = "" } = resourceAttributes;
  const { path = "", verb: pathVerb = "" } = nonResourceAttributes;
  return [namespace, verb, group, version, resource, subresource, name, path, pathVerb].reduce((sum, text) => sum + text.length, 0);
}

/** Whether all conditions hold. One that does not decides at once; throws the first failure of the others. */
function isConcerned({ conditions, name, metrics }: AuthorizationWebhookOptions, request: SubjectAccessReviewSpec): boolean {
  if (conditions.length === 0) return true;
  const end = metrics?.judge(name);
  try {
    const holds = allHold(conditions, conditionView(request));
    end?.(holds);
    return holds;
  } catch (error) {
    end?.(undefined);
    throw error;
  }
}

function allHold(conditions: readonly CelProgram[], request: SubjectAccessReviewSpec): boolean {
  let failure: Error | undefined;
  for (const condition of conditions) {
    try {
      if (condition.evaluate({ request }).value === false) return false;
    } catch (error) {
      failure ??= new Error(`the match condition ${condition.source}`, { cause: error });
    }
  }
  if (failure !== undefined) throw failure;
  return true;
}

/** The first version of the API called the list of groups `group`. */
function olderSpec({ groups, ...others }: SubjectAccessReviewSpec): object {
  return { ...others, group: groups };
}

function readDecision(answer: unknown): Decision {
  const status = reviewStatus(answer);
  const [isDenied, isAllowed, reason] = [reviewFlag(status, "denied"), reviewFlag(status, "allowed"), reviewText(status, "reason")];
  // One that says both is not to be believed, and errs on the safe side.
  return { is: isDenied ? "deny" : isAllowed ? "allow" : "none", reason };
}
