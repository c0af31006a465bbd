import type { ApiResult } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { trackUpdate } from "../../apimachinery/server-side-apply/server-side-apply.ts";
import { badRequest, notFound, StatusError } from "../../apimachinery/status-error.ts";
import { describeError } from "../../lib/log.ts";
import { formatTime } from "../../lib/clock.ts";
import { bindingKind, bindPod, checkBinding } from "../../registry/binding.ts";
import { isDeletedByUpdate } from "../../registry/before-delete.ts";
import { checkUpdatePreconditions, isSameState } from "../../registry/before-update.ts";
import { decodeObject, type Decodable } from "../../registry/decode-object.ts";
import { evictionKind } from "../../registry/eviction.ts";
import { evict } from "./evict.ts";
import { completeTokenRequest, planToken, refuseOtherName, tokenRequestKind, withDefaultLifetime } from "../tokens/token-request.ts";
import { trackCreation } from "../track-creation.ts";
import { refuseShape } from "../../registry/validate-object.ts";
import { finalizersErrors } from "../../resources/core/namespace.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import { secretResource } from "../../resources/core/secret.ts";
import { serviceAccountResource } from "../../resources/core/service-account.ts";
import type { Namespace, TokenRequest } from "../../resources/types.ts";
import { admissionAttributes } from "../admission/admission-attributes.ts";
import {
  fieldManagerOf,
  madeUp,
  namespaceOf,
  nowText,
  objectResult,
  placeInNamespace,
  success,
  unsupportedMethod,
  type Exchange,
  type RequestOf,
} from "../exchange.ts";

interface CreateSubresource {
  readonly resource: string;
  readonly name: string;
  /** The kind of the body. */
  readonly kind: Decodable;
  readonly create: (exchange: Exchange<RequestOf<"create">>, body: AdmittedBody, name: string) => Promise<ApiResult>;
}

/** A body as admission has changed it. */
export interface AdmittedBody {
  readonly object: KubeObject;
  /** Asks admission whether it may be; that comes after its own rules. */
  readonly validate: (object: KubeObject) => Promise<void>;
}

/** What can be POSTed to an object of the core group. */
const createSubresources: readonly CreateSubresource[] = [
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
  const found =
    definition.group === ""
      ? createSubresources.find((candidate) => candidate.resource === definition.resource && candidate.name === request.subresource)
      : undefined;
  if (found === undefined) throw unsupportedMethod();
  if (request.name === undefined) throw badRequest("name must be provided");
  return found.create(exchange, await admitBody(exchange, found.kind, request.name), request.name);
}

/** POST of bindings: the older way to bind a pod, whose name is then in the body. */
export async function createBinding(exchange: Exchange<RequestOf<"create">>): Promise<ApiResult> {
  const body = await admitBody(exchange, bindingKind as unknown as Decodable, undefined);
  const { name } = body.object.metadata;
  if (name === undefined || name === "") throw badRequest("name must be provided");
  return bind(exchange, body, name);
}

async function admitBody(exchange: Exchange<RequestOf<"create">>, kind: Decodable, name: string | undefined): Promise<AdmittedBody> {
  const { request, parts } = exchange;
  const { object: decoded, warnings, schemaErrors } = decodeObject(kind, request.body, request.options);
  for (const warning of warnings) exchange.notes.warn(warning);
  if (schemaErrors.length > 0) refuseShape(kind, decoded, schemaErrors);
  const placed = placeInNamespace(exchange, decoded);
  const attributes = admissionAttributes(
    exchange,
    { operation: "CREATE", name: name ?? placed.metadata.name ?? "", object: placed, old: undefined, kind },
    request.options,
  );
  const object = placeInNamespace(exchange, await parts.admission.mutate({ ...attributes, object: placed }, placed));
  return { object, validate: async (final) => parts.admission.validate({ ...attributes, object: final }) };
}

async function bind(exchange: Exchange<RequestOf<"create">>, { object, validate }: AdmittedBody, name: string): Promise<ApiResult> {
  const binding = object as typeof object & { readonly target: { readonly name?: string } }; // decoded by bindingKind
  checkBinding(binding, name);
  await validate(binding);
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

async function issueToken(exchange: Exchange<RequestOf<"create">>, { object, validate }: AdmittedBody, name: string): Promise<ApiResult> {
  const { parts, notes } = exchange;
  const namespace = namespaceOf(exchange);
  const asked = object as KubeObject & TokenRequest; // decoded by tokenRequestKind
  refuseOtherName(asked, name);
  const account = await parts.store.get(serviceAccountResource, namespace, name);
  if (account === undefined) throw notFound(serviceAccountResource, name);
  const tracked = trackCreation(exchange, withDefaultLifetime(asked), [], tokenRequestKind);
  const request = completeTokenRequest(account.object, tracked, parts.tokens.audiences, nowText(exchange));
  await validate(request);
  const bound = request.spec?.boundObjectRef;
  const pod = bound?.kind === "Pod" ? await parts.store.get(podResource, namespace, bound.name ?? "") : undefined;
  const secret = bound?.kind === "Secret" ? await parts.store.get(secretResource, namespace, bound.name ?? "") : undefined;
  const nodeName = bound?.kind === "Node" ? bound.name : pod?.object.spec.nodeName;
  const node = nodeName ? await parts.store.get(nodeResource, "", nodeName) : undefined;
  const found = {
    ...(pod === undefined ? {} : { pod: pod.object }),
    ...(secret === undefined ? {} : { secret: secret.object }),
    ...(node === undefined ? {} : { node: node.object }),
  };
  const plan = planToken(account.object, request, found, parts.tokens.secondsMax);
  if (plan.seconds < plan.askedSeconds) notes.warn(`requested expiration of ${plan.askedSeconds} seconds shortened to ${plan.seconds} seconds`);
  const { token, expiresMs, id } = await parts.tokens.issue(plan.subject, plan.audiences, plan.seconds).catch((error: unknown) => {
    throw new StatusError("InternalError", `failed to generate token: ${describeError(error)}`);
  });
  notes.annotate("authentication.kubernetes.io/issued-credential-id", `JTI=${id}`);
  const status = { token, expirationTimestamp: formatTime(expiresMs) };
  return objectResult(201, madeUp({ ...request, spec: { boundObjectRef: null, ...request.spec, expirationSeconds: plan.seconds }, status } as KubeObject));
}

/** PUT of namespaces/finalize: the only way to change spec.finalizers, and with the last of them the namespace goes. */
export async function finalizeNamespace(exchange: Exchange<RequestOf<"update">>): Promise<ApiResult> {
  const { request, definition, parts } = exchange;
  const { object, schemaErrors } = decodeObject(definition, request.body, request.options);
  if (schemaErrors.length > 0) refuseShape(definition, object, schemaErrors);
  const wanted = object as Namespace & KubeObject; // decoded by the definition of namespaces
  if (request.options.dryRun === true) throw new StatusError("BadRequest", "namespaces/finalize has no dry run");
  let last: KubeObject | undefined;
  const { encoded } = await parts.store.update(definition, "", request.name, async ({ object: current }) => {
    last = undefined;
    checkUpdatePreconditions(definition, request.name, wanted, current);
    const attributes = admissionAttributes(exchange, { operation: "UPDATE", name: request.name, object: wanted, old: current }, request.options);
    const admitted: Namespace = await parts.admission.mutate(attributes, wanted);
    const { spec } = current as Namespace; // as above
    const finalizers = admitted.spec?.finalizers ?? [];
    const { finalizers: _replaced, ...rest } = spec ?? {};
    const wantedSpec = finalizers.length === 0 ? rest : { ...rest, finalizers };
    const next = trackUpdate({
      schema: definition.schema,
      before: current,
      after: { ...current, spec: wantedSpec } as KubeObject, // as above
      manager: fieldManagerOf(request, request.options),
      apiVersion: "v1",
      subresource: "finalize",
      resetFields: [["status"]],
      nowText: nowText(exchange),
    });
    await parts.admission.validate({ ...attributes, object: next });
    const errors = finalizersErrors(finalizers);
    if (errors.length > 0) refuseShape(definition, next, errors);
    if (isDeletedByUpdate(next, current)) {
      last = next;
      return { do: "delete" };
    }
    return isSameState(next, current) ? { do: "keep" } : { do: "write", object: next };
  });
  return objectResult(200, last === undefined ? encoded : madeUp(last));
}
