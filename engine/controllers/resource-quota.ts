import { splitKey, type KubeObject } from "../apimachinery/object-meta.ts";
import { unlessGone } from "../apimachinery/status-error.ts";
import type { Informer, InformerHandler } from "../client/informer.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { catalog } from "../resources/catalog.ts";
import { podResource } from "../resources/core/pod.ts";
import { resourceQuotaResource } from "../resources/core/resource-quota.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import type { ResourceDefinition, ResourceReference } from "../resources/define-resource.ts";
import { deviceClassResource } from "../resources/device/device-class.ts";
import { podNameOfExtendedClaim } from "../resources/device/extended-resources.ts";
import { countQuota } from "../resources/quota/charge.ts";
import { deviceQuotaFacts, needsDeviceFacts } from "../resources/quota/quota-facts.ts";
import { podUsage, quotaNamesOf } from "../resources/quota/usage.ts";
import type { DeviceClass, PersistentVolumeClaim, Pod, ResourceClaim, ResourceQuota } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { customReferences } from "./custom-kinds/custom-references.ts";
import { read, update, watch, type Action, type ControllerDefinition, type Watch } from "./define-controller.ts";

export interface QuotaInputs {
  readonly quota: ResourceQuota;
  /** All of the namespace that the quota may count. */
  readonly counted: readonly { readonly kind: ResourceReference; readonly objects: readonly KubeObject[] }[];
  /** Whether custom kinds are among them, whose ends nobody follows here. */
  readonly countsCustom: boolean;
  /** All there are; needed where claims of devices are counted. */
  readonly deviceClasses: readonly DeviceClass[];
  /** Of the namespace, those whose extended resources claims stand for. */
  readonly deviceUsers: readonly Pod[];
}

/** Sets a quota's status to what is asked and what is used of it; nothing when it says so already. Pure. */
function planQuota({ quota, counted, deviceClasses, deviceUsers }: Omit<QuotaInputs, "countsCustom">, nowMs: number, resyncMs: number): readonly Action[] {
  const status = countQuota(quota, counted, deviceQuotaFacts(nowMs, deviceClasses, claimsAmong(counted), deviceUsers));
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
  const deviceClasses = informers.informer(deviceClassResource);
  const definitions = informers.informer(customResourceDefinitionResource);
  const kinds = catalog.filter(({ namespaced, verbs, resource }) => namespaced && verbs.includes("delete") && resource !== "events");
  const keysFor = (kind: ResourceDefinition, namespace: string) =>
    quotas
      .list(namespace)
      .filter(({ spec }) => quotaNamesOf(kind, Object.keys(spec?.hard ?? {})).length > 0)
      .map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`);
  const replenishing = kinds.map((kind): Watch => {
    const informer: Informer<KubeObject> = mayTakeLess(kind) ? informers.informer(kind) : informers.identityInformer(kind);
    const handler = (enqueue: (key: string) => void): InformerHandler<KubeObject> => {
      const told = ({ metadata }: KubeObject) => keysFor(kind, metadata.namespace ?? "");
      const update = (old: KubeObject, object: KubeObject) => {
        const keys = told(object);
        if (keys.length > 0 && takesLess(kind, old, object)) keys.forEach(enqueue);
      };
      return { update, delete: (object) => told(object).forEach(enqueue) };
    };
    return { informer, handler };
  });

  return {
    name: "resource-quota",
    watches: [
      // Charges change the status, and what they say is true; only what is asked, or an answer that is missing, needs a count.
      watch(
        quotas,
        ({ metadata }) => [`${metadata.namespace ?? ""}/${metadata.name ?? ""}`],
        (old, quota) => quota !== undefined && (!jsonEqual(old?.spec, quota.spec) || !jsonEqual(quota.spec?.hard ?? {}, quota.status?.hard ?? {})),
      ),
      ...replenishing,
    ],
    reads: [read(definitions), read(deviceClasses)],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const quota = await unlessGone(client.for(resourceQuotaResource).get(namespace, name));
      if (quota === undefined) return undefined;
      const isWanted = (kind: ResourceReference) => quotaNamesOf(kind, Object.keys(quota.spec?.hard ?? {})).length > 0;
      const custom = customReferences(definitions.list()).filter((kind) => kind.namespaced && isWanted(kind));
      const wanted: readonly ResourceReference[] = [...kinds.filter(isWanted), ...custom];
      const names = Object.keys(quota.spec?.hard ?? {}).filter((name) => name.startsWith("count/"));
      // Also a kind that is not defined yet.
      const countsCustom = names.some((name) => !kinds.some((kind) => quotaNamesOf(kind, [name]).length > 0));
      const counted = await Promise.all(wanted.map(async (kind) => ({ kind, objects: (await client.for(kind).list(namespace)).items })));
      const podNames = new Set(claimsAmong(counted).flatMap((claim) => podNameOfExtendedClaim(claim) ?? []));
      const deviceUsers = await Promise.all([...podNames].map((podName) => unlessGone(client.for(podResource).get(namespace, podName))));
      return { quota, countsCustom, counted, deviceClasses: deviceClasses.list(), deviceUsers: deviceUsers.filter((pod) => pod !== undefined) };
    },
    plan: (inputs, nowMs) => planQuota(inputs, nowMs, inputs.countsCustom ? timings.customQuotaResyncMs : timings.quotaResyncMs),
  };
}

function claimsAmong(counted: QuotaInputs["counted"]): readonly ResourceClaim[] {
  return counted.flatMap(({ kind, objects }) => (needsDeviceFacts(kind) ? (objects as readonly (KubeObject & ResourceClaim)[]) : [])); // the kind decides
}

/** That a pod should have been gone by now is not a change of it. */
const NEVER_LATE = 0;

/** Whether changes of such objects may give something back; of others it is enough to know when they go. */
function mayTakeLess({ group, resource }: ResourceDefinition): boolean {
  return group === "" && (resource === "pods" || resource === "services" || resource === "persistentvolumeclaims");
}

/** Whether a change gives something back without the object going away. */
function takesLess(kind: ResourceDefinition, old: KubeObject, object: KubeObject): boolean {
  if (!mayTakeLess(kind)) return false;
  const specOf = (of: KubeObject) => (of as { readonly spec?: unknown }).spec; // compared only
  if (!jsonEqual(specOf(old), specOf(object))) return true;
  if (kind.resource === "pods") return !jsonEqual(podUsage(old as Pod, NEVER_LATE), podUsage(object as Pod, NEVER_LATE)); // the kind decides
  return kind.resource === "persistentvolumeclaims" && !jsonEqual(countedStatus(old as PersistentVolumeClaim), countedStatus(object as PersistentVolumeClaim)); // likewise
}

/** What a claim's status adds to its size and to the classes that it is counted for. */
function countedStatus({ status }: PersistentVolumeClaim): readonly unknown[] {
  return [status?.allocatedResources ?? {}, status?.currentVolumeAttributesClassName ?? "", status?.modifyVolumeStatus?.targetVolumeAttributesClassName ?? ""];
}
