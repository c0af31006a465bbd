import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import type { Client, ResourceClient } from "../../../engine/client/client.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";

/** A real client on a bad line: watches can be cut, refused or answered with 410, and the whole API can be unreachable. */
export class FlakyClient {
  readonly counts = { lists: 0, watches: 0 };
  isDown = false;
  /** Thrown by the next watches, one each. */
  readonly watchFailures: Error[] = [];
  /** Thrown by the next lists that continue a page. */
  readonly pageFailures: Error[] = [];
  /** Watches end at once while this holds. */
  hangsUp = false;
  readonly #open = new Set<AbortController>();
  readonly client: Client;

  constructor(client: Client) {
    this.client = { read: (path) => client.read(path), as: () => this.client, for: (resource) => this.#wrap(client.for(resource)) };
  }

  /** Ends every open watch, as a lost connection does. */
  cut(): void {
    for (const watch of this.#open) watch.abort();
  }

  #wrap<T extends KubeObject>(inner: ResourceClient<T>): ResourceClient<T> {
    const flaky = this;
    return {
      ...inner,
      async list(namespace, options) {
        flaky.#refuse();
        flaky.counts.lists++;
        const failure = options?.continue === undefined ? undefined : flaky.pageFailures.shift();
        if (failure !== undefined) throw failure;
        return inner.list(namespace, options);
      },
      async *watch(namespace, options, signal) {
        flaky.#refuse();
        flaky.counts.watches++;
        const failure = flaky.watchFailures.shift();
        if (failure !== undefined) throw failure;
        if (flaky.hangsUp) return;
        const line = new AbortController();
        flaky.#open.add(line);
        try {
          yield* inner.watch(namespace, options, AbortSignal.any([signal, line.signal]));
        } finally {
          flaky.#open.delete(line);
        }
      },
    };
  }

  #refuse(): void {
    if (this.isDown) throw new StatusError("ServiceUnavailable", "the line is down");
  }
}
