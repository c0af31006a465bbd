import { withCondition } from "../apimachinery/conditions.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { unlessGone } from "../apimachinery/status-error.ts";
import { formatTime } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import { catalog } from "../resources/catalog.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import { apiServiceResource } from "../resources/apiregistration/api-service.ts";
import { namespaceResource } from "../resources/core/namespace.ts";
import { podResource } from "../resources/core/pod.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Namespace, NamespaceCondition } from "../resources/types.ts";
import { hasStatus } from "./kept-status.ts";
import type { ControllerContext } from "./controller-context.ts";
import { customReferences } from "./custom-kinds/custom-references.ts";
import { isBeingDeleted, update, watch, type Action, type ControllerDefinition, type Outcome } from "./define-controller.ts";
import { findRemoteKinds, takenVersions, type RemoteKind } from "./custom-kinds/remote-kinds.ts";

const FINALIZER = "kubernetes";
const SOON_MS = 50;

/** What is left of one kind in a namespace that is ending. */
export interface Leftover {
  readonly resource: ResourceReference;
  readonly objects: readonly KubeObject[];
  /** Its server takes no deletion of many at once. */
  readonly isDeletedOneByOne?: boolean;
}

export interface NamespaceInputs {
  readonly namespace: Namespace;
  /** Kinds with content, read from the API itself: an informer that lags behind would call a full namespace empty. */
  readonly leftovers: readonly Leftover[];
  /** Servers behind the API of which nobody knows what they keep, as texts of `group/version: why`. */
  readonly undiscovered: readonly string[];
  /** Why kinds could not be listed. */
  readonly unread: readonly string[];
}

/**
 * Empties a namespace that is being deleted: pods first, for what they use must outlive them, then everything else; when nothing is left,
 * the namespace itself may go. Nobody may let it go who has not seen all of it. Pure.
 */
export function planNamespace({ namespace, leftovers, undiscovered, unread }: NamespaceInputs, againMs: number): readonly Action[] {
  if (leftovers.length + undiscovered.length + unread.length === 0) {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
    return [update(namespaceResource, { ...namespace, spec: { ...namespace.spec, finalizers } }, "finalize")];
  }
  const pods = leftovers.filter(({ resource }) => resource.resource === podResource.resource && resource.group === podResource.group);
  const now = (pods.length > 0 ? pods : leftovers).filter(({ objects }) => objects.some((object) => !isBeingDeleted(object)));
  return [
    // What was deleted now is mostly gone at once; pods end in their own time, and finalizers go in theirs.
    { do: "wait", forMs: now.length > 0 ? Math.min(SOON_MS, againMs) : againMs },
    // One kind that cannot be deleted must not keep the others.
    { do: "together", actions: now.map((leftover) => deletionOf(leftover, namespace.metadata.name ?? "")) },
  ];
}

function deletionOf({ resource, objects, isDeletedOneByOne = false }: Leftover, namespace: string): Action {
  if (!isDeletedOneByOne) return { do: "deleteCollection", resource, namespace };
  return {
    do: "together",
    actions: objects
      .filter((object) => !isBeingDeleted(object))
      .map((object): Action => ({ do: "delete", resource, object, options: { propagationPolicy: "Background" } })),
  };
}

/** What keeps the namespace is said in its conditions. Pure. */
export function concludeNamespace(inputs: NamespaceInputs, { failure }: Pick<Outcome, "failure">, nowMs: number): readonly Action[] {
  const { namespace, leftovers, undiscovered, unread } = inputs;
  if (leftovers.length + undiscovered.length + unread.length === 0) return [];
  const failures = [...unread, ...(failure === undefined ? [] : [describeError(failure)])].sort();
  const conditions = namespaceConditions(leftovers, undiscovered, failures).reduce<readonly NamespaceCondition[]>(
    (list, condition) => withCondition(list, condition, formatTime(nowMs)),
    namespace.status?.conditions ?? [],
  );
  const status = { ...namespace.status, phase: "Terminating", conditions };
  return hasStatus(namespaceResource, namespace, status) ? [] : [update(namespaceResource, { ...namespace, status }, "status")];
}

function namespaceConditions(leftovers: readonly Leftover[], undiscovered: readonly string[], failures: readonly string[]): NamespaceCondition[] {
  const contents = leftovers.map(({ resource, objects }) => `${resource.resource}.${resource.group} has ${objects.length} resource instances`);
  const finalizers = new Map<string, number>();
  for (const finalizer of leftovers.flatMap(({ objects }) => objects.flatMap((object) => object.metadata.finalizers ?? [])))
    finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
  const kept = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  return [
    undiscovered.length > 0
      ? {
          type: "NamespaceDeletionDiscoveryFailure",
          status: "True",
          reason: "DiscoveryFailed",
          message: `Discovery failed for some groups, ${undiscovered.length} failing: unable to retrieve the complete list of server APIs: ${undiscovered.join(", ")}`,
        }
      : { type: "NamespaceDeletionDiscoveryFailure", status: "False", reason: "ResourcesDiscovered", message: "Every kind that is served has been looked at" },
    {
      type: "NamespaceDeletionGroupVersionParsingFailure",
      status: "False",
      reason: "ParsedGroupVersions",
      message: "The address of every kind has been understood",
    },
    failures.length > 0
      ? {
          type: "NamespaceDeletionContentFailure",
          status: "True",
          reason: "ContentDeletionFailed",
          message: `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(", ")}`,
        }
      : {
          type: "NamespaceDeletionContentFailure",
          status: "False",
          reason: "ContentDeleted",
          message: "No deletion has failed; some content may still be ending",
        },
    contents.length > 0
      ? { type: "NamespaceContentRemaining", status: "True", reason: "SomeResourcesRemain", message: `Some resources are remaining: ${contents.join(", ")}` }
      : { type: "NamespaceContentRemaining", status: "False", reason: "ContentRemoved", message: "Nothing is left" },
    kept.length > 0
      ? {
          type: "NamespaceFinalizersRemaining",
          status: "True",
          reason: "SomeFinalizersRemain",
          message: `Some content in the namespace has finalizers remaining: ${kept.join(", ")}`,
        }
      : { type: "NamespaceFinalizersRemaining", status: "False", reason: "ContentHasNoFinalizers", message: "No finalizer keeps any content" },
  ];
}

/** Empties namespaces that are being deleted, then lets them go. */
export function namespaceController({ client, informers, timings }: ControllerContext): ControllerDefinition<NamespaceInputs> {
  const namespaces = informers.informer(namespaceResource);
  const kinds: readonly ResourceReference[] = catalog.filter((definition) => definition.verbs.includes("deletecollection"));
  return {
    name: "namespace-controller",
    watches: [
      watch(
        namespaces,
        (namespace) => [namespace.metadata.name ?? ""],
        (_old, namespace) => namespace !== undefined && isBeingDeleted(namespace),
      ),
    ],
    async observe(name) {
      const namespace = namespaces.get("", name);
      if (namespace === undefined || !isBeingDeleted(namespace) || !(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return undefined;
      // Asked of the API, not of an informer: a server that was registered a moment ago counts.
      const services = (await client.for(apiServiceResource).list("")).items;
      const remote = await findRemoteKinds(client, services);
      const custom = customReferences((await client.for(customResourceDefinitionResource).list("")).items, takenVersions(services));
      const deletable = remote.kinds.filter(({ verbs }) => verbs.includes("list") && verbs.includes("delete"));
      const found = await Promise.all([...kinds, ...custom, ...deletable].filter(({ namespaced }) => namespaced).map((kind) => contentOf(kind, name)));
      return {
        namespace,
        leftovers: found.flatMap(({ leftover }) => leftover),
        undiscovered: remote.failures.map(({ groupVersion, message }) => `${groupVersion}: ${message}`),
        unread: found.flatMap(({ failure }) => failure),
      };
    },
    plan: (inputs) => planNamespace(inputs, timings.namespacePeriodMs),
    conclude: concludeNamespace,
  };

  async function contentOf(
    resource: ResourceReference | RemoteKind,
    namespace: string,
  ): Promise<{ readonly leftover: readonly Leftover[]; readonly failure: readonly string[] }> {
    try {
      const objects = (await unlessGone(client.for(resource).list(namespace)))?.items ?? [];
      const isDeletedOneByOne = "verbs" in resource && !resource.verbs.includes("deletecollection");
      return { leftover: objects.length === 0 ? [] : [{ resource, objects, isDeletedOneByOne }], failure: [] };
    } catch (error) {
      return { leftover: [], failure: [describeError(error)] };
    }
  }
}
