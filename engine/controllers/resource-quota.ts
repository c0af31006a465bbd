import { splitKey, type KubeObject } from "../apimachinery/object-meta.ts";
import type { Informer, InformerHandler } from "../client/informer.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { catalog } from "../resources/catalog.ts";
import { resourceQuotaResource } from "../resources/core/resource-quota.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { countQuota } from "../resources/quota/charge.ts";
import { quotaNamesOf } from "../resources/quota/usage.ts";
import type { ResourceQuota } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { update, watch, type Action, type ControllerDefinition, type Watch } from "./define-controller.ts";
import { unlessGone } from "./execute-actions.ts";
import { isPodFinished } from "./pods.ts";

export interface QuotaInputs {
  readonly quota: ResourceQuota;
  /** All of the namespace that the quota may count. */
  readonly counted: readonly { readonly kind: ResourceDefinition; readonly objects: readonly KubeObject[] }[];
}

/** Sets a quota's status to what is asked and what is used of it; nothing when it says so already. Pure. */
export function planQuota({ quota, counted }: QuotaInputs, nowMs: number, resyncMs: number): readonly Action[] {
  const status = countQuota(quota, counted, nowMs);
  const again: Action = { do: "wait", forMs: resyncMs };
  if (jsonEqual(quota.status?.hard ?? {}, status.hard) && jsonEqual(quota.status?.used ?? {}, status.used)) return [again];
  // The whole object with its version: a charge in between makes this count worthless, and it is made again.
  return [again, update(resourceQuotaResource, { ...quota, status: { ...quota.status, ...status } }, "status")];
}

/**
 * Counts what quotas bound: when a quota is new or changed, when something that it counts goes or ends, and now and then. Objects are
 * read from the API after the quota itself, never from caches: an object that was charged before the quota was read is there then.
 */
export function resourceQuotaController({ client, informers, timings }: ControllerContext): ControllerDefinition<QuotaInputs> {
  const quotas = informers.informer(resourceQuotaResource);
  const kinds = catalog.filter(({ namespaced, verbs, resource }) => namespaced && verbs.includes("delete") && resource !== "events");
  const keysFor = (kind: ResourceDefinition, namespace: string) =>
    quotas.list(namespace).filter(({ spec }) => quotaNamesOf(kind, Object.keys(spec?.hard ?? {})).length > 0).map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`);
  const replenishing = kinds.map((kind): Watch => {
    const informer: Informer<KubeObject> = informers.informer(kind);
    const handler = (enqueue: (key: string) => void): InformerHandler<KubeObject> => {
      const tell = (object: KubeObject) => keysFor(kind, object.metadata.namespace ?? "").forEach(enqueue);
      return { update: (old, object) => takesLess(kind, old, object) && tell(object), delete: tell };
    };
    return { informer, handler };
  });

  return {
    name: "resource-quota",
    watches: [
      // Charges change the status, and what they say is true; only what is asked, or an answer that is missing, needs a count.
      watch(quotas, ({ metadata }) => [`${metadata.namespace ?? ""}/${metadata.name ?? ""}`], (old, quota) => quota !== undefined && (!jsonEqual(old?.spec, quota.spec) || !jsonEqual(quota.spec?.hard ?? {}, quota.status?.hard ?? {}))),
      ...replenishing,
    ],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const quota = await unlessGone(client.for(resourceQuotaResource).get(namespace, name));
      if (quota === undefined) return undefined;
      const wanted = kinds.filter((kind) => quotaNamesOf(kind, Object.keys(quota.spec?.hard ?? {})).length > 0);
      return { quota, counted: await Promise.all(wanted.map(async (kind) => ({ kind, objects: (await client.for(kind as ResourceDefinition<KubeObject>).list(namespace)).items }))) };
    },
    plan: (inputs, nowMs) => planQuota(inputs, nowMs, timings.quotaResyncMs),
  };
}

/** Whether a change gives something back without the object going away. */
function takesLess({ group, resource }: ResourceDefinition, old: KubeObject, object: KubeObject): boolean {
  if (group !== "") return false;
  const specOf = (of: KubeObject) => (of as { readonly spec?: unknown }).spec; // compared only
  if (resource === "pods") return isPodFinished(object as Parameters<typeof isPodFinished>[0]) !== isPodFinished(old as Parameters<typeof isPodFinished>[0]) || !jsonEqual(specOf(old), specOf(object)); // pods
  return (resource === "services" || resource === "persistentvolumeclaims") && !jsonEqual(specOf(old), specOf(object));
}
