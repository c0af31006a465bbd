import { forbidden, StatusError } from "../../apimachinery/status-error.ts";
import { conditionPrograms } from "../../resources/admissionregistration/expression-environment.ts";
import type { AdmissionAttributes, AdmissionReader } from "../admission.ts";
import { admissionRequest, type MatchedRequest } from "../expressions/admission-request.ts";
import { evaluateConditions } from "../expressions/match-conditions.ts";
import { authorizerBindings, type AskRights } from "../expressions/rights-questions.ts";
import { findMatch, matchedObjects, matchesNamespace, matchesObject, type EquivalentResources } from "../request-matching.ts";
import type { Hook, Webhook } from "./webhook-index.ts";

/** A webhook that is to be asked about a request. */
export interface WebhookMatch<W extends Webhook = Webhook> {
  readonly hook: Hook<W>;
  readonly request: MatchedRequest;
}

export interface MatchContext {
  readonly reader: AdmissionReader;
  readonly equivalents: EquivalentResources;
  readonly askRights: AskRights;
}

/** Whether a webhook is to be asked. Throws a StatusError when that cannot be told and the webhook must not be passed over. */
export async function matchWebhook<W extends Webhook>(
  hook: Hook<W>,
  attributes: AdmissionAttributes,
  context: MatchContext,
): Promise<WebhookMatch<W> | undefined> {
  const { rules = [], matchPolicy, namespaceSelector, objectSelector, matchConditions = [] } = hook.webhook;
  // What costs nothing comes first; the order does not show.
  const definition = findMatch(rules, matchPolicy, attributes, context.equivalents);
  if (definition === undefined || !matchesObject(objectSelector, attributes)) return undefined;
  const inNamespace = await matchesNamespace(namespaceSelector, attributes, context.reader);
  if (inNamespace instanceof StatusError) throw inNamespace;
  if (!inNamespace) return undefined;
  const request = { attributes, definition };
  return matchConditions.length === 0 || (await conditionsHold(hook, request, context)) ? { hook, request } : undefined;
}

async function conditionsHold({ webhook }: Hook, request: MatchedRequest, { equivalents, askRights }: MatchContext): Promise<boolean> {
  const { attributes } = request;
  const { object, old } = await matchedObjects(request, equivalents);
  const bindings = {
    object: object ?? null,
    oldObject: old ?? null,
    request: admissionRequest(request),
    namespaceObject: null,
    ...authorizerBindings(attributes, askRights),
  };
  const outcome = await evaluateConditions(webhook.matchConditions ?? [], conditionPrograms(false), bindings);
  if (outcome.is !== "error") return outcome.is === "match";
  if (webhook.failurePolicy === "Ignore") return false;
  throw forbidden(attributes.definition, attributes.name, outcome.message);
}
