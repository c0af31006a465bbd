import type { ApiResult } from "../apimachinery/api-request.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { badRequest, notFound, StatusError } from "../apimachinery/status-error.ts";
import { formatTime } from "../lib/clock.ts";
import { bindingKind, bindPod, checkBindingName, validateBinding } from "../registry/binding.ts";
import { isDeletedByUpdate } from "../registry/before-delete.ts";
import { checkUpdatePreconditions, isSameState } from "../registry/before-update.ts";
import { decodeObject, type Decodable } from "../registry/decode-object.ts";
import { evictionKind } from "../registry/eviction.ts";
import { evict } from "./evict.ts";
import { planToken, tokenRequestKind } from "./token-request.ts";
import { refuseShape } from "../registry/validate-object.ts";
import { nodeResource } from "../resources/core/node.ts";
import { podResource } from "../resources/core/pod.ts";
import { secretResource } from "../resources/core/secret.ts";
import { serviceAccountResource } from "../resources/core/service-account.ts";
import type { Namespace } from "../resources/types.ts";
import { admissionAttributes } from "./admission-attributes.ts";
import { madeUp, namespaceOf, nowText, objectResult, success, unsupportedMethod, type Exchange, type RequestOf } from "./exchange.ts";

interface CreateSubresource {
  readonly resource: string;
  readonly name: string;
  /** The kind of the body. */
  readonly kind: Decodable;
  readonly create: (exchange: Exchange<RequestOf<"create">>, body: KubeObject, name: string) => Promise<ApiResult>;
}

/** What can be POSTed to an object of the core group. */
export const createSubresources: readonly CreateSubresource[] = [
  { resource: "pods", name: "binding", kind: bindingKind as unknown as Decodable, create: bind },
  { resource: "pods", name: "eviction", kind: evictionKind as unknown as Decodable, create: evict },
  { resource: "serviceaccounts", name: "token", kind: tokenRequestKind as unknown as Decodable, create: issueToken },
];

/** The kind of a subresource's body; undefined when it is the object itself or nothing. */
export function bodyKindOf(group: string, resource: string, subresource: string | undefined): Decodable | undefined {
  return group === "" ? createSubresources.find((candidate) => candidate.resource === resource && candidate.name === subresource)?.kind : undefined;
}

export async function createSubresource(exchange: Exchange<RequestOf<"create">>): Promise<ApiResult> {
  const { request, definition } = exchange;
  const found = definition.group === "" ? createSubresources.find((candidate) => candidate.resource === definition.resource && candidate.name === request.subresource) : undefined;
  if (found === undefined) throw unsupportedMethod();
  if (request.name === undefined) throw badRequest("name must be provided");
  return found.create(exchange, await admitBody(exchange, found.kind, request.name), request.name);
}

/** POST of bindings: the older way to bind a pod, whose name is then in the body. */
export async function createBinding(exchange: Exchange<RequestOf<"create">>): Promise<ApiResult> {
  const body = await admitBody(exchange, bindingKind as unknown as Decodable, undefined);
  const { name } = body.metadata;
  if (name === undefined || name === "") throw badRequest("name must be provided");
  return bind(exchange, body, name);
}

/** The body as admission leaves it. */
async function admitBody(exchange: Exchange<RequestOf<"create">>, kind: Decodable, name: string | undefined): Promise<KubeObject> {
  const { request, definition, parts } = exchange;
  const { object, schemaErrors } = decodeObject(kind, request.body, request.options);
  if (schemaErrors.length > 0) refuseShape({ ...definition, group: kind.group, kind: kind.kind }, object, schemaErrors);
  const attributes = admissionAttributes(exchange, { operation: "CREATE", name: name ?? object.metadata.name ?? "", object, old: undefined, kind }, request.options);
  const body = await parts.admission.mutate({ ...attributes, object }, object);
  await parts.admission.validate({ ...attributes, object: body });
  return body;
}

async function bind(exchange: Exchange<RequestOf<"create">>, body: KubeObject, name: string): Promise<ApiResult> {
  const binding = body as typeof body & { readonly target: { readonly name?: string } }; // decoded by bindingKind
  validateBinding(binding);
  checkBindingName(binding, name);
  const { parts, request } = exchange;
  if (request.options.dryRun === true) {
    const pod = await parts.store.get(podResource, namespaceOf(exchange), name);
    if (pod === undefined) throw notFound(podResource, name);
    bindPod(pod.object, binding, nowText(exchange));
    return success(201);
  }
  await parts.store.update(podResource, namespaceOf(exchange), name, ({ object }) => ({ do: "write", object: bindPod(object, binding, nowText(exchange)) }));
  return success(201);
}

async function issueToken(exchange: Exchange<RequestOf<"create">>, body: KubeObject, name: string): Promise<ApiResult> {
  const { parts } = exchange;
  const namespace = namespaceOf(exchange);
  const account = await parts.store.get(serviceAccountResource, namespace, name);
  if (account === undefined) throw notFound(serviceAccountResource, name);
  const request = body as KubeObject & { readonly spec?: { readonly boundObjectRef?: { readonly kind?: string; readonly name?: string; readonly uid?: string } } }; // decoded by tokenRequestKind
  const bound = request.spec?.boundObjectRef;
  const pod = bound?.kind === "Pod" ? await parts.store.get(podResource, namespace, bound.name ?? "") : undefined;
  const secret = bound?.kind === "Secret" ? await parts.store.get(secretResource, namespace, bound.name ?? "") : undefined;
  const nodeName = bound?.kind === "Node" ? bound.name : pod?.object.spec.nodeName;
  const node = nodeName ? await parts.store.get(nodeResource, "", nodeName) : undefined;
  const found = { ...(pod === undefined ? {} : { pod: pod.object }), ...(secret === undefined ? {} : { secret: secret.object }), ...(node === undefined ? {} : { node: node.object }) };
  const plan = planToken(account.object, request, found, parts.tokens);
  const { token, expiresMs } = await parts.tokens.issue(plan.subject, plan.audiences, plan.seconds);
  const status = { token, expirationTimestamp: formatTime(expiresMs) };
  const metadata = { name, namespace, creationTimestamp: nowText(exchange) };
  return objectResult(201, madeUp({ ...body, metadata, spec: { ...request.spec, audiences: plan.audiences, expirationSeconds: plan.seconds }, status } as KubeObject));
}

/** PUT of namespaces/finalize: the only way to change spec.finalizers, and with the last of them the namespace goes. */
export async function finalizeNamespace(exchange: Exchange<RequestOf<"update">>): Promise<ApiResult> {
  const { request, definition, parts } = exchange;
  const { object, schemaErrors } = decodeObject(definition, request.body, request.options);
  if (schemaErrors.length > 0) refuseShape(definition, object, schemaErrors);
  const wanted = object as Namespace & KubeObject; // decoded by the definition of namespaces
  if (request.options.dryRun === true) throw new StatusError("BadRequest", "namespaces/finalize has no dry run");
  const { encoded } = await parts.store.update(definition, "", request.name, async ({ object: current }) => {
    checkUpdatePreconditions(definition, request.name, wanted, current);
    const attributes = admissionAttributes(exchange, { operation: "UPDATE", name: request.name, object: wanted, old: current }, request.options);
    const admitted: Namespace = await parts.admission.mutate(attributes, wanted);
    const { spec } = current as Namespace; // as above
    const next = withMetadata({ ...current, spec: { ...spec, finalizers: admitted.spec?.finalizers ?? [] } }, {});
    await parts.admission.validate({ ...attributes, object: next });
    if (isDeletedByUpdate(next, current)) return { do: "delete" };
    return isSameState(next, current) ? { do: "keep" } : { do: "write", object: next };
  });
  return objectResult(200, encoded);
}
