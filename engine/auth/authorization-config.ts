import * as yaml from "js-yaml";
import { ConfigFields } from "../apimachinery/config-fields.ts";
import { dnsSubdomainError } from "../apimachinery/names.ts";
import { compileExpression, type CelProgram } from "../cel/compile.ts";
import { schemaType } from "../cel/schema-type.ts";
import { BOOL, DYN } from "../cel/types.ts";
import { parseGoDurationMs } from "../lib/go-duration.ts";
import { loadSchema } from "../resources/load-schema.ts";
import { compileConfigExpression } from "./config-expression.ts";
import { AUTHORIZER_TYPES, type AuthorizerType } from "./authorize.ts";
import { WEBHOOK_TIMEOUT_MS, type AuthorizationWebhookSettings } from "./authorization-webhook.ts";

/** Who decides, as an AuthorizationConfiguration says it. */
export type ConfiguredAuthorizer =
  | { readonly type: Exclude<AuthorizerType, "Webhook">; readonly name: string }
  | { readonly type: "Webhook"; readonly name: string; readonly kubeconfigFile: string; readonly settings: AuthorizationWebhookSettings };

const VERSIONS = ["v1", "v1beta1", "v1alpha1"].map((version) => `apiserver.config.k8s.io/${version}`);
const CONDITIONS_MAX = 64;

/** Reads an AuthorizationConfiguration (apiserver.config.k8s.io/v1): who decides, in this order. Throws with the field for what is wrong or not known. */
export function parseAuthorizationConfig(text: string): readonly ConfiguredAuthorizer[] {
  const root = new ConfigFields(yaml.load(text), "");
  root.requireKind("AuthorizationConfiguration", VERSIONS);
  root.refuseOthers(["kind", "apiVersion", "authorizers"]);
  const authorizers = root.list("authorizers").map(authorizer);
  if (authorizers.length === 0) root.missing("authorizers");
  for (const [index, { type, name }] of authorizers.entries()) {
    const before = authorizers.slice(0, index);
    if (before.some((other) => other.name === name)) throw new Error(`authorizers[${index}].name: ${JSON.stringify(name)} is there twice`);
    if (type !== "Webhook" && before.some((other) => other.type === type)) throw new Error(`authorizers[${index}].type: ${type} is there twice`);
  }
  const misnamed = authorizers.find(({ type, name }) => type !== "Webhook" && name !== type.toLowerCase());
  if (misnamed !== undefined) throw new Error(`expected name ${misnamed.type.toLowerCase()} for authorizer ${misnamed.type} instead of ${misnamed.name}`);
  return authorizers;
}

function authorizer(fields: ConfigFields): ConfiguredAuthorizer {
  fields.refuseOthers(["type", "name", "webhook"]);
  const type = fields.requiredOneOf("type", AUTHORIZER_TYPES);
  const name = fields.requiredParsed("name", (text) => {
    const problem = dnsSubdomainError(text);
    if (problem !== undefined) throw new Error(problem);
    return text;
  });
  const webhook = fields.part("webhook");
  if (type === "Webhook") return { type, name, ...webhookOf(webhook ?? fields.missing("webhook"), name) };
  if (webhook !== undefined) throw new Error(`${webhook.path}: may only be specified when type=Webhook`);
  return { type, name };
}

function webhookOf(fields: ConfigFields, name: string): { readonly kubeconfigFile: string; readonly settings: AuthorizationWebhookSettings } {
  fields.refuseOthers([
    "authorizedTTL",
    "cacheAuthorizedRequests",
    "unauthorizedTTL",
    "cacheUnauthorizedRequests",
    "timeout",
    "subjectAccessReviewVersion",
    "matchConditionSubjectAccessReviewVersion",
    "failurePolicy",
    "connectionInfo",
    "matchConditions",
  ]);
  const connection = fields.requiredPart("connectionInfo");
  connection.refuseOthers(["type", "kubeConfigFile"]);
  connection.requiredOneOf("type", ["KubeConfigFile"]);
  const kubeconfigFile = connection.requiredParsed("kubeConfigFile", (file) => {
    if (!file.startsWith("/")) throw new Error("must be an absolute path");
    return file;
  });
  const conditions = fields.list("matchConditions");
  if (conditions.length > CONDITIONS_MAX) throw new Error(`${fields.path}.matchConditions: must have at most ${CONDITIONS_MAX} items`);
  if (conditions.length > 0) fields.requiredOneOf("matchConditionSubjectAccessReviewVersion", ["v1"]);
  const ttl = (flag: string, field: string, usualMs: number) =>
    (fields.value(flag) ?? true) === true || fields.flag(flag) ? (fields.parsed(field, duration) ?? usualMs) : 0;
  return {
    kubeconfigFile,
    settings: {
      name,
      version: fields.requiredOneOf("subjectAccessReviewVersion", ["v1", "v1beta1"]),
      timeoutMs: fields.requiredParsed("timeout", timeout),
      allowedTtlMs: ttl("cacheAuthorizedRequests", "authorizedTTL", 300_000),
      refusedTtlMs: ttl("cacheUnauthorizedRequests", "unauthorizedTTL", 30_000),
      deniesOnFailure: fields.requiredOneOf("failurePolicy", ["NoOpinion", "Deny"]) === "Deny",
      conditions: conditions.map(condition),
    },
  };
}

function condition(fields: ConfigFields): CelProgram {
  fields.refuseOthers(["expression"]);
  const request = schemaType(loadSchema("authorization.k8s.io/v1/subject-access-review.yaml", "SubjectAccessReviewSpec")) ?? DYN;
  return compileConfigExpression(fields, "expression", (expression) => compileExpression(expression, { variables: { request }, results: [BOOL] }));
}

function duration(text: string): number {
  const ms = parseGoDurationMs(text);
  if (ms === undefined || ms <= 0) throw new Error("must be a duration above 0s, such as 30s or 5m");
  return ms;
}

function timeout(text: string): number {
  const ms = duration(text);
  if (ms > WEBHOOK_TIMEOUT_MS) throw new Error("must be > 0s and <= 30s");
  return ms;
}
