import type { AuthConfig } from "../options/auth-options.ts";
import { abacMode, parseAbacPolicies } from "../auth/abac-authorizer.ts";
import { alwaysAllowMode, alwaysDenyMode, type AuthorizerType } from "../auth/authorize.ts";
import { parseAuthorizationConfig, type ConfiguredAuthorizer } from "../auth/authorization-config.ts";
import { WEBHOOK_TIMEOUT_MS, webhookMode } from "../auth/authorization-webhook.ts";
import { AuthorizationWebhookMetrics } from "../auth/authorization-webhook-metrics.ts";
import { UsageError } from "../options/config.ts";
import { ChangingValue, type Following } from "../lib/changing-value.ts";
import type { Egress } from "../apimachinery/egress.ts";
import type { Random } from "../lib/random.ts";
import type { Service } from "../lib/service.ts";
import { readOption, webhookTarget } from "../options/option-files.ts";
import type { ModeChoice } from "../server/create-api-server.ts";
import { followFile, type FollowingParts } from "./followed-file.ts";

/** What follows objects or a file of its own from the start on. */
const NEVER_ADDED: readonly AuthorizerType[] = ["Node", "RBAC", "ABAC"];

export interface AuthorizationParts extends FollowingParts {
  readonly random: Random;
  readonly egress?: Egress | undefined;
}

export interface AuthorizationSetup {
  readonly modes: Following<readonly ModeChoice[]>;
  /** Follows the file that may change; none where there is none. */
  readonly services: readonly Service[];
}

/** Who decides, in this order, as the switches or their file say. Throws a UsageError with the switch for what cannot be. */
export function setUpAuthorization(config: AuthConfig, parts: AuthorizationParts): AuthorizationSetup {
  const file = config.authorizationConfig;
  const structured = readOption("--authorization-config", file, (text) => ({ text, authorizers: parseAuthorizationConfig(text) }));
  const authorizers = structured?.authorizers ?? legacyAuthorizers(config);
  const types = authorizers.map(({ type }) => type);
  if (config.authorizationWebhookConfigFile !== undefined && (file !== undefined || !types.includes("Webhook")))
    throw new UsageError("--authorization-webhook-config-file belongs to --authorization-mode Webhook");
  if (config.authorizationPolicyFile !== undefined && !types.includes("ABAC"))
    throw new UsageError("--authorization-policy-file belongs to --authorization-mode ABAC");
  const webhookMetrics = new AuthorizationWebhookMetrics(parts.metrics, parts.clock);
  const kept = new Map<AuthorizerType, ModeChoice>();
  const modesOf = (list: readonly ConfiguredAuthorizer[]) =>
    list.map((authorizer) => {
      const mode = kept.get(authorizer.type) ?? modeOf(authorizer, config, parts, webhookMetrics);
      if (authorizer.type !== "Webhook") kept.set(authorizer.type, mode);
      return mode;
    });
  const modes = new ChangingValue<readonly ModeChoice[]>(modesOf(authorizers));
  if (file === undefined || structured === undefined) return { modes, services: [] };
  const parse = (text: string) => {
    const next = parseAuthorizationConfig(text);
    requireSameTypes(
      types,
      next.map(({ type }) => type),
    );
    return modesOf(next);
  };
  return { modes, services: [followFile({ what: "authorization", file, text: structured.text, parse, apply: (next) => modes.set(next) }, parts)] };
}

/**
 * Other servers may come and go while this one runs. All else that decides stays, in whatever order: upstream's rule, so that a slip of the
 * hand takes nobody's rights.
 */
function requireSameTypes(first: readonly AuthorizerType[], next: readonly AuthorizerType[]): void {
  const missing = first.filter((type) => type !== "Webhook" && !next.includes(type)).sort();
  if (missing.length > 0) throw new Error(`missing required types: [${missing.join(" ")}]`);
  const added = next.find((type) => NEVER_ADDED.includes(type) && !first.includes(type));
  if (added !== undefined) throw new Error(`authorizer type ${added} is not allowed if it was not enabled at initial server startup`);
}

function legacyAuthorizers({
  authorizationMode,
  authorizationWebhookConfigFile,
  authorizationWebhookVersion,
  authorizationWebhookCacheAuthorizedTtl,
  authorizationWebhookCacheUnauthorizedTtl,
}: AuthConfig): readonly ConfiguredAuthorizer[] {
  return authorizationMode.map((type): ConfiguredAuthorizer => {
    if (type !== "Webhook") return { type, name: type.toLowerCase() };
    if (authorizationWebhookConfigFile === undefined) throw new UsageError("--authorization-mode Webhook needs --authorization-webhook-config-file");
    const ttls = { allowedTtlMs: authorizationWebhookCacheAuthorizedTtl, refusedTtlMs: authorizationWebhookCacheUnauthorizedTtl };
    const name = "webhook";
    return {
      type,
      name,
      kubeconfigFile: authorizationWebhookConfigFile,
      settings: { name, version: authorizationWebhookVersion, timeoutMs: WEBHOOK_TIMEOUT_MS, ...ttls, deniesOnFailure: false, conditions: [] },
    };
  });
}

function modeOf(
  authorizer: ConfiguredAuthorizer,
  config: AuthConfig,
  { clock, random, logger, egress }: AuthorizationParts,
  metrics: AuthorizationWebhookMetrics,
): ModeChoice {
  switch (authorizer.type) {
    case "Node":
    case "RBAC":
      return authorizer.type;
    case "ABAC": {
      const file = config.authorizationPolicyFile;
      if (file === undefined) throw new UsageError("--authorization-mode ABAC needs --authorization-policy-file");
      return abacMode(readOption("--authorization-policy-file", file, (text) => parseAbacPolicies(text, file)) ?? []);
    }
    case "AlwaysAllow":
      return alwaysAllowMode;
    case "AlwaysDeny":
      return alwaysDenyMode;
    case "Webhook": {
      const option = config.authorizationConfig === undefined ? "--authorization-webhook-config-file" : "--authorization-config";
      return webhookMode({ ...authorizer.settings, target: webhookTarget(option, authorizer.kubeconfigFile, egress), clock, random, logger, metrics });
    }
  }
}
