import type { ApiResult, DeleteOptions } from "../../apimachinery/api-request.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, notFound, unlessGone } from "../../apimachinery/status-error.ts";
import { isSameState } from "../../registry/before-update.ts";
import { isDeletedByUpdate, planDelete, type DeletePlan } from "../../registry/before-delete.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { Change } from "../../storage/object-store.ts";
import { admissionAttributes } from "../admission/admission-attributes.ts";
import { madeUp, namespaceOf, objectResult, unsupportedMethod, type Exchange, type VerbHandler } from "../exchange.ts";
import { releaseNumbers } from "./service-numbers.ts";

/** Kinds whose delete answers with the object even when it is gone at once. */
const RETURNED_WHEN_GONE: ReadonlySet<string> = new Set([
  ...["namespaces", "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts", "services"].map(
    (resource) => `/${resource}`,
  ),
  ...["deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"].map((resource) => `resource.k8s.io/${resource}`),
  ...["csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses"].map((resource) => `storage.k8s.io/${resource}`),
]);

export function isReturnedWhenGone({ group, resource }: Pick<ResourceDefinition, "group" | "resource">): boolean {
  return RETURNED_WHEN_GONE.has(`${group}/${resource}`);
}

export const deleteObject: VerbHandler<"delete"> = async (exchange) => {
  const { request } = exchange;
  if (request.subresource !== undefined) throw unsupportedMethod();
  const why = exchange.definition.strategy.refuseDelete?.(request.name);
  if (why !== undefined) throw forbidden(exchange.definition, request.name, why);
  return deleteNamed(exchange, request.name, request.options);
};

/** Deletes one object, or begins to. Also the way of evictions and of every object of a collection. */
export async function deleteNamed(exchange: Exchange, name: string, options: DeleteOptions, as: DeletedAs = "named"): Promise<ApiResult> {
  const { definition, parts, notes } = exchange;
  const namespace = namespaceOf(exchange);
  const { warning } = definition.strategy.orphansByDefault ?? {};
  if (warning !== undefined && options.propagationPolicy === undefined) notes.warn(warning);
  let plan: DeletePlan<KubeObject> | undefined;
  const decide = async (current: KubeObject): Promise<Change<KubeObject>> => {
    await admit(exchange, name, current, options, as);
    plan = planDelete(definition, current, options, parts.clock.now());
    if (plan.do === "remove")
      return isMarkedFirst(definition, plan.object, current)
        ? { do: "write", object: plan.object }
        : { do: "delete", ...releaseNumbers(parts, definition, current) };
    return plan.do === "keep" || isSameState(plan.object, current) ? { do: "keep" } : { do: "write", object: plan.object };
  };
  if (options.dryRun === true) {
    const current = await parts.store.get(definition, namespace, name);
    if (current === undefined) throw notFound(definition, name);
    await decide(current.object);
    return answer(exchange, name, plan, plan?.do === "mark" ? plan.object : current.object, options);
  }
  const { encoded, wasDeleted } = await parts.store.update(definition, namespace, name, (current) => decide(current.object));
  const gone = plan?.do === "remove" && !wasDeleted ? await removeMarked(exchange, name, encoded.object) : encoded.object;
  return answer(exchange, name, plan, gone, options);
}

/** Of kinds that know grace, watchers are told that an object goes before it is gone, also where it gets none. */
function isMarkedFirst({ strategy }: ResourceDefinition, marked: KubeObject, current: KubeObject): boolean {
  return strategy.gracePeriodSeconds !== undefined && !isSameState(marked, current);
}

/** The second half: what has been marked goes, unless somebody else was faster. */
async function removeMarked(exchange: Exchange, name: string, marked: KubeObject): Promise<KubeObject> {
  const { definition, parts } = exchange;
  const namespace = namespaceOf(exchange);
  const removed = await unlessGone(
    parts.store.update(definition, namespace, name, ({ object }): Change<KubeObject> =>
      isDeletedByUpdate(object, marked) && object.metadata.uid === marked.metadata.uid
        ? { do: "delete", ...releaseNumbers(parts, definition, object) }
        : { do: "keep" },
    ),
  );
  return removed?.encoded.object ?? marked;
}

function answer(
  { definition }: Exchange,
  name: string,
  plan: DeletePlan<KubeObject> | undefined,
  object: KubeObject,
  { asksForCascade }: DeleteOptions,
): ApiResult {
  if (plan?.do !== "remove") return objectResult(asksForCascade === true ? 202 : 200, madeUp(object));
  if (isReturnedWhenGone(definition)) return objectResult(200, madeUp(withMetadata(plan.object, { resourceVersion: object.metadata.resourceVersion })));
  const details = {
    name,
    ...(definition.group === "" ? {} : { group: definition.group }),
    kind: definition.resource,
    ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
  };
  return { is: "status", status: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details, code: 200 }, warnings: [] };
}

/** `admitted`: by its own kind of request, as evictions are. */
export type DeletedAs = "named" | "one of many" | "admitted";

async function admit(exchange: Exchange, name: string, old: KubeObject, options: DeleteOptions, as: DeletedAs): Promise<void> {
  if (as === "admitted") return;
  const own = { operation: "DELETE" as const, name, object: undefined, old, isOfCollection: as === "one of many" };
  await exchange.parts.admission.admitDelete(admissionAttributes(exchange, own, options));
}
