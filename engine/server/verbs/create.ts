import type { ApiResult, EncodedObject } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { withOwnersOnce } from "../../apimachinery/owner-references.ts";
import { alreadyExists, hasReason, StatusError } from "../../apimachinery/status-error.ts";
import type { AdmissionAttributes } from "../../admission/admission.ts";
import { beforeCreate, requireNoVersion } from "../../registry/before-create.ts";
import { decodeObject } from "../../registry/decode-object.ts";
import { refuseMisshapen } from "../../registry/validate-object.ts";
import { requireStorable } from "../../storage/encoded-object.ts";
import { admissionAttributes } from "../admission/admission-attributes.ts";
import { madeUp, nowText, objectResult, placeInNamespace, unsupportedMethod, type Exchange, type RequestOf, type VerbHandler } from "../exchange.ts";
import { trackCreation } from "../track-creation.ts";
import { createSubresource } from "../subresources/subresources.ts";
import { virtualResource } from "../virtual-resources/virtual-resources.ts";
import { allocateNumbers, claimNumbers, settleNumbers, withClaimRetries } from "./service-numbers.ts";
import { writeWithOwnersThatFit } from "./owners-that-fit.ts";
import { asReadBack } from "./read-back.ts";

/** Upstream's number of tries for a generated name that is taken. */
const GENERATED_NAME_TRIES_MAX = 8;

export const create: VerbHandler<"create"> = async (exchange) => {
  const { request, definition } = exchange;
  if (request.subresource !== undefined) return createSubresource(exchange);
  if (request.name !== undefined) throw unsupportedMethod();
  const virtual = virtualResource(definition);
  if (virtual !== undefined) return virtual.create(exchange);
  requireStorable(definition, undefined, request.body);
  const { object, warnings, schemaErrors, emptied } = decodeObject(definition, request.body, request.options);
  exchange.notes.warn(...warnings);
  requireStorable(definition, object.metadata.name, object);
  const placed = withOwnersOnce(placeInNamespace(exchange, object), (text) => exchange.notes.warn(text));
  if (schemaErrors.length > 0) {
    await exchange.parts.admission.admitAddress(attributes(exchange, placed));
    refuseMisshapen(definition, placed, schemaErrors, exchange.parts.disabled);
  }
  return createPrepared(exchange, trackCreation(exchange, placed, emptied));
};

/** Admits, completes and stores a decoded object whose managed fields are set. Also the way of an apply or a PUT that creates. */
export async function createPrepared(exchange: Exchange<RequestOf<"create" | "update" | "patch">>, object: KubeObject): Promise<ApiResult> {
  const { definition, parts, request } = exchange;
  // What changed the object may not send it to where its writer may not write: it is stored by the namespace that it says.
  const admitted = withOwnersOnce(
    placeInNamespace(exchange, await parts.admission.mutate(attributes(exchange, object), object)),
    (text) => exchange.notes.warn(text),
    " after mutating admission happens",
  );
  exchange.notes.warn(...(definition.strategy.writtenWarnings?.(admitted) ?? []));
  for (let tries = 1; ; tries++) {
    try {
      const encoded = await writeWithOwnersThatFit(request, (owned) => withClaimRetries((claimTries) => store(exchange, owned(admitted), claimTries)));
      return objectResult(201, encoded, definition.strategy.warnings?.(encoded.object));
    } catch (error) {
      const isGenerated = !object.metadata.name && object.metadata.generateName;
      if (!hasReason(error, "AlreadyExists")) throw error;
      if (!isGenerated || tries === GENERATED_NAME_TRIES_MAX) throw await sayingWhetherItGoes(exchange, admitted, error);
      parts.logger.debug("generated name is taken, trying another", { resource: definition.resource, namespace: request.namespace });
    }
  }
}

/** Who finds the name taken by an object that is about to go may just wait. That it is taken is true also where the store cannot say more. */
async function sayingWhetherItGoes({ definition, parts }: Exchange, { metadata }: KubeObject, error: StatusError): Promise<StatusError> {
  const there = await parts.store.get(definition, metadata.namespace ?? "", metadata.name ?? "").catch(() => undefined);
  if (there?.object.metadata.deletionTimestamp === undefined) return error;
  return StatusError.from({ ...error.status, message: `object is being deleted: ${error.message}` });
}

async function store(exchange: Exchange<RequestOf<"create" | "update" | "patch">>, admitted: KubeObject, claimTries: number): Promise<EncodedObject> {
  const { definition, parts, request } = exchange;
  // As upstream's: what comes into being by a write to its status gets no numbers, but those that it says.
  const isWhole = request.subresource === undefined;
  const settled = isWhole ? settleNumbers(parts, definition, admitted, undefined) : admitted;
  const complete = beforeCreate(definition, settled, { nowText: nowText(exchange), random: parts.random, disabled: parts.disabled });
  await parts.admission.validate(attributes(exchange, complete));
  requireNoVersion(admitted);
  const { object, extra } = isWhole
    ? await allocateNumbers(parts, definition, complete, undefined, claimTries, request.options.dryRun === true)
    : { object: complete, extra: await claimNumbers(parts, definition, complete, request.options.dryRun === true) };
  if (request.options.dryRun === true) {
    await refuseExisting(exchange, object);
    return madeUp(await asReadBack(definition, object));
  }
  return parts.store.create(definition, object, extra);
}

/** A dry run must fail where the write would. */
async function refuseExisting({ definition, parts }: Exchange, object: KubeObject): Promise<void> {
  const { namespace = "", name = "" } = object.metadata;
  if ((await parts.store.get(definition, namespace, name)) !== undefined) throw alreadyExists(definition, name);
}

function attributes(exchange: Exchange<RequestOf<"create" | "update" | "patch">>, object: KubeObject): AdmissionAttributes {
  return admissionAttributes(exchange, { operation: "CREATE", name: object.metadata.name ?? "", object, old: undefined }, exchange.request.options);
}
