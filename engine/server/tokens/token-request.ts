import { invalid, invalidField } from "../../apimachinery/field-error.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { badRequest, conflict, notFound } from "../../apimachinery/status-error.ts";
import type { BoundReference, TokenSubject } from "../../auth/service-account-token.ts";
import type { Node, Pod, Secret, ServiceAccount, TokenRequest } from "../../resources/types.ts";
import { bodyKind } from "../../registry/decode-object.ts";

const GROUP = "authentication.k8s.io";
const KIND = "TokenRequest";

/** The body of serviceaccounts/token. */
export const tokenRequestKind = bodyKind<TokenRequest & KubeObject>(GROUP, "v1", KIND, "authentication.k8s.io/v1/token-request.yaml");

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
  /** What was asked for, which may be more. */
  readonly askedSeconds: number;
}

/** Throws a 422 for a request that names another account than its address. */
export function refuseOtherName({ metadata }: TokenRequest, name: string): void {
  if (metadata?.name && metadata.name !== name)
    throw invalid(GROUP, KIND, name, [invalidField("metadata.name", metadata.name, "must match the service account name if specified")]);
}

/** A request that says how long the token is to be good. */
type TimedRequest = TokenRequest & { readonly spec: { readonly expirationSeconds: number } };

/** What every request has, whoever says it. */
export function withDefaultLifetime<T extends TokenRequest>(request: T): T & TimedRequest {
  return { ...request, spec: { ...request.spec, expirationSeconds: request.spec?.expirationSeconds ?? SECONDS_DEFAULT } };
}

/** The request with all that it leaves open. Throws a 409 for another account of this name, and a 422 for a bad lifetime. */
export function completeTokenRequest(account: ServiceAccount, request: TimedRequest, audiences: readonly string[], nowText: string): TimedRequest & KubeObject {
  const { name = "", namespace = "", uid = "" } = account.metadata;
  const asked = request.metadata?.uid;
  if (asked && asked !== uid)
    throw conflict({ group: GROUP, resource: KIND }, name, `the UID in the token request (${asked}) does not match the UID of the service account (${uid})`);
  const seconds = request.spec.expirationSeconds;
  const problem =
    seconds < SECONDS_MIN
      ? "may not specify a duration less than 10 minutes"
      : seconds > SECONDS_MAX
        ? "may not specify a duration larger than 2^32 seconds"
        : undefined;
  if (problem !== undefined) throw invalid(GROUP, KIND, "", [invalidField("spec.expirationSeconds", seconds, problem)]);
  const given = request.spec.audiences ?? [];
  const { status: _status, ...rest } = request;
  return {
    ...rest,
    metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: nowText },
    spec: { ...request.spec, audiences: given.length === 0 ? audiences : given },
  };
}

/** What token a complete request is to get. Throws 400, 404 and 409 for what it is to be bound to. */
export function planToken(account: ServiceAccount, request: TimedRequest, bound: BoundObjects, secondsMax: number | undefined): TokenPlan {
  const { name = "", namespace = "", uid = "" } = account.metadata;
  const askedSeconds = request.spec.expirationSeconds;
  return {
    subject: { namespace, serviceaccount: { name, uid }, ...bindings(account, request, bound) },
    audiences: request.spec.audiences ?? [],
    seconds: Math.min(askedSeconds, secondsMax ?? askedSeconds),
    askedSeconds,
  };
}

function bindings(account: ServiceAccount, request: TokenRequest, { pod, secret, node }: BoundObjects): Partial<TokenSubject> {
  const reference = request.spec?.boundObjectRef;
  if (reference === undefined) return {};
  const { kind = "", apiVersion = "", name = "" } = reference;
  const resources: Readonly<Record<string, string>> = { Pod: "pods", Secret: "secrets", Node: "nodes" };
  const resource = resources[kind];
  if (resource === undefined || (apiVersion !== "v1" && apiVersion !== ""))
    throw badRequest(`cannot bind token to object of type ${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`);
  const found = kind === "Pod" ? pod : kind === "Secret" ? secret : node;
  if (found === undefined) throw notFound({ group: "", resource }, name);
  const accountName = account.metadata.name ?? "";
  const podAccount = pod?.spec.serviceAccountName || "default";
  if (kind === "Pod" && podAccount !== accountName)
    throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(accountName)} to pod running with different serviceaccount name.`);
  const uid = found.metadata.uid ?? "";
  if (reference.uid && reference.uid !== uid)
    throw conflict(
      { group: "", resource: kind },
      name,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (kind === "Secret") return { secret: { name, uid } };
  if (kind === "Node") return { node: { name, uid } };
  return { pod: { name, uid }, ...nodeOf(pod, node) };
}

/** A pod's token tells its node as well, so that others can see where a request came from. */
function nodeOf(pod: Pod | undefined, node: Node | undefined): { readonly node?: BoundReference } {
  const name = pod?.spec.nodeName;
  return name ? { node: { name, uid: node?.metadata.uid ?? "" } } : {};
}
