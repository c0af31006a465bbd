import { StatusError } from "../../apimachinery/status-error.ts";
import type { ValidatingWebhook } from "../../resources/types.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import { isExempt, matchedObjects } from "../request-matching.ts";
import { callWebhook, failedClosed, WebhookCallError } from "./call-webhook.ts";
import { matchWebhook, type WebhookMatch } from "./match-webhook.ts";
import type { WebhookParts } from "./mutating-webhooks.ts";
import type { WebhookList } from "./webhook-index.ts";

const FAILED_OPEN_KEY = "failed-open.validating.webhook.admission.k8s.io/";

/** Asks all webhooks that match at once; the first refusal, in their order, is the answer. */
export function validatingWebhooks(list: WebhookList<ValidatingWebhook>, parts: WebhookParts): AdmissionPlugin {
  return {
    name: "ValidatingAdmissionWebhook",
    seesConnections: true,
    async validate(attributes, reader) {
      if (list.hooks.length === 0 || isExempt(attributes)) return;
      const matches: WebhookMatch<ValidatingWebhook>[] = [];
      for (const hook of list.hooks) {
        const match = await matchWebhook(hook, attributes, { reader, ...parts });
        if (match !== undefined) matches.push(match);
      }
      const failures = await Promise.all(matches.map((match, index) => ask(match, index, attributes, parts)));
      const first = failures.find((failure) => failure !== undefined);
      if (first !== undefined) throw first;
    },
  };
}

async function ask(
  match: WebhookMatch<ValidatingWebhook>,
  index: number,
  { notes, signal }: AdmissionAttributes,
  parts: WebhookParts,
): Promise<StatusError | undefined> {
  const { name, failurePolicy } = match.hook.webhook;
  try {
    const objects = await matchedObjects(match.request, parts.equivalents);
    await parts.metrics.asked("validating", match, () => callWebhook(parts, { ...match, objects }, false));
    return undefined;
  } catch (error) {
    if (error instanceof StatusError) return error;
    if (!(error instanceof WebhookCallError)) throw error;
    if (failurePolicy !== "Ignore") return failedClosed(error);
    if (signal?.aborted === true) return new StatusError("Timeout", "Timeout: request did not complete within requested timeout");
    notes?.annotate(`${FAILED_OPEN_KEY}round_0_index_${index}`, name);
    parts.logger.warn("a webhook could not be asked and is passed over", { webhook: name, configuration: match.hook.configuration, error: error.message });
    return undefined;
  }
}
