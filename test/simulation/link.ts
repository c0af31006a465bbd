import type { ApiHandler, ApiRequest, ApiResult, WatchStream } from "../../engine/apimachinery/api-request.ts";
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
    let isOver = false;
    const end = () => {
      isOver = true;
      this.#open.delete(end);
      // This wakes the reader, who finds nothing more.
      stream.close();
    };
    this.#open.add(end);
    return {
      take: () => (isOver ? undefined : stream.take()),
      get isEnded() {
        return isOver || stream.isEnded;
      },
      whenReady: (wake) => stream.whenReady(wake),
      close: end,
    };
  }
}

function unavailable(): StatusError {
  return new StatusError("ServiceUnavailable", "the API cannot be reached");
}
