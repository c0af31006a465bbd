import { parseApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject, OwnerReference } from "../../apimachinery/object-meta.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import type { InformerHandler } from "../../client/informer.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { catalog } from "../../resources/catalog.ts";
import { eventResource } from "../../resources/core/event.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { ControllerContext } from "../controller-context.ts";
import { ChangingSources, indexed, OWNER_UID_INDEX, UID_INDEX, watchCustomKinds, watchRemoteKinds } from "./garbage-sources.ts";
import { isBeingDeleted, type ControllerDefinition, type Watch } from "../define-controller.ts";
import type { RemoteKinds } from "../custom-kinds/remote-kinds.ts";
import { isForeground, planGarbage, type GarbageInputs, type Located, type OwnerState } from "./garbage-plan.ts";

/**
 * Deletes what lost its owners, and carries out foreground and orphan deletions. The graph of owners is the informers' own indexes,
 * by uid, since names are reused; before anything is deleted for want of an owner, the API is asked whether the owner is really gone.
 */
export function garbageCollector(context: ControllerContext, remoteKinds: RemoteKinds): ControllerDefinition<GarbageInputs> {
  const { client, informers } = context;
  const sources = catalog
    .filter((resource) => resource.verbs.includes("delete") && resource.resource !== eventResource.resource)
    .map((resource) => indexed(informers, resource));
  const custom = new ChangingSources(informers);
  const remote = new ChangingSources(informers);
  const lookUp = (index: string, uid: string): Located[] =>
    [...sources, ...custom.sources(), ...remote.sources()].flatMap(({ resource, informer }) =>
      informer.byIndex(index, uid).map((object) => ({ resource, object })),
    );

  const handler = (enqueue: (uid: string) => void) => handlerFor(enqueue, (uid) => lookUp(OWNER_UID_INDEX, uid));

  return {
    name: "garbage-collector",
    component: "garbage-collector-controller",
    workers: 8,
    watches: [
      ...sources.map(({ informer }): Watch => ({ informer, handler })),
      watchCustomKinds(informers, custom, handler),
      watchRemoteKinds(informers, remoteKinds, remote, handler),
    ],
    async observe(uid, signal) {
      const [found] = lookUp(UID_INDEX, uid);
      if (found === undefined) return undefined;
      // Who waits for its dependents, or leaves them behind, must know all of them.
      if (isBeingDeleted(found.object)) await Promise.all([custom.synced(context, signal), remote.synced(context, signal)]);
      const { ownerReferences = [], namespace = "" } = found.object.metadata;
      const owners = isBeingDeleted(found.object) ? [] : await Promise.all(ownerReferences.map((reference) => ownerState(reference, found, namespace)));
      return { ...found, owners, dependents: lookUp(OWNER_UID_INDEX, uid) };
    },
    plan: planGarbage,
  };

  /** The informers answer for what they have; that something is absent only the API can say. */
  async function ownerState(reference: OwnerReference, dependent: Located, namespace: string): Promise<OwnerState> {
    const { group } = parseApiVersion(reference.apiVersion);
    const resource: ResourceReference | undefined =
      catalog.find((candidate) => candidate.kind === reference.kind && candidate.group === group) ??
      custom.find(group, reference.kind) ??
      remote.find(group, reference.kind);
    if (resource === undefined) return { reference, is: "unresolvable" };
    const named = `${reference.kind} ${reference.name} (${reference.uid})`;
    if (resource.namespaced && !dependent.resource.namespaced)
      return { reference, is: "unresolvable", complaint: `the owner ${named} is namespaced; an object of the cluster cannot be owned by it` };
    const cached = lookUp(UID_INDEX, reference.uid).find(({ object }) => object.kind === reference.kind && object.metadata.name === reference.name);
    if (cached !== undefined) {
      const isReachable = !resource.namespaced || cached.object.metadata.namespace === namespace;
      if (isReachable) return { reference, is: isForeground(cached.object) ? "waiting" : "present" };
      return { reference, is: "absent", complaint: `the owner ${named} is not in namespace ${namespace}, and an owner elsewhere is none` };
    }
    const live = await unlessGone(client.for(resource).get(resource.namespaced ? namespace : "", reference.name));
    return { reference, is: live === undefined || live.metadata.uid !== reference.uid ? "absent" : isForeground(live) ? "waiting" : "present" };
  }
}

/** Keys are uids. Only what changes the graph, or the way an object is deleted, is worth a look. */
function handlerFor(enqueue: (uid: string) => void, dependentsOf: (uid: string) => readonly Located[]): InformerHandler<KubeObject> {
  const self = (object: KubeObject) => enqueue(object.metadata.uid ?? "");
  const owners = (object: KubeObject) => {
    for (const { uid } of object.metadata.ownerReferences ?? []) enqueue(uid);
  };
  const dependents = (object: KubeObject) => {
    for (const dependent of dependentsOf(object.metadata.uid ?? "")) self(dependent.object);
  };
  const facts = ({ metadata }: KubeObject) => [metadata.ownerReferences, metadata.finalizers, metadata.deletionTimestamp];
  return {
    add: (object) => {
      if (isBeingDeleted(object) || (object.metadata.ownerReferences ?? []).length > 0) self(object);
    },
    update: (old, object) => {
      if (jsonEqual(facts(old), facts(object))) return;
      self(object);
      // An owner in the foreground waits for its last dependent, and its dependents learn from it that it waits.
      owners(old);
      owners(object);
      if (isBeingDeleted(object)) dependents(object);
    },
    delete: (object) => {
      dependents(object);
      owners(object);
    },
  };
}
