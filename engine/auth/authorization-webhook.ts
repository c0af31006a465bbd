import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AuthorizationAttributes, AuthorizationMode, Decision } from "./authorize.ts";
import type { WebhookTarget } from "./authentication/token-webhook.ts";
import { ExpiringCache } from "./expiring-cache.ts";
import { fetchRemoteJson } from "./remote-json.ts";

const TIMEOUT_MS = 30_000;
const CACHED_MAX = 8_192;

export interface AuthorizationWebhookOptions {
  readonly target: WebhookTarget;
  readonly allowedTtlMs: number;
  readonly refusedTtlMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Asks another server by SubjectAccessReview. One that cannot be reached has no opinion. */
export function webhookMode({ target, allowedTtlMs, refusedTtlMs, clock, logger }: AuthorizationWebhookOptions): AuthorizationMode {
  const cache = new ExpiringCache<Decision>(clock, CACHED_MAX);
  return {
    type: "Webhook",
    async decide(attributes) {
      const spec = specOf(attributes);
      const key = JSON.stringify(spec);
      const known = cache.get(key);
      if (known !== undefined) return known;
      try {
        const answer = await fetchRemoteJson({ ...target, method: "POST", body: { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec }, timeoutMs: TIMEOUT_MS });
        const decision = readDecision(answer);
        cache.set(key, decision, decision.is === "allow" ? allowedTtlMs : refusedTtlMs);
        return decision;
      } catch (error) {
        logger.warn("the authorization webhook could not be asked", { url: target.url, error });
        return { is: "none", reason: "" };
      }
    },
    rulesFor: () => ({ rules: [], incomplete: true, errors: ["webhook authorizer does not support user rule resolution"] }),
  };
}

function specOf(attributes: AuthorizationAttributes): object {
  const { username, groups, uid, extra } = attributes.user;
  const user = { user: username, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
  if (attributes.is === "path") return { nonResourceAttributes: { path: attributes.path, verb: attributes.verb }, ...user };
  const { verb, group, version, resource, subresource, namespace, name, fieldSelector, labelSelector } = attributes;
  const all = { namespace, verb, group, version, resource, subresource, name };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ""));
  const selectors = { ...(fieldSelector === undefined ? {} : { fieldSelector: { rawSelector: fieldSelector } }), ...(labelSelector === undefined ? {} : { labelSelector: { rawSelector: labelSelector } }) };
  return { resourceAttributes: { ...given, ...selectors }, ...user };
}

function readDecision(answer: unknown): Decision {
  const { status = {} } = (answer ?? {}) as { readonly status?: { readonly allowed?: unknown; readonly denied?: unknown; readonly reason?: unknown } }; // each field is checked
  const reason = typeof status.reason === "string" ? status.reason : "";
  if (status.allowed === true && status.denied === true) throw new Error("the webhook both allows and denies");
  return { is: status.allowed === true ? "allow" : status.denied === true ? "deny" : "none", reason };
}
