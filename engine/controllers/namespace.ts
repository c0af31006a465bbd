import { withCondition } from "../apimachinery/conditions.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { formatTime } from "../lib/clock.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { catalog } from "../resources/catalog.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import { namespaceResource } from "../resources/core/namespace.ts";
import { podResource } from "../resources/core/pod.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Namespace, NamespaceCondition } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { customReferences } from "./custom-references.ts";
import { unlessGone } from "./execute-actions.ts";
import { isBeingDeleted, update, watch, type Action, type ControllerDefinition } from "./define-controller.ts";

const FINALIZER = "kubernetes";
const SOON_MS = 50;

/** What is left of one kind in a namespace that is ending. */
export interface Leftover {
  readonly resource: ResourceReference;
  readonly objects: readonly KubeObject[];
}

export interface NamespaceInputs {
  readonly namespace: Namespace;
  /** Kinds with content, read from the API itself: an informer that lags behind would call a full namespace empty. */
  readonly leftovers: readonly Leftover[];
}

/**
 * Empties a namespace that is being deleted: pods first, for what they use must outlive them, then everything else; when nothing is left,
 * the namespace itself may go. What keeps it is said in its conditions. Pure.
 */
export function planNamespace({ namespace, leftovers }: NamespaceInputs, againMs: number, nowMs: number): readonly Action[] {
  const conditions = leftoverConditions(leftovers).reduce<readonly NamespaceCondition[]>((list, condition) => withCondition(list, condition, formatTime(nowMs)), namespace.status?.conditions ?? []);
  if (leftovers.length === 0) {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
    return [update(namespaceResource, { ...namespace, spec: { ...namespace.spec, finalizers } }, "finalize")];
  }
  const pods = leftovers.filter(({ resource }) => resource.resource === podResource.resource && resource.group === podResource.group);
  const now = (pods.length > 0 ? pods : leftovers).filter(({ objects }) => objects.some((object) => !isBeingDeleted(object)));
  const status = { ...namespace.status, phase: "Terminating", conditions };
  return [
    // What was deleted now is mostly gone at once; pods end in their own time, and finalizers go in theirs.
    { do: "wait", forMs: now.length > 0 ? Math.min(SOON_MS, againMs) : againMs },
    ...(jsonEqual(status, namespace.status) ? [] : [update(namespaceResource, { ...namespace, status }, "status")]),
    ...now.map(({ resource }): Action => ({ do: "deleteCollection", resource, namespace: namespace.metadata.name ?? "" })),
  ];
}

function leftoverConditions(leftovers: readonly Leftover[]): NamespaceCondition[] {
  const contents = leftovers.map(({ resource, objects }) => `${resource.resource}.${resource.group} has ${objects.length} resource instances`);
  const finalizers = new Map<string, number>();
  for (const finalizer of leftovers.flatMap(({ objects }) => objects.flatMap((object) => object.metadata.finalizers ?? []))) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
  const kept = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  return [
    { type: "NamespaceDeletionDiscoveryFailure", status: "False", reason: "ResourcesDiscovered", message: "Every kind that is served has been looked at" },
    { type: "NamespaceDeletionContentFailure", status: "False", reason: "ContentDeleted", message: "No deletion has failed; some content may still be ending" },
    contents.length > 0
      ? { type: "NamespaceContentRemaining", status: "True", reason: "SomeResourcesRemain", message: `Some resources are remaining: ${contents.join(", ")}` }
      : { type: "NamespaceContentRemaining", status: "False", reason: "ContentRemoved", message: "Nothing is left" },
    kept.length > 0
      ? { type: "NamespaceFinalizersRemaining", status: "True", reason: "SomeFinalizersRemain", message: `Some content in the namespace has finalizers remaining: ${kept.join(", ")}` }
      : { type: "NamespaceFinalizersRemaining", status: "False", reason: "ContentHasNoFinalizers", message: "No finalizer keeps any content" },
  ];
}

/** Empties namespaces that are being deleted, then lets them go. */
export function namespaceController({ client, informers, timings }: ControllerContext): ControllerDefinition<NamespaceInputs> {
  const namespaces = informers.informer(namespaceResource);
  const kinds = catalog.filter((definition) => definition.namespaced && definition.verbs.includes("deletecollection"));
  return {
    name: "namespace-controller",
    watches: [watch(namespaces, (namespace) => [namespace.metadata.name ?? ""], (_old, namespace) => namespace !== undefined && isBeingDeleted(namespace))],
    async observe(name) {
      const namespace = namespaces.get("", name);
      if (namespace === undefined || !isBeingDeleted(namespace) || !(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return undefined;
      const custom = customReferences((await client.for(customResourceDefinitionResource).list("")).items).filter(({ namespaced }) => namespaced);
      const found = await Promise.all([...kinds, ...custom].map(async (resource: ResourceReference) => ({ resource, objects: (await unlessGone(client.for(resource).list(name)))?.items ?? [] })));
      return { namespace, leftovers: found.filter(({ objects }) => objects.length > 0) };
    },
    plan: (inputs, nowMs) => planNamespace(inputs, timings.namespacePeriodMs, nowMs),
  };
}
