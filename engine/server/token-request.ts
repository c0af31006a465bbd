import { invalid, invalidField } from "../apimachinery/field-error.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { badRequest, conflict, notFound } from "../apimachinery/status-error.ts";
import type { BoundReference, ServiceAccountTokens, TokenSubject } from "../auth/service-account-token.ts";
import type { Node, Pod, Secret, ServiceAccount, TokenRequest } from "../resources/types.ts";
import { bodyKind } from "../registry/decode-object.ts";

/** The body of serviceaccounts/token. */
export const tokenRequestKind = bodyKind<TokenRequest & KubeObject>("authentication.k8s.io", "v1", "TokenRequest", "authentication.k8s.io/v1/token-request.yaml");

const SECONDS_DEFAULT = 3600;
const SECONDS_MIN = 600;
const SECONDS_MAX = 2 ** 32;

/** What a token may be bound to, as far as it exists. */
export interface BoundObjects {
  readonly pod?: Pod;
  readonly secret?: Secret;
  /** The node itself, or that of the pod. */
  readonly node?: Node;
}

export interface TokenPlan {
  readonly subject: TokenSubject;
  readonly audiences: readonly string[];
  readonly seconds: number;
}

/** What token the request is to get. Throws a 422 for a bad lifetime, 400, 404 and 409 for what it is to be bound to. */
export function planToken(account: ServiceAccount, request: TokenRequest, bound: BoundObjects, settings: Pick<ServiceAccountTokens, "audiences" | "secondsMax">): TokenPlan {
  const { name = "", namespace = "", uid = "" } = account.metadata;
  const seconds = request.spec?.expirationSeconds ?? SECONDS_DEFAULT;
  const problem = seconds < SECONDS_MIN ? "may not specify a duration less than 10 minutes" : seconds > SECONDS_MAX ? "may not specify a duration larger than 2^32 seconds" : undefined;
  if (problem !== undefined) throw invalid("authentication.k8s.io", "TokenRequest", name, [invalidField("spec.expirationSeconds", seconds, problem)]);
  const audiences = (request.spec?.audiences ?? []).length === 0 ? settings.audiences : (request.spec?.audiences ?? []);
  return { subject: { namespace, serviceaccount: { name, uid }, ...bindings(account, request, bound) }, audiences, seconds: Math.min(seconds, settings.secondsMax ?? seconds) };
}

function bindings(account: ServiceAccount, request: TokenRequest, { pod, secret, node }: BoundObjects): Partial<TokenSubject> {
  const reference = request.spec?.boundObjectRef;
  if (reference === undefined) return {};
  const { kind = "", apiVersion = "", name = "" } = reference;
  const resources: Readonly<Record<string, string>> = { Pod: "pods", Secret: "secrets", Node: "nodes" };
  const resource = resources[kind];
  if (resource === undefined || (apiVersion !== "v1" && apiVersion !== "")) throw badRequest(`cannot bind token to object of type ${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`);
  const found = kind === "Pod" ? pod : kind === "Secret" ? secret : node;
  if (found === undefined) throw notFound({ group: "", resource }, name);
  const accountName = account.metadata.name ?? "";
  const podAccount = pod?.spec.serviceAccountName || "default";
  if (kind === "Pod" && podAccount !== accountName) throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(accountName)} to pod running with serviceaccount ${JSON.stringify(podAccount)}`);
  const uid = found.metadata.uid ?? "";
  if (reference.uid && reference.uid !== uid) throw conflict({ group: "", resource: kind }, name, `the UID in the bound object reference (${reference.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`);
  if (kind === "Secret") return { secret: { name, uid } };
  if (kind === "Node") return { node: { name, uid } };
  return { pod: { name, uid }, ...nodeOf(pod, node) };
}

/** A pod's token tells its node as well, so that others can see where a request came from. */
function nodeOf(pod: Pod | undefined, node: Node | undefined): { readonly node?: BoundReference } {
  const name = pod?.spec.nodeName;
  return name ? { node: { name, uid: node?.metadata.uid ?? "" } } : {};
}
