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
  readonly #informers = new Map<string, { readonly informer: Informer<KubeObject>; readonly stop: AbortController }>();
  readonly #running = new Set<Promise<void>>();
  readonly #failed = Promise.withResolvers<never>();
  #signal: AbortSignal | undefined;

  constructor(options: Omit<InformerOptions, keyof Selection>) {
    this.#options = options;
    this.#failed.promise.catch(() => {}); // noticed by the service, if it runs
  }

  informer<T extends KubeObject>(resource: ResourceReference<T>, selection: Selection = {}): Informer<T> {
    const key = keyOf(resource as ResourceReference, selection);
    let known = this.#informers.get(key);
    if (known === undefined) {
      known = { informer: new Informer<KubeObject>(resource as ResourceReference, { ...this.#options, ...selection }), stop: new AbortController() };
      this.#informers.set(key, known);
      if (this.#signal !== undefined) this.#start(known, this.#signal);
    }
    // The map's key holds the resource, so this informer was made for T.
    return known.informer as unknown as Informer<T>;
  }

  /** Ends the informer of a kind that is served no more; who asks for it again gets a new one. */
  release(resource: ResourceReference, selection: Selection = {}): void {
    const key = keyOf(resource, selection);
    this.#informers.get(key)?.stop.abort();
    this.#informers.delete(key);
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

  #start({ informer, stop }: { readonly informer: Informer<KubeObject>; readonly stop: AbortController }, signal: AbortSignal): void {
    const running = informer
      .run(AbortSignal.any([signal, stop.signal]))
      .catch((error: unknown) => this.#failed.reject(new Error(`informer of ${informer.resource.resource}`, { cause: error })))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}

function keyOf({ group, version, resource }: ResourceReference, { namespace = "", labelSelector = "", fieldSelector = "" }: Selection): string {
  return JSON.stringify([group, version, resource, namespace, labelSelector, fieldSelector]);
}
