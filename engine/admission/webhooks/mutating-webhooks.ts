import { applyJsonPatch } from "../../apimachinery/patches/json-patch.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { internalError, StatusError } from "../../apimachinery/status-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { Logger } from "../../lib/log.ts";
import type { MutatingWebhook } from "../../resources/types.ts";
import { Reinvocation, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import type { AskRights } from "../expressions/rights-questions.ts";
import { isExempt, matchedObjects, type EquivalentResources } from "../request-matching.ts";
import { restoreObject } from "../restore-object.ts";
import { Rounds } from "../rounds.ts";
import type { Verdict } from "./admission-review.ts";
import { callWebhook, failedClosed, WebhookCallError, type WebhookCaller } from "./call-webhook.ts";
import { matchWebhook, type WebhookMatch } from "./match-webhook.ts";
import type { WebhookMetrics } from "./webhook-metrics.ts";
import type { WebhookList } from "./webhook-index.ts";
import { parseJson } from "../../lib/json.ts";
import { requireDepth } from "../../lib/json-depth.ts";

export interface WebhookParts extends WebhookCaller {
  readonly equivalents: EquivalentResources;
  readonly askRights: AskRights;
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
}

const NAME = "MutatingAdmissionWebhook";
const MUTATION_KEY = "mutation.webhook.admission.k8s.io/";
const PATCH_KEY = "patch.webhook.admission.k8s.io/";

/** Asks the webhooks that match one after the other, each with the object as the one before left it. */
export function mutatingWebhooks(list: WebhookList<MutatingWebhook>, parts: WebhookParts): AdmissionPlugin {
  const run = async (attributes: AdmissionAttributes, reader: AdmissionReader, reinvocation: Reinvocation): Promise<KubeObject | undefined> => {
    const rounds = reinvocation.memory(NAME, () => new Rounds());
    let { object } = attributes;
    // Plugins before this one have changed what the webhooks saw last.
    if (reinvocation.isSecond && !jsonEqual(rounds.last, object)) rounds.changed();
    for (const [index, hook] of list.hooks.entries()) {
      if (reinvocation.isSecond && !rounds.isAgain(hook.id)) continue;
      const match = await matchWebhook(hook, { ...attributes, object }, { reader, ...parts });
      if (match === undefined) continue;
      const next = await ask(match, `round_${reinvocation.isSecond ? 1 : 0}_index_${index}`, parts);
      if (!jsonEqual(next, object)) {
        rounds.changed();
        reinvocation.isWanted = true;
      }
      if (hook.webhook.reinvocationPolicy === "IfNeeded") rounds.remember(hook.id);
      object = next;
    }
    rounds.last = object;
    return object;
  };
  const isIdle = (attributes: AdmissionAttributes) => list.hooks.length === 0 || isExempt(attributes);
  return {
    name: NAME,
    seesConnections: true,
    mutate: async (attributes, reader, reinvocation) =>
      isIdle(attributes) ? attributes.object : ((await run(attributes, reader, reinvocation)) ?? attributes.object),
    beforeDelete: async (attributes, reader) => {
      if (!isIdle(attributes)) await run(attributes, reader, new Reinvocation());
    },
  };
}

/** The object after the webhook, as the request's own version shows it. */
async function ask(match: WebhookMatch<MutatingWebhook>, place: string, parts: WebhookParts): Promise<KubeObject | undefined> {
  const { hook, request } = match;
  const { attributes } = request;
  const { name, failurePolicy } = hook.webhook;
  let isMutated = false;
  try {
    return await parts.metrics.asked("admit", match, async () => {
      const objects = await matchedObjects(request, parts.equivalents);
      const operations = patchOperations(name, await callWebhook(parts, { ...match, objects }, true));
      if (operations.length === 0) return attributes.object;
      if (objects.object === undefined)
        throw internalError(`admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`);
      const patched = patchObject(match, objects.object, operations);
      isMutated = !jsonEqual(patched, objects.object);
      attributes.notes?.annotateContents(
        `${PATCH_KEY}${place}`,
        JSON.stringify({ configuration: hook.configuration, webhook: name, patch: operations, patchType: "JSONPatch" }),
      );
      return request.definition === attributes.definition || attributes.kind !== undefined
        ? patched
        : await parts.equivalents.convert(patched, request.definition, attributes.definition);
    });
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error;
    if (failurePolicy !== "Ignore") throw failedClosed(error);
    if (attributes.signal?.aborted === true) throw new StatusError("Timeout", "Timeout: request did not complete within requested timeout");
    attributes.notes?.annotate(`failed-open.${MUTATION_KEY}${place}`, name);
    parts.logger.warn("a webhook could not be asked and is passed over", { webhook: name, configuration: hook.configuration, error: error.message });
    return attributes.object;
  } finally {
    attributes.notes?.annotate(`${MUTATION_KEY}${place}`, JSON.stringify({ configuration: hook.configuration, webhook: name, mutated: isMutated }));
  }
}

function patchOperations(name: string, { patch, patchType }: Verdict): readonly unknown[] {
  if (patch === "") return [];
  let operations: unknown;
  try {
    requireDepth(patch);
    operations = parseJson(patch);
  } catch (cause) {
    throw new WebhookCallError(name, `received undecodable patch in webhook response: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (operations !== null && !Array.isArray(operations))
    throw new WebhookCallError(name, "received undecodable patch in webhook response: json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  if (Array.isArray(operations) && operations.length > 0 && patchType !== "JSONPatch")
    throw new WebhookCallError(name, `unsupported patch type ${JSON.stringify(patchType)}`);
  return operations ?? [];
}

function patchObject({ request }: WebhookMatch, object: KubeObject, operations: readonly unknown[]): KubeObject {
  let patched: unknown;
  try {
    patched = applyJsonPatch(object, operations);
  } catch (error) {
    throw internalError(error instanceof Error ? error.message : String(error));
  }
  return restoreObject(request, object, patched);
}
