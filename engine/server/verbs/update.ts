import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { withOwnersOnce } from "../../apimachinery/owner-references.ts";
import { badRequest, hasReason } from "../../apimachinery/status-error.ts";
import type { Conformed } from "../../apimachinery/structural-schema.ts";
import { requireAllowed } from "../../auth/authorize.ts";
import { decodeObject } from "../../registry/decode-object.ts";
import { isPartOfObject } from "../../registry/before-update.ts";
import { scaleAccessOf, scaleKind, scaleOf } from "../../registry/scale.ts";
import type { ScaleAccess } from "../../resources/define-resource.ts";
import type { Scale } from "../../resources/types.ts";
import { refuseShape } from "../../registry/validate-object.ts";
import { madeUp, objectResult, placeInNamespace, unsupportedMethod, type Exchange, type RequestOf, type VerbHandler } from "../exchange.ts";
import { requireStorable } from "../../storage/encoded-object.ts";
import { finalizeNamespace } from "../subresources/subresources.ts";
import { changeObject, refuseWanted, type ObjectView } from "./change-object.ts";
import { trackCreation } from "../track-creation.ts";
import { createPrepared } from "./create.ts";

export const update: VerbHandler<"update"> = async (exchange) => {
  const { request, definition } = exchange;
  if (request.subresource === "scale") return updateScale(exchange);
  if (request.subresource === "finalize" && definition.resource === "namespaces") return finalizeNamespace(exchange);
  if (request.subresource !== undefined && !isPartOfObject(definition, request.subresource)) throw unsupportedMethod();
  requireStorable(definition, request.name, request.body);
  const { object, warnings, schemaErrors, emptied } = decodeObject(definition, request.body, { ...request.options, subresource: request.subresource });
  exchange.notes.warn(...warnings);
  requireName(object, request.name);
  const placed = withOwnersOnce(placeInNamespace(exchange, object), (text) => exchange.notes.warn(text));
  try {
    return await changeObject(exchange, (current) => {
      if (schemaErrors.length > 0) refuseWanted(exchange, placed, schemaErrors, current);
      return { object: placed, emptied, isTracked: false };
    });
  } catch (error) {
    if (definition.strategy.createOnUpdate !== true || !hasReason(error, "NotFound")) throw error;
    return createByUpdate(exchange, placed, emptied);
  }
};

/** What is written says by itself what it is: an empty body in the place of a Scale would take all replicas away. */
function requireName({ metadata: { name } }: KubeObject, asked: string): void {
  if (!name) throw badRequest(`the name of the object (${asked} based on URL) was undeterminable: name must be provided`);
  if (name !== asked) throw badRequest(`the name of the object (${name}) does not match the name on the URL (${asked})`);
}

/** PUT to a name that does not exist, for the kinds that allow it and writers that may create. */
async function createByUpdate(exchange: Exchange<RequestOf<"update">>, object: KubeObject, emptied: Conformed["emptied"]) {
  const { definition, parts, request } = exchange;
  const { group, resource } = definition;
  const attributes = {
    is: "resource" as const,
    user: request.user,
    verb: "create",
    group,
    resource,
    subresource: request.subresource,
    namespace: request.namespace ?? "",
    name: request.name,
  };
  await requireAllowed(parts.authorizer, attributes);
  const fresh = withMetadata(object, { resourceVersion: undefined, uid: undefined });
  return createPrepared(exchange, trackCreation(exchange, fresh, emptied));
}

/** What admission sees of a write to `scale`. */
export function scaleView(access: ScaleAccess<KubeObject>): ObjectView {
  return {
    kind: scaleKind,
    of: (object) => scaleOf(access, object, true),
    into: (object, shown) => access.withReplicas(object, (shown as Scale).spec?.replicas ?? 0), // it conforms to the Scale's schema
  };
}

/** PUT of a Scale changes the replicas of the object behind it. */
async function updateScale(exchange: Exchange<RequestOf<"update">>) {
  const { definition, request } = exchange;
  const access = scaleAccessOf(definition);
  if (access === undefined) throw unsupportedMethod();
  const { object, schemaErrors } = decodeObject(scaleKind, request.body, request.options);
  requireName(object, request.name);
  const scale = placeInNamespace(exchange, object);
  const result = await changeObject(exchange, (current) => {
    // Of custom kinds the object is judged, and a Scale that names no version is of the one that is there.
    const isCustom = definition.content !== undefined;
    if (schemaErrors.length > 0 && !isCustom) refuseShape(scaleKind, scale, schemaErrors);
    const { uid } = scale.metadata;
    const resourceVersion = scale.metadata.resourceVersion || (isCustom ? current.metadata.resourceVersion : undefined);
    return {
      object: withMetadata(access.withReplicas(current, scale.spec?.replicas ?? 0), { uid: uid || current.metadata.uid, resourceVersion }),
      isTracked: false,
      view: scaleView(access),
    };
  });
  return result.is === "object" ? objectResult(200, madeUp(scaleOf(access, result.encoded.object)), result.warnings) : result;
}
