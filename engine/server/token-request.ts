import { invalid, invalidField } from "../apimachinery/field-error.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { conflict, notFound } from "../apimachinery/status-error.ts";
import { ISSUER, type TokenSubject } from "../auth/service-account-token.ts";
import { loadSchema } from "../resources/load-schema.ts";
import type { Pod, Secret, ServiceAccount, TokenRequest } from "../resources/types.ts";
import type { Decodable } from "../registry/decode-object.ts";

/** The body of serviceaccounts/token. */
export const tokenRequestKind: Decodable<TokenRequest & KubeObject> = { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest", schema: loadSchema("authentication.k8s.io/v1/token-request.yaml") };

const SECONDS_DEFAULT = 3600;
const SECONDS_MIN = 600;
const SECONDS_MAX = 2 ** 32;

export interface TokenPlan {
  readonly subject: TokenSubject;
  readonly audiences: readonly string[];
  readonly seconds: number;
}

/** What token the request is to get. Throws a 422 for a bad lifetime, 404 and 409 for what it is to be bound to. */
export function planToken(account: ServiceAccount, request: TokenRequest, bound: { readonly pod?: Pod; readonly secret?: Secret }): TokenPlan {
  const { name = "", namespace = "", uid = "" } = account.metadata;
  const seconds = request.spec?.expirationSeconds ?? SECONDS_DEFAULT;
  const problem = seconds < SECONDS_MIN ? "may not specify a duration less than 10 minutes" : seconds > SECONDS_MAX ? "may not specify a duration larger than 2^32 seconds" : undefined;
  if (problem !== undefined) throw invalid("authentication.k8s.io", "TokenRequest", name, [invalidField("spec.expirationSeconds", seconds, problem)]);
  const audiences = (request.spec?.audiences ?? []).length === 0 ? [ISSUER] : (request.spec?.audiences ?? []);
  return { subject: { namespace, serviceaccount: { name, uid }, ...bindings(account, request, bound) }, audiences, seconds };
}

function bindings(account: ServiceAccount, request: TokenRequest, { pod, secret }: { readonly pod?: Pod; readonly secret?: Secret }): Partial<TokenSubject> {
  const reference = request.spec?.boundObjectRef;
  if (reference === undefined) return {};
  const resource = reference.kind === "Pod" ? "pods" : reference.kind === "Secret" ? "secrets" : undefined;
  const accountName = account.metadata.name ?? "";
  if (resource === undefined) throw invalid("authentication.k8s.io", "TokenRequest", accountName, [invalidField("spec.boundObjectRef.kind", reference.kind ?? "", "cannot bind token to this kind of object; it must be a Pod or a Secret")]);
  const name = reference.name ?? "";
  const found = resource === "pods" ? pod : secret;
  if (found === undefined) throw notFound({ group: "", resource }, name);
  const uid = found.metadata.uid ?? "";
  if (reference.uid && reference.uid !== uid) throw conflict({ group: "", resource }, name, `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  if (resource === "secrets") return { secret: { name, uid } };
  if (pod !== undefined && (pod.spec.serviceAccountName || "default") !== accountName) throw invalid("authentication.k8s.io", "TokenRequest", accountName, [invalidField("spec.boundObjectRef.name", name, "the pod does not use this service account")]);
  return { pod: { name, uid } };
}
