import type { KubeObject } from "../apimachinery/object-meta.ts";
import { aborted } from "../lib/abort.ts";
import { service, type Service } from "../lib/service.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import { Informer, type InformerOptions } from "./informer.ts";

export type Selection = Pick<InformerOptions, "namespace" | "labelSelector" | "fieldSelector">;

interface Running {
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
}

/**
 * One informer per kind and selection, shared by everyone who asks for it. Informers asked for before `run` start with it,
 * later ones at once.
 */
export class InformerFactory {
  readonly #options: Omit<InformerOptions, keyof Selection>;
  readonly #informers = new Map<string, Running>();
  readonly #identities = new Map<string, Running>();
  readonly #running = new Set<Promise<void>>();
  readonly #failed = Promise.withResolvers<never>();
  #signal: AbortSignal | undefined;

  constructor(options: Omit<InformerOptions, keyof Selection>) {
    this.#options = options;
    this.#failed.promise.catch(() => {}); // noticed by the service, if it runs
  }

  informer<T extends KubeObject>(resource: ResourceReference<T>, selection: Selection = {}): Informer<T> {
    const key = keyOf(resource as ResourceReference, selection);
    const shared = this.#identities.get(key);
    // The map's key holds the resource, so this informer was made for T.
    if (shared?.informer.keepWhole() === true) return shared.informer as unknown as Informer<T>;
    return this.#known(
      this.#informers,
      key,
      () => new Informer<KubeObject>(resource as ResourceReference, { ...this.#options, ...selection }),
    ) as unknown as Informer<T>; // as above
  }

  /**
   * For readers who look at identities alone (see `InformerContent`): an object that nobody else follows then costs a few hundred bytes. Where
   * whole objects are followed anyway, or come to be before this runs, it is the same informer. What it gives must never be written back.
   */
  identityInformer(resource: ResourceReference): Informer<KubeObject> {
    const key = keyOf(resource, {});
    return this.#informers.get(key)?.informer ?? this.#known(this.#identities, key, () => new Informer<KubeObject>(resource, this.#options, "identity"));
  }

  #known(among: Map<string, Running>, key: string, make: () => Informer<KubeObject>): Informer<KubeObject> {
    let known = among.get(key);
    if (known === undefined) {
      known = { informer: make(), stop: new AbortController() };
      among.set(key, known);
      if (this.#signal !== undefined) this.#start(known, this.#signal);
    }
    return known.informer;
  }

  /** Ends the informer of a kind that is served no more; who asks for it again gets a new one. */
  release(resource: ResourceReference, selection: Selection = {}): void {
    const key = keyOf(resource, selection);
    for (const among of [this.#informers, this.#identities]) {
      among.get(key)?.stop.abort();
      among.delete(key);
    }
  }

  /** The server answers again: informers that wait after a failure wait no longer. */
  retryNow(): void {
    for (const { informer } of [...this.#informers.values(), ...this.#identities.values()]) informer.retryNow();
  }

  /** Runs all informers until the signal fires; rejects when one breaks. */
  asService(): Service {
    return service("informers", async (signal) => {
      this.#signal = signal;
      for (const informer of [...this.#informers.values(), ...this.#identities.values()]) this.#start(informer, signal);
      await Promise.race([this.#failed.promise, aborted(signal)]);
      await Promise.all(this.#running);
    });
  }

  #start({ informer, stop }: Running, signal: AbortSignal): void {
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
