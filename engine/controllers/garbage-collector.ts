import { parseApiVersion } from "../apimachinery/group-version.ts";
import { withoutFinalizer } from "../apimachinery/object-copy.ts";
import { describeObject, type KubeObject, type OwnerReference } from "../apimachinery/object-meta.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import type { Informer } from "../client/informer.ts";
import type { Workqueue } from "../client/workqueue.ts";
import { catalog } from "../resources/catalog.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { runController, unlessGone, type ControllerContext } from "./controller.ts";

interface Known {
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
}

export type OwnerState = { readonly is: "present"; readonly uid: string; readonly isForeground: boolean } | { readonly is: "absent" };

export type GarbagePlan =
  | { readonly do: "keep" }
  | { readonly do: "delete"; readonly propagationPolicy: "Background" | "Foreground" }
  /** Some owners are gone, others remain: only the references to the former go. */
  | { readonly do: "release"; readonly remaining: readonly OwnerReference[] };

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";
const AGAIN_MS = 500;

/** What becomes of an object, given the state of each of its owners. Pure. */
export function planGarbage(object: KubeObject, owners: readonly OwnerState[]): GarbagePlan {
  const references = object.metadata.ownerReferences ?? [];
  if (references.length === 0 || object.metadata.deletionTimestamp !== undefined) return { do: "keep" };
  const isLive = (index: number) => owners[index]?.is === "present" && !(owners[index].isForeground && references[index]?.blockOwnerDeletion === true);
  const remaining = references.filter((_reference, index) => isLive(index));
  if (remaining.length === references.length) return { do: "keep" };
  if (remaining.length > 0) return { do: "release", remaining };
  const waits = owners.some((owner) => owner.is === "present");
  return { do: "delete", propagationPolicy: waits ? "Foreground" : "Background" };
}

/**
 * Deletes what lost its owners, and carries out foreground and orphan deletions. The graph of owners is the informers'
 * own indexes by uid; before anything is deleted for want of an owner, the API is asked whether the owner is really gone.
 */
export function garbageCollector(context: ControllerContext) {
  const sources = catalog.filter((definition) => definition.verbs.includes("delete") && definition.resource !== "events").map((definition) => {
    const informer = context.informers.informer(definition) as Informer<KubeObject>; // every kind is a KubeObject
    informer.addIndex("uid", (object) => [object.metadata.uid ?? ""]);
    informer.addIndex("ownerUid", (object) => (object.metadata.ownerReferences ?? []).map((owner) => owner.uid));
    return { definition, informer };
  });
  const byUid = (uid: string): Known | undefined => firstOf(sources, ({ definition, informer }) => informer.byIndex("uid", uid).map((object) => ({ definition, object }))[0]);
  const dependents = (uid: string): Known[] => sources.flatMap(({ definition, informer }) => informer.byIndex("ownerUid", uid).map((object) => ({ definition, object })));
  const api = ({ definition }: Known) => context.client.for(definition);

  return runController(
    {
      name: "garbage-collector",
      workers: 8,
      sources: sources.map(({ informer }) => informer),
      connect: (queue) =>
        sources.map(({ informer }) =>
          informer.addHandler({
            add: (object) => enqueue(queue, object),
            update: (_old, object) => enqueue(queue, object),
            delete: (object) => {
              for (const { object: dependent } of dependents(object.metadata.uid ?? "")) queue.add(dependent.metadata.uid ?? "");
              // A foreground owner waits for its last dependent.
              for (const owner of object.metadata.ownerReferences ?? []) queue.add(owner.uid);
            },
          }),
        ),
      sync: async (uid) => {
        const known = byUid(uid);
        if (known === undefined) return;
        const { finalizers = [], deletionTimestamp } = known.object.metadata;
        if (deletionTimestamp !== undefined && finalizers.includes(ORPHAN)) return orphanDependents(known);
        if (deletionTimestamp !== undefined && finalizers.includes(FOREGROUND)) return deleteDependents(known);
        await collect(known);
      },
    },
    context,
  );

  /** Only what has owners, or is being deleted in a way that concerns its dependents, needs a look. */
  function enqueue(queue: Workqueue, object: KubeObject): void {
    const { finalizers = [], ownerReferences = [], deletionTimestamp } = object.metadata;
    if (ownerReferences.length > 0 || (deletionTimestamp !== undefined && (finalizers.includes(ORPHAN) || finalizers.includes(FOREGROUND)))) queue.add(object.metadata.uid ?? "");
  }

  async function collect(known: Known): Promise<void> {
    const { namespace = "", name = "", uid = "" } = known.object.metadata;
    const owners = await Promise.all((known.object.metadata.ownerReferences ?? []).map((owner) => ownerState(owner, namespace)));
    const plan = planGarbage(known.object, owners);
    if (plan.do === "delete") {
      await unlessGone(api(known).delete(namespace, name, { propagationPolicy: plan.propagationPolicy, preconditions: { uid } }));
      context.logger.info("deleted an object whose owners are gone", { object: describeObject(known.object) });
    } else if (plan.do === "release") {
      await unlessGone(api(known).patch(namespace, name, "merge", { metadata: { uid, ownerReferences: plan.remaining } }));
    }
  }

  /** The cache answers for what it has; that something is absent only the API can say. An owner in another namespace is none. */
  async function ownerState(owner: OwnerReference, namespace: string): Promise<OwnerState> {
    const cached = byUid(owner.uid);
    if (cached !== undefined) {
      const ownerNamespace = cached.object.metadata.namespace ?? "";
      if (cached.definition.namespaced && ownerNamespace !== namespace) return { is: "absent" };
      return { is: "present", uid: owner.uid, isForeground: cached.object.metadata.deletionTimestamp !== undefined && (cached.object.metadata.finalizers ?? []).includes(FOREGROUND) };
    }
    const { group } = parseApiVersion(owner.apiVersion);
    const definition = catalog.find((candidate) => candidate.kind === owner.kind && candidate.group === group);
    // An owner of a kind we do not serve cannot be judged: leave the object alone.
    if (definition === undefined) return { is: "present", uid: owner.uid, isForeground: false };
    try {
      const live = await context.client.for(definition).get(definition.namespaced ? namespace : "", owner.name);
      return live.metadata.uid === owner.uid ? { is: "present", uid: owner.uid, isForeground: false } : { is: "absent" };
    } catch (error) {
      if (hasReason(error, "NotFound")) return { is: "absent" };
      throw error;
    }
  }

  async function deleteDependents(known: Known): Promise<number | void> {
    const uid = known.object.metadata.uid ?? "";
    const all = dependents(uid);
    for (const dependent of all) {
      if (dependent.object.metadata.deletionTimestamp !== undefined) continue;
      await unlessGone(api(dependent).delete(dependent.object.metadata.namespace ?? "", dependent.object.metadata.name ?? "", { propagationPolicy: "Foreground", preconditions: { uid: dependent.object.metadata.uid ?? "" } }));
    }
    const blocking = all.some(({ object }) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true) === true);
    if (blocking) return AGAIN_MS;
    await removeFinalizer(known, FOREGROUND);
  }

  async function orphanDependents(known: Known): Promise<void> {
    const uid = known.object.metadata.uid ?? "";
    for (const dependent of dependents(uid)) {
      const remaining = (dependent.object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
      await unlessGone(api(dependent).patch(dependent.object.metadata.namespace ?? "", dependent.object.metadata.name ?? "", "merge", { metadata: { uid: dependent.object.metadata.uid, ownerReferences: remaining.length === 0 ? null : remaining } }));
    }
    await removeFinalizer(known, ORPHAN);
  }

  async function removeFinalizer(known: Known, finalizer: string): Promise<void> {
    await unlessGone(api(known).update(withoutFinalizer(known.object, finalizer)));
  }
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
