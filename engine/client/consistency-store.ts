import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Informer } from "./informer.ts";

/** An own write is awaited this long; then the key is worked on with what there is, and comes again with the late event. */
const WAIT_MAX_MS = 10_000;
const KEYS_MAX = 50_000;

/**
 * Remembers, for each key of a controller, the newest revision it wrote of a kind. Before the key is worked on again, its informer
 * must have seen that write: so no pod is created twice because the first one has not come back yet, and no counters of expectations are kept.
 */
export class ConsistencyStore {
  readonly #written = new Map<string, number>();

  /** Notes a write that was made for the key. */
  wrote(key: string, object: KubeObject): void {
    const revision = Number(object.metadata.resourceVersion ?? 0);
    if (revision <= (this.#written.get(key) ?? 0)) return;
    this.#written.delete(key);
    this.#written.set(key, revision);
    if (this.#written.size > KEYS_MAX) this.#written.delete(this.#written.keys().next().value ?? "");
  }

  /** Resolves when the informer shows all that was written for the key. */
  async settled<T extends KubeObject>(key: string, informer: Informer<T>, signal: AbortSignal): Promise<void> {
    const revision = this.#written.get(key);
    if (revision === undefined || informer.revision >= revision) return;
    await informer.waitForRevision(revision, AbortSignal.any([signal, AbortSignal.timeout(WAIT_MAX_MS)])).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });
  }
}
