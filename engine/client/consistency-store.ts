import { objectKey, type KubeObject } from "../apimachinery/object-meta.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Informer } from "./informer.ts";

/** Keys remembered; beyond it the oldest is forgotten, which costs at most a Conflict. */
const KEYS_MAX = 50_000;

interface Written {
  revision: number;
  /** Objects deleted at once, by key: there is no revision to wait for, only their absence. */
  readonly removed: Map<string, string>;
}

/**
 * Remembers, for each key of a controller, what it wrote of each kind. Before the key is worked on again, the informers must show all
 * of it: so no pod is created or deleted twice because the first time has not come back yet, and no counters of expectations are kept.
 */
export class ConsistencyStore {
  /** Key of the controller's queue → kind → what was written. */
  readonly #written = new Map<string, Map<string, Written>>();

  /** Notes an object as the API answered it after a write. */
  wrote(key: string, resource: ResourceReference, object: KubeObject): void {
    const written = this.#of(key, resource);
    written.revision = Math.max(written.revision, Number(object.metadata.resourceVersion ?? 0));
  }

  /** Notes that the API removed an object at once. */
  removed(key: string, resource: ResourceReference, object: KubeObject): void {
    this.#of(key, resource).removed.set(objectKey(object), object.metadata.uid ?? "");
  }

  /** Undefined when the informers show everything written for the key; else a promise of that, which rejects when the signal fires. */
  held(key: string, informers: readonly Informer<KubeObject>[], signal: AbortSignal): Promise<void> | undefined {
    const kinds = this.#written.get(key);
    if (kinds === undefined) return undefined;
    const open = informers.flatMap((informer) => {
      const written = kinds.get(kindOf(informer.resource));
      const isShown = () => written === undefined || shows(informer, written);
      return isShown() ? [] : [{ informer, isShown }];
    });
    if (open.length > 0) return Promise.all(open.map(({ informer, isShown }) => informer.waitUntil(isShown, signal))).then(() => {});
    this.#written.delete(key);
    return undefined;
  }

  /** Stops waiting for the key's writes. */
  forget(key: string): void {
    this.#written.delete(key);
  }

  #of(key: string, resource: ResourceReference): Written {
    const kinds = this.#written.get(key) ?? new Map<string, Written>();
    this.#written.delete(key);
    this.#written.set(key, kinds);
    if (this.#written.size > KEYS_MAX) this.#written.delete(this.#written.keys().next().value ?? "");
    const kind = kindOf(resource);
    let written = kinds.get(kind);
    if (written === undefined) kinds.set(kind, (written = { revision: 0, removed: new Map() }));
    return written;
  }
}

function shows(informer: Informer<KubeObject>, { revision, removed }: Written): boolean {
  return informer.revision >= revision && [...removed].every(([key, uid]) => informer.getByKey(key)?.metadata.uid !== uid);
}

function kindOf({ group, resource }: ResourceReference): string {
  return `${resource}.${group}`;
}
