import type { AdmissionChain } from "../admission/admission.ts";
import type { GitFieldPlaces } from "../admission/plugins/git-owned-fields.ts";
import type { ApiRequest, ApiResult, EncodedObject, Verb, WriteOptions } from "../apimachinery/api-request.ts";
import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { RequestNotes } from "../apimachinery/request-notes.ts";
import type { WebhookTransport } from "../apimachinery/webhook-call.ts";
import { badRequest, forbidden, StatusError } from "../apimachinery/status-error.ts";
import type { Authenticator } from "../auth/authenticate.ts";
import type { Impersonator } from "../auth/authentication/impersonate.ts";
import type { Authorizer } from "../auth/authorize.ts";
import type { RbacIndex } from "../auth/rbac-index.ts";
import type { ServiceAccountTokens } from "../auth/service-account-token.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Egress } from "../apimachinery/egress.ts";
import type { Random } from "../lib/random.ts";
import type { Tracer } from "../lib/tracing/tracer.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { ServiceAddresses } from "../registry/cluster-ip.ts";
import { unstoredObject } from "../storage/encoded-object.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { Aggregator } from "./aggregation/aggregator.ts";
import type { ComponentCheck } from "./virtual-resources/component-statuses.ts";
import type { Auditor } from "./audit/auditor.ts";
import type { RequestOrder } from "./fairness/fairness.ts";
import type { HealthCheck } from "./health.ts";
import type { UsageReader } from "./metrics/usage-reader.ts";
import type { RequestMetrics } from "./request-metrics.ts";
import type { ResourceIndex } from "./resource-index.ts";
import type { SigningDurations } from "./signing-durations.ts";

/** What every verb works with. */
export interface ServerParts {
  readonly store: ObjectStore;
  readonly resources: ResourceIndex;
  /** Features of upstream's that are switched off. */
  readonly disabled: FeatureGates;
  readonly authorizer: Authorizer;
  readonly impersonator: Impersonator;
  readonly rbac: RbacIndex;
  readonly authenticator: Authenticator;
  readonly admission: AdmissionChain;
  readonly webhooks: WebhookTransport;
  /** To be told where fields that come from Git are written. */
  readonly gitFields: GitFieldPlaces;
  /** What other servers answer for. */
  readonly aggregator: Aggregator;
  /** By which ways connections leave this server; directly when absent. */
  readonly egress?: Egress;
  readonly addresses: ServiceAddresses;
  readonly tokens: ServiceAccountTokens;
  /** What nodes and pods use; absent where no node can be asked. */
  readonly usage?: UsageReader;
  /** Parts of the control plane beside the store that can be asked how they are. */
  readonly components?: Readonly<Record<string, ComponentCheck>>;
  /** What must work beside the store. */
  readonly healthChecks?: readonly HealthCheck[];
  /** Whose turn it is among requests from outside; absent where all are served at once. */
  readonly order?: RequestOrder;
  /** Who keeps a record of requests; absent where none is kept. */
  readonly auditor?: Auditor;
  /** Who measures requests from outside, or only hands on what they say of their traces. */
  readonly tracer: Tracer;
  /** What is counted of requests. */
  readonly requests: RequestMetrics;
  /** What is counted of certificates that signers issue. */
  readonly signings: SigningDurations;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export type RequestOf<V extends Verb> = Extract<ApiRequest, { readonly verb: V }>;

/** One request on its way through the filters. */
export interface Exchange<R extends ApiRequest = ApiRequest> {
  readonly request: R;
  readonly definition: ResourceDefinition;
  readonly parts: ServerParts;
  /** What is remarked on the way; its warnings are in the answer. */
  readonly notes: RequestNotes;
}

export type VerbHandler<V extends Verb> = (exchange: Exchange<RequestOf<V>>) => Promise<ApiResult>;

export function nowText({ parts }: Exchange): string {
  return formatTime(parts.clock.now());
}

/** The time with which a write is recorded among the owners of its fields: as upstream, none for scaling. */
export function ownersTime(exchange: Exchange): string | undefined {
  return exchange.request.subresource === "scale" ? undefined : nowText(exchange);
}

/** The namespace of the request as far as the kind has one. */
export function namespaceOf({ request, definition }: Exchange): string {
  return definition.namespaced ? (request.namespace ?? "") : "";
}

/** The object in the namespace of the address; one that says another is refused, or, where the address has none, loses it. */
export function placeInNamespace<T extends KubeObject>(exchange: Exchange, object: T): T {
  const namespace = namespaceOf(exchange);
  const own = object.metadata.namespace ?? "";
  if (own !== "" && namespace !== "" && own !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  return own === namespace && (namespace !== "" || object.metadata.namespace === undefined)
    ? object
    : withMetadata(object, { namespace: namespace === "" ? undefined : namespace });
}

/** Who is written into managed fields: the name the writer gives itself, or its user agent up to the version. */
export function fieldManagerOf(request: ApiRequest, options: WriteOptions): string {
  return options.fieldManager || (request.userAgent.split("/")[0] ?? "").slice(0, 128) || "unknown";
}

export function objectResult(code: 200 | 201 | 202, object: EncodedObject, warnings: readonly string[] = []): ApiResult {
  return { is: "object", code, encoded: object, warnings };
}

/** An answer that is not in the store. */
export function madeUp(object: KubeObject): EncodedObject {
  return unstoredObject(object);
}

export function success(code: 200 | 201): ApiResult {
  return { is: "status", status: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code }, warnings: [] };
}

/** A path that exists, by a method that it does not take. */
export function unsupportedMethod(): StatusError {
  return new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource", {});
}

/** No object is made of a kind whose definition is being deleted. */
export function kindIsEnding(definition: ResourceDefinition, name: string): StatusError {
  return forbidden(definition, name, "create not allowed while custom resource definition is terminating");
}
