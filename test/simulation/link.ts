import type { ApiHandler, ApiRequest, ApiResult, EncodedWatchEvent, WatchStream } from "../../engine/apimachinery/api-request.ts";
import { StatusError } from "../../engine/apimachinery/status-error.ts";

/** The network between a client and the API: it can be cut, and then requests fail, answers are lost and watches end. */
export class Link implements ApiHandler {
  readonly #target: () => ApiHandler | undefined;
  readonly #open = new Set<() => void>();
  #isCut = false;

  constructor(target: () => ApiHandler | undefined) {
    this.#target = target;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  cut(): void {
    this.#isCut = true;
    this.drop();
  }

  heal(): void {
    this.#isCut = false;
  }

  /** Every open connection ends, as when the server goes away. */
  drop(): void {
    for (const end of this.#open) end();
    this.#open.clear();
  }

  async handle(request: ApiRequest): Promise<ApiResult> {
    const target = this.#target();
    if (this.#isCut || target === undefined) throw unavailable();
    const result = await target.handle(request);
    // The request got through and the answer did not: its effect stays, unknown to who asked.
    if (this.#isCut || this.#target() !== target) throw unavailable();
    return result.is === "watch" ? { ...result, stream: this.#follow(result.stream) } : result;
  }

  #follow(stream: WatchStream): WatchStream {
    const ended = Promise.withResolvers<undefined>();
    const end = () => {
      ended.resolve(undefined);
      stream.close();
    };
    this.#open.add(end);
    const events = async function* (open: Set<() => void>): AsyncGenerator<EncodedWatchEvent> {
      const iterator = stream[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await Promise.race([iterator.next(), ended.promise]);
          if (next === undefined || next.done === true) return;
          yield next.value;
        }
      } finally {
        open.delete(end);
        stream.close();
      }
    };
    const running = events(this.#open);
    return { [Symbol.asyncIterator]: () => running, close: end };
  }
}

function unavailable(): StatusError {
  return new StatusError("ServiceUnavailable", "the API cannot be reached");
}
