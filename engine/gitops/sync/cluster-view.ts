import { objectKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { isServerFailure } from "../../apimachinery/status-error.ts";
import type { Informer } from "../../client/informer.ts";
import type { InformerFactory } from "../../client/informer-factory.ts";
import { replicaSetResource } from "../../resources/apps/replica-set.ts";
import { jobResource } from "../../resources/batch/job.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ResourceDefinition, ResourceReference } from "../../resources/define-resource.ts";
import type { Node } from "../../resources/types.ts";
import type { HealthLookup } from "../health/health.ts";
import { identityOf } from "../manifests/served-kinds.ts";

const OWNER_INDEX = "gitops-owner-uid";
/** Owners of owners that are followed: Pod → ReplicaSet → Deployment, with room. */
const OWNER_DEPTH_MAX = 4;

/** Told of every change to an object of a watched kind; `object` is the last state when it is gone. */
export type ChangeListener = (object: KubeObject, identity: string, isGone: boolean) => void;

interface Watched {
  readonly informer: Informer<KubeObject>;
  /** Fires when the kind is served no more. */
  readonly forgotten: AbortController;
}

/** The live cluster as far as Git manages or explains it: an informer for each kind in use, and for pods, replica sets, jobs and nodes. */
export class ClusterView implements HealthLookup {
  readonly #factory: InformerFactory;
  readonly #kinds = new Map<string, Watched>();
  readonly #nodes: Informer<Node>;
  readonly #listeners = new Set<{ readonly onObject: ChangeListener; readonly onNode: () => void }>();

  constructor(factory: InformerFactory) {
    this.#factory = factory;
    this.#nodes = factory.informer<Node>(nodeResource);
    const tellNode = () => {
      for (const { onNode } of this.#listeners) onNode();
    };
    this.#nodes.addHandler({ add: tellNode, update: tellNode, delete: tellNode });
    for (const resource of [podResource, replicaSetResource, jobResource]) this.#watch(resource as unknown as ResourceReference); // all objects are read as KubeObject here
  }

  /** Returns the function that ends it. */
  listen(onObject: ChangeListener, onNode: () => void = () => {}): () => void {
    const listener = { onObject, onNode };
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Makes sure that these kinds are watched, and waits until their objects are known. A kind whose objects the server fails at (a conversion
   * webhook that does not answer) holds up nobody: `failureOf` says so.
   */
  async ensure(resources: Iterable<ResourceDefinition>, signal: AbortSignal): Promise<void> {
    for (const resource of resources) this.#watch(resource);
    const known = [...this.#kinds.values()].map(({ informer, forgotten }) =>
      informer
        .waitUntil(() => informer.hasSynced || isServerFailure(informer.failure), AbortSignal.any([signal, forgotten.signal]))
        .catch((error: unknown) => {
          if (!forgotten.signal.aborted) throw error; // else nobody will ever know them
        }),
    );
    await Promise.all([...known, this.#nodes.waitForSync(signal)]);
  }

  /** Why the objects of a kind are not known although the server was asked for them; undefined when they are. */
  failureOf(resource: ResourceReference): unknown {
    return this.#informerOf(kindOf(resource))?.failure;
  }

  /** No longer watches a kind that is not served any more, so that its objects are gone: their watch may end before it says so. */
  forget(resource: ResourceReference): void {
    const watched = this.#kinds.get(kindOf(resource));
    if (watched === undefined) return;
    this.#kinds.delete(kindOf(resource));
    this.#factory.release(resource);
    watched.forgotten.abort();
    for (const object of watched.informer.list()) this.#tell(resource, object, true);
  }

  get(resource: ResourceReference, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#informerOf(kindOf(resource))?.get(namespace ?? "", name);
  }

  /** Whether an object is not there, and not merely unknown. */
  isGone(resource: ResourceReference | undefined, { namespace, name }: { readonly namespace?: string; readonly name: string }): boolean {
    return resource === undefined || (this.get(resource, namespace, name) === undefined && this.failureOf(resource) === undefined);
  }

  /** All objects of a kind; none when it is not watched. */
  list(resource: ResourceReference): readonly KubeObject[] {
    return this.#informerOf(kindOf(resource))?.list() ?? [];
  }

  nodes(): readonly Node[] {
    return this.#nodes.list();
  }

  /** An object of a watched kind, by what a reference says of it. */
  find(group: string, kind: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#informerOf(`${group}/${kind}`)?.get(namespace ?? "", name);
  }

  /** Newest first, so that a rollout's own pods are looked at before the ones they replace. */
  childrenOf(ownerUid: string): readonly KubeObject[] {
    const children = [...this.#kinds.values()].flatMap(({ informer }) => informer.byIndex(OWNER_INDEX, ownerUid));
    return children.sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1));
  }

  /** The object at the top of a chain of owners; the object itself when nothing owns it. */
  rootOf(object: KubeObject): KubeObject {
    let current = object;
    for (let depth = 0; depth < OWNER_DEPTH_MAX; depth++) {
      const owner = current.metadata.ownerReferences?.find((reference) => reference.controller === true);
      const group = owner?.apiVersion.includes("/") === true ? owner.apiVersion.split("/")[0] : "";
      const parent = owner === undefined ? undefined : this.#informerOf(`${group}/${owner.kind}`)?.get(current.metadata.namespace ?? "", owner.name);
      if (parent === undefined || parent.metadata.uid !== owner?.uid) return current;
      current = parent;
    }
    return current;
  }

  /** The newest store revision that any watch has reached. */
  revision(): number {
    return Math.max(0, this.#nodes.revision, ...[...this.#kinds.values()].map(({ informer }) => informer.revision));
  }

  #informerOf(kind: string): Informer<KubeObject> | undefined {
    return this.#kinds.get(kind)?.informer;
  }

  #watch(resource: ResourceReference): void {
    const kind = kindOf(resource);
    if (this.#kinds.has(kind)) return;
    const informer = this.#factory.informer<KubeObject>(resource);
    informer.addIndex(OWNER_INDEX, (object) => (object.metadata.ownerReferences ?? []).map((owner) => owner.uid));
    this.#kinds.set(kind, { informer, forgotten: new AbortController() });
    const tell = (object: KubeObject, isGone: boolean) => this.#tell(resource, object, isGone);
    informer.addHandler({ add: (object) => tell(object, false), update: (_old, object) => tell(object, false), delete: (object) => tell(object, true) });
  }

  #tell(resource: ResourceReference, object: KubeObject, isGone: boolean): void {
    const identity = identityOf(resource.group, resource.kind, object.metadata.namespace, object.metadata.name ?? objectKey(object));
    for (const { onObject } of this.#listeners) onObject(object, identity, isGone);
  }
}

function kindOf(resource: Pick<ResourceReference, "group" | "kind">): string {
  return `${resource.group}/${resource.kind}`;
}
