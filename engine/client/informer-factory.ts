import type { KubeObject } from "../apimachinery/object-meta.ts";
import { aborted } from "../lib/abort.ts";
import { service, type Service } from "../lib/service.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import { Informer, type InformerOptions } from "./informer.ts";

export type Selection = Pick<InformerOptions, "namespace" | "labelSelector" | "fieldSelector">;

/**
 * One informer per kind and selection, shared by everyone who asks for it. Informers asked for before `run` start with it,
 * later ones at once.
 */
export class InformerFactory {
  readonly #options: Omit<InformerOptions, keyof Selection>;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #running = new Set<Promise<void>>();
  readonly #failed = Promise.withResolvers<never>();
  #signal: AbortSignal | undefined;

  constructor(options: Omit<InformerOptions, keyof Selection>) {
    this.#options = options;
    this.#failed.promise.catch(() => {}); // noticed by the service, if it runs
  }

  informer<T extends KubeObject>(resource: ResourceReference<T>, selection: Selection = {}): Informer<T> {
    const key = JSON.stringify([resource.group, resource.version, resource.resource, selection.namespace ?? "", selection.labelSelector ?? "", selection.fieldSelector ?? ""]);
    let informer = this.#informers.get(key);
    if (informer === undefined) {
      informer = new Informer<KubeObject>(resource as ResourceReference, { ...this.#options, ...selection });
      this.#informers.set(key, informer);
      if (this.#signal !== undefined) this.#start(informer, this.#signal);
    }
    // The map's key holds the resource, so this informer was made for T.
    return informer as unknown as Informer<T>;
  }

  /** Runs all informers until the signal fires; rejects when one breaks. */
  asService(): Service {
    return service("informers", async (signal) => {
      this.#signal = signal;
      for (const informer of this.#informers.values()) this.#start(informer, signal);
      await Promise.race([this.#failed.promise, aborted(signal)]);
      await Promise.all(this.#running);
    });
  }

  #start(informer: Informer<KubeObject>, signal: AbortSignal): void {
    const running = informer
      .run(signal)
      .catch((error: unknown) => this.#failed.reject(new Error(`informer of ${informer.resource.resource}`, { cause: error })))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}
